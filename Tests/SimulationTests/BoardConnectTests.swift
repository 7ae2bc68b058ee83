import Bela
import Simulation
import Telemetry
import Testing
import Transport

/// What a beginner reads when there is no board.
@Suite struct BoardConnectTests {
  private func failure(port: Int, timeout: Double = 0.5) async -> BelaError? {
    do {
      let source = try await BelaSource.connect(
        host: "127.0.0.1", port: port, timeout: TimeSpan(seconds: timeout)!)
      await source.close()
      return nil
    } catch {
      return error
    }
  }

  @Test func nobodyListens() async throws {
    let board = try await SimulatedBoard.start(.test)
    let port = board.port
    await board.stop()
    let error = await failure(port: port)
    #expect(error?.code == "refused")
    #expect(error?.hint?.contains("is a project running on the board?") == true)
  }

  @Test func somethingElseListens() async throws {
    let server = try await HTTPServer.start { _ in HTTPResponse(status: 404, text: "no") }
    let error = await failure(port: server.port)
    #expect(error?.code == "protocol" && error?.message.contains("404") == true && error?.hint != nil)
    await server.stop()
  }

  @Test func itDoesNotGreet() async throws {
    var configuration = BoardConfiguration.test
    configuration.faults.greets = false
    let board = try await SimulatedBoard.start(configuration)
    let error = await failure(port: board.port)
    #expect(error?.code == "protocol" && error?.hint != nil)
    await board.stop()
  }

  @Test func itDoesNotAnswerTheList() async throws {
    var configuration = BoardConfiguration.test
    configuration.faults.answersList = false
    let board = try await SimulatedBoard.start(configuration)
    let error = await failure(port: board.port)
    #expect(error?.code == "timeout" && error?.hint?.contains("is a project running") == true)
    await board.stop()
  }

  @Test func itSaysGarbage() async throws {
    final class Babbler: WebSocketHandler {
      func opened(_ connection: WebSocketConnection) { try? connection.send(text: "}{ nonsense") }
      func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}
    }
    let server = try await HTTPServer.start(upgrade: { _ in .accept(Babbler()) }) { _ in
      HTTPResponse(status: 404)
    }
    let error = await failure(port: server.port)
    #expect(error?.code == "protocol")
    await server.stop()
  }

  @Test func namesAreSentByteForByte() async throws {
    var configuration = BoardConfiguration.test
    configuration.projectName = "Bär/1"
    try await BoardRig.with(configuration) { rig in #expect(rig.source.projectName == "Bär/1") }
  }

  @Test func otherClientsAreSurvived() async throws {
    try await BoardRig.with(.test) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["myvar"]), sink: sink)
      let other = try await RawClient.connect(rig.board)
      other.say("{\"watcher\":[{\"cmd\":\"list\"},{\"cmd\":\"watch\",\"watchers\":[\"myvar2\"]}]}")
      #expect(await sink.until { $0.count("myvar") > 5000 })
      try await feed.stop()
      BoardStreamTests.expectExact(sink, "myvar", .float64, step: 1)
      #expect(rig.source.losses.foreign > 0)
      #expect(sink.events.isEmpty)
      other.leave()
    }
  }
}
