import Locks
import Bela
import Simulation
import Telemetry
import Testing

/// A board belongs to nobody: what others on it, and others in the same program, do to streams, monitors and peeks.
@Suite(.serialized) struct BoardSharedTests {
  private static func configuration() -> BoardConfiguration {
    var configuration = BoardRig.allTypes()
    configuration.variables.append(.init("never", .float32, .dense, .buffer(7)))
    configuration.faults.keepsStaleBlocks = true
    configuration.firstTick = 50_000
    return configuration
  }

  @Test func aPeekHasItsValueBesideAMonitorOfAnyPeriod() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let sink = Collector()
      let monitor = try await rig.source.open(
        StreamRequest(channels: ["d_dense", "j_sparse"], options: BelaStreamOptions(periods: [441_000])),
        sink: sink)
      #expect(await sink.until { $0.count("d_dense") == 1 && $0.count("j_sparse") == 1 })
      let began = ContinuousClock.now
      for _ in 0..<5 {
        let peeked = try await rig.source.peek(["d_dense", "j_sparse", "f_dense"])
        #expect(peeked.count == 3 && peeked["d_dense"]?.value == .float(Double(peeked["d_dense"]?.tick ?? 0)))
      }
      #expect(ContinuousClock.now - began < .seconds(4))
      let list = try await rig.source.list()
      #expect(list["d_dense"]?.monitorPeriod == 441_000 && list["f_dense"]?.monitorPeriod == 0)
      // The monitor has only its own.
      #expect(sink.count("d_dense") == 1)
      try await monitor.stop()
    }
  }

  @Test func aPeekWhoseMonitorStopsMeanwhileHasItsValue() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      for _ in 0..<25 {
        let monitor = try await rig.source.open(
          StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [441_000])),
          sink: Collector())
        async let stopped: Void = monitor.stop()
        let peeked = try await rig.source.peek(["d_dense"])
        #expect(peeked.count == 1)
        try await stopped
        // The board hears of the peek's end and of the monitor's in either order; what is left is taken back.
        let end = ContinuousClock.now + .seconds(5)
        var period = try await rig.source.list()["d_dense"]?.monitorPeriod
        while period != 0, ContinuousClock.now < end {
          period = try await rig.source.list()["d_dense"]?.monitorPeriod
        }
        #expect(period == 0)
      }
    }
  }

  @Test func aPeekThatTimedOutLeavesNothingArmed() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let peeked = try await rig.source.peek(
        ["never", "d_dense"], timeout: TimeSpan(nanoseconds: 300_000_000))
      #expect(Array(peeked.keys) == ["d_dense"])
      let list = try await rig.source.list()
      #expect(list["never"]?.monitorPeriod == 0)
    }
  }

  @Test func aPeekOutlivesAReconnect() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      for _ in 0..<5 {
        async let peeked = rig.source.peek(["d_dense"], timeout: TimeSpan(nanoseconds: 8_000_000_000))
        rig.board.breakConnections()
        let values = try await peeked
        #expect(values.count == 1)
      }
    }
  }

  @Test func monitorsOfOneVariableKeepTheirPeriods() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let (a, b) = (Collector(), Collector())
      let first = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [500])), sink: a)
      let second = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [700])), sink: b)
      #expect(await b.until { $0.count("d_dense") > 12 })
      try await first.stop()
      try await second.stop()
      let steps = { (sink: Collector) in
        let samples = sink.samples("d_dense").dropFirst(2)
        return Set(zip(samples, samples.dropFirst()).map { $1.tick - $0.tick })
      }
      #expect(steps(a) == [500] && steps(b).subtracting([700]).count <= 1, "\(steps(a)) \(steps(b))")
      #expect(a.gaps("d_dense").isEmpty && b.gaps("d_dense").isEmpty)
    }
  }

  @Test func aSingleMonitoredValueComesAgainForTheNextWhoAsks() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let periodic = Collector()
      let request = StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [1]))
      for round in 0..<3 {
        let sink = Collector()
        let monitor = try await rig.source.open(request, sink: sink)
        #expect(await sink.until(2) { $0.count("d_dense") == 1 }, "\(round)")
        if round == 1 {
          _ = try await rig.source.open(
            StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [441_000])),
            sink: periodic)
        }
        try await monitor.stop()
      }
    }
  }

  /// Another client stops what we stream and monitor: both go on, with a gap, and a person is told.
  @Test func whatAnotherClientEndsGoesOnWithAGap() async throws {
    let board = try await SimulatedBoard.start(Self.configuration())
    let notices = Guarded<[String]>([])
    let source = try await BelaSource.connect(host: board.host, port: board.port) { text in
      notices.withLock { $0.append(text) }
    }
    let other = try await BelaSource.connect(host: board.host, port: board.port)
    let (stream, monitor) = (Collector(), Collector())
    let feed = try await source.open(StreamRequest(channels: ["d_dense", "j_sparse"]), sink: stream)
    let values = try await source.open(
      StreamRequest(channels: ["i_dense"], options: BelaStreamOptions(periods: [500])), sink: monitor)
    #expect(await stream.until { $0.count("d_dense") > 2000 })
    #expect(await monitor.until { $0.count("i_dense") > 3 })
    try other.send([
      .unwatch([.init("d_dense"), .init("j_sparse")]), .monitor([.init("i_dense", ticks: 0)]),
    ])
    let (before, seen) = (stream.count("d_dense"), monitor.count("i_dense"))
    #expect(await stream.until { $0.count("d_dense") > before + 3000 })
    #expect(await monitor.until { $0.count("i_dense") > seen + 3 })
    let sparse = stream.count("j_sparse")
    #expect(await stream.until { $0.count("j_sparse") > sparse + 500 })
    try await feed.stop()
    try await values.stop()
    for (name, type, step) in [("d_dense", DataType.float64, Int64(1)), ("j_sparse", .uint32, 12)] {
      let samples = stream.samples(name)
      #expect(samples.allSatisfy { $0.value == BoardRig.counter($0.tick, type) })
      let missing = zip(samples, samples.dropFirst()).map { ($1.tick - $0.tick) / step - 1 }.filter { $0 > 0 }
      #expect(missing.count == 1)
      #expect(
        stream.events.contains(.gap(.lost, samples: missing.first, channels: [name])), "\(stream.events)")
    }
    #expect(!monitor.gaps("i_dense").isEmpty)
    let text = notices.withLock { $0.joined(separator: "\n") }
    #expect(text.contains("another client ended or changed") && text.contains("d_dense"), "\(text)")
    await other.close()
    await source.close()
    await board.stop()
  }

  /// One of the same program begins where another ends: neither loses anything.
  @Test func siblingsThatComeAndGoLoseNothing() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let steady = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["j_sparse"]), sink: steady)
      for round in 0..<30 {
        let (first, second) = (Collector(), Collector())
        _ = try await rig.source.open(
          StreamRequest(channels: ["d_dense", "j_sparse"], options: BelaStreamOptions(ticks: [4410])),
          sink: first)
        try await Task.sleep(for: .milliseconds(40 + 4 * round))
        let other = try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: second)
        #expect(await first.until { $0.events == [.finished] }, "\(first.events)")
        #expect(await second.until { $0.count("d_dense") > 1000 })
        try await other.stop()
        BoardStreamTests.expectExact(first, "d_dense", .float64, step: 1, count: 4411)
        BoardStreamTests.expectExact(second, "d_dense", .float64, step: 1)
        BoardStreamTests.expectExact(first, "j_sparse", .uint32, step: 12)
        #expect(second.events.isEmpty, "\(second.events)")
      }
      try await feed.stop()
      BoardStreamTests.expectExact(steady, "j_sparse", .uint32, step: 12)
      #expect(steady.events.isEmpty, "\(steady.events)")
    }
  }

  @Test func aRestartIsToldAsOne() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: sink)
      #expect(await sink.until { $0.count("d_dense") > 44_100 })
      rig.board.restart()
      #expect(await sink.until { $0.samples("d_dense").last!.tick < 90_000 })
      #expect(sink.events.contains(.gap(.restart, samples: nil, channels: ["d_dense"])), "\(sink.events)")
      try await feed.stop()
    }
  }

  @Test func whatNoVariableHoldsIsNotSet() async throws {
    try await BoardRig.with(Self.configuration()) { rig in
      try await rig.source.control(["f_dense", "j_dense", "d_dense"])
      for (name, value) in [
        ("f_dense", 1e39), ("f_dense", -1e300), ("j_dense", -1), ("j_dense", 4_294_967_296),
      ] {
        let error = await #expect(throws: BelaError.self) { try await rig.source.set([name: value]) }
        #expect(error?.code == "argument", "\(name) = \(value)")
      }
      try await rig.source.set(["f_dense": 3.4e38, "j_dense": 4_294_967_295, "d_dense": 1e300])
      #expect(throws: BelaError.self) { try BelaBuffer(id: 0, type: .float32, values: [1e39]) }
      #expect(try BelaBuffer(id: 0, type: .float32, values: [.infinity]).bytes.count == 20)
    }
  }
}
