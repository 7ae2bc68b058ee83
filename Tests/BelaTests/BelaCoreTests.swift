import Locks
import Randomness
import Bela
import Telemetry
import Testing

/// A connection between the core of a source and a model of a board, in ticks, with a way of some length each way, and
/// anything that others and the cable may do in between.
private struct CoreRig {
  var core = BelaCore(name: "board")
  var board: ModelBoard
  var random: SplitMix
  /// Ticks each way, and how many more at random.
  var delay: Int64 = 96
  var jitter: Int64 = 0
  /// Somebody else is connected, too, and active.
  var hasOther = false
  /// The share of messages that the board loses.
  var loss = 0.0
  private(set) var isLinked = true
  private(set) var reconnects = 0

  private enum Word {
    case commands([BelaCommand])
    case list
    case active
    case data([UInt8])
    case answer(BelaList)
  }

  private var toBoard: [(due: Int64, word: Word)] = []
  private var data: [(due: Int64, word: Word)] = []
  private var answers: [(due: Int64, word: Word)] = []
  private var waiting: [(inout CoreRig, BelaList) -> Void] = []
  private var looksAt: Int64 = 0
  private var comesBack: Int64?
  private var isAsking = false
  /// How long the client has been there before the program on the board began.
  private var began: Int64 = 0

  init(_ variables: [(name: String, mode: Channel.Mode, interval: Int64)], seed: UInt64 = 1) {
    board = ModelBoard(variables)
    random = SplitMix(seed: seed)
    ask { _, _ in }
    pass(1000)
  }

  var now: TimeSpan { TimeSpan(nanoseconds: (began + board.now) * 1_000_000_000 / 44_100) }

  private mutating func due(_ queue: [(due: Int64, word: Word)]) -> Int64 {
    let due = board.now + delay + (jitter > 0 ? Int64(random.next() % UInt64(jitter)) : 0)
    return max(due, queue.last?.due ?? 0)
  }

  private mutating func say(_ word: Word) {
    guard isLinked else { return }
    toBoard.append((due(toBoard), word))
  }

  mutating func say(_ commands: [BelaCommand]) {
    if !commands.isEmpty { say(.commands(commands)) }
  }

  /// Asks for the list; what follows is done when it has come.
  mutating func ask(_ then: @escaping (inout CoreRig, BelaList) -> Void) {
    guard isLinked else { return }
    waiting.append(then)
    say(.list)
  }

  /// Opens a stream as a source does.
  mutating func open(
    _ names: [String], ticks: Int64? = nil, _ sink: Account,
    began: @escaping (inout CoreRig, Int) -> Void = { _, _ in }
  ) {
    ask { rig, first in
      rig.ask { rig, fresh in
        let options = BelaStreamOptions(ticks: ticks.map { [$0] } ?? [])
        let variables = fresh.variables.filter { names.contains($0.name) }
        guard
          let (feed, _, commands) = try? rig.core.begin(
            StreamRequest(), options, variables, asked: first.tick, fresh, ahead: 0.06, sink)
        else { return }
        rig.say(commands)
        rig.ask { rig, list in
          let commands = rig.core.rewatch(feed, list)
          rig.say(commands)
          rig.core.release(feed, list)
          began(&rig, feed)
        }
      }
    }
  }

  mutating func stop(_ feed: Int) {
    ask { rig, list in rig.say(rig.core.stop(feed, list, OneShot())) }
  }

  mutating func cut(for ticks: Int64) {
    guard isLinked else { return }
    isLinked = false
    (toBoard, data, answers, waiting, isAsking) = ([], [], [], [], false)
    board.isActive = hasOther
    core.lose("cut")
    comesBack = board.now + ticks
  }

  /// The program on the board is started anew.
  mutating func restart(_ variables: [(name: String, mode: Channel.Mode, interval: Int64)]) {
    cut(for: 0)
    began += board.now
    board = ModelBoard(variables, now: 0)
    board.isActive = hasOther
    (comesBack, looksAt) = (500, 0)
  }

