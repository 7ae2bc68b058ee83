import Locks

/// What a `Streamer` guards with its lock: a column a channel, the log of what came together, and the readers' places in
/// it. Calls nobody: it hands out what is to be called.
struct StreamerCore {
  typealias Wake = @Sendable () -> Void

  var machine = StreamerStateMachine()
  var feed: (any Feed)?
  /// Feeds that are being stopped, and what those wait for who wait until that is over.
  var stopsUnderWay = 0
  var stopsOver: OneShot<Void>?

  /// Ends that are being told: until that is done readers see nothing of them.
  var endsUntold = 0

  /// Bytes that all channels together may keep.
  private var bytesMax = Limits.bufferBytesMax
  // What was asked for; nil is the default, which shrinks where many channels share the memory.
  private var wish: BufferCapacity?
  var slots: [Slot] = []
  let lanes = SampleLanes()
  private var slotOfName: [String: Int] = [:]
  private var freeSlots: [Int] = []
  var order: [Int] = []
  var log = FrameLog()
  var readers: [ReaderCursor] = []
  private var nextReader = 0
  // Of the present channels; nil after a change, until somebody asks.
  private var layout: StreamLayout?
  /// Counts the changes of the set: slots and patterns are good for one of them.
  private(set) var version = 0
  private var patterns: [[Int]: FramePattern] = [:]
  private var lastPattern: FramePattern?
  var arenas: [StampArena] = []
  var arenaOfIndex: [UInt32: Int] = [:]
  var counts = StreamStats()
  private var meter = RateMeter()
  private var lastArrival: TimeSpan?
  // Whose samples came last, and the range of those that came in this burst.
  var lastSlot: Int?
  var touched = 0..<0
  // Samples of each channel after which the stream ends, and whether that was said already.
  var limit: Int?
  private var isFull = false
  // Called when those who read have caught up.
  private var relief: Wake?

  /// A channel's place. It keeps its number while an unread frame may name it.
  struct Slot {
    var buffer: SampleBuffer
    var isActive = true
    var isFree = false
    /// Its channel left the set before the last change.
    var isOld = false
    /// Samples still wanted, where the stream is to end by count.
    var wanted: Int?
  }

  var channels: [Channel] { order.map { slots[$0].buffer.channel } }

  func buffer(named name: String) -> SampleBuffer? {
    slotOfName[name].flatMap { slots[$0].isActive ? slots[$0].buffer : nil }
  }

  func snapshot() -> Frame {
    Frame(order.map { slots[$0].buffer.snapshot() })
  }

  /// What readers have not read is forgotten with the rest: their user asked for that. What had fallen out before was
  /// missed all the same.
  mutating func clear() {
    for reader in readers.indices { readers[reader].untold += missed(by: readers[reader], after: false) }
    for slot in slots.indices { slots[slot].buffer.clear() }
    let ends = ends
    log.removeAll(at: ends)
    for reader in readers.indices { (readers[reader].next, readers[reader].frame) = (ends, log.end) }
  }

  var ends: [Int64] { slots.map { $0.buffer.numbers.upperBound } }
}

// MARK: - Channels and capacity

extension StreamerCore {
  /// Replaces the set. A channel that stays, by name and kind, keeps its samples. One that goes keeps them until the
  /// set changes once more: for readers that have not read them, and for a channel that comes back.
  mutating func setChannels(_ channels: [Channel]) {
    let before = Set(order)
    for slot in order { slots[slot].isActive = false }
    order = []
    var names: Set<String> = []
    for channel in channels where names.insert(channel.name).inserted {
      order.append(slot(for: channel, before))
    }
    retire()
    share()
    version += 1
    (layout, lastPattern, patterns) = (nil, nil, [:])
    dropUnusedArenas()
  }

  /// Takes frames of these channels too, before the set becomes what `setChannels` says.
  mutating func prepare(_ channels: [Channel]) {
    let new = Set(channels.map(\.name))
    setChannels(self.channels.filter { !new.contains($0.name) } + channels)
  }

