import Telemetry

/// How the frames of one channel set go straight into a stream's columns: made once for a set of channels and the
/// stream's slots for them, so that a frame costs a look at its lengths and alignments, and as many copies as it has
/// channels. What it does not know (text, bits, multiples, times in several series, a series twice) is left to
/// `FrameCodec.decode` and `StreamChannels.frame`.
struct StreamPlan: Sendable {
  private struct Entry: Sendable {
    let key: UInt32
    /// Bytes of a sample; 0 where it is not plain.
    let width: Int
    /// Where its samples go; nil for an index channel that nobody asked for.
    let slot: Int?
    /// Where its samples are kept as times of others.
    let arena: Int?
    /// The entry that has its times; itself for an index channel.
    let index: Int?
    let tracked: Int
  }

  /// A series of the frame at hand.
  private struct Part: Sendable {
    var entry: Int
    var offset: Int
    var count: Int
    /// Where its alignment is; 0 for none.
    var alignmentAt: Int
    var alignment: Alignment
  }

  /// What a frame has to have in common with the one before, so that all its places are the same.
  private struct Form: Sendable, Equatable {
    var flags: UInt8
    var bytes: Int
    var length: UInt32
  }

  /// All there is to do for a frame of the form at hand, where its series have one alignment and nothing is missing.
  private final class Shortcut: Sendable {
    /// Where alignments are; none for frames without any.
    let alignmentsAt: [Int]
    let times: [(arena: Int, offset: Int)]
    let copies: SampleCopies
    let tracked: [Int]
    let count: Int
    let bytes: Int

    init(
      alignmentsAt: [Int], times: [(arena: Int, offset: Int)], copies: SampleCopies, tracked: [Int],
      count: Int, bytes: Int
    ) {
      (self.alignmentsAt, self.times, self.copies, self.tracked) = (
        alignmentsAt, times, copies, tracked
      )
      (self.count, self.bytes) = (count, bytes)
    }
  }

  let version: Int
  private let entries: [Entry]
  private let isPlain: Bool
  // Entries with a slot, in the order that frames have: the order asked for.
  private let shown: [Int]
  private let pattern: FramePattern
  // The parts of the frame at hand, by entry where in them it is, and the form that makes them good for the next frame.
  private var parts: [Part] = []
  private var partOfEntry: [Int]
  private var form: Form?
  // Made when a second frame has the form; nil within for a form that has none.
  private var shortcut: Shortcut??
  private let group: Int

