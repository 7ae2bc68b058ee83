package import Locks
package import Telemetry

/// What a `BelaSource` guards with its lock. Calls nobody: it hands out what is to be sent and delivered.
///
/// A variable has one stream on the board, which anybody may begin, end and schedule, and nothing says whose a block is.
/// What holds here, whatever others do:
/// - **Nothing is taken that was begun before our own watch.** When a new watch is sent, `ownFrom` is the board's clock
///   by a list that it had answered before, on this connection, after it knew that we are active. A block stamped later
///   was begun behind that list: while somebody (we) was active, so that the board kept all of it, and it did not go
///   on with a half-filled one. Blocks stamped earlier belong to `ending`, for those who had streamed before, or to
///   nobody.
/// - **A dense block is proven by stamps**: its own in an even row, else the next one's (`BelaTrack.needsProof`). The
///   board is told to end one block behind the end that is wanted, so that no wanted block is padded, and each has a
///   next one.
/// - **Samples reach a feed through `hand` alone**, which compares each with the one before it: whatever was dropped,
///   thrown away or never sent is a step of the clock there, and becomes a gap with a number, through a reconnect too.
package struct BelaCore {
  enum Phase {
    case open
    case reconnecting(String)
    case lost(String)
    case closed
  }

  /// To be made known outside the lock, in this order.
  package enum Delivery {
    case frame(any StreamSink, Frame)
    case event(any StreamSink, StreamEvent)
    case stopped(OneShot<Void>)
  }

  /// One variable of the board, in the order of its list.
  struct Slot {
    var variable: BelaVariable
    var track: BelaTrack
    /// Of the watch before this one, for blocks that were still on their way: those that begin before a tick.
    var ending: (track: BelaTrack, before: Int64)?
    /// What we have asked the board to stream; nil when nothing.
    var watch: Watch?
    var streams: [Interest] = []
    var monitors: [Interest] = []
    /// Period that we have asked for, 0 when none.
    var period: Int64 = 0
    /// The last one that was not 0: a list that still shows it shows ours.
    var lastPeriod: Int64 = 0
    var peeks: [PeekReply] = []
    /// How often a single value was asked for since somebody peeks: a second one is due when the first has come.
    var asks = 0
    /// Blocks that begin at this tick or before are of somebody else's watch, or of one that was ours before.
    var ownFrom: Int64 = .min
    /// When something of it came last, or was asked for.
    var heard = TimeSpan.zero
    /// The longest that it was silent while all was well.
    var pause = TimeSpan.zero
    /// How often in a row the board was asked in vain why it is silent, and when it was last.
    var checks = 0
    var checked = TimeSpan.zero
    /// A monitored value came later than it should have.
    var isLate = false
    /// Blocks that begin within these ticks are of a watch that was begun anew.
    var skipped: Range<Int64>?
  }

  struct Watch: Equatable {
    var start: Int64
    /// Where the last of those who stream it wants it to end.
    var end: Int64?
    /// Where the board is told to end: behind that.
    var boardEnd: Int64?
    /// A block of it has come.
    var isHeard = false
    /// The end before, while it is not known whether the board has heard of the new one in time.
    var unheard: Int64?
  }

  /// A feed's place for a variable.
  struct Interest {
    var feed: Int
    var position: Int
  }

  /// A stream or monitor that somebody opened.
  struct FeedState {
    var sink: any StreamSink
    var channels: [Place]
    /// Samples of this burst.
    var pending: [Series] = []
    /// It ends by itself, and says so.
    var isTimed: Bool
    var isMonitor: Bool
    /// Somebody waits for its end.
    var stopping: OneShot<Void>?
    /// Nothing is delivered before it is certain that the board knew of its start in time.
    var isHeld = false
    var held: [Part] = []
  }

  /// Samples of one place of a feed.
  struct Part {
    var position: Int
    var series: Series
  }

  struct Place {
    var channel: Channel
    var slot: Int
    /// Samples before this tick are not ours.
    var start: Int64
    /// The first sample at or after it is the last.
    var end: Int64?
    var period: Int64 = 0
    var due: Int64 = .min
    var last: Int64?
    /// The smallest step between values so far.
    var least: Int64 = .max
    var isDone = false
    /// It has all that it wants, and waits for the board to end.
    var isFull = false
    /// Nobody asked for this very start, so it may be another one.
    var isMovable = false
    /// The board may have read the command after the start: what is missing there is to be said.
    var mayBeLate = false
    /// While there is no last sample: samples from here on are owed, and what is missing before the first is a loss.
    var owed: Int64?
    /// The board's stream was begun anew in the middle of ours: something is missing before the next sample, even where
    /// it cannot be counted.
    var isBroken = false
    /// What the next gap is called.
    var cause = Gap.Reason.lost
  }

  /// What the board sends on its data socket while a session of the seed command protocol runs.
  struct SeedSession {
    var feed: Int
    var project: String
    var tracks: [BelaTrack]
    var types: [BelaType]
    var sent: [Int64]
    var counts: [Int64]?
    var isTold = false

    /// How many of a variable's values are still to come, where the board has counted them.
    func left(_ position: Int) -> Int64? {
      guard let counts, counts.indices.contains(position) else { return nil }
      return counts[position] - sent[position]
    }
  }

  let name: String
  var phase = Phase.open
  var generation = 0
  var project: String?
  package private(set) var list: BelaList?
  var listTaken = TimeSpan.zero
  /// The first list of this connection, to measure the clock by.
  var firstList: (tick: Int64, taken: TimeSpan)?
  var slots: [Slot] = []
  var feeds: [Int: FeedState] = [:]
  var decoder = BelaDecoder()
  var seed: SeedSession?
  var learning: (index: Int, type: BelaType, reply: OneShot<Int>)?
  /// Header ids are list positions plus this (section 6.1), as far as it has been learned.
  var idOffset = 0
  var learnedIndices: ClosedRange<Int>?
  var indexOfID: [Int: Int] = [:]
  /// In the order in which the lists were asked for: the board answers each.
  var listReplies: [OneShot<BelaList>] = []
  var logReplies: [(variable: String, reply: OneShot<BelaLogReply>)] = []
  var seedReply: OneShot<SeedReply>?
  /// Whether the board knows the seed command protocol, once that was tried.
  var knowsSeed: Bool?
  /// Blocks that came before the start reply of a session, at most a second of them; nil when none is expected.
  var earlyBlocks: [(id: Int, type: BelaType, bytes: [UInt8])]?
  var earlyEnd: SeedReply?
  var greeting: OneShot<Void>?
  /// Answered when the connection is back, or given up.
  var connectionWaiters: [OneShot<Void>] = []
  /// Frames whose variable nobody here asked for, and damage.
  var foreign: Int64 = 0
  /// The connection is new, and what ran before has not been asked for again: its data are of other watches.
  package var isResuming = false
  /// Somebody looks for streams that fell silent.
  var isLooking = false
  /// For a person: what others did to our streams.
  var notices: [String] = []

  /// Set while a read is handed over and a stream's columns are at hand.
  var burst: BelaBurst?
  private var nextFeed = 0
  private var deliveries: [Delivery] = []
  private var isDelivering = false
  private var touched: Set<Int> = []

  package init(name: String) { self.name = name }

  // MARK: - Deliveries

  /// Nobody is told anything just now, and nothing waits to be told.
  var hasNothingToDeliver: Bool { deliveries.isEmpty && !isDelivering }

  mutating func add(_ delivery: Delivery) { deliveries.append(delivery) }

  /// What is to be delivered now; nil when there is nothing or another thread is at it, so that order holds.
  package mutating func takeDeliveries(continuing: Bool) -> [Delivery]? {
    if isDelivering && !continuing { return nil }
    guard !deliveries.isEmpty else {
      isDelivering = false
      return nil
    }
    isDelivering = true
    defer { deliveries.removeAll() }
    return deliveries
  }

  mutating func queue(_ series: Series, for feed: Int) {
    guard series.count > 0, feeds[feed] != nil else { return }
    // A second block of one channel begins a new frame; a frame has each channel once.
    if feeds[feed]!.pending.contains(where: { $0.channel.key == series.channel.key }) { flush(feed) }
    feeds[feed]!.pending.append(series)
    touched.insert(feed)
  }

  mutating func flush(_ feed: Int) {
    guard let state = feeds[feed], !state.pending.isEmpty else { return }
    add(.frame(state.sink, Frame(state.pending)))
    feeds[feed]!.pending.removeAll(keepingCapacity: true)
  }

  /// Everything of this burst goes out.
  package mutating func flushAll() {
    for feed in touched { flush(feed) }
    touched.removeAll(keepingCapacity: true)
  }

  // MARK: - Board

  /// Takes a list; slots follow the board's variables.
  package mutating func take(_ list: BelaList, now: TimeSpan) {
    self.list = list
    listTaken = now
    if firstList == nil { firstList = (list.tick, now) }
    for variable in list.variables {
      if let at = slots.firstIndex(where: { $0.variable.index == variable.index }) {
        let old = slots[at].variable
        if old.name == variable.name, old.type == variable.type, old.mode == variable.mode {
          slots[at].variable = variable
        }
      } else {
        slots.append(makeSlot(variable))
      }
    }
    // Whoever asked second does not take the first one's answer: it may be older than what he has told the board.
    if !listReplies.isEmpty { listReplies.removeFirst().fulfill(list) }
  }

  func makeSlot(_ variable: BelaVariable) -> Slot {
    let channel = variable.channel(rate: list?.sampleRate)
    let track = BelaTrack(channel: channel, type: variable.type, needsProof: true)
    return Slot(variable: variable, track: track)
  }

  /// The newest tick that anything of the board has shown.
  package var newestTick: Int64 { slots.compactMap(\.track.newest).reduce(list?.tick ?? 0, max) }

  func slot(named name: String) -> Int? { slots.firstIndex { $0.variable.name == name } }

  /// Ticks per second as measured between lists, once that means something; else as declared.
  package var tickRate: Double? {
    guard let list, let firstList else { return self.list?.sampleRate }
    let seconds = (listTaken - firstList.taken).seconds
    guard seconds > 0.2, list.tick > firstList.tick else { return list.sampleRate }
    let measured = Double(list.tick.subtractingSaturating(firstList.tick)) / seconds
    // Blocks and delays make it a few percent wrong; what is declared is exact when it agrees.
    if let declared = list.sampleRate, abs(measured / declared - 1) < 0.15 { return declared }
    return measured
  }

  /// Ticks that pass while a command travels.
  func ticks(ahead seconds: Double) -> Int64 {
    Int64(max(1, min(1e9, (tickRate ?? 44100) * seconds)))
  }

  // MARK: - Feeds

  mutating func add(_ feed: FeedState) -> Int {
    nextFeed += 1
    feeds[nextFeed] = feed
    for position in feed.channels.indices { enter(nextFeed, position) }
    return nextFeed
  }

  mutating func enter(_ feed: Int, _ position: Int) {
    guard let state = feeds[feed] else { return }
    let interest = Interest(feed: feed, position: position)
    let slot = state.channels[position].slot
    if state.isMonitor { slots[slot].monitors.append(interest) } else { slots[slot].streams.append(interest) }
  }

  /// Forgets a feed; what the board has to be told about it follows from `plan`.
  mutating func remove(_ feed: Int) {
    flush(feed)
    guard let state = feeds.removeValue(forKey: feed) else { return }
    for place in state.channels where slots.indices.contains(place.slot) {
      slots[place.slot].streams.removeAll { $0.feed == feed }
      slots[place.slot].monitors.removeAll { $0.feed == feed }
    }
    if seed?.feed == feed { seed = nil }
    if let reply = state.stopping { add(.stopped(reply)) }
  }

  /// What the board has to be told so that it sends what is wanted of these variables, and no more.
  package mutating func plan(_ indices: some Sequence<Int>) -> [BelaCommand] {
    var watch: [BelaCommand.Schedule] = []
    var unwatch: [BelaCommand.End] = []
    var once: [BelaCommand.Period] = []
    var monitor: [BelaCommand.Period] = []
    for index in indices {
      let name = slots[index].variable.name
      planWatch(index, name, &watch, &unwatch)
      let wanted = slots[index].monitors.compactMap { interest -> Int64? in
        guard let place = feeds[interest.feed]?.channels[interest.position], !place.isDone, place.due < .max
        else { return nil }
        return place.period
      }
      let period = Self.period(for: wanted)
      if period > 1, wanted.contains(1) { once.append(.init(name, ticks: 1)) }
      guard period != slots[index].period || period > 1 && wanted.contains(1) else { continue }
      slots[index].period = period
      if period > 0 { slots[index].lastPeriod = period }
      slots[index].heard = max(slots[index].heard, listTaken)
      // Whoever waits for a value is not left without one because a monitor ends.
      let isAsked = period == 0 && !slots[index].peeks.isEmpty
      if isAsked { slots[index].asks += 1 }
      monitor.append(.init(name, ticks: isAsked ? 1 : period))
    }
    var commands: [BelaCommand] = []
    if !unwatch.isEmpty { commands.append(.unwatch(unwatch)) }
    if !watch.isEmpty { commands.append(.watch(watch)) }
    if !once.isEmpty { commands.append(.monitor(once)) }
    if !monitor.isEmpty { commands.append(.monitor(monitor)) }
    return commands
  }

  private mutating func planWatch(
    _ index: Int, _ name: String, _ watch: inout [BelaCommand.Schedule], _ unwatch: inout [BelaCommand.End]
  ) {
    let places = slots[index].streams.compactMap { interest -> Place? in
      let place = feeds[interest.feed]?.channels[interest.position]
      return place.flatMap { $0.isDone ? nil : $0 }
    }
    guard !places.isEmpty else {
      // Those that ended at a tick have told the board; a stream nobody waits for any more ends at once.
      if let old = slots[index].watch, old.boardEnd == nil || old.boardEnd! > (list?.tick ?? 0) {
        unwatch.append(.init(name))
      }
      slots[index].watch = nil
      return
    }
    let start = places.map(\.start).min()!
    let end = places.contains { $0.end == nil } ? nil : places.map { $0.end! }.max()
    let now = list?.tick ?? 0
    let boardEnd = end?.addingSaturating(ticksBehindEnd(slots[index].track))
    if let old = slots[index].watch, old.boardEnd.map({ $0 > now }) ?? true,
      old.start <= now || old.start <= start
    {
      guard old.end != end else { return }
      if old.start > now.addingSaturating(ticks(ahead: BelaLimits.endIsNear)) {
        // It has not begun. An end alone would let the board begin at once, with a block that it had not finished.
        let ticks = boardEnd.map { max(1, $0.subtractingSaturating(old.start)) } ?? 0
        watch.append(.init(name, at: old.start, ticks: ticks))
        (slots[index].watch!.end, slots[index].watch!.boardEnd) = (end, boardEnd)
        slots[index].track.end = boardEnd
        return
      }
      // The end of a running stream can be moved without breaking it; a block in progress stays.
      unwatch.append(.init(name, at: boardEnd ?? BelaLimits.tickMax))
      slots[index].watch!.end = end
      slots[index].watch!.boardEnd = boardEnd
      slots[index].watch!.unheard = old.unheard ?? old.boardEnd
      slots[index].track.end = boardEnd
      return
    }
    watch.append(
      .init(name, at: start > now ? start : 0, ticks: boardEnd.map { max(1, $0 - max(start, now)) } ?? 0))
    slots[index].watch = Watch(start: start, end: end, boardEnd: boardEnd)
    // What nobody had watched then begins with us, at that very tick too.
    slots[index].ownFrom = list?[name]?.isWatched == false ? now - 1 : now
    slots[index].heard = max(slots[index].heard, listTaken)
    breakOff(index)
    if slots[index].track.newest != nil {
      finishEnding(index)
      // Not before the start: a board that is told of a later end while it waits for the start begins at once.
      slots[index].ending = (slots[index].track, now)
    }
    slots[index].track.begin()
    slots[index].track.end = boardEnd
  }

  /// How long to wait until those of these streams have begun or ended that are about to; nil when there are none.
  func timeToEnd(_ indices: [Int]) -> Duration? {
    let now = list?.tick ?? 0
    let soon = now.addingSaturating(ticks(ahead: BelaLimits.endIsNear))
    let ends = slots.compactMap { slot -> Int64? in
      guard indices.contains(slot.variable.index), let end = slot.watch?.boardEnd, end > now, end <= soon
      else {
        return nil
      }
      return end
    }
    guard let last = ends.max() else { return nil }
    return .seconds(min(1, Double(last - now) / max(1, tickRate ?? 44100) + 0.002))
  }

  /// How far behind the wanted end the board is to end: one block, so that the last one wanted has a next one to prove
  /// it. Not for a variable so slow that it would be long in coming; its last block is cut at the end.
  func ticksBehindEnd(_ track: BelaTrack) -> Int64 {
    guard track.layout.mode == .dense else { return 0 }
    let ticks = track.blockTicks ?? Int64(track.layout.count)
    return ticks <= self.ticks(ahead: BelaLimits.blockAtEnd) ? ticks + 1 : 0
  }

  /// The one period that serves all of these: what they have in common, unless that is much more than is wanted; then
  /// a part of the shortest. 1 is a single value.
  package static func period(for wanted: [Int64]) -> Int64 {
    let periods = wanted.filter { $0 > 1 }
    guard let shortest = periods.min() else { return wanted.isEmpty ? 0 : 1 }
    var shared: Int64 = 0
    for period in periods {
      var (a, b) = (period, shared)
      while b != 0 { (a, b) = (b, a % b) }
      shared = a
    }
    return max(2, max(shared, shortest / BelaLimits.monitorShare))
  }

  /// What brings the next value of these to those who peek: one value, and behind it, in the same message, the period
  /// that a monitor has there; each new period is due at once.
  mutating func ask(_ indices: some Sequence<Int>) -> [BelaCommand] {
    var once: [BelaCommand.Period] = []
    var again: [BelaCommand.Period] = []
    for index in indices where !slots[index].peeks.isEmpty {
      let name = slots[index].variable.name
      once.append(.init(name, ticks: 1))
      slots[index].asks += 1
      let own = slots[index].period
      let period = own > 1 ? own : othersPeriod(slots[index])
      if period > 1 { again.append(.init(name, ticks: period)) }
    }
    return (once.isEmpty ? [] : [.monitor(once)]) + (again.isEmpty ? [] : [.monitor(again)])
  }

  /// The period of a monitor that another client has there.
  private func othersPeriod(_ slot: Slot) -> Int64 {
    let period = list?[slot.variable.name]?.monitorPeriod ?? 0
    return period == slot.lastPeriod ? 0 : period
  }

  /// Ends a peek. What was asked for and did not come is taken back, where no monitor does that: nothing that nobody
  /// waits for stays behind on the board.
  mutating func end(_ reply: PeekReply) -> [BelaCommand] {
    var armed: [BelaCommand.Period] = []
    for index in slots.indices where reply.names.contains(slots[index].variable.name) {
      let hadNone = slots[index].peeks.contains { $0 === reply }
      slots[index].peeks.removeAll { $0 === reply }
      guard slots[index].peeks.isEmpty else { continue }
      let isArmed = hadNone || slots[index].asks > 1
      slots[index].asks = 0
      guard isArmed, slots[index].period == 0, othersPeriod(slots[index]) <= 1 else { continue }
      armed.append(.init(slots[index].variable.name, ticks: 0))
    }
    return armed.isEmpty ? [] : [.monitor(armed)]
  }
}
