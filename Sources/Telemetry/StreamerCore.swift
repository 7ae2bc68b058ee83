import DequeModule

/// What a `Streamer` guards with its lock. Calls nobody: it hands out what is to be called.
struct StreamerCore {
  typealias Wake = @Sendable () -> Void

  var machine = StreamerStateMachine()
  var feed: (any Feed)?
  private(set) var capacity = BufferCapacity.samples(Limits.bufferSamplesDefault)

  private var slots: [Slot] = []
  private var slotOfName: [String: Int] = [:]
  private var order: [Int] = []
  private var readers: [Int: Reader] = [:]
  private var nextReader = 0
  private var counts = StreamStats()
  private var meter = RateMeter()
  private var lastArrival: TimeSpan?
  private var startedBefore = false

  /// A channel's place; it keeps its number for as long as the streamer lives, so unread frames can name it.
  private struct Slot {
    var buffer: SampleBuffer
    var isActive = true
    /// Samples still wanted, where the stream is to end by count.
    var wanted: Int?
  }

  /// Samples of one channel within an unread frame.
  fileprivate struct Run {
    var slot: Int
    var numbers: Range<Int64>
  }

  private struct Reader {
    var unread: Deque<[Run]> = []
    var dropped: Int64 = 0
    /// Of those, what no frame has told yet.
    var untold: Int64 = 0
    var wake: Wake?
  }

  var channels: [Channel] { order.map { slots[$0].buffer.channel } }

  // MARK: - Channels and capacity

  mutating func setChannels(_ channels: [Channel]) {
    for slot in slots.indices { slots[slot].isActive = false }
    order = channels.map { channel in
      if let slot = slotOfName[channel.name], slots[slot].buffer.channel.type == channel.type {
        slots[slot].isActive = true
        return slot
      }
      slots.append(Slot(buffer: SampleBuffer(channel: channel, capacity: capacity)))
      slotOfName[channel.name] = slots.count - 1
      return slots.count - 1
    }
  }

  /// Takes frames of these channels too, before the set becomes what `setChannels` says.
  mutating func prepare(_ channels: [Channel]) {
    let new = Set(channels.map(\.name))
    setChannels(self.channels.filter { !new.contains($0.name) } + channels)
  }

  mutating func setCapacity(_ new: BufferCapacity) throws(TelemetryError) -> BufferCapacity {
    switch new {
    case .samples(let count):
      guard count > 0 else {
        throw TelemetryError("argument", "a buffer holds at least 1 sample, not \(count)")
      }
      let width = channels.reduce(0) { $0 + ($1.type.width ?? 16) }
      let most = Limits.bufferBytesMax / max(1, width)
      guard count <= most else {
        throw TelemetryError(
          "memory", "\(count) samples of \(channels.count) channel(s) do not fit into the memory cap",
          hint:
            "at most \(most) samples a channel here (\(Limits.bufferBytesMax >> 20) MiB); stream fewer channels"
        )
      }
    case .span(let span):
      guard span > .zero else { throw TelemetryError("argument", "a buffer's time must be above zero") }
    }
    let old = capacity
    capacity = new
    for slot in slots.indices { slots[slot].buffer.setCapacity(new) }
    return old
  }

  func buffer(named name: String) -> SampleBuffer? {
    slotOfName[name].flatMap { slots[$0].isActive ? slots[$0].buffer : nil }
  }

  func snapshot() -> Frame {
    Frame(order.map { slots[$0].buffer.snapshot() })
  }

  mutating func clear() {
    for slot in slots.indices { slots[slot].buffer.clear() }
    for id in readers.keys { readers[id]?.unread.removeAll() }
  }

  // MARK: - Life

  mutating func start(samples: Int?, now: TimeSpan) -> StreamerStateMachine.StartAction {
    let action = machine.start()
    guard action == .open else { return action }
    for slot in slots.indices {
      slots[slot].wanted = samples
      if startedBefore, slots[slot].buffer.numbers.upperBound > 0 { slots[slot].buffer.markGap(.paused) }
    }
    startedBefore = true
    return action
  }

  mutating func opened(_ feed: any Feed) -> StreamerStateMachine.OpenedAction {
    let action = machine.opened()
    if action == .run {
      self.feed = feed
      if feed.channels.map(\.name) != channels.map(\.name) { setChannels(feed.channels) }
    }
    return action
  }

  mutating func openFailed() {
    machine.openFailed()
  }

  mutating func handle(_ event: StreamEvent) -> (told: Bool, wakes: [Wake]) {
    guard machine.handle(event) else { return (false, []) }
    switch event {
    case .gap(let reason, let samples, let names):
      for slot in order where names.isEmpty || names.contains(slots[slot].buffer.channel.name) {
        slots[slot].buffer.markGap(reason, samples: samples)
        counts.gaps += 1
      }
      return (false, [])
    case .resumed:
      counts.reconnects += 1
      for slot in order where slots[slot].buffer.numbers.upperBound > 0 {
        slots[slot].buffer.markGap(.reconnect)
        counts.gaps += 1
      }
      return (true, [])
    case .reconnecting: return (true, [])
    case .finished, .interrupted, .lost: return (true, takeWakes())
    }
  }

  /// All waiting readers' calls, each to be made once.
  mutating func takeWakes() -> [Wake] {
    var wakes: [Wake] = []
    for id in readers.keys {
      if let wake = readers[id]?.wake { wakes.append(wake) }
      readers[id]?.wake = nil
    }
    return wakes
  }