  private mutating func comeBack() {
    comesBack = nil
    isLinked = true
    reconnects += 1
    core.renew()
    let lastTick = core.newestTick
    say(.active)
    ask { rig, _ in
      rig.core.find()
      rig.say(rig.core.resume(lastTick: lastTick))
    }
  }

  /// Lets time pass.
  mutating func pass(_ ticks: Int64, doing: (inout CoreRig) -> Void = { _ in }) {
    let end = board.now + ticks
    while board.now < end {
      if let comesBack, comesBack <= board.now { comeBack() }
      doing(&self)
      while let first = toBoard.first, first.due <= board.now {
        toBoard.removeFirst()
        switch first.word {
        case .commands(let commands): board.hear(commands)
        case .list: answers.append((due(answers), .answer(board.list)))
        case .active: board.isActive = true
        default: break
        }
      }
      board.isActive = hasOther || isLinked && board.isActive
      for message in board.advance() where isLinked {
        if loss > 0, Double(random.next() % 1_000_000) < loss * 1_000_000 { continue }
        data.append((due(data), .data(message)))
      }
      while let first = answers.first, first.due <= board.now, isLinked {
        answers.removeFirst()
        guard case .answer(let list) = first.word else { continue }
        core.take(list, now: now)
        if !waiting.isEmpty { waiting.removeFirst()(&self, list) }
      }
      if let first = data.first, first.due <= board.now, isLinked { read() }
      look()
      core.flushAll()
      deliver()
    }
  }

  /// What has come of the data socket, as a source hands it over: with the columns of the one stream, if that lends any.
  private mutating func read() {
    let count = data.prefix { $0.due <= board.now }.count
    let messages = data.prefix(count).compactMap { message -> [UInt8]? in
      if case .data(let bytes) = message.word { bytes } else { nil }
    }
    data.removeFirst(count)
    let now = now
    guard let (feed, sink) = core.feedForBurst else { return messages.forEach { receive($0, now) } }
    let isTaken = sink.ingest { ingest in
      withUnsafeMutablePointer(to: &ingest) { ingest in
        core.beginBurst(feed, ingest)
        for message in messages { receive(message, now) }
        core.endBurst()
      }
    }
    if !isTaken { messages.forEach { receive($0, now) } }
  }

  private mutating func receive(_ message: [UInt8], _ now: TimeSpan) {
    message.withUnsafeBytes { core.receive($0, now: now) }
  }

  private mutating func look() {
    guard isLinked, !core.isResuming, board.now >= looksAt, !isAsking else { return }
    looksAt = board.now + 4410
    let silent = core.silent(now)
    guard !silent.isEmpty else { return }
    isAsking = true
    ask { rig, list in
      rig.isAsking = false
      let commands = rig.core.revive(silent, list, now: rig.now)
      rig.say(commands)
    }
  }

  private mutating func deliver() {
    var goesOn = false
    while let batch = core.takeDeliveries(continuing: goesOn) {
      goesOn = true
      for delivery in batch {
        switch delivery {
        case .frame(let sink, let frame): sink.receive(frame)
        case .event(let sink, let event): sink.handle(event)
        case .stopped: break
        }
      }
    }
  }
}

/// A small generator: the same for the same seed.

@Suite struct BelaCoreTests {
  private static let both: [(name: String, mode: Channel.Mode, interval: Int64)] = [
    ("d", .dense, 1), ("s", .sparse, 12),
  ]

  private func expectRight(_ sink: Account, _ names: [String: Int64] = ["d": 1, "s": 12]) {
    for (name, step) in names {
      #expect(sink.faults(name, step: step).isEmpty, "\(sink.faults(name, step: step))")
    }
  }

