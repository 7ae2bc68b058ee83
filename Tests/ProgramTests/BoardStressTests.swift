import Randomness
import Locks
import Bela
import Foundation
import Simulation
import Telemetry
import TestSupport
import Testing

/// Everybody at once on one board that keeps its half-filled blocks: two sources here, a second program, another client
/// that stops and begins what they stream, links that take 2 ms each way and are cut, a program on the board that is
/// started anew. All values are ticks.
///
/// The board's audio blocks have 17 ticks: with a power of two, one stop in some thousands is followed by a watch that
/// begins at the very tick at which the flushed block would have ended, which no stamp can tell.
@Suite(.serialized) struct BoardStressTests {
  static let steps: [String: Int64] = ["a": 1, "b": 1, "c": 12]
  static let seconds = 45.0
  private static let long = TimeSpan(nanoseconds: 20_000_000_000)
  private static let peekTime = TimeSpan(nanoseconds: 8_000_000_000)

  @Test(.timeLimit(.minutes(5))) func aMinuteOfEverybodyAtOnceHasNoWrongValueAndNoUncountedLoss() async throws
  {
    var configuration = BoardConfiguration(variables: [
      .init("a", .uint32, .dense, .counter), .init("b", .uint32, .dense, .counter),
      .init("c", .uint32, .sparse, interval: 12, .counter), .init("m", .uint32, .dense, .counter),
    ])
    configuration.faults.keepsStaleBlocks = true
    configuration.firstTick = 1_000_000
    configuration.block = 17
    let board = try await SimulatedBoard.start(configuration)
    let links = try (0..<4).map { _ in try SlowLink(to: board.port, delay: .milliseconds(2)) }
    let folder = try TemporaryFolder()
    let script = try folder.file("other.lua", Self.script)
    let ports = links.map(\.port)

    async let other = onThread {
      try ProgramRunner.run(
        [script, "\(ports[2])", "\(Self.seconds)"], within: .seconds(Self.seconds + 60))
    }
    let end = ContinuousClock.now + .seconds(Self.seconds)
    async let trouble: Void = Self.trouble(board, links, until: end)
    async let disturbing: Void = Self.disturb(ports[3], until: end)
    async let coming = Self.comeAndGo(ports[1], until: end)
    let (steady, reconnects) = try await Self.stay(ports[0], until: end)
    let passing = try await coming
    await trouble
    try await disturbing
    let outcome = try await other

    #expect(steady.faults.isEmpty, "\(steady.faults)")
    #expect(passing.faults.isEmpty, "\(passing.faults)")
    #expect(steady.received > 200_000 && steady.counted > 0 && reconnects > 5, "\(steady) \(reconnects)")
    #expect(passing.received > 50_000 && passing.peeks > 5, "\(passing)")
    #expect(passing.emptyPeeks == 0, "\(passing.emptyPeeks) of \(passing.peeks) peeks without a value")
    let line = outcome.output.split(separator: "\n").last ?? ""
    #expect(
      line.hasPrefix("wrong 0 unmarked 0 miscounted 0 zeros 0 peeks without a value 0 of "), "\(outcome)")
    #expect(board.violations.isEmpty)
    for link in links { link.close() }
    await board.stop()
  }

  /// One stream from the beginning to the end.
  private static func stay(
    _ port: Int, until end: ContinuousClock.Instant
  ) async throws -> (Report, Int) {
    let source = try await BelaSource.connect(host: "127.0.0.1", port: port)
    let auditor = Auditor(steps)
    let feed = try await source.open(StreamRequest(channels: ["a", "b", "c"], timeout: long), sink: auditor)
    try await Task.sleep(until: end)
    try? await feed.stop()
    await source.close()
    return (auditor.report, auditor.resumed)
  }

  /// Streams that come and go, monitors, peeks.
  private static func comeAndGo(_ port: Int, until end: ContinuousClock.Instant) async throws -> Report {
    var random = SplitMix(seed: 11)
    let source = try await BelaSource.connect(host: "127.0.0.1", port: port)
    var report = Report()
    while ContinuousClock.now < end {
      let names = [["a"], ["b", "c"], ["a", "b", "c"], ["c"]][Int(random.next() % 4)]
      let ticks: [Int64] = random.next() % 2 == 0 ? [Int64(500 + random.next() % 30_000)] : []
      let auditor = Auditor(steps)
      let monitor = Auditor([:])
      let second = Auditor(steps)
      do {
        let request = StreamRequest(channels: names, timeout: long, options: BelaStreamOptions(ticks: ticks))
        let feed = try await source.open(request, sink: auditor)
        let watcher = try await source.open(
          StreamRequest(
            channels: ["m"], options: BelaStreamOptions(periods: [random.next() % 2 == 0 ? 441_000 : 700])),
          sink: monitor)
        let other = try await source.open(StreamRequest(channels: names, timeout: long), sink: second)
        let peeked = try await source.peek(["a", "m"], timeout: peekTime)
        report.peeks += 2
        report.emptyPeeks += 2 - peeked.count
        for (name, peek) in peeked where peek.value != .integer(peek.tick) {
          report.faults.append("peeked \(name) is \(peek)")
        }
        try await Task.sleep(for: .milliseconds(Int(random.next() % 500)))
        async let stopped: Void = watcher.stop()
        report.peeks += 1
        report.emptyPeeks += 1 - (try await source.peek(["m"], timeout: peekTime)).count
        try? await stopped
        try await other.stop()
        if ticks.isEmpty { try await feed.stop() } else { _ = await auditor.ends(within: .seconds(5)) }
      } catch let error as BelaError where ["lost", "closed", "timeout", "unreachable"].contains(error.code) {
      }
      report.add(auditor.report)
      report.add(monitor.report)
      report.add(second.report)
    }
    await source.close()
    return report
  }

  /// The links are cut, the program on the board is started anew.
  private static func trouble(
    _ board: SimulatedBoard, _ links: [SlowLink], until end: ContinuousClock.Instant
  ) async {
    var random = SplitMix(seed: 5)
    var restarts = [Self.seconds * 0.35, Self.seconds * 0.7]
    let start = ContinuousClock.now
    while ContinuousClock.now < end - .seconds(1) {
      try? await Task.sleep(for: .milliseconds(Int(350 + random.next() % 900)))
      switch random.next() % 8 {
      case 0...3: links[0].cut()
      case 4: links[1].cut()
      case 5: links[2].cut()
      case 6: for link in links { link.cut() }
      default: break
      }
      if let next = restarts.first, ContinuousClock.now - start > .seconds(next) {
        restarts.removeFirst()
        board.restart()
      }
    }
  }

  /// A client that treats the board as its own.
  private static func disturb(_ port: Int, until end: ContinuousClock.Instant) async throws {
    var random = SplitMix(seed: 77)
    while ContinuousClock.now < end {
      guard let source = try? await BelaSource.connect(host: "127.0.0.1", port: port, timeout: long) else {
        continue
      }
      for _ in 0..<6 where ContinuousClock.now < end {
        try? await Task.sleep(for: .milliseconds(Int(150 + random.next() % 1_200)))
        let name = ["a", "b", "c"][Int(random.next() % 3)]
        guard let list = try? await source.list(timeout: .seconds(2)) else { break }
        let later = list.tick + Int64(2_000 + random.next() % 20_000)
        switch random.next() % 6 {
        case 0: try? source.send([.watch([.init(name)])])
        case 1: try? source.send([.unwatch([.init(name)])])
        case 2: try? source.send([.unwatch([.init(name, at: later)])])
        case 3: try? source.send([.watch([.init(name, at: later)])])
        case 4:
          try? source.send([.watch([.init(name, at: later + 40_000)])])
          try? await Task.sleep(for: .milliseconds(Int(random.next() % 60)))
          try? source.send([.unwatch([.init(name)])])
        default: try? source.send([.monitor([.init("m", ticks: 0)])])
        }
      }
      await source.close()
    }
  }

  struct Report: CustomStringConvertible {
    var faults: [String] = []
    var received: Int64 = 0
    var counted: Int64 = 0
    var peeks = 0
    var emptyPeeks = 0

    mutating func add(_ other: Report) {
      faults = Array((faults + other.faults).prefix(10))
      received += other.received
      counted += other.counted
    }

    var description: String { "\(received) received, \(counted) counted as missing, \(faults)" }
  }

  /// The same with what a script can see.
  private static let script = """
    local b = bela.connect{ host = "127.0.0.1", port = tonumber(arg[1]) }
    math.randomseed(3)
    local step = { a = 1, b = 1, c = 12 }
    local wrong, unmarked, miscounted, zeros, empty, peeks = 0, 0, 0, 0, 0, 0
    local began = TimeStamp.now()
    while TimeStamp.now() - began < TimeSpan(tonumber(arg[2])) do
      local s = b:streamer({ "a", "b", "c", buffer = "60s" })
      local ok, err = pcall(function()
        s:start{ quiet = true, timeout = "20s" }
        sleep(math.random() * 2)
        for _, name in ipairs{ "a", "m" } do
          peeks = peeks + 1
          local value = b:peek{ name, timeout = "8s" }[name]
          if not value then empty = empty + 1 end
        end
        s:stop()
      end)
      for name, one in pairs(step) do
        local x = s.data[name]
        local t, v, marked = x:times(), x:table(), {}
        for _, g in ipairs(x:gaps()) do marked[g.at] = g end
        for i = 1, #t do
          if v[i] ~= t[i] then
            wrong = wrong + 1
            if v[i] == 0 then zeros = zeros + 1 end
          end
          local g = marked[i]
          if i > 1 and t[i] - t[i - 1] ~= one and not g then unmarked = unmarked + 1 print(name, t[i - 1], t[i]) end
          if i > 1 and g and g.why ~= "restart" and g.samples ~= (t[i] - t[i - 1]) // one - 1 then
            miscounted = miscounted + 1
            print(name, t[i - 1], t[i], g.why, g.samples)
          end
        end
      end
      s:close()
    end
    print(("wrong %d unmarked %d miscounted %d zeros %d peeks without a value %d of %d"):format(
      wrong, unmarked, miscounted, zeros, empty, peeks))
    """
}