  private mutating func slot(for channel: Channel, _ before: Set<Int>) -> Int {
    if let slot = slotOfName[channel.name], slots[slot].buffer.describe(as: channel) {
      if !before.contains(slot) {
        slots[slot].wanted = limit
        slots[slot].buffer.markGap(.paused)
      }
      slots[slot].isActive = true
      slots[slot].isOld = false
      return slot
    }
    let new = Slot(buffer: SampleBuffer(channel: channel, capacity: capacity), wanted: limit)
    let slot = freeSlots.popLast() ?? slots.count
    if slot == slots.count { slots.append(new) } else { slots[slot] = new }
    lanes.grow(to: slots.count)
    log.setSlot(slot, begin: 0)
    for reader in readers.indices { readers[reader].setSlot(slot, next: 0) }
    slotOfName[channel.name] = slot
    return slot
  }

  /// Gives back the slots of channels that are gone, so that changing the set for ever costs no memory.
  private mutating func retire() {
    let gone = slots.indices.filter { !slots[$0].isActive && !slots[$0].isFree }
    guard !gone.isEmpty else { return }
    dropReadFrames()
    let unread = log.slots
    for slot in gone {
      guard slots[slot].isOld else {
        slots[slot].isOld = true
        continue
      }
      slots[slot].buffer.clear()
      guard !unread.contains(slot) else { continue }
      // Whoever has not read its samples will not find them any more.
      for reader in readers.indices {
        readers[reader].untold += slots[slot].buffer.numbers.upperBound - readers[reader].next[slot]
        readers[reader].next[slot] = 0
      }
      let name = slots[slot].buffer.channel.name
      counts.lost = counts.lost.addingSaturating(slots[slot].buffer.lost)
      counts.gaps += slots[slot].buffer.gapCount
      if slotOfName[name] == slot { slotOfName[name] = nil }
      slots[slot] = Slot(
        buffer: SampleBuffer(channel: Channel(name: "", type: .uint8), capacity: .samples(1)))
      slots[slot].isActive = false
      slots[slot].isFree = true
      freeSlots.append(slot)
    }
  }

  /// How much each channel keeps: what was asked for as far as the memory goes.
  var capacity: BufferCapacity {
    switch wish {
    case .span?: wish!
    case .samples(let count)?: .samples(min(count, samplesMax))
    case nil: .samples(min(Limits.bufferSamplesDefault, samplesMax))
    }
  }

  private var samplesMax: Int { bytesMax / max(1, costOfAll) }
  private var costOfAll: Int { order.reduce(0) { $0 + Self.cost(slots[$1].buffer.channel) } }

  /// Bytes of a sample, as far as one can know before they come.
  private static func cost(_ channel: Channel) -> Int {
    let isStamped = channel.mode == .sparse || channel.index != nil && !channel.isIndex
    return (channel.type.width ?? 64) + (isStamped ? 8 : 0)
  }

  /// Divides the memory among the channels, by the widths of their samples. It is never passed, whatever comes.
  private mutating func share() {
    let (capacity, all) = (capacity, max(1, costOfAll))
    for slot in order {
      let part = Double(bytesMax) * Double(Self.cost(slots[slot].buffer.channel)) / Double(all)
      slots[slot].buffer.setBytesMax(Int(part))
      slots[slot].buffer.setCapacity(capacity)
    }
  }

  /// Fewer bytes than the usual bound; the oldest samples go at once.
  mutating func setBytesMax(_ bytes: Int) {
    guard bytes != bytesMax else { return }
    bytesMax = bytes
    share()
  }

  /// Returns the capacity before. - Throws: `argument`, or `memory` for more samples than fit.
  mutating func setCapacity(_ new: BufferCapacity) throws(TelemetryError) -> BufferCapacity {
    switch new {
    case .samples(let count):
      guard count > 0 else {
        throw TelemetryError("argument", "a buffer holds at least 1 sample, not \(count)")
      }
      guard count <= samplesMax else {
        throw TelemetryError(
          "memory", "\(count) samples of \(order.count) channel(s) do not fit into the memory cap",
          hint:
            "at most \(samplesMax) samples a channel here (\(bytesMax >> 20) MiB); stream fewer channels"
        )
      }
    case .span(let span):
      guard span > .zero else { throw TelemetryError("argument", "a buffer's time must be above zero") }
    }
    let old = capacity
    wish = new
    share()
    return old
  }
}

