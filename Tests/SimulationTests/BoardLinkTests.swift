import Bela
import Simulation
import Telemetry
import Testing

/// A connection is two sockets; one without the other is none.
@Suite struct BoardLinkTests {
  @Test func aDataSocketThatEndsWhileConnectingIsAnErrorOrIsMended() async throws {
    let board = try await SimulatedBoard.start(BoardRig.allTypes())
    for _ in 0..<20 {
      board.cutData(next: 1)
      let source: BelaSource
      do {
        source = try await BelaSource.connect(host: board.host, port: board.port)
      } catch {
        #expect(error.code == "unreachable", "\(error)")
        continue
      }
      await expectSamples(source)
      await source.close()
    }
    await board.stop()
  }

  @Test func aDataSocketThatEndsWhileReconnectingIsMended() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: sink)
      for _ in 0..<5 {
        let before = sink.count("d_dense")
        #expect(await sink.until(15) { $0.count("d_dense") > before + 5000 })
        rig.board.cutData(next: 1)
        rig.board.breakConnections()
      }
      let before = sink.count("d_dense")
      #expect(await sink.until(15) { $0.count("d_dense") > before + 5000 })
      try await feed.stop()
    }
  }

  private func expectSamples(_ source: BelaSource) async {
    let sink = Collector()
    do {
      let feed = try await source.open(StreamRequest(channels: ["d_dense"]), sink: sink)
      #expect(await sink.until(15) { $0.count("d_dense") > 1000 })
      try? await feed.stop()
    } catch {
      Issue.record(error)
    }
  }
}
