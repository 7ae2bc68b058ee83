import Locks
import Bela
import Foundation
import Simulation
import Telemetry
import TestSupport
import Testing

/// The server of a board, seen from the socket: what a real one does, word for word.
@Suite struct BoardServerTests {
  private func with(
    _ configuration: BoardConfiguration = .test, _ body: @escaping @Sendable (Int) throws -> Void
  ) async throws -> SimulatedBoard {
    let board = try await SimulatedBoard.start(configuration)
    let port = board.port
    try await onThread { try body(port) }
    await board.stop()
    return board
  }

  @Test(arguments: [8, 13]) func itTakesBothVersionsAndSaysWhoItIs(_ version: Int) async throws {
    _ = try await with { port in
      let head = try RawSocket(port: port).upgrade("/gui_control", version: version)
      #expect(head.hasPrefix("HTTP/1.1 101"), "\(head)")
      for field in ["Server: Seasocks/", "Date: ", "Access-Control-Allow-Origin: *"] {
        #expect(head.contains("\r\n\(field)"), "\(head)")
      }
      #expect(head.firstMatch(of: /Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/) != nil, "\(head)")
    }
  }

  @Test func itTakesNoOtherVersion() async throws {
    _ = try await with { port in
      let head = try RawSocket(port: port).upgrade("/gui_control", version: 7)
      #expect(head.hasPrefix("HTTP/1.1 426"), "\(head)")
    }
  }

  @Test(arguments: [
    "",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
  ])
  func itHangsUpBehindAnAddressThatItDoesNotHave(_ fields: String) async throws {
    _ = try await with { port in
      let socket = try RawSocket(port: port)
      socket.send("GET /nothing HTTP/1.1\r\nHost: board\r\n\(fields)\r\n")
      let answer = try #require(socket.rest(), "the connection stays open")
      #expect(answer.hasPrefix("HTTP/1.1 404") && answer.contains("Server: "), "\(answer)")
    }
  }

  @Test func aBinaryFrameOnControlIsReadAsTextAndNoted() async throws {
    let board = try await with { port in
      let socket = try RawSocket(port: port)
      _ = socket.upgrade("/gui_control")
      socket.send(frame: Array("{\"watcher\":[{\"cmd\":\"list\"}]}".utf8), opcode: 2)
      #expect(socket.hears("\"sampleRate\""))
    }
    #expect(board.violations == ["a binary message on control"])
  }

  @Test func messagesOfUpTo32KBAreAnswered() async throws {
    let board = try await with { port in
      let socket = try RawSocket(port: port)
      _ = socket.upgrade("/gui_control")
      for size in [16_376, 16_377, 32_760] {
        let text = "{\"watcher\":[{\"cmd\":\"list\"}]}"
        socket.send(
          frame: Array((text + String(repeating: " ", count: size - text.utf8.count)).utf8), opcode: 1)
        #expect(socket.hears("\"sampleRate\""), "\(size) bytes")
      }
      socket.send(frame: Array(repeating: 0x20, count: 40_000), opcode: 1)
      #expect(socket.rest() != nil, "40,000 bytes do not lose the connection")
    }
    // What may go wrong on a board is told all the same.
    #expect(board.violations == ["a message of 16377 bytes", "a message of 32760 bytes"])
  }