  @Test(arguments: [false, true]) func aStreamAloneIsExact(lends: Bool) async throws {
    var rig = CoreRig(Self.both)
    let sink = lends ? try await Account.lending(rig.board.channels) : Account()
    var opened: Int?
    rig.open(["d", "s"], sink) { _, feed in opened = feed }
    rig.pass(30_000)
    if let opened { rig.stop(opened) }
    rig.pass(15_000)
    expectRight(sink)
    #expect(sink.gaps.isEmpty && sink.count("d") > 29_000 && sink.count("s") > 2_400, "\(sink.gaps)")
    #expect(sink.samples("d").last!.tick - sink.samples("s").last!.tick <= 12)
    let timed = Account()
    rig.open(["d", "s"], ticks: 5000, timed)
    rig.pass(20_000)
    // Of 28 blocks before the stop all take the short way but seven: two are held until the next one proves them, the
    // third tells how the row comes, and with every sixth a block of the sparse variable (512 x 12 ticks) is full, whose
    // long way takes what is read with it along.
    if lends { #expect(sink.lentFrames == 28 - 3 - 4) }
    #expect(timed.events == [.finished] && timed.count("d") == 5001 && (417...418).contains(timed.count("s")))
    expectRight(timed)
  }

  /// The board keeps its half-filled block while nobody is active, and goes on with it.
  @Test(arguments: [false, true], [false, true])
  func whatAReconnectCostsIsCountedToTheSample(hasOther: Bool, lends: Bool) async throws {
    var rig = CoreRig(Self.both)
    rig.hasOther = hasOther
    let sink = lends ? try await Account.lending(rig.board.channels) : Account()
    rig.open(["d", "s"], sink)
    rig.pass(20_000)
    for round in 0..<40 {
      rig.cut(for: 700 + Int64(round) * 37)
      rig.pass(17_000)
    }
    expectRight(sink)
    #expect(sink.gaps["d"]?.count == 40 && sink.gaps["s"]?.count == 40)
    for (name, step) in ["d": Int64(1), "s": 12] {
      let samples = sink.samples(name)
      let span = (samples.last!.tick - samples[0].tick) / step + 1
      #expect(Int64(samples.count) + (sink.missing(name) ?? -1) == span, "\(name)")
      #expect(sink.gaps[name]!.allSatisfy { $0.gap.reason == .reconnect })
    }
  }

  @Test func aCutBeforeTheFirstBlockIsAGap() throws {
    var rig = CoreRig([("s", .sparse, 12)])
    let sink = Account()
    rig.open(["s"], sink)
    rig.pass(3_000)
    #expect(sink.count("s") == 0)
    rig.cut(for: 1_000)
    rig.pass(20_000)
    let gap = try #require(sink.gaps["s"]?.first)
    #expect(
      gap.count == 0 && gap.gap.reason == .reconnect && (330...400).contains(gap.gap.samples ?? 0), "\(gap)")
    expectRight(sink, ["s": 12])
  }

  @Test func aClockThatWentBackIsARestartWithoutANumber() {
    var rig = CoreRig(Self.both)
    let sink = Account()
    rig.open(["d", "s"], sink)
    rig.pass(60_000)
    rig.restart(Self.both)
    rig.pass(40_000)
    for name in ["d", "s"] {
      #expect(sink.gaps[name]?.map(\.gap.reason) == [.restart] && sink.missing(name) == nil)
      #expect(sink.samples(name).last!.tick < 50_000)
    }
  }

  /// Another client stops what we stream: its padding is no data, the silence is noticed, the loss is counted.
  @Test(arguments: [false, true]) func anothersStopIsAGapWithANumber(lends: Bool) async throws {
    var rig = CoreRig(Self.both)
    rig.hasOther = true
    let sink = lends ? try await Account.lending(rig.board.channels) : Account()
    rig.open(["d", "s"], sink)
    rig.pass(30_000)
    for _ in 0..<5 {
      rig.board.hear(.unwatch("d", at: 0))
      rig.board.hear(.unwatch("s", at: 0))
      rig.pass(90_000)
    }
    expectRight(sink)
    #expect(sink.gaps["d"]?.count == 5 && sink.gaps["s"]?.count == 5, "\(sink.gaps)")
    #expect(sink.missing("d")! > 5 * 10_000 && sink.missing("d")! < 5 * 80_000)
  }