  // MARK: - Samples

  /// Appends a frame for everybody. `full` is true once, when every channel has the samples that were asked for.
  mutating func receive(_ frame: Frame, now: TimeSpan) -> (wakes: [Wake], full: Bool) {
    guard machine.isLive else { return ([], false) }
    var runs: [Run] = []
    runs.reserveCapacity(frame.series.count)
    var received = 0
    var place = 0
    var reached = false
    for series in frame.series {
      guard let slot = slot(of: series.channel, near: place) else { continue }
      place = slot + 1
      var part = series
      if let wanted = slots[slot].wanted {
        if part.count > wanted { part = part[0..<wanted] }
        slots[slot].wanted = wanted - part.count
        reached = reached || (wanted > 0 && wanted == part.count)
      }
      counts.gaps += Int64(part.gaps.count)
      let numbers = slots[slot].buffer.append(part)
      guard !numbers.isEmpty else { continue }
      received += numbers.count
      counts.bytes += Int64(part.byteCount)
      runs.append(Run(slot: slot, numbers: numbers))
    }
    if received == 0 && runs.isEmpty { return ([], false) }
    counts.frames += 1
    counts.samples += Int64(received)
    meter.add(received, now: now)
    lastArrival = now
    let full = reached && order.allSatisfy { slots[$0].wanted == 0 }
    return (deliver(runs), full)
  }

  private func slot(of channel: Channel, near place: Int) -> Int? {
    // Frames mostly come in the order of the slots: look there before hashing.
    if place < slots.count, slots[place].buffer.channel.name == channel.name, slots[place].isActive {
      return slots[place].buffer.channel.type == channel.type ? place : nil
    }
    guard let slot = slotOfName[channel.name], slots[slot].isActive,
      slots[slot].buffer.channel.type == channel.type
    else { return nil }
    return slot
  }

  private mutating func deliver(_ runs: [Run]) -> [Wake] {
    guard !readers.isEmpty else { return [] }
    var wakes: [Wake] = []
    for id in readers.keys {
      readers[id]!.unread.append(runs)
      if readers[id]!.unread.count > Limits.readerFramesMax { readers[id]!.unread.joinNeighbours() }
      if let wake = readers[id]!.wake {
        wakes.append(wake)
        readers[id]!.wake = nil
      }
    }
    return wakes
  }

  // MARK: - Readers

  mutating func addReader() throws(TelemetryError) -> Int {
    guard readers.count < Limits.readersMax else {
      throw TelemetryError(
        "too_many", "this stream has \(readers.count) readers already",
        hint: "close taps that are not read any more")
    }
    nextReader += 1
    readers[nextReader] = Reader()
    return nextReader
  }

  mutating func removeReader(_ id: Int) {
    if let reader = readers.removeValue(forKey: id) { counts.dropped += reader.dropped + reader.untold }
  }

  mutating func arm(_ id: Int, _ wake: @escaping Wake) -> StreamReader.Armed {
    guard let reader = readers[id] else { return .ready }
    if reader.wake != nil { return .busy }
    guard reader.unread.isEmpty, machine.isLive || machine.state == .ready else { return .ready }
    readers[id]?.wake = wake
    return .armed
  }

  mutating func disarm(_ id: Int) {
    readers[id]?.wake = nil
  }

  func lag(_ id: Int) -> (frames: Int, dropped: Int64) {
    readers[id].map { ($0.unread.count, $0.dropped + $0.untold) } ?? (0, 0)
  }

  mutating func take(_ id: Int) -> StreamReader.Outcome {
    while let runs = readers[id]?.unread.popFirst() {
      var series: [Series] = []
      series.reserveCapacity(runs.count)
      for run in runs {
        let part = slots[run.slot].buffer.series(run.numbers)
        readers[id]!.untold += Int64(run.numbers.count - part.count)
        if part.count > 0 { series.append(part) }
      }
      guard !series.isEmpty else { continue }
      let missed = readers[id]!.untold
      readers[id]!.untold = 0
      readers[id]!.dropped += missed
      return .frame(Frame(series, dropped: missed))
    }
    if machine.isLive || machine.state == .ready { return .pending }
    return machine.state == .lost ? .lost(machine.reason ?? "the connection is gone") : .ended
  }

  func stats(now: TimeSpan) -> StreamStats {
    var stats = counts
    for slot in slots {
      stats.lost += slot.buffer.lost
      stats.bufferedSamples += slot.buffer.count
      stats.bufferedBytes += slot.buffer.byteCount
    }
    for reader in readers.values {
      stats.dropped += reader.dropped + reader.untold
      stats.lagFrames = max(stats.lagFrames, reader.unread.count)
    }
    stats.rate = meter.rate(now: now)
    stats.idle = lastArrival.map { now - $0 }
    return stats
  }
}

extension Deque<[StreamerCore.Run]> {
  /// Joins every two unread frames into one; nothing is lost, only the border between them.
  fileprivate mutating func joinNeighbours() {
    var joined = Deque<[StreamerCore.Run]>(minimumCapacity: count / 2 + 1)
    var position = 0
    while position < count {
      var runs = self[position]
      if position + 1 < count {
        for run in self[position + 1] {
          if let at = runs.firstIndex(where: { $0.slot == run.slot }) {
            runs[at].numbers = runs[at].numbers.lowerBound..<run.numbers.upperBound
          } else {
            runs.append(run)
          }
        }
      }
      joined.append(runs)
      position += 2
    }
    self = joined
  }
}