  /// A board looks at its clients every block, 0.36 ms; that this one sleeps for longer is not to be seen.
  @Test func whatIsStoppedABlockBeforeItsClientGoesHasEnded() async throws {
    let now = Guarded(ContinuousClock.now)
    let board = try await SimulatedBoard.startWithoutTime(.test) { now.withLock { $0 } }
    try await onThread {
      func say(_ text: String, on socket: RawSocket) { socket.send(frame: Array(text.utf8), opcode: 1) }
      func isWatched(_ socket: RawSocket) -> Bool {
        say(#"{"watcher":[{"cmd":"list"}]}"#, on: socket)
        return socket.text(upTo: "]}}").contains(#""watched":true"#)
      }
      for (pause, isStuck) in [(Duration.microseconds(400), false), (.microseconds(300), true)] {
        let leaver = try RawSocket(port: board.port)
        _ = leaver.upgrade("/gui_control")
        say(#"{"event":"connection-reply"}"#, on: leaver)
        say(#"{"watcher":[{"cmd":"watch","watchers":["myvar"]}]}"#, on: leaver)
        // Commands and lists are heard in their order; time passes for the board only here.
        _ = isWatched(leaver)
        board.pass(ticks: 1600)
        try #require(isWatched(leaver))
        say(#"{"watcher":[{"cmd":"unwatch","watchers":["myvar"]}]}"#, on: leaver)
        _ = isWatched(leaver)
        now.withLock { $0 += pause }
        leaver.hangUp()
        let end = ContinuousClock.now + .seconds(10)
        while board.clientCount > 0, ContinuousClock.now < end { usleep(1000) }
        board.pass(ticks: 1600)
        // It never replies, so it counts as none.
        let observer = try RawSocket(port: board.port)
        _ = observer.upgrade("/gui_control")
        #expect(isWatched(observer) == isStuck, "\(pause)")
      }
    }
    await board.stop()
  }

  // MARK: - Variables and programs

  @Test func everySignalIsWhatItSays() async throws {
    var configuration = BoardConfiguration(
      variables: try BoardConfiguration.parse(
        variables:
          "n:j:counter,d:d:sparse:12:counter,s:f:sine:2,w:d:saw:1,x:f:noise,c:i:constant:-7,b:f:buffer:3"
      ))
    configuration.rate = 1000
    try await BoardRig.with(configuration) { rig in
      let names = ["n", "d", "s", "w", "x", "c"]
      let sink = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: names, options: BelaStreamOptions(ticks: [1999])), sink: sink)
      #expect(await sink.until { $0.events == [.finished] }, "\(sink.events)")
      for name in ["n", "d"] {
        #expect(sink.samples(name).allSatisfy { $0.value.number == Double($0.tick) })
      }
      #expect(sink.count("d") < sink.count("n") / 11)
      for (name, low, high) in [("s", 0.0, 1.0), ("w", 0, 1), ("x", 0, 1)] {
        let values = sink.samples(name).map { $0.value.number! }
        #expect(values.min()! >= low && values.min()! < 0.01 && values.max()! <= high && values.max()! > 0.98)
      }
      // Twice a second, and once a second.
      let rises = sink.samples("s").map { $0.value.number! > 0.5 }
      #expect((3...5).contains(zip(rises, rises.dropFirst()).count { !$0 && $1 }))
      let saw = sink.samples("w").map { $0.value.number! }
      #expect((1...2).contains(zip(saw, saw.dropFirst()).count { $0 > $1 }))
      #expect(Set(sink.samples("x").map { $0.value.number! }).count > 1000)
      #expect(sink.samples("c").allSatisfy { $0.value == .integer(-7) })
      // Nothing was sent to it.
      let peeked = try await rig.source.peek(["b"], timeout: TimeSpan(seconds: 0.2)!)
      #expect(peeked.isEmpty)
    }
  }

  @Test(arguments: [
    "a:f:oops", "a:f:dense:oops", "a:f:dense:0", "a:f:sparse:1e300", "a:f:constant:nan", "a:f:buffer:-1",
    "a:f:buffer:0.5", "a:f:counter:1", "a:f:sparse:12:saw:1:2", "a:f:12",
  ])
  func whatIsNoVariableIsRefused(_ text: String) {
    #expect(throws: SimulationError.self) { try BoardConfiguration.parse(variables: text) }
  }

  @Test func presetsAreTheProgramsOfTheirNames() throws {
    func names(_ preset: BoardConfiguration.Preset) throws -> [String] {
      try BoardConfiguration.preset(preset).variables.map(\.name)
    }
    #expect(try names(.pybelaTest) == ["myvar", "myvar2", "myvar3", "myvar4", "myvar5"])
    #expect(try names(.pybelaSend) == ["myvar1", "myvar2"])
    #expect(try names(.potentiometers) == ["pot1", "pot2"])
    let tutorial = try BoardConfiguration.preset(.potentiometers, rate: 48000)
    #expect(tutorial.rate == 24000 && tutorial.declaredRate == 48000)
    #expect(try BoardConfiguration.preset(.pybelaTest).projectName == "bela-test")
  }

  /// Somebody who peeks at all variables waits for each of them.
  @Test func everyVariableOfTheDefaultBoardIsAssigned() async throws {
    let configuration = try BoardConfiguration.preset(.standard)
    try await BoardRig.with(configuration) { rig in
      let names = configuration.variables.map(\.name)
      let peeked = try await rig.source.peek(names, timeout: TimeSpan(seconds: 10)!)
      #expect(peeked.keys.sorted() == names.sorted())
    }
  }

  // MARK: - Numbers from scripts and files

  @Test(arguments: [1e12, 1e300, Double.greatestFiniteMagnitude, 1e-300, .infinity])
  func anySpeedIsAClockThatGoesOn(_ speed: Double) async throws {
    for rate in [1, 44100, 1e7] {
      var configuration = BoardConfiguration(variables: [.init("n", .uint32, .dense, .counter)])
      configuration.speed = speed
      configuration.rate = rate
      try await BoardRig.with(configuration) { rig in
        let first = try await rig.source.list().tick
        let again = try await rig.source.list().tick
        #expect(first <= again)
      }
    }
  }

  /// Rates of recordings make the intervals, and a file may claim any times.
  @Test(arguments: [0, -1, 1e-300, 1e300, .infinity, .nan]) func anyIntervalIsSurvived(_ interval: Double)
    async throws
  {
    let configuration = BoardConfiguration(variables: [
      .init("n", .uint32, .sparse, interval: interval, .recording([1, 2])),
      .init("m", .uint32, .dense, .counter),
    ])
    try await BoardRig.with(configuration) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["m"]), sink: sink)
      #expect(try await rig.source.list().variables.count == 2)
      #expect(await sink.until { $0.count("m") > 1024 })
      try await feed.stop()
    }
  }

  @Test func aRecordingOfAgesIsRefusedOrPlayed() throws {
    for text in ["time,a\n0,1\n1e300,2\n", "time,a\n0,1\n1e20,2\n", "time,a\n0,1\n2000000,2\n4000000,3\n"] {
      #expect(throws: (any Error).self) { try PlayedTable(csv: text) }
    }
    let daily = try PlayedTable(csv: "time,a,note\n0,1,x\n86400,2,y\n172800,,z\n")
    #expect(daily.rate > 0 && daily.rate.isFinite && daily.names == ["a"] && daily.columns == [[1, 2]])
    let sparse = try PlayedTable(csv: "time,a,b\n0,1,\n0.1,2,5\n0.2,3,6\n")
    #expect(sparse.columns == [[1, 2, 3], [5, 5, 6]] && abs(sparse.rate - 10) < 1e-9)
  }
}