  /// Somebody has the board stream already when we begin, and begins anew while we do.
  @Test func nothingOfAnothersWatchIsUnmarked() {
    var random = SplitMix(seed: 7)
    for round in 0..<200 as Range<UInt64> {
      var rig = CoreRig(Self.both, seed: round)
      rig.hasOther = true
      rig.delay = 16 + Int64(random.next() % 1500)
      rig.board.hear(.watch("d", at: 0, ticks: 0))
      rig.board.hear(.watch("s", at: 0, ticks: 0))
      rig.pass(Int64(random.next() % 8_000))
      let sink = Account()
      rig.open(["d", "s"], sink)
      rig.pass(Int64(random.next() % 3_000))
      rig.board.hear(.watch("d", at: 0, ticks: 0))
      rig.board.hear(.watch("s", at: 0, ticks: 0))
      rig.pass(25_000)
      expectRight(sink)
      #expect(sink.count("d") > 5_000)
    }
  }

  /// A watch in the future pauses the stream, and an unwatch before it begins lets it go on with the block in progress.
  @Test(arguments: [false, true]) func aBlockWithAHoleThatOthersMadeIsNeverTimed(lends: Bool) async throws {
    var rig = CoreRig(Self.both)
    rig.hasOther = true
    let sink = lends ? try await Account.lending(rig.board.channels) : Account()
    rig.open(["d", "s"], sink)
    rig.pass(20_000)
    for round in 0..<20 as Range<Int64> {
      for name in ["d", "s"] { rig.board.hear(.watch(name, at: rig.board.now + 40_000, ticks: 0)) }
      rig.pass(800 + 16 * round)
      for name in ["d", "s"] { rig.board.hear(.unwatch(name, at: rig.board.now + (round % 2) * 20_000)) }
      rig.pass(60_000)
    }
    expectRight(sink)
  }