// MARK: - Life

extension StreamerCore {
  mutating func start(samples: Int?) -> StreamerStateMachine.StartAction {
    let action = machine.start()
    guard case .open = action else { return action }
    limit = samples
    isFull = false
    for slot in order {
      slots[slot].wanted = samples
      if slots[slot].buffer.numbers.upperBound > 0 { slots[slot].buffer.markGap(.paused) }
    }
    return action
  }

  /// `full` is true when all the samples asked for have come already.
  mutating func opened(
    run: Int, _ feed: any Feed, _ channels: [Channel]
  ) -> (action: StreamerStateMachine.OpenedAction, full: Bool) {
    let action = machine.opened(run: run)
    guard action == .proceed else { return (action, false) }
    if channels != self.channels { setChannels(channels) }
    // What has finished already needs no stop.
    if machine.isLive { self.feed = feed }
    return (action, checkLimit())
  }

  /// Returns the readers to wake: they may wait for what will not come now.
  mutating func openFailed(run: Int) -> [Wake] {
    machine.openFailed(run: run)
    return machine.isLive ? [] : takeWakes()
  }

  enum Telling { case nothing, event, end }

  /// What is returned as `over` is to be let go of outside the lock: a feed may tell its source when it ends.
  mutating func handle(_ event: StreamEvent, run: Int) -> (tell: Telling, over: (any Feed)?) {
    guard run == machine.run, machine.handle(event) else { return (.nothing, nil) }
    switch event {
    case .gap(let reason, let samples, let names):
      for slot in order where names.isEmpty || names.contains(slots[slot].buffer.channel.name) {
        slots[slot].buffer.markGap(reason, samples: samples)
      }
      return (.nothing, nil)
    case .resumed:
      counts.reconnects += 1
      for slot in order where slots[slot].buffer.numbers.upperBound > 0 {
        slots[slot].buffer.markGap(.reconnect)
      }
      return (.event, nil)
    case .reconnecting: return (.event, nil)
    case .finished, .interrupted, .lost:
      endsUntold += 1
      return (.end, takeFeed())
    }
  }

  /// An end has been told: now readers may see it, too.
  mutating func endIsTold() -> [Wake] {
    endsUntold -= 1
    return takeWakes()
  }

  mutating func takeFeed() -> (any Feed)? {
    defer { feed = nil }
    return feed
  }

  /// All waiting readers' calls, each to be made once.
  mutating func takeWakes() -> [Wake] {
    readers.indices.compactMap { readers[$0].takeWake() }
  }
}

// MARK: - Samples

extension StreamerCore {
  /// Appends a frame for everybody. `full` is true once, when every channel has the samples that were asked for.
  mutating func receive(_ frame: Frame, run: Int, now: TimeSpan, wall: TimeStamp)
    -> (wakes: [Wake], full: Bool)
  {
    guard run == machine.run, machine.isLive else { return ([], false) }
    let received = append(frame, trims: true)
    guard received > 0 else { return ([], false) }
    return settle(received, now: now, wall: wall)
  }

  /// Appends a frame; returns how many samples it had for this stream.
  /// - Parameter trims: columns let go of what is more than they may keep; else `trim` has to follow.
  mutating func append(_ frame: Frame, trims: Bool) -> Int {
    var named: [Int] = []
    var runs: [Int] = []
    var received = 0
    var place = 0
    let series = frame.series
    named.reserveCapacity(series.count)
    runs.reserveCapacity(series.count)
    for series in series where !series.isEmpty {
      guard let slot = slot(of: series.channel, near: place) else {
        counts.stray += Int64(series.count)
        continue
      }
      place = slot + 1
      var part = series
      if let wanted = slots[slot].wanted {
        if part.count > wanted { part = part[0..<wanted] }
        slots[slot].wanted = wanted - part.count
        guard !part.isEmpty else { continue }
      }
      closeLane(slot)
      slots[slot].buffer.append(part, trims: trims)
      touch(slot)
      received += part.count
      counts.bytes += Int64(part.byteCount)
      named.append(slot)
      runs.append(part.count)
    }
    guard received > 0 else { return 0 }
    counts.frames += 1
    counts.samples += Int64(received)
    guard !readers.isEmpty else { return received }
    if Set(named).count < named.count { (named, runs) = Self.merged(named, runs) }
    let isEqual = runs.allSatisfy { $0 == runs[0] }
    log.append(.init(pattern: pattern(named), count: runs[0], counts: isEqual ? nil : runs))
    return received
  }