/// Looks at every sample as it comes: it is its tick, and follows the one before it or a gap with the right number.
private final class Auditor: StreamSink {
  fileprivate struct State {
    var last: [String: Int64] = [:]
    var told: [String: [Gap]] = [:]
    var report = BoardStressTests.Report()
    var resumed = 0
    var hasEnded = false

    mutating func fault(_ text: String) {
      if report.faults.count < 10 { report.faults.append(text) }
    }
  }

  private let steps: [String: Int64]
  private let state = Guarded(State())

  init(_ steps: [String: Int64]) { self.steps = steps }

  var report: BoardStressTests.Report { state.withLock { $0.report } }
  var resumed: Int { state.withLock { $0.resumed } }

  func receive(_ frame: Frame) {
    state.withLock { state in
      for series in frame.series {
        let name = series.channel.name
        let inner = series.gaps
        for position in 0..<series.count {
          let tick = series.time(position) ?? -1
          if series[position] != .integer(tick) {
            state.fault("\(name) at \(tick) is \(series[position])")
          }
          let gaps =
            (state.told[name] ?? []) + inner.filter { $0.at - series.first == Int64(position) }
          state.told[name] = nil
          if let step = steps[name], let last = state.last[name] {
            let missing = (tick - last) / step - 1
            if gaps.isEmpty {
              if tick - last != step { state.fault("\(name): \(last) to \(tick) is unmarked") }
            } else if !gaps.contains(where: { $0.reason == .restart }) {
              let counted = gaps.reduce(0) { $0 + ($1.samples ?? 0) }
              if counted != missing { state.fault("\(name): \(last) to \(tick), told \(gaps)") }
              state.report.counted += counted
            }
          }
          state.last[name] = tick
        }
        state.report.received += Int64(series.count)
      }
    }
  }

  func handle(_ event: StreamEvent) {
    state.withLock { state in
      switch event {
      case .gap(let reason, let samples, let names):
        for name in names {
          state.told[name, default: []].append(Gap(at: 0, samples: samples, reason: reason))
        }
      case .resumed: state.resumed += 1
      case .finished, .interrupted, .lost: state.hasEnded = true
      case .reconnecting: break
      }
    }
  }

  func ends(within time: Duration) async -> Bool {
    let deadline = ContinuousClock.now + time
    while ContinuousClock.now < deadline {
      if state.withLock({ $0.hasEnded }) { return true }
      try? await Task.sleep(for: .milliseconds(10))
    }
    return false
  }
}