  /// The tail of a stream that somebody else ended is missing in sparse variables, too.
  @Test func aMissingTailIsCounted() throws {
    var rig = CoreRig(Self.both)
    rig.hasOther = true
    let sink = Account()
    var opened: Int?
    rig.open(["d", "s"], ticks: 60_000, sink) { _, feed in opened = feed }
    rig.pass(56_000)
    for name in ["d", "s"] { rig.board.hear(.unwatch(name, at: 0)) }
    rig.pass(20_000)
    rig.core.expire(try #require(opened))
    rig.pass(16)
    #expect(sink.events.last == .finished)
    #expect(Int64(sink.count("d")) + sink.missing("d")! == 60_001)
    #expect((5000...5001).contains(Int64(sink.count("s")) + sink.missing("s")!), "\(sink.gaps)")
    expectRight(sink.trimmed())
  }

  @Test func monitorsOfOneVariableKeepTheirOwnPeriods() {
    #expect(BelaCore.period(for: []) == 0 && BelaCore.period(for: [1]) == 1)
    #expect(BelaCore.period(for: [500]) == 500 && BelaCore.period(for: [500, 700]) == 100)
    #expect(BelaCore.period(for: [1000, 500, 2000]) == 500 && BelaCore.period(for: [1, 400]) == 400)
    #expect(BelaCore.period(for: [500, 501]) == 62 && BelaCore.period(for: [3, 2]) == 2)
  }

  @Test func aBoardMayAnswerAnyNumber() {
    var core = BelaCore(name: "board")
    for (second, tick) in ["-1e300", "1e300", "1.8e19", "-5", "0", "9e18"].enumerated() {
      let text =
        #"{"watcher":{"sampleRate":44100,"timestamp":\#(tick),"watchers":[{"name":"x","type":"d","monitor":\#(tick)}]}}"#
      guard case .list(let list) = BelaReply(text.utf8) else {
        Issue.record("\(text)")
        continue
      }
      core.take(list, now: TimeSpan(nanoseconds: Int64(second) * 1_000_000_000))
      #expect((core.tickRate ?? 1) > 0)
      let sink = Account()
      _ = try? core.begin(
        StreamRequest(), BelaStreamOptions(ticks: [1 << 53]), list.variables, asked: list.tick, list,
        ahead: 0.05, sink)
    }
    // And blocks stamped anyhow.
    var track = BelaTrack(
      channel: Channel(name: "x", type: .float64, clock: .ticks(rate: nil)), type: .float64, needsProof: true)
    for stamp in [UInt64.max, 0, UInt64.max, 1 << 63, 5, 1 << 62, 0] {
      var block = [UInt8](repeating: 1, count: BlockLayout.blockBytes)
      withUnsafeBytes(of: stamp.littleEndian) { block.replaceSubrange(0..<8, with: $0) }
      _ = block.withUnsafeBytes { track.append($0) }
    }
  }

  /// Everything at once: others watch, stop and schedule, the link is cut and loses messages, streams
  /// come and go. Not one value at a wrong tick, not one step without its number.
  @Test(arguments: 0..<24 as Range<UInt64>) func nothingThatOthersDoIsEverDeliveredWrongly(seed: UInt64) {
    var rig = CoreRig([("d", .dense, 1), ("s", .sparse, 12), ("e", .dense, 1)], seed: seed)
    var random = SplitMix(seed: seed ^ 0xABCD)
    rig.delay = Int64(16 + random.next() % 400)
    rig.jitter = Int64(random.next() % 200)
    // A hole of whole blocks beside a lost message is the one thing that stamps do not show.
    let isLossy = random.isOne(in: 3)
    rig.loss = isLossy ? 0.01 : 0
    var sinks: [(Account, [String])] = []
    var pauses: [String: Int64] = [:]
    let endless = Account()
    sinks.append((endless, ["d", "s", "e"]))
    rig.open(["d", "s", "e"], endless)
    rig.pass(300_000) { rig in
      let name = ["d", "s", "e"][Int(random.next() % 3)]
      if rig.board.now < 30_000 { return }
      if random.isOne(in: 900) { rig.hasOther.toggle() }
      let isPaused = (pauses[name] ?? 0) > rig.board.now
      if random.isOne(in: 1_500), rig.mayBegin(name, at: rig.board.now) {
        rig.board.hear(.watch(name, at: 0, ticks: random.isOne(in: 3) ? Int64(random.next() % 9_000) : 0))
      }
      if random.isOne(in: 1_500) { rig.board.hear(.unwatch(name, at: 0)) }
      if random.isOne(in: 3_000), !isPaused {
        rig.board.hear(.unwatch(name, at: rig.board.now + Int64(random.next() % 4_000)))
      }
      let later = rig.board.now + Int64(random.next() % 9_000)
      if !isLossy, random.isOne(in: 3_000), rig.mayBegin(name, at: later) {
        rig.board.hear(.watch(name, at: later, ticks: 0))
        // A pause that is shorter than messages may be late by themselves is the other thing that nobody can tell.
        pauses[name] = rig.board.now + 800
      }
      if random.isOne(in: 1_500) { rig.cut(for: Int64(random.next() % 6_000)) }
      if random.isOne(in: 1_500) {
        let sink = Account()
        let names = random.isOne(in: 2) ? ["d", "s"] : ["e"]
        sinks.append((sink, names))
        let ticks = random.isOne(in: 2) ? Int64(100 + random.next() % 20_000) : nil
        let stops = random.isOne(in: 2)
        rig.open(names, ticks: ticks, sink) { rig, feed in if stops { rig.stop(feed) } }
      }
    }
    #expect(rig.reconnects > 1 && endless.count("d") > 20_000, "\(rig.reconnects) \(endless.count("d"))")
    for (sink, names) in sinks {
      for name in names {
        let faults = sink.faults(name, step: name == "s" ? 12 : 1)
        #expect(faults.isEmpty, "\(faults)")
      }
    }
  }
}

extension CoreRig {
  /// Not at the very tick at which a block that may just have been flushed would have ended.
  fileprivate func mayBegin(_ name: String, at tick: Int64) -> Bool {
    board.variables.first { $0.name == name }.map {
      $0.mode == .sparse || (tick - $0.stamp) % Int64($0.layout.count) != 0
    } ?? true
  }
}

extension Account {
  /// Without a gap behind the last sample.
  fileprivate func trimmed() -> Account {
    for (name, gaps) in gaps { self.gaps[name] = gaps.filter { $0.count < count(name) } }
    return self
  }
}

extension SplitMix {
  mutating func isOne(in count: UInt64) -> Bool { next() % count == 0 }
}