  /// A channel that a frame has twice.
  private static func merged(_ slots: [Int], _ runs: [Int]) -> ([Int], [Int]) {
    var (named, counts): ([Int], [Int]) = ([], [])
    for (slot, run) in zip(slots, runs) {
      if let at = named.firstIndex(of: slot) {
        counts[at] += run
      } else {
        named.append(slot)
        counts.append(run)
      }
    }
    return (named, counts)
  }

  @inline(__always)
  mutating func touch(_ slot: Int) {
    lastSlot = slot
    if touched.contains(slot) { return }
    touch(slot..<slot + 1)
  }

  mutating func touch(_ slots: Range<Int>) {
    touched =
      touched.isEmpty
      ? slots
      : min(touched.lowerBound, slots.lowerBound)..<max(touched.upperBound, slots.upperBound)
  }

  /// What follows a burst of samples, once.
  mutating func settle(_ received: Int, now: TimeSpan, wall: TimeStamp) -> (wakes: [Wake], full: Bool) {
    touched = 0..<0
    meter.add(received, now: now)
    lastArrival = now
    noteLatency(wall)
    dropFallenFrames()
    return (takeWakes(), checkLimit())
  }

  /// Frames of which nothing is left in any column are forgotten by the log.
  private mutating func dropFallenFrames() {
    while let oldest = log.oldest,
      oldest.pattern.slots.indices.allSatisfy({ place in
        let slot = oldest.pattern.slots[place]
        return slots[slot].buffer.numbers.lowerBound >= log.begin(of: slot)
          + Int64(oldest.count(at: place))
      })
    {
      log.removeFirst()
    }
  }

  /// Frames that all have read are forgotten by the log.
  private mutating func dropReadFrames() {
    guard let slowest = readers.lazy.map(\.frame).min() else { return }
    while log.first < min(slowest, log.end) { log.removeFirst() }
  }

  mutating func pattern(_ named: [Int]) -> FramePattern {
    if let lastPattern, lastPattern.slots == named { return lastPattern }
    let found = patterns[named] ?? makePattern(named)
    lastPattern = found
    return found
  }

  private mutating func makePattern(_ named: [Int]) -> FramePattern {
    let layout = currentLayout
    let new = FramePattern(named, layout)
    if patterns.count >= Limits.patternsMax { patterns = [:] }
    patterns[named] = new
    return new
  }

  private var currentLayout: StreamLayout {
    mutating get {
      if let layout { return layout }
      let made = StreamLayout(channels: slots.map(\.buffer.channel), slotOfName: slotOfName)
      layout = made
      return made
    }
  }

  /// True once, when a stream that the source has acknowledged has all the samples that were asked for.
  mutating func checkLimit() -> Bool {
    guard limit != nil, !isFull, feed != nil, order.allSatisfy({ slots[$0].wanted == 0 }) else {
      return false
    }
    isFull = true
    return true
  }

  private mutating func noteLatency(_ wall: TimeStamp) {
    guard let lastSlot, slots.indices.contains(lastSlot), case .unix = slots[lastSlot].buffer.channel.clock,
      let newest = slots[lastSlot].buffer.newestTime
    else { return }
    counts.latency = wall - TimeStamp(nanoseconds: newest)
  }

