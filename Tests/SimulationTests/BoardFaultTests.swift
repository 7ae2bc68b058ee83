import Bela
import Simulation
import Telemetry
import Testing
import Transport

/// What a user sees when something goes wrong: a gap or an error, never silence, never a wrong value.
@Suite(.serialized) struct BoardFaultTests {
  /// Runs a stream of one variable through a fault.
  private func stream(
    _ name: String, _ configuration: BoardConfiguration = BoardRig.allTypes(), before: Int = 2000,
    fault: @escaping @Sendable (SimulatedBoard) async throws -> Void,
    until done: @escaping (Collector) -> Bool
  ) async throws -> Collector {
    let sink = Collector()
    try await BoardRig.with(configuration) { rig in
      let feed = try await rig.source.open(StreamRequest(channels: [name]), sink: sink)
      #expect(await sink.until { $0.count(name) > before })
      try await fault(rig.board)
      let came = await sink.until(15, done)
      #expect(came, "\(sink.events) \(sink.gaps(name)) \(sink.count(name))")
      try? await feed.stop()
    }
    return sink
  }

  /// Every sample is its tick's, and ticks rise but for restarts.
  private func expectTrue(_ sink: Collector, _ name: String, _ type: DataType) {
    for sample in sink.samples(name) where sample.value != BoardRig.counter(sample.tick, type) {
      Issue.record("\(name) has \(sample)")
      return
    }
  }

  @Test(arguments: ["d_dense", "j_sparse", "c_dense"])
  func aLostHeaderIsAGap(_ name: String) async throws {
    let sink = try await stream(name) {
      $0.lose(headers: 1)
    } until: {
      !$0.gaps(name).isEmpty
    }
    let lost = BlockLayout(
      name.hasPrefix("d") ? .float64 : name.hasPrefix("c") ? .char : .uint32,
      name.hasSuffix("sparse") ? .sparse : .dense
    ).count
    #expect(sink.gaps(name).map(\.reason) == [.lost])
    #expect(sink.gaps(name).map(\.samples) == [Int64(lost)])
  }

  @Test(arguments: ["d_dense", "j_sparse"])
  func aLostPayloadIsAGap(_ name: String) async throws {
    let sink = try await stream(name) {
      $0.lose(payloads: 1)
    } until: {
      !$0.gaps(name).isEmpty
    }
    #expect(sink.gaps(name).map(\.samples) == [512])
    expectTrue(sink, name, name == "d_dense" ? .float64 : .uint32)
  }

