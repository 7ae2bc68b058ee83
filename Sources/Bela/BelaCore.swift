import Telemetry

/// What a `BelaSource` guards with its lock. Calls nobody: it hands out what is to be sent and delivered.
struct BelaCore {
  enum Phase {
    case open
    case reconnecting(String)
    case lost(String)
    case closed
  }

  /// To be made known outside the lock, in this order.
  enum Delivery {
    case frame(any StreamSink, Frame)
    case event(any StreamSink, StreamEvent)
    case stopped(Reply<Void>)
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
    var peeks: [PeekReply] = []
    /// Blocks that begin within these ticks are of a watch that was begun anew.
    var skipped: Range<Int64>?
  }

  struct Watch: Equatable {
    var start: Int64
    var end: Int64?
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
    var stopping: Reply<Void>?
    var request: StreamRequest
    /// Nothing is delivered before it is certain that the board knew of its start in time.
    var isHeld = false
    var held: [Part] = []
  }

  /// Samples of one place of a feed.
  struct Part {
    var position: Int
    var series: Series
    /// The first behind a break: the board had ended the stream, and began it anew.
    var isBehindBreak: Bool
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
    /// Nobody asked for this very start, so it may be another one.
    var isMovable = false
    /// The board may have read the command after the start: what is missing there is to be said.
    var mayBeLate = false
    /// The board's stream was begun anew in the middle of ours: what is missing before the next sample is to be said.
    var isBroken = false
  }

  /// What the board sends on its data socket while a session of the seed command protocol runs.
  struct SeedSession {
    var feed: Int
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
  var list: BelaList?
  var listTaken = TimeSpan.zero
  /// The first list of this connection, to measure the clock by.
  var firstList: (tick: Int64, taken: TimeSpan)?
  var slots: [Slot] = []
  var feeds: [Int: FeedState] = [:]
  var decoder = BelaDecoder()
  var seed: SeedSession?
  var learning: (index: Int, type: BelaType, reply: Reply<Int>)?
  /// Header ids are list positions plus this (section 6.1), as far as it has been learned.
  var idOffset = 0
  var learnedIndices: ClosedRange<Int>?
  var indexOfID: [Int: Int] = [:]
  /// In the order in which the lists were asked for: the board answers each.
  var listReplies: [Reply<BelaList>] = []
  var logReplies: [(variable: String, reply: Reply<BelaLogReply>)] = []
  var seedReply: Reply<SeedReply>?
  /// Whether the board knows the seed command protocol, once that was tried.
  var knowsSeed: Bool?
  /// Blocks that came before the start reply of a session, at most a second of them; nil when none is expected.
  var earlyBlocks: [(id: Int, type: BelaType, bytes: [UInt8])]?
  var earlyEnd: SeedReply?
  var greeting: Reply<Void>?
  /// Answered when the connection is back, or given up.
  var connectionWaiters: [Reply<Void>] = []
  /// Frames whose variable nobody here asked for, and damage.
  var foreign: Int64 = 0

  private var nextFeed = 0
  private var deliveries: [Delivery] = []
  private var isDelivering = false
  private var touched: Set<Int> = []

  init(name: String) { self.name = name }

  // MARK: - Deliveries

  mutating func add(_ delivery: Delivery) { deliveries.append(delivery) }

  /// What is to be delivered now; nil when there is nothing or another thread is at it, so that order holds.
  mutating func takeDeliveries(continuing: Bool) -> [Delivery]? {
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
  mutating func flushAll() {
    for feed in touched { flush(feed) }
    touched.removeAll(keepingCapacity: true)
  }

  // MARK: - Board

  /// Takes a list; slots follow the board's variables.
  mutating func take(_ list: BelaList, now: TimeSpan) {
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
    return Slot(variable: variable, track: BelaTrack(channel: channel, type: variable.type))
  }

  func slot(named name: String) -> Int? { slots.firstIndex { $0.variable.name == name } }

  /// Ticks per second as measured between lists, once that means something; else as declared.
  var tickRate: Double? {
    guard let list, let firstList else { return self.list?.sampleRate }
    let seconds = (listTaken - firstList.taken).seconds
    guard seconds > 0.2, list.tick > firstList.tick else { return list.sampleRate }
    let measured = Double(list.tick - firstList.tick) / seconds
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
  mutating func plan(_ indices: some Sequence<Int>) -> [BelaCommand] {
    var watch: [BelaCommand.Schedule] = []
    var unwatch: [BelaCommand.End] = []
    var monitor: [BelaCommand.Period] = []
    for index in indices {
      let name = slots[index].variable.name
      planWatch(index, name, &watch, &unwatch)
      let periods = slots[index].monitors.compactMap { feeds[$0.feed]?.channels[$0.position].period }
      let period = periods.min() ?? 0
      if period != slots[index].period {
        slots[index].period = period
        monitor.append(.init(name, ticks: period))
      }
    }
    var commands: [BelaCommand] = []
    if !unwatch.isEmpty { commands.append(.unwatch(unwatch)) }
    if !watch.isEmpty { commands.append(.watch(watch)) }
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
      if let old = slots[index].watch, old.end == nil || old.end! > (list?.tick ?? 0) {
        unwatch.append(.init(name))
      }
      slots[index].watch = nil
      return
    }
    let start = places.map(\.start).min()!
    let end = places.contains { $0.end == nil } ? nil : places.map { $0.end! }.max()
    if let old = slots[index].watch, old.start <= (list?.tick ?? 0) || old.start <= start {
      guard old.end != end else { return }
      // The end of a running stream can be moved without breaking it; a block in progress stays.
      unwatch.append(.init(name, at: end ?? BelaLimits.tickMax))
      slots[index].watch!.end = end
      slots[index].watch!.unheard = old.unheard ?? old.end
      slots[index].track.end = end
      return
    }
    let isLater = start > (list?.tick ?? 0)
    let from = isLater ? start : 0
    watch.append(.init(name, at: from, ticks: end.map { max(1, $0 - max(start, list?.tick ?? 0)) } ?? 0))
    slots[index].watch = Watch(start: start, end: end)
    breakOff(index)
    if slots[index].track.newest != nil {
      finishEnding(index)
      // Not before the start: a board that is told of a later end while it waits for the start begins at once.
      slots[index].ending = (slots[index].track, list?.tick ?? 0)
    }
    slots[index].track.begin()
    slots[index].track.end = end
  }
}