  func slot(of channel: Channel, near place: Int = 0) -> Int? {
    // Frames mostly come in the order of the slots: look there before hashing.
    if place < slots.count, slots[place].isActive, slots[place].buffer.channel.isIdentical(to: channel) {
      return place
    }
    if place < slots.count, slots[place].isActive, slots[place].buffer.channel.name == channel.name {
      return slots[place].fits(channel) ? place : nil
    }
    guard let slot = slotOfName[channel.name], slots[slot].isActive, slots[slot].fits(channel) else {
      return nil
    }
    return slot
  }

  func stats(now: TimeSpan) -> StreamStats {
    var stats = counts
    for slot in slots where !slot.isFree {
      stats.lost = stats.lost.addingSaturating(slot.buffer.lost)
      stats.gaps += slot.buffer.gapCount
      stats.bufferedSamples += slot.buffer.count
      stats.bufferedBytes += slot.buffer.byteCount
    }
    for reader in readers {
      stats.dropped += reader.told + missed(by: reader)
      stats.lagFrames = max(stats.lagFrames, lagFrames(reader))
    }
    stats.rate = meter.rate(now: now)
    stats.idle = lastArrival.map { now - $0 }
    return stats
  }
}

extension StreamerCore.Slot {
  fileprivate func fits(_ channel: Channel) -> Bool {
    buffer.channel.type == channel.type && buffer.channel.clock.name == channel.clock.name
  }
}

// MARK: - Holding back

extension StreamerCore {
  mutating func isBehind(_ relief: Wake?) -> Bool {
    guard machine.isLive, stopsUnderWay == 0, backlog > backlogMax else { return false }
    if let relief { self.relief = relief }
    return true
  }

  /// To be called when it is time: they have caught up, or the stream is to end.
  mutating func takeRelief() -> Wake? {
    guard relief != nil, !machine.isLive || stopsUnderWay > 0 || backlog <= backlogMax / 2 else { return nil }
    defer { relief = nil }
    return relief
  }

  /// Samples of one channel that a reader who reads has not read, at most.
  private var backlog: Int64 {
    readers.reduce(0) { most, reader in
      guard reader.hasRead else { return most }
      return order.reduce(most) { max($0, slots[$1].buffer.numbers.upperBound - reader.next[$1]) }
    }
  }

  /// A part of what is kept, so that what is under way already still finds room.
  private var backlogMax: Int64 {
    guard case .samples(let count) = capacity else { return Limits.backlogSamples }
    return min(Limits.backlogSamples, Int64(count / 4))
  }
}

// MARK: - Readers

extension StreamerCore {
  mutating func addReader() throws(TelemetryError) -> Int {
    guard readers.count < Limits.readersMax else {
      throw TelemetryError(
        "too_many", "this stream has \(readers.count) readers already",
        hint: "close taps that are not read any more")
    }
    nextReader += 1
    let ends = ends
    if readers.isEmpty { log.removeAll(at: ends) }
    readers.append(ReaderCursor(id: nextReader, frame: log.end, next: ends))
    return nextReader
  }

  mutating func removeReader(_ id: Int) {
    guard let reader = place(of: id) else { return }
    // What it had not read by now, nobody missed.
    counts.dropped += readers[reader].told + readers[reader].untold
    readers.remove(at: reader)
    if readers.isEmpty { log.removeAll(at: ends) } else { dropReadFrames() }
  }

  mutating func arm(_ id: Int, _ wake: @escaping Wake) -> StreamReader.Armed {
    guard let reader = place(of: id) else { return .ready }
    if readers[reader].wake != nil { return .busy }
    guard readers[reader].frame == log.end, !isOver else { return .ready }
    readers[reader].wake = wake
    return .armed
  }

  mutating func disarm(_ id: Int) {
    if let reader = place(of: id) { _ = readers[reader].takeWake() }
  }

  func lag(_ id: Int) -> (frames: Int, dropped: Int64) {
    guard let reader = place(of: id) else { return (0, 0) }
    return (lagFrames(readers[reader]), readers[reader].told + missed(by: readers[reader]))
  }

