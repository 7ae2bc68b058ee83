/// What a `Streamer` guards with its lock. Calls nobody: it hands out what is to be called.
struct StreamerCore {
  typealias Wake = @Sendable () -> Void

  var machine = StreamerStateMachine()
  var feed: (any Feed)?
  /// Feeds that are being stopped, and those who wait until that is over.
  var stopsUnderWay = 0
  var stopWaiters: [CheckedContinuation<Void, Never>] = []

  /// Ends that are being told: until that is done readers see nothing of them.
  var endsUntold = 0

  /// Bytes that all channels together may keep.
  private var bytesMax = Limits.bufferBytesMax
  // What was asked for; nil is the default, which shrinks where many channels share the memory.
  private var wish: BufferCapacity?
  private var slots: [Slot] = []
  private var slotOfName: [String: Int] = [:]
  private var freeSlots: [Int] = []
  private var order: [Int] = []
  private var readers: [ReaderQueue] = []
  private var nextReader = 0
  private var counts = StreamStats()
  private var meter = RateMeter()
  private var lastArrival: TimeSpan?
  // Samples of each channel after which the stream ends, and whether that was said already.
  private var limit: Int?
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

  mutating func clear() {
    for slot in slots.indices { slots[slot].buffer.clear() }
    for reader in readers.indices { readers[reader].clear() }
  }
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
    slotOfName[channel.name] = slot
    return slot
  }

  /// Gives back the slots of channels that are gone, so that changing the set for ever costs no memory.
  private mutating func retire() {
    let gone = slots.indices.filter { !slots[$0].isActive && !slots[$0].isFree }
    guard !gone.isEmpty else { return }
    var unread: Set<Int> = []
    for reader in readers { reader.forEachRun { unread.insert($0.slot) } }
    for slot in gone {
      guard slots[slot].isOld else {
        slots[slot].isOld = true
        continue
      }
      slots[slot].buffer.clear()
      guard !unread.contains(slot) else { continue }
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
    var runs: [Run] = []
    runs.reserveCapacity(frame.series.count)
    var received = 0
    var place = 0
    for series in frame.series where !series.isEmpty {
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
      let numbers = slots[slot].buffer.append(part)
      received += numbers.count
      counts.bytes += Int64(part.byteCount)
      runs.append(Run(slot: slot, numbers: numbers))
    }
    guard received > 0 else { return ([], false) }
    counts.frames += 1
    counts.samples += Int64(received)
    meter.add(received, now: now)
    lastArrival = now
    noteLatency(frame, wall)
    for reader in readers.indices { readers[reader].append(runs, slots) }
    return (takeWakes(), checkLimit())
  }

  /// True once, when a stream that the source has acknowledged has all the samples that were asked for.
  mutating func checkLimit() -> Bool {
    guard limit != nil, !isFull, feed != nil, order.allSatisfy({ slots[$0].wanted == 0 }) else {
      return false
    }
    isFull = true
    return true
  }

  private mutating func noteLatency(_ frame: Frame, _ wall: TimeStamp) {
    guard let last = frame.series.last, case .unix = last.clock, !last.isEmpty,
      let newest = last.time(last.count - 1)
    else { return }
    counts.latency = wall - TimeStamp(nanoseconds: newest)
  }

  private func slot(of channel: Channel, near place: Int) -> Int? {
    // Frames mostly come in the order of the slots: look there before hashing.
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
      stats.dropped += reader.told + reader.missed(slots)
      stats.lagFrames = max(stats.lagFrames, reader.unread.count)
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

  private var backlog: Int64 {
    readers.reduce(0) { $1.hasRead ? max($0, $1.backlog(slots)) : $0 }
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
    readers.append(ReaderQueue(id: nextReader))
    return nextReader
  }

  mutating func removeReader(_ id: Int) {
    guard let reader = place(of: id) else { return }
    // What it had not read by now, nobody missed.
    counts.dropped += readers[reader].told + readers[reader].untold
    readers.remove(at: reader)
  }

  mutating func arm(_ id: Int, _ wake: @escaping Wake) -> StreamReader.Armed {
    guard let reader = place(of: id) else { return .ready }
    return readers[reader].arm(wake, isOver: isOver)
  }

  mutating func disarm(_ id: Int) {
    if let reader = place(of: id) { _ = readers[reader].takeWake() }
  }

  func lag(_ id: Int) -> (frames: Int, dropped: Int64) {
    guard let reader = place(of: id) else { return (0, 0) }
    return (readers[reader].unread.count, readers[reader].told + readers[reader].missed(slots))
  }

  mutating func take(_ id: Int) -> StreamReader.Outcome {
    if let reader = place(of: id), let frame = readers[reader].take(slots) { return .frame(frame) }
    if !isOver { return .pending }
    return machine.state == .lost ? .lost(machine.reason ?? "the connection is gone") : .ended
  }

  private var isOver: Bool { !machine.isLive && machine.state != .ready && endsUntold == 0 }

  private func place(of id: Int) -> Int? {
    readers.firstIndex { $0.id == id }
  }
}