  /// Nil when the stream has no place for one of the channels.
  init?(_ channels: StreamChannels, _ ingest: inout Ingest, _ tracker: inout AlignmentTracker) {
    version = ingest.version
    var slots: [UInt32: Int] = [:]
    var byKey: [UInt32: Channel] = [:]
    for channel in channels.visible {
      guard let slot = ingest.slot(of: channel) else { return nil }
      slots[channel.key] = slot
      byKey[channel.key] = channel
    }
    let places = Dictionary(
      channels.entries.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
    let indexKeys = Set(channels.visible.compactMap { $0.isVirtual ? nil : $0.index })
    var entries: [Entry] = []
    for (place, entry) in channels.entries.enumerated() {
      let channel = byKey[entry.key]
      let isIndex = channel?.isIndex ?? indexKeys.contains(entry.key)
      let isPlain = entry.type != .bool && (!isIndex || entry.type.width == 8)
      let index = isIndex ? place : channel.flatMap { $0.isVirtual ? nil : $0.index }.flatMap { places[$0] }
      entries.append(
        Entry(
          key: entry.key, width: isPlain ? entry.type.width ?? 0 : 0, slot: slots[entry.key],
          arena: isIndex ? ingest.arena(ofIndex: entry.key) : nil, index: index,
          tracked: tracker.place(of: entry.key)))
    }
    self.entries = entries
    isPlain = entries.allSatisfy { $0.width > 0 }
    shown = channels.visible.compactMap { places[$0.key] }
    guard shown.count == channels.visible.count else { return nil }
    pattern = ingest.pattern(shown.map { entries[$0].slot! })
    partOfEntry = [Int](repeating: -1, count: entries.count)
    group = tracker.makeGroup()
  }

  /// Takes a frame, without the prefix byte of its message and of this plan's channel set. False when it is one of
  /// those that have to go the other way: nothing has happened then.
  mutating func ingest(
    _ bytes: UnsafeRawBufferPointer, _ ingest: inout Ingest, _ tracker: inout AlignmentTracker
  ) -> Bool {
    guard isPlain else { return false }
    let base = bytes.baseAddress!
    if isOfTheSameForm(bytes) {
      if take(base, &ingest, &tracker) { return true }
    } else if !parse(bytes) {
      return false
    }
    guard readAlignments(bytes) || settleTimes() else { return false }
    for part in parts {
      guard let arena = entries[part.entry].arena else { continue }
      ingest.appendTimes(arena, base + part.offset, count: part.count)
    }
    var (copied, count, isEven) = (0, -1, true)
    for part in parts {
      let entry = entries[part.entry]
      guard let slot = entry.slot else { continue }
      let next = Alignment(part.alignment.rawValue &+ UInt64(part.count))
      if let (missing, reason) = tracker.track(entry.tracked, part.alignment, next: next, multiple: 1) {
        ingest.gap(slot: slot, reason, samples: missing)
      }
      if let arena = entry.arena {
        ingest.append(slot: slot, timesOf: arena, count: part.count)
      } else {
        var arena: Int?
        if let index = entry.index, partOfEntry[index] >= 0 { arena = entries[index].arena }
        ingest.append(
          slot: slot, base + part.offset, count: part.count, width: entry.width, arena: arena)
      }
      copied &+= part.count &* entry.width
      if count < 0 { count = part.count } else if count != part.count { isEven = false }
    }
    close(&ingest, count, isEven, copied)
    return true
  }

  /// A frame of the form at hand, if it has a shortcut.
  private mutating func take(
    _ base: UnsafeRawPointer, _ ingest: inout Ingest, _ tracker: inout AlignmentTracker
  ) -> Bool {
    if shortcut == nil { shortcut = .some(makeShortcut()) }
    guard case .some(.some(let shortcut)) = shortcut else { return false }
    var alignment = Alignment(0)
    for (place, at) in shortcut.alignmentsAt.enumerated() {
      let next = Alignment(
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
      if place > 0, next != alignment { return false }
      alignment = next
    }
    let next = Alignment(alignment.rawValue &+ UInt64(shortcut.count))
    guard tracker.track(shortcut.tracked, group: group, alignment, next: next) else { return false }
    for (arena, offset) in shortcut.times {
      ingest.appendTimes(arena, base + offset, count: shortcut.count)
    }
    ingest.append(shortcut.copies, from: base, count: shortcut.count)
    ingest.endFrame(pattern, count: shortcut.count, bytes: shortcut.bytes)
    return true
  }

  /// Nil where a channel has no times, or nobody asked for anything of it.
  private func makeShortcut() -> Shortcut? {
    var alignmentsAt: [Int] = []
    var times: [(arena: Int, offset: Int)] = []
    var copies: [SampleCopies.Copy] = []
    var tracked: [Int] = []
    var bytes = 0
    for part in parts {
      let entry = entries[part.entry]
      if part.alignmentAt > 0, alignmentsAt.last != part.alignmentAt {
        alignmentsAt.append(part.alignmentAt)
      }
      if let arena = entry.arena { times.append((arena, part.offset)) }
      guard let slot = entry.slot else { continue }
      guard let index = entry.index, let arena = entries[index].arena else { return nil }
      let width = entry.arena == nil ? entry.width : 0
      copies.append(.init(slot: slot, offset: part.offset, width: width, arena: arena))
      tracked.append(entry.tracked)
      bytes += part.count * entry.width
    }
    guard !copies.isEmpty else { return nil }
    return Shortcut(
      alignmentsAt: alignmentsAt, times: times, copies: SampleCopies(copies), tracked: tracked,
      count: parts[0].count, bytes: bytes)
  }

  /// As long as frames are alike, only their alignments have to be read.
  private func isOfTheSameForm(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let form, bytes.count == form.bytes, bytes[0] == form.flags else { return false }
    return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 5, as: UInt32.self)) == form.length
  }