  /// Unread frames of which anything is left, with what is older than the log as one.
  private func lagFrames(_ reader: ReaderCursor) -> Int {
    let listed = Int(log.end - max(log.first, reader.frame))
    guard reader.frame < log.first else { return listed }
    let hasOlder = slots.indices.contains { slot in
      !slots[slot].isFree
        && max(reader.next[slot], slots[slot].buffer.numbers.lowerBound) < log.begin(of: slot)
    }
    return listed + (hasOlder ? 1 : 0)
  }

  /// Samples that fell out unread and that no frame has told yet.
  private func missed(by reader: ReaderCursor, after: Bool = true) -> Int64 {
    slots.indices.reduce(after ? reader.untold : 0) { missed, slot in
      guard !slots[slot].isFree else { return missed }
      return missed + max(0, slots[slot].buffer.numbers.lowerBound - reader.next[slot])
    }
  }

  // MARK: Taking

  /// The next frame of which anything is left.
  mutating func take(_ id: Int) -> StreamReader.Outcome {
    takeBatch(id, most: 1).map { .frame($0[0]) } ?? rest
  }

  /// Up to so many of the next frames.
  mutating func takeBatch(_ id: Int, most: Int = Limits.batchFramesMax) -> FrameBatch? {
    guard let reader = place(of: id) else { return nil }
    readers[reader].hasRead = true
    while readers[reader].frame < log.end {
      let batch =
        readers[reader].frame < log.first
        ? takeOlder(reader) : takeEven(reader, most) ?? takeUneven(reader, most)
      dropReadFrames()
      if let batch { return batch }
    }
    return nil
  }

  /// Everything unread as one frame.
  mutating func takeJoined(_ id: Int) -> Frame? {
    guard let reader = place(of: id) else { return nil }
    readers[reader].hasRead = true
    guard readers[reader].frame < log.end else { return nil }
    // Those that have left the set last.
    let named = order + slots.indices.filter { !slots[$0].isActive && !slots[$0].isFree }
    let series = named.compactMap { slot -> Series? in
      takeColumn(reader, slot, to: slots[slot].buffer.numbers.upperBound)
    }
    readers[reader].frame = log.end
    dropReadFrames()
    guard !series.isEmpty else { return nil }
    return Frame(series, dropped: readers[reader].takeUntold())
  }

  /// The unread samples of a column before a number, of which any are left; counts those that are not.
  private mutating func takeColumn(_ reader: Int, _ slot: Int, to end: Int64) -> Series? {
    let from = readers[reader].next[slot]
    guard from < end else { return nil }
    readers[reader].next[slot] = end
    let begin = max(from, min(end, slots[slot].buffer.numbers.lowerBound))
    readers[reader].untold += begin - from
    return begin < end ? slots[slot].buffer.series(begin..<end) : nil
  }

  /// What is older than the log, as one frame; nil when none of it is left.
  private mutating func takeOlder(_ reader: Int) -> FrameBatch? {
    var (named, series): ([Int], [Series]) = ([], [])
    for slot in slots.indices where !slots[slot].isFree {
      guard let part = takeColumn(reader, slot, to: log.begin(of: slot)) else { continue }
      named.append(slot)
      series.append(part)
    }
    readers[reader].frame = log.first
    guard !series.isEmpty else { return nil }
    let runs = series.indices.map {
      FrameBatch.Run(place: Int32($0), offset: 0, count: Int32(clamping: series[$0].count))
    }
    return FrameBatch(
      FramePattern(named, currentLayout), series, runs: runs, starts: [0, Int32(runs.count)],
      kinds: [0],
      maps: [series.indices.map { Int32($0) }], dropped: [readers[reader].takeUntold()])
  }

