/// A stream's columns, lent to its source for one burst: what a decoder writes here is copied once, from the socket's
/// bytes to where readers and scripts find it.
///
/// Everything that came together is appended, then `endFrame` closes it for the readers. Slots, patterns and arenas
/// are numbers and objects that the source asks for once and keeps while `version` stays. Valid within the closure
/// that gets it, under the stream's lock: must not wait, nor call the stream.
public struct Ingest: ~Copyable {
  private let core: UnsafeMutablePointer<StreamerCore>
  /// Counts the changes of the stream's channels.
  public let version: Int
  /// Samples of this burst so far, for the stream's counts.
  var received = 0
  // For a recorder: where each column was before the burst.
  private var begins: [Int64]?

  init(_ core: UnsafeMutablePointer<StreamerCore>, isMirrored: Bool) {
    self.core = core
    version = core.pointee.version
    begins = isMirrored ? core.pointee.ends : nil
  }

  /// Fixed-width samples may come by `append`; else the stream counts them one by one, and frames have to come whole.
  public var takesColumns: Bool { core.pointee.takesColumns }

  /// Where the samples of a channel go; nil when it is not of this stream, or of another kind there.
  public func slot(of channel: Channel) -> Int? { core.pointee.slot(of: channel) }

  /// What a frame of these slots, each once, looks like.
  public func pattern(_ slots: [Int]) -> FramePattern { core.pointee.pattern(slots) }

  /// Where the times of an index go, which its channels share.
  public func arena(ofIndex key: UInt32) -> Int { core.pointee.arena(ofIndex: key) }

  /// Appends times of an index; samples that were taken then say so by the arena's number, within this frame.
  public func appendTimes(_ arena: Int, _ bytes: UnsafeRawPointer, count: Int) {
    core.pointee.arenas[arena].append(bytes, count)
  }

  /// Appends the times that an arena got last as the samples of the index channel itself.
  public func append(slot: Int, timesOf arena: Int, count: Int) {
    core.pointee.append(slot, timesOf: arena, count)
  }

  /// Appends packed little-endian samples of the slot's type, taken at the times that an arena got last; nobody knows
  /// when without one.
  /// - Precondition: `width` is the type's, `count` at least 1, and the arena got as many times.
  public func append(slot: Int, _ bytes: UnsafeRawPointer, count: Int, width: Int, arena: Int?) {
    core.pointee.append(slot, bytes, count, width, arena: arena)
  }

  /// Appends so many samples of each, from a message of a known form: as `append` for one slot after the other.
  public func append(_ copies: SampleCopies, from base: UnsafeRawPointer, count: Int) {
    core.pointee.append(copies, base, count)
  }

  /// The same for samples in even steps.
  public func append(slot: Int, _ bytes: UnsafeRawPointer, count: Int, width: Int, start: Int64, step: Step) {
    core.pointee.append(slot, bytes, count, width, .steady(start: start, step: step))
  }

  /// Samples are missing before the next of this slot.
  public func gap(slot: Int, _ reason: Gap.Reason, samples: Int64?) {
    core.pointee.markGap(slot, reason, samples)
  }

  /// Closes a frame of so many samples of each channel.
  public mutating func endFrame(_ pattern: FramePattern, count: Int, bytes: Int) {
    received &+= core.pointee.endFrame(pattern, count, bytes)
  }

  /// The same with a number of samples for each channel, in the pattern's order; none is zero.
  public mutating func endFrame(_ pattern: FramePattern, counts: [Int], bytes: Int) {
    received &+= core.pointee.endFrame(pattern, counts, bytes)
  }

  /// A frame that is whole already: for all that is not plain columns.
  public mutating func receive(_ frame: Frame) { received &+= core.pointee.append(frame, trims: false) }

  /// What came in this burst, as one frame; before the columns let go of anything.
  var mirrored: Frame? {
    guard let begins else { return nil }
    return core.pointee.frame(since: begins)
  }
}

/// The times of one index, in storages that all of its channels refer to.
struct StampArena {
  private var open: SampleStorage?
  // Of what came last: where in the storage it begins, and the storage without a reference; nil where the clock went back.
  private var offset = 0
  private var identity: ObjectIdentifier?
  private var newest = Int64.min

  /// When the samples were taken whose times came last.
  var timing: Timing { open.map { .stamped($0, offset: offset) } ?? .none }

  /// Whether these are the stamps at this place: without a look at the storage.
  @inline(__always)
  func isAt(_ stamps: ObjectIdentifier?, _ position: Int) -> Bool {
    identity != nil && identity == stamps && offset == position
  }

  mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
    if let open, count <= open.capacity &- open.used {
      offset = open.used
      open.appendUnchecked(packed: bytes, samples: count, width: 8)
    } else {
      // Grows as columns do.
      let most = Limits.chunkBytesMax / 8
      let grown = min(most, max(Limits.chunkBytesMin / 8, 2 * (open?.capacity ?? 0)))
      let storage = SampleStorage(type: .timestamp, capacity: max(count, grown), isShared: true)
      storage.append(packed: UnsafeRawBufferPointer(start: bytes, count: count * 8))
      (open, offset) = (storage, 0)
    }
    let oldest = Int64(littleEndian: bytes.loadUnaligned(as: Int64.self))
    identity = oldest >= newest ? open.map { ObjectIdentifier($0) } : nil
    newest = Int64(
      littleEndian: bytes.loadUnaligned(fromByteOffset: (count &- 1) &* 8, as: Int64.self))
  }
}