  /// True when all are the same, and all series are as long: then each has the times of its index.
  private mutating func readAlignments(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var isSame = form != nil
    parts.withUnsafeMutableBufferPointer { parts in
      for place in parts.indices {
        let at = parts[place].alignmentAt
        let raw = at == 0 ? 0 : UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        parts[place].alignment = Alignment(raw)
        if place > 0, raw != parts[0].alignment.rawValue { isSame = false }
      }
    }
    return isSame
  }

  private func close(_ ingest: inout Ingest, _ count: Int, _ isEven: Bool, _ bytes: Int) {
    // Nobody asked for what came.
    guard count > 0 else { return }
    let isWhole = parts.count == entries.count
    let present = isWhole ? shown : shown.filter { partOfEntry[$0] >= 0 }
    let pattern = isWhole ? pattern : ingest.pattern(present.map { entries[$0].slot! })
    if isEven {
      ingest.endFrame(pattern, count: count, bytes: bytes)
    } else {
      ingest.endFrame(pattern, counts: present.map { parts[partOfEntry[$0]].count }, bytes: bytes)
    }
  }

  /// Finds the series within the bytes; false for whatever is not the usual form, right or wrong.
  private mutating func parse(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let count = bytes.count
    guard count >= 5 else { return false }
    let flags = FrameCodec.Flags(rawValue: bytes[0])
    guard flags.isDisjoint(with: [.extended, .multiples]),
      !flags.contains(.rangesZero) || flags.contains(.rangesEqual),
      !flags.contains(.alignmentsZero) || flags.contains(.alignmentsEqual)
    else { return false }
    var offset = 5
    var common = 0
    if flags.contains(.lengthsEqual) {
      guard count - offset >= 4 else { return false }
      common = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      offset += 4
    }
    if flags.contains(.rangesEqual), !flags.contains(.rangesZero) { offset += 16 }
    var alignmentAt = 0
    if flags.contains(.alignmentsEqual), !flags.contains(.alignmentsZero) {
      guard count - offset >= 8 else { return false }
      alignmentAt = offset
      offset += 8
    }
    let rangeBytes = flags.contains(.rangesEqual) ? 0 : 16
    let hasLengths = !flags.contains(.lengthsEqual)
    let hasAlignments = !flags.contains(.alignmentsEqual)
    let isWhole = flags.contains(.allPresent)
    (form, shortcut) = (nil, nil)
    for part in parts { partOfEntry[part.entry] = -1 }
    parts.removeAll(keepingCapacity: true)
    var entry = 0
    while isWhole ? entry < entries.count : offset < count {
      if !isWhole {
        guard count - offset >= 4 else { return false }
        let key = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        offset += 4
        while entry < entries.count, entries[entry].key < key { entry += 1 }
        // Out of order, twice, or unknown.
        guard entry < entries.count, entries[entry].key == key else { return false }
      }
      var length = common
      if hasLengths {
        guard count - offset >= 4 else { return false }
        length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        offset += 4
      }
      // 32 bits times 16 fits; a length that is a lie ends here.
      guard length > 0, length * entries[entry].width <= count - offset else { return false }
      let start = offset
      offset += length * entries[entry].width + rangeBytes
      if hasAlignments {
        guard count - offset >= 8 else { return false }
        alignmentAt = offset
        offset += 8
      }
      partOfEntry[entry] = parts.count
      parts.append(
        Part(entry: entry, offset: start, count: length, alignmentAt: alignmentAt, alignment: Alignment(0)))
      entry += 1
    }
    guard offset == count, !parts.isEmpty else { return false }
    if isWhole, !hasLengths { form = Form(flags: bytes[0], bytes: count, length: UInt32(common)) }
    return true
  }

  /// True when each series has its times in one series of its index that begins and ends with it, or nowhere.
  private func settleTimes() -> Bool {
    for part in parts {
      guard let index = entries[part.entry].index, index != part.entry, partOfEntry[index] >= 0 else {
        continue
      }
      let stamps = parts[partOfEntry[index]]
      guard stamps.count == part.count, stamps.alignment == part.alignment else { return false }
    }
    return true
  }
}