  /// Frames that all look alike, of which everything is left: the usual case, at a cost that does not grow with them.
  private mutating func takeEven(_ reader: Int, _ most: Int) -> FrameBatch? {
    let from = readers[reader].frame
    let first = log[from]
    guard first.counts == nil else { return nil }
    let pattern = first.pattern
    for slot in pattern.slots where readers[reader].next[slot] < slots[slot].buffer.numbers.lowerBound {
      return nil
    }
    let bytes = first.sampleCount * Limits.sampleBytesUsual
    let limit = min(log.end, from + Int64(max(1, min(most, Limits.batchBytesMax / max(1, bytes)))))
    var end = from + 1
    while end < limit, log[end].pattern === pattern, log[end].count == first.count, log[end].counts == nil {
      end += 1
    }
    let frames = Int(end - from)
    // Where frames alternate, more of them go into an uneven batch.
    if frames < Limits.evenFramesMin, end < limit { return nil }
    let series = pattern.slots.map { slot in
      let begin = readers[reader].next[slot]
      let stop = begin + Int64(frames * first.count)
      readers[reader].next[slot] = stop
      return slots[slot].buffer.series(begin..<stop)
    }
    readers[reader].frame = end
    return FrameBatch(
      pattern, series, frames: frames, of: first.count, dropped: readers[reader].takeUntold())
  }

  /// Any frames; those of which nothing is left are told by the next.
  private mutating func takeUneven(_ reader: Int, _ most: Int) -> FrameBatch? {
    var placeOfSlot = [Int32](repeating: -1, count: slots.count)
    var named: [Int] = []
    var (begins, ends): ([Int64], [Int64]) = ([], [])
    var runs: [FrameBatch.Run] = []
    var starts: [Int32] = [0]
    var dropped: [Int64] = []
    // Frames of one pattern of which everything is left have their channels at the same places.
    var (patterns, kinds): ([FramePattern], [Int32]) = ([], [])
    var kindOfPattern: [ObjectIdentifier: Int32] = [:]
    var bytes = 0
    while readers[reader].frame < log.end, dropped.count < most, bytes < Limits.batchBytesMax {
      let entry = log[readers[reader].frame]
      readers[reader].frame += 1
      for (position, slot) in entry.pattern.slots.enumerated() {
        let from = readers[reader].next[slot]
        let end = from + Int64(entry.count(at: position))
        readers[reader].next[slot] = end
        let begin = max(from, min(end, slots[slot].buffer.numbers.lowerBound))
        readers[reader].untold += begin - from
        guard begin < end else { continue }
        let place = placeOfSlot[slot] >= 0 ? placeOfSlot[slot] : Int32(named.count)
        if Int(place) == named.count {
          placeOfSlot[slot] = place
          named.append(slot)
          begins.append(begin)
          ends.append(end)
        }
        ends[Int(place)] = end
        runs.append(
          .init(
            place: place, offset: Int32(clamping: begin - begins[Int(place)]),
            count: Int32(clamping: end - begin)))
        bytes += Int(end - begin) * Limits.sampleBytesUsual
      }
      let found = runs.count - Int(starts.last!)
      guard found > 0 else { continue }
      starts.append(Int32(runs.count))
      dropped.append(readers[reader].takeUntold())
      guard found == entry.pattern.slots.count else {
        kinds.append(-1)
        continue
      }
      let kind = kindOfPattern[ObjectIdentifier(entry.pattern)] ?? Int32(patterns.count)
      if Int(kind) == patterns.count {
        kindOfPattern[ObjectIdentifier(entry.pattern)] = kind
        patterns.append(entry.pattern)
      }
      kinds.append(kind)
    }
    guard !dropped.isEmpty else { return nil }
    let series = named.indices.map { slots[named[$0]].buffer.series(begins[$0]..<ends[$0]) }
    let maps = patterns.map { pattern in
      var map = [Int32](repeating: -1, count: named.count)
      for (position, slot) in pattern.slots.enumerated() {
        map[Int(placeOfSlot[slot])] = Int32(position)
      }
      return map
    }
    return FrameBatch(
      pattern(named), series, runs: runs, starts: starts, kinds: kinds, maps: maps, dropped: dropped
    )
  }

  /// What there is to say when nothing is unread.
  var rest: StreamReader.Outcome {
    if !isOver { return .pending }
    return machine.state == .lost ? .lost(machine.reason ?? "the connection is gone") : .ended
  }

  private var isOver: Bool { !machine.isLive && machine.state != .ready && endsUntold == 0 }

  private func place(of id: Int) -> Int? {
    readers.firstIndex { $0.id == id }
  }
}
