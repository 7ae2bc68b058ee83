import Bela
import Simulation
import Telemetry
import Testing

/// The seed command protocol on both sides, and the same calls on a board that does not know it.
@Suite(.serialized) struct BoardSeedTests {
  private static func configuration(_ speaks: Bool) -> BoardConfiguration {
    var configuration = BoardRig.allTypes()
    configuration.projectName = "streamer-example"
    configuration.speaksSeedProtocol = speaks
    return configuration
  }

  @Test(arguments: [true, false])
  func aTimedSessionFinishesByItself(_ speaks: Bool) async throws {
    try await BoardRig.with(Self.configuration(speaks)) { rig in
      let sink = Collector()
      let request = StreamRequest(
        channels: ["d_dense", "i_sparse", "c_dense"], span: TimeSpan(seconds: 0.3),
        options: BelaStreamOptions(projectName: "streamer-example"))
      let feed = try await rig.source.open(request, sink: sink)
      #expect(feed.channels.map(\.name) == ["d_dense", "i_sparse", "c_dense"])
      #expect(await sink.until { $0.events == [.finished] }, "\(sink.events)")
      BoardStreamTests.expectExact(sink, "d_dense", .float64, step: 1, count: 13231)
      BoardStreamTests.expectExact(sink, "c_dense", .uint8, step: 1, count: 13231)
      BoardStreamTests.expectExact(sink, "i_sparse", .int32, step: 12)
      // Another may follow.
      let next = Collector()
      let second = try await rig.source.open(
        StreamRequest(channels: ["f_dense"], options: BelaStreamOptions(projectName: "streamer-example")),
        sink: next)
      #expect(await next.until { $0.count("f_dense") > 3000 })
      try await second.stop()
      BoardStreamTests.expectExact(next, "f_dense", .float32, step: 1)
      #expect(next.events.isEmpty)
    }
  }

  @Test func anEndlessSessionIsInterruptedWithItsProgram() async throws {
    try await BoardRig.with(Self.configuration(true)) { rig in
      let sink = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(projectName: "streamer-example")),
        sink: sink)
      #expect(await sink.until { $0.count("d_dense") > 3000 })
      let busy = await #expect(throws: BelaError.self) {
        _ = try await rig.source.open(StreamRequest(channels: ["f_dense"]), sink: Collector())
      }
      #expect(busy?.code == "busy")
      await rig.board.endProgram()
      #expect(await sink.until { $0.events.contains { if case .interrupted = $0 { true } else { false } } })
    }
  }

  @Test func anotherProjectIsRefused() async throws {
    try await BoardRig.with(Self.configuration(true)) { rig in
      let error = await #expect(throws: BelaError.self) {
        _ = try await rig.source.open(
          StreamRequest(options: BelaStreamOptions(projectName: "x")), sink: Collector())
      }
      #expect(error?.code == "project")
    }
  }
}