  @Test func aWrongTypeLetterIsAGap() async throws {
    let sink = try await stream("d_dense") {
      $0.lose(wrongTypes: 1)
    } until: {
      !$0.gaps("d_dense").isEmpty
    }
    #expect(sink.gaps("d_dense").map(\.samples) == [512])
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func strayMessagesDoNoHarm() async throws {
    let sink = try await stream("d_dense") { board in
      for bytes in [
        [], [1, 2, 3], Array("7/".utf8), Array(repeating: 0xFF, count: 5000), Array("99999/d".utf8),
      ] {
        board.send(data: bytes)
      }
      for text in ["", "{", "nan", "{\"event\":\"set-slider\"}", "[1]", "{\"watcher\":7}"] { board.say(text) }
    } until: {
      $0.count("d_dense") > 8000
    }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func aBrokenConnectionIsReconnected() async throws {
    let sink = try await stream("d_dense") {
      $0.breakConnections()
    } until: {
      $0.events.contains(.resumed) && $0.count("d_dense") > 6000
    }
    // What it cost is counted, to the sample.
    let samples = sink.samples("d_dense")
    let missing = zip(samples, samples.dropFirst()).map { $1.tick - $0.tick - 1 }.filter { $0 != 0 }
    #expect(missing.count == 1 && sink.events.count == 3, "\(missing) \(sink.events)")
    #expect(sink.events.last == .gap(.reconnect, samples: missing.first, channels: ["d_dense"]))
    if case .reconnecting = sink.events.first {} else { Issue.record("\(sink.events)") }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func aConnectionThatBreaksWithinABlockIsReconnected() async throws {
    let sink = try await stream("d_dense") {
      $0.breakWithinBlock()
    } until: {
      $0.events.contains(.resumed) && $0.count("d_dense") > 6000
    }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func aRestartedProgramIsStreamedAnew() async throws {
    let sink = try await stream("d_dense", before: 20000) {
      $0.restart()
    } until: {
      $0.events.contains(.resumed) && $0.samples("d_dense").last!.tick < 20000 && $0.count("d_dense") > 21000
    }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func anEndedProgramInterruptsTheStream() async throws {
    let sink = try await stream("d_dense") {
      await $0.endProgram()
    } until: {
      $0.events.contains(.interrupted("the program on the board ended"))
    }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func anotherProgramInterruptsTheStream() async throws {
    let sink = try await stream("d_dense") {
      $0.restart(project: "other")
    } until: {
      $0.events.contains(.interrupted("another program runs on the board now: other"))
    }
    expectTrue(sink, "d_dense", .float64)
  }

  @Test func aProgramThatComesBackCanBeUsedAgain() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      await rig.board.endProgram()
      await #expect(throws: BelaError.self) { _ = try await rig.source.list(timeout: .milliseconds(300)) }
      #expect(rig.source.state == "reconnecting")
      try await rig.board.resume()
      let list = try await rig.source.list(timeout: .seconds(10))
      #expect(list.variables.count == 10)
      let sink = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [600])), sink: sink)
      #expect(await sink.until { $0.events == [.finished] })
      #expect(sink.count("d_dense") == 601)
    }
  }

  @Test func aBoardThatStopsAnsweringIsFoundOut() async throws {
    let began = ContinuousClock.now
    _ = try await stream("d_dense") {
      $0.stopAnswering()
    } until: {
      $0.events.contains(.reconnecting("the board stopped answering"))
    }
    #expect(ContinuousClock.now - began < .seconds(12))
  }

  @Test func overloadIsCountedAndNeverBookedWrongly() async throws {
    var configuration = BoardConfiguration(
      variables: (0..<60).map { .init("v\($0)", .float64, .dense, .counter) })
    configuration.faults.linkRate = 2e5
    try await BoardRig.with(configuration) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(
        StreamRequest(options: BelaStreamOptions(periods: [60])), sink: sink)
      #expect(
        await sink.until(20) { sink in
          rig.source.losses.headers + rig.source.losses.payloads > 100
            && (0..<60).contains { !sink.gaps("v\($0)").isEmpty }
            && sink.events.contains { if case .gap(.lost, _, _) = $0 { true } else { false } }
        })
      try await feed.stop()
      #expect(rig.source.losses.headers + rig.source.losses.payloads > 0)
      var gaps = 0
      for number in 0..<60 {
        expectTrue(sink, "v\(number)", .float64)
        gaps += sink.gaps("v\(number)").count
      }
      #expect(gaps > 0)
    }
  }

  @Test func shiftedIdsAreLearned() async throws {
    var configuration = BoardConfiguration(
      variables: (0..<12).map {
        .init("v\($0)", .float32, .dense, $0 < 6 ? .counter : .sine(hertz: 1, low: 2, high: 3, noise: 0))
      })
    configuration.faults.idShift = 3
    try await BoardRig.with(configuration) { rig in
      let sink = Collector()
      let names = ["v2", "v5", "v8"]
      _ = try await rig.source.open(
        StreamRequest(channels: names, options: BelaStreamOptions(ticks: [3000])), sink: sink)
      #expect(await sink.until { $0.events == [.finished] })
      for name in names { #expect(sink.count(name) == 3001) }
      expectTrue(sink, "v2", .float32)
      expectTrue(sink, "v5", .float32)
      #expect(sink.samples("v8").allSatisfy { (2...3).contains($0.value.number!) })
    }
  }

  @Test func listsWithoutNumbersAreRead() async throws {
    for bare in [false, true] {
      var configuration = BoardRig.allTypes()
      configuration.faults.listsNaN = true
      configuration.faults.writesBareNaN = bare
      try await BoardRig.with(configuration) { rig in
        let list = try await rig.source.list()
        #expect(list.variables.count == 10 && list.variables.allSatisfy { $0.value.isNaN })
      }
    }
  }

  @Test func lateMessagesLoseNothing() async throws {
    var configuration = BoardRig.allTypes()
    configuration.faults.latency = .milliseconds(60)
    configuration.faults.jitter = .milliseconds(50)
    try await BoardRig.with(configuration) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["d_dense", "j_sparse"]), sink: sink)
      #expect(await sink.until { $0.count("d_dense") > 4000 })
      try await feed.stop()
      BoardStreamTests.expectExact(sink, "d_dense", .float64, step: 1)
      BoardStreamTests.expectExact(sink, "j_sparse", .uint32, step: 12)
    }
  }

  /// The command reaches the board long after the start that it names: the period begins anew, and is whole.
  @Test(arguments: [["d_dense"], ["j_sparse"], ["d_dense", "j_sparse", "c_dense"]])
  func aPeriodWhoseCommandComesTooLateIsWhole(_ names: [String]) async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      // The ids are learned; what follows is two lists, the command, and a list behind it.
      try await rig.source.open(StreamRequest(channels: names), sink: Collector()).stop()
      rig.board.hear(after: [.zero, .zero, .milliseconds(400), .zero, .milliseconds(300), .zero])
      let sink = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: names, options: BelaStreamOptions(ticks: [4410])), sink: sink)
      #expect(await sink.until(30) { $0.events == [.finished] }, "\(sink.events)")
      for name in names {
        let type: DataType = name == "j_sparse" ? .uint32 : name == "c_dense" ? .uint8 : .float64
        let count = sink.count(name)
        #expect(name == "j_sparse" ? (368...369).contains(count) : count == 4411, "\(name): \(count)")
        #expect(sink.gaps(name) == [])
        expectTrue(sink, name, type)
      }
    }
  }

  /// The stream that another one wants to go on with ends before the board hears of that.
  @Test func aStreamThatEndsBeforeItsEndIsMovedBeginsAnewForTheNext() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: Collector()).stop()
      let first = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [17640])), sink: first)
      rig.board.hear(after: [.zero, .zero, .milliseconds(900), .zero])
      let second = Collector()
      let start = rig.board.tick + 88200
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [600], at: [start])),
        sink: second)
      #expect(first.events == [.finished] && second.count("d_dense") == 0)
      BoardStreamTests.expectExact(first, "d_dense", .float64, step: 1, count: 17641)
      #expect(await second.until(30) { $0.events.last == .finished })
      #expect(second.events == [.finished] && second.samples("d_dense").first?.tick == start)
      BoardStreamTests.expectExact(second, "d_dense", .float64, step: 1, count: 601)
    }
  }

  /// The same in the middle of the other one's time: what was missed until it began anew is said.
  @Test(arguments: ["d_dense", "j_sparse"]) func aBreakInTheMiddleOfAStreamIsAGap(_ name: String) async throws
  {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      try await rig.source.open(StreamRequest(channels: [name]), sink: Collector()).stop()
      let first = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: [name], options: BelaStreamOptions(ticks: [26460])), sink: first)
      rig.board.hear(after: [.zero, .zero, .milliseconds(1200), .zero])
      let second = Collector()
      let start = rig.board.tick + 13230
      _ = try await rig.source.open(
        StreamRequest(channels: [name], options: BelaStreamOptions(ticks: [88200], at: [start])), sink: second
      )
      #expect(first.events == [.finished])
      #expect(await second.until(30) { $0.events.last == .finished })
      let samples = second.samples(name)
      let step: Int64 = name == "d_dense" ? 1 : 12
      #expect((0..<step).contains(try #require(samples.first).tick - start))
      let jumps = zip(samples, samples.dropFirst()).map { $1.tick - $0.tick }.filter { $0 != step }
      let missing = jumps.map { $0 / step - 1 }
      #expect(jumps.count == 1)
      #expect(
        second.events == [.gap(.lost, samples: missing.first, channels: [name]), .finished], "\(jumps)")
      #expect(Int64(samples.count) + missing.reduce(0, +) == 88200 / step + 1)
    }
  }

  /// The start was asked for, and missed: what is missing before the first sample is said.
  @Test func aStartThatWasAskedForAndMissedIsAGap() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: Collector()).stop()
      let start = try await rig.source.list().tick + 8820
      rig.board.hear(after: [.zero, .zero, .milliseconds(600), .zero])
      let sink = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [66150], at: [start])),
        sink: sink)
      #expect(await sink.until(30) { $0.events.last == .finished }, "\(sink.events)")
      let samples = sink.samples("d_dense")
      let first = try #require(samples.first)
      #expect(first.tick > start && samples.last?.tick == start + 66150)
      #expect(
        sink.events.first == .gap(.lost, samples: first.tick - start, channels: ["d_dense"]), "\(sink.events)"
      )
      // On a busy machine more may be missing, and is told as well.
      let told = sink.events.reduce(Int64(0)) { sum, event in
        if case .gap(_, let missing, _) = event { sum + (missing ?? 0) } else { sum }
      }
      #expect(Int64(samples.count) + told == 66151, "\(sink.events)")
    }
  }

  /// A stream that somebody left behind is not ours: we begin anew, without its hole.
  @Test func aStreamLeftBehindIsBegunAnew() async throws {
    var configuration = BoardRig.allTypes()
    configuration.faults.keepsStaleBlocks = true
    let board = try await SimulatedBoard.start(configuration)
    let leaver = try await RawClient.connect(board)
    leaver.say("{\"watcher\":[{\"cmd\":\"watch\",\"watchers\":[\"d_dense\"]}]}")
    try await Task.sleep(for: .milliseconds(100))
    leaver.leave()
    try await Task.sleep(for: .milliseconds(100))
    let source = try await BelaSource.connect(host: board.host, port: board.port)
    let list = try await source.list()
    #expect(list["d_dense"]?.isWatched == true)
    let sink = Collector()
    let feed = try await source.open(StreamRequest(channels: ["d_dense"]), sink: sink)
    #expect(await sink.until { $0.count("d_dense") > 3000 })
    try await feed.stop()
    BoardStreamTests.expectExact(sink, "d_dense", .float64, step: 1)
    await source.close()
    await board.stop()
  }

  @Test func nothingDangerousIsEverSent() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(), sink: sink)
      try await rig.source.control(["j_dense"])
      try await rig.source.setMask(["j_dense": (value: 1, mask: 1)])
      try await rig.source.send(BelaBuffer(id: 7, type: .float64, values: [1, 2, 3]))
      _ = try await rig.source.peek(["d_dense"])
      try await feed.stop()
      try await Task.sleep(for: .milliseconds(20))
      #expect(rig.board.violations.isEmpty)
    }
  }
}

/// A client that does what ours never would.
final class RawClient: WebSocketHandler {
  let control: WebSocketConnection
  let data: WebSocketConnection
  private final class Deaf: WebSocketHandler {
    func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}
  }

  private init(_ control: WebSocketConnection, _ data: WebSocketConnection) {
    self.control = control
    self.data = data
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}

  static func connect(_ board: SimulatedBoard) async throws -> RawClient {
    func open(_ path: String) async throws -> WebSocketConnection {
      let endpoint = try Endpoint(host: board.host, port: board.port, path: path)
      return try await WebSocketClient.connect(to: endpoint, handler: Deaf())
    }
    let client = RawClient(try await open("/gui_control"), try await open("/gui_data"))
    client.say("{\"event\":\"connection-reply\"}")
    return client
  }

  func say(_ text: String) { try? control.send(text: text) }

  func leave() {
    control.closeNow()
    data.closeNow()
  }
}