extension StreamerCore {
  /// Streams that end by count look at each frame.
  var takesColumns: Bool { limit == nil }

  mutating func arena(ofIndex key: UInt32) -> Int {
    if let known = arenaOfIndex[key] { return known }
    arenas.append(StampArena())
    arenaOfIndex[key] = arenas.count - 1
    return arenas.count - 1
  }

  /// With another set of channels come other indexes.
  mutating func dropUnusedArenas() { (arenas, arenaOfIndex) = ([], [:]) }

  mutating func append(_ slot: Int, timesOf arena: Int, _ count: Int) {
    touch(slot)
    guard case .stamped(let storage, let offset) = arenas[arena].timing else { return }
    append(slot, storage.bytes(offset..<offset + count).baseAddress!, count, 0, arena)
  }

  mutating func append(_ slot: Int, _ bytes: UnsafeRawPointer, _ count: Int, _ width: Int, arena: Int?) {
    guard let arena else { return append(slot, bytes, count, width, .none) }
    touch(slot)
    append(slot, bytes, count, width, arena)
  }

  mutating func append(
    _ slot: Int, _ bytes: UnsafeRawPointer, _ count: Int, _ width: Int, _ timing: Timing
  ) {
    touch(slot)
    closeLane(slot)
    slots[slot].buffer.append(packed: bytes, count: count, width: width, timing: timing)
  }

  mutating func append(_ copies: SampleCopies, _ base: UnsafeRawPointer, _ count: Int) {
    touch(copies.slots)
    lastSlot = copies.slots.upperBound - 1
    let lanes = lanes.base
    // Only the first frames of a burst, of a storage, behind a gap.
    var late: [Int] = []
    arenas.withUnsafeBufferPointer { arenas in
      copies.copies.withUnsafeBufferPointer { copies in
        for place in copies.indices {
          let copy = copies[place]
          if !lanes[copy.slot].append(base + copy.offset, count, arenas[copy.arena]) {
            late.append(place)
          }
        }
      }
    }
    for place in late {
      let copy = copies.copies[place]
      append(copy.slot, base + copy.offset, count, copy.width, copy.arena)
    }
  }

  /// - Parameter width: 0 for the index channel itself, whose samples are the times that its arena got last.
  private mutating func append(
    _ slot: Int, _ bytes: UnsafeRawPointer, _ count: Int, _ width: Int, _ arena: Int
  ) {
    let lanes = lanes.base
    if !lanes[slot].isOpen { lanes[slot] = slots[slot].buffer.lane() }
    if lanes[slot].append(bytes, count, arenas[arena]) { return }
    closeLane(slot)
    let timing = arenas[arena].timing
    if width > 0 {
      slots[slot].buffer.append(packed: bytes, count: count, width: width, timing: timing)
    } else if case .stamped(let storage, let offset) = timing {
      slots[slot].buffer.append(times: storage, at: offset, count: count)
    }
    lanes[slot] = slots[slot].buffer.lane()
  }

  /// The column of a slot hears what its lane got: to be called before anything else happens to it.
  @inline(__always)
  mutating func closeLane(_ slot: Int) {
    let lane = lanes.base + slot
    guard lane.pointee.isOpen else { return }
    slots[slot].buffer.take(lane.pointee)
    lane.pointee = SampleLane()
  }

  /// At a burst's end.
  mutating func closeLanes() {
    for slot in touched { closeLane(slot) }
  }

  mutating func markGap(_ slot: Int, _ reason: Gap.Reason, _ samples: Int64?) {
    closeLane(slot)
    slots[slot].buffer.markGap(reason, samples: samples)
  }

  /// Returns how many samples the frame had.
  mutating func endFrame(_ pattern: FramePattern, _ count: Int, _ bytes: Int) -> Int {
    let received = count &* pattern.slots.count
    counts.frames &+= 1
    counts.samples &+= Int64(received)
    counts.bytes &+= Int64(bytes)
    if !readers.isEmpty { log.append(.init(pattern: pattern, count: count, counts: nil)) }
    return received
  }

  mutating func endFrame(_ pattern: FramePattern, _ samples: [Int], _ bytes: Int) -> Int {
    let received = samples.reduce(0, &+)
    counts.frames &+= 1
    counts.samples &+= Int64(received)
    counts.bytes &+= Int64(bytes)
    if !readers.isEmpty { log.append(.init(pattern: pattern, count: samples.first ?? 0, counts: samples)) }
    return received
  }

  /// The samples behind these numbers, of the channels in the set.
  func frame(since begins: [Int64]) -> Frame? {
    let series = order.compactMap { slot -> Series? in
      let numbers = slots[slot].buffer.numbers
      let begin = begins.indices.contains(slot) ? begins[slot] : 0
      return begin < numbers.upperBound ? slots[slot].buffer.series(begin..<numbers.upperBound) : nil
    }
    return series.isEmpty ? nil : Frame(series)
  }

  /// Columns keep what they may; once a burst.
  mutating func trim() {
    for slot in touched { slots[slot].buffer.trim() }
  }
}
