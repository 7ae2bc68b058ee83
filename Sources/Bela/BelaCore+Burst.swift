package import Telemetry

/// While a read of the data socket is handed over, one stream's columns are lent: full blocks of even rows go there from
/// the socket's bytes, without a series or a frame of their own. Everything else goes the long way, and then no more
/// of this burst goes the short one: what is queued comes first.
struct BelaBurst {
  let feed: Int
  let ingest: UnsafeMutablePointer<Ingest>
  /// By the board's slots, nil for what is not the feed's; read from the feed where nobody has yet.
  private(set) var lanes: [Lane?]?
  /// What came together so far: each channel once.
  private var open: [Int] = []
  private var counts: [Int] = []
  private var bytes = 0

  struct Lane {
    let position: Int
    /// The column.
    let slot: Int
    /// When its last sample was taken.
    var last: Int64
  }

  init(feed: Int, _ ingest: UnsafeMutablePointer<Ingest>) {
    self.feed = feed
    self.ingest = ingest
  }

  mutating func prepare(_ state: BelaCore.FeedState, slots: Int) {
    var lanes = [Lane?](repeating: nil, count: slots)
    if ingest.pointee.takesColumns, !state.isHeld, !state.isMonitor, state.pending.isEmpty {
      for (position, place) in state.channels.enumerated() where place.goesOn {
        guard let last = place.last, let slot = ingest.pointee.slot(of: place.channel) else { continue }
        lanes[place.slot] = Lane(position: position, slot: slot, last: last)
      }
    }
    self.lanes = lanes
  }

  /// When the last sample of a slot was taken.
  func last(of index: Int) -> Int64? {
    guard let lanes, index < lanes.count else { return nil }
    return lanes[index]?.last
  }

  /// A block whose values were taken from `start` on.
  mutating func append(_ values: UnsafeRawBufferPointer, of index: Int, width: Int, start: Int64, step: Step)
  {
    guard let lane = lanes?[index] else { return }
    if open.contains(lane.slot) { close() }
    let count = values.count / width
    ingest.pointee.append(
      slot: lane.slot, values.baseAddress!, count: count, width: width, start: start, step: step)
    open.append(lane.slot)
    counts.append(count)
    bytes += values.count
    lanes![index]!.last = start.addingSaturating(Int64(count - 1) * step.units)
  }

  /// What came together is a frame.
  mutating func close() {
    guard !open.isEmpty else { return }
    let pattern = ingest.pointee.pattern(open)
    if counts.allSatisfy({ $0 == counts[0] }) {
      ingest.pointee.endFrame(pattern, count: counts[0], bytes: bytes)
    } else {
      ingest.pointee.endFrame(pattern, counts: counts, bytes: bytes)
    }
    open.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    bytes = 0
  }
}

extension BelaCore.Place {
  /// Nothing about its next sample has to be weighed: it has begun, has no end, and nothing is owed.
  fileprivate var goesOn: Bool {
    last != nil && end == nil && !isDone && !isFull && !mayBeLate && !isBroken && cause == .lost
  }
}

extension BelaCore {
  /// The stream whose columns a burst may have: the only one, so that no other waits for the same block.
  package var feedForBurst: (feed: Int, sink: any StreamSink)? {
    guard seed == nil, earlyBlocks == nil, hasNothingToDeliver else { return nil }
    var found: (feed: Int, sink: any StreamSink)?
    for (feed, state) in feeds where !state.isMonitor {
      guard found == nil else { return nil }
      found = (feed, state.sink)
    }
    return found
  }

  package mutating func beginBurst(_ feed: Int, _ ingest: UnsafeMutablePointer<Ingest>) {
    burst = BelaBurst(feed: feed, ingest)
  }

  /// From here on the long way; the feed knows again how far it is.
  package mutating func endBurst() {
    guard var burst else { return }
    self.burst = nil
    burst.close()
    for case let lane? in burst.lanes ?? [] {
      feeds[burst.feed]?.channels[lane.position].last = lane.last
    }
  }

  /// True when a block went into the columns that are lent.
  mutating func passThrough(
    _ bytes: UnsafeRawBufferPointer, tick: Int64, of index: Int, _ now: TimeSpan
  ) -> Bool {
    guard let feed = burst?.feed, slots[index].ending == nil, slots[index].streams.count == 1 else {
      return false
    }
    if burst!.lanes == nil, let state = feeds[feed] { burst!.prepare(state, slots: slots.count) }
    guard let last = burst!.last(of: index) else { return false }
    // Behind its last sample comes this block, and nothing between.
    guard let units = slots[index].track.step?.units, last.addingSaturating(units) == tick,
      let step = slots[index].track.passThrough(bytes, tick: tick, now: now)
    else { return false }
    let values = UnsafeRawBufferPointer(rebasing: bytes[BlockLayout.valuesOffset...])
    burst!.append(
      values, of: index, width: slots[index].variable.type.size, start: tick, step: step)
    return true
  }
}
