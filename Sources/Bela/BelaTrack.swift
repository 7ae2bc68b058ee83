package import Telemetry

/// Makes series of one variable's blocks: values, times, gaps, padding cut (sections 6.2 to 6.5).
///
/// A dense block carries one time stamp and does not say how many of its values are padding. So a block is held back
/// until the next one, or the end, tells: the first of a stream, while it is not known how often the variable is
/// assigned, and any whose last value is all zero bytes, as padding would be. All others go on at once. Two are held
/// where the second comes late: a block between them may be lost, or the variable is assigned that seldom.
package struct BelaTrack: Sendable {
  package let channel: Channel
  package let layout: BlockLayout
  /// Ticks per assignment of a dense variable, learned from two blocks in a row.
  package private(set) var step: Step?
  /// The tick at which the stream ends, where that is known: the first value at or after it is the last.
  package var end: Int64?
  /// The value that ends the stream has been seen.
  package private(set) var isEnded = false
  /// The first block was begun for somebody else; time may be missing inside it (section 7).
  package var isInherited = false
  /// The newest tick that was seen.
  package private(set) var newest: Int64?

  private var held: Block?
  /// The block behind the held one, while it is not known whether one between them was lost.
  private var doubted: Block?
  private var last: Block?
  private var pendingGap: Gap?
  /// Values whose payload never came, as far as headers told.
  private var missing: Int64 = 0
  /// A payload of nobody knows which variable was lost.
  private var mayMiss = false
  /// A step of the clock that nothing explains; twice in a row it is the new rate.
  private var suspicion: Int64?
  /// Position of this block's first value in the stream, while nothing is missing: assignments before it.
  private var origin: Int64?
  private var position: Int64 = 0
  private var spacing: Spacing?

  /// A dense block on its way.
  private struct Block: Sendable {
    var tick: Int64
    var storage: SampleStorage
    /// Values up to and including the last one that is not all zero bytes.
    var extent: Int
  }

  /// Ticks between the values of an evenly assigned sparse variable.
  private struct Spacing: Sendable {
    var last: Int64
    var mean: Double
  }

  package init(channel: Channel, type: BelaType, step: Step? = nil) {
    self.channel = channel
    self.step = step
    layout = BlockLayout(type, channel.mode)
  }

  /// Values per block.
  private var count: Int { layout.count }

  /// Takes one block, whole or damaged; answers with what is certain now.
  package mutating func append(_ block: UnsafeRawBufferPointer) -> [Series] {
    guard block.count == BlockLayout.blockBytes else { return [] }
    let tick = Int64(clamping: UInt64(littleEndian: block.loadUnaligned(as: UInt64.self)))
    return layout.mode == .dense ? appendDense(block, tick) : appendSparse(block, tick)
  }

  /// The header of a block came and its payload did not.
  package mutating func lostPayload() {
    missing = missing.addingSaturating(Int64(count))
  }

  /// A payload came whose header did not; it may have been of this variable.
  package mutating func lostHeader() { mayMiss = true }

  /// A new watch: the board begins a fresh block, and nothing that came before continues in it.
  package mutating func begin() {
    (held, doubted, last, spacing, origin, suspicion, end) = (nil, nil, nil, nil, nil, nil, nil)
    (missing, position, isEnded) = (0, 0, false)
  }

  /// The stream ended earlier than was thought; what was held back because of that goes out.
  package mutating func end(at tick: Int64) -> [Series] {
    end = tick
    guard let block = doubted ?? held, validAtEnd(block) != nil else { return [] }
    isEnded = true
    return finish(flushed: true)
  }

  /// Values of the blocks that are held back.
  package var heldCount: Int64 { Int64(count) * ((held == nil ? 0 : 1) + (doubted == nil ? 0 : 1)) }

  /// Nothing more comes. What was held back goes out: cut at the end where that is known; at the zeros where the
  /// board has flushed a last block but nobody knows when; whole where it never got to flush one.
  /// - Parameter left: how many of its values are genuine, where the board has counted them.
  package mutating func finish(flushed: Bool, count left: Int64? = nil) -> [Series] {
    guard let block = held else { return [] }
    held = nil
    if let second = doubted {
      doubted = nil
      let first = release(block, before: second)
      held = second
      return first
        + finish(flushed: flushed, count: left.map { $0 - Int64(first.reduce(0) { $0 + $1.count }) })
    }
    if let left {
      let valid = Int(max(0, min(left, Int64(count))))
      return valid == 0 ? [] : emit(block, valid, step ?? Step(units: 1))
    }
    if flushed, let valid = validAtEnd(block) { return emit(block, valid, step ?? Step(units: 1)) }
    return emit(block, flushed ? max(1, block.extent) : count, step ?? Step(units: 1))
  }

  // MARK: - Dense

  private mutating func appendDense(_ bytes: UnsafeRawBufferPointer, _ tick: Int64) -> [Series] {
    let values = UnsafeRawBufferPointer(rebasing: bytes[BlockLayout.valuesOffset...])
    let storage = SampleStorage(type: channel.type, copying: values)
    let zeros = values.reversed().prefix { $0 == 0 }.count
    let size = layout.type.size
    let block = Block(tick: tick, storage: storage, extent: (values.count - zeros + size - 1) / size)
    var done: [Series] = []
    if let previous = held {
      if let middle = doubted {
        (held, doubted) = (nil, nil)
        settle(previous, middle, block)
        done += release(previous, before: middle)
        done += release(middle, before: block)
      } else if isDoubtful(previous, block) {
        doubted = block
        newest = max(newest ?? tick, tick)
        return []
      } else {
        held = nil
        settle(previous, block)
        done += release(previous, before: block)
      }
    } else if let previous = last {
      follow(previous, block)
    }
    missing = 0
    if last != nil || !done.isEmpty { isInherited = false }
    if origin == nil {
      origin = tick
      position = 0
    }
    newest = max(newest ?? tick, tick)
    if let valid = validAtEnd(block) {
      isEnded = true
      return done + emit(block, valid, step ?? Step(units: 1))
    }
    if step == nil || block.extent < count {
      held = block
      return done
    }
    return done + emit(block, count, step!)
  }

  /// Whether only the block after these two can tell a loss from a slow variable; it must be one that comes.
  private func isDoubtful(_ block: Block, _ next: Block) -> Bool {
    let distance = next.tick.subtractingSaturating(block.tick)
    guard step == nil, !isInherited, distance > Int64(count), missing == 0 else { return false }
    return end.map { $0 >= next.tick.addingSaturating(distance) } ?? true
  }

  /// Finds the rate from three blocks: the shorter distance has no loss in it, or both have the same.
  private mutating func settle(_ first: Block, _ second: Block, _ third: Block) {
    let before = second.tick.subtractingSaturating(first.tick)
    let behind = third.tick.subtractingSaturating(second.tick) / (1 + missing / Int64(count))
    learn(behind > 0 ? min(before, behind) : before, isSure: (before - behind).magnitude <= 2)
  }

  /// The same from two, where headers told what is missing, or no third will come: then values behind the end of a
  /// slow variable say that it is none.
  private mutating func settle(_ first: Block, _ second: Block) {
    let distance = second.tick.subtractingSaturating(first.tick)
    guard step == nil, !isInherited, distance > Int64(count) else { return }
    var blocks = 1 + missing / Int64(count)
    learn(distance / blocks)
    guard missing == 0 else { return }
    while let valid = validAtEnd(second), second.extent > valid, blocks < BelaLimits.blocksLostAtStart {
      blocks += 1
      guard distance / blocks >= Int64(count) else { return }
      learn(distance / blocks)
    }
  }

  /// How many values are before the end and with it; nil when the end lies behind this block or is not known.
  private func validAtEnd(_ block: Block) -> Int? {
    guard let end else { return nil }
    let away = end.subtractingSaturating(block.tick)
    guard away > 0 else { return 1 }
    guard let step else {
      // Nobody knows the rate: one value a tick, if the zeros agree.
      guard away < count else { return nil }
      return block.extent <= Int(away) + 1 ? Int(away) + 1 : max(1, block.extent)
    }
    // The last is the first assignment at or after the end, counted from where the stream began if possible:
    // a block of a variable assigned several times a tick begins in the middle of one.
    var from = block.tick
    var before: Int64 = 0
    if let origin, step.units < step.samples {
      from = origin
      before = position
    }
    let (scaled, overflow) = end.subtractingSaturating(from).multipliedReportingOverflow(by: step.samples)
    guard !overflow else { return nil }
    let number = (scaled + step.units - 1) / step.units - before
    return number < count ? max(1, Int(number) + 1) : nil
  }

  /// Sends a held block on, now that the next one is there.
  private mutating func release(_ block: Block, before next: Block) -> [Series] {
    let distance = next.tick.subtractingSaturating(block.tick)
    guard distance >= 0 else {
      last = nil
      let out = emit(block, count, step ?? Step(units: 1))
      restart()
      return out
    }
    if let step, distance == expected(step) {
      suspicion = nil
      return emit(block, count, step)
    }
    // Fewer ticks than values, and nothing but zeros behind: the board had flushed it.
    let known = step ?? Step(units: 1)
    let valid = distance.multipliedReportingOverflow(by: known.samples)
    if !valid.overflow, valid.partialValue / known.units < count,
      block.extent <= Int(valid.partialValue / known.units)
    {
      if step == nil { step = known }
      let number = max(1, Int(valid.partialValue / known.units))
      let out = emit(block, number, known)
      last = nil
      return out
    }
    if step == nil, isInherited {
      // Whether time is missing inside it or the variable is slow, the blocks behind it will tell.
      let out = emit(block, count, known)
      if distance > Int64(count) { loss(distance - Int64(count), known) }
      return out
    }
    if step == nil { learn(distance) }
    let out = emit(block, count, step ?? Step(units: 1))
    follow(block, next)
    return out
  }

  /// Compares a block with the one before it, which has been sent on in full.
  private mutating func follow(_ block: Block, _ next: Block) {
    let distance = next.tick.subtractingSaturating(block.tick)
    guard distance >= 0 else { return restart() }
    guard let step else { return relearn(distance) }
    let late = distance - expected(step)
    let slack: Int64 = step.samples > 1 ? 2 : 0
    guard late.magnitude > slack else {
      suspicion = nil
      return
    }
    if late < 0 || suspicion == distance {
      // More values than ticks for them, or the same step twice: this is how often it is assigned now.
      suspicion = nil
      origin = nil
      if late > 0, distance % expected(step) == 0 { return loss(late, step) }
      return relearn(distance, isSure: late > 0)
    }
    suspicion = distance
    loss(late, step)
  }

  private mutating func loss(_ late: Int64, _ step: Step) {
    let (scaled, overflow) = late.multipliedReportingOverflow(by: step.samples)
    let samples = overflow ? Int64.max : max(1, scaled / step.units)
    origin = nil
    guard samples <= BelaLimits.gapSamplesMax else {
      pendingGap = Gap(at: 0, samples: nil, reason: .restart)
      return
    }
    // Whole blocks are missing messages. Anything else is time in which the board kept nothing: inside the block
    // before (section 7), or a block thrown away when somebody watched or logged anew.
    let isWhole = samples % Int64(count) == 0 && !isInherited
    pendingGap = Gap(at: 0, samples: samples, reason: isWhole ? .lost : .hole)
  }

  private mutating func restart() {
    pendingGap = Gap(at: 0, samples: nil, reason: .restart)
    (step, suspicion, origin, newest) = (nil, nil, nil, nil)
  }

  private func expected(_ step: Step) -> Int64 { Int64(count) * step.units / step.samples }

  /// What no even rate explains is a hole.
  private mutating func relearn(_ distance: Int64, isSure: Bool = false) {
    guard !learn(distance, isSure: isSure), let step, distance > expected(step) else { return }
    loss(distance - expected(step), step)
  }

  /// The simplest rate that explains so many ticks for a block of values; once a tick, and false, if there is none.
  /// A rate such as four times in seven ticks is more likely a hole, unless the distance was seen twice.
  @discardableResult
  private mutating func learn(_ distance: Int64, isSure: Bool = false) -> Bool {
    guard distance > 0, distance <= BelaLimits.tickMax / 16 else { return false }
    for samples in Int64(1)...16 {
      let units = (distance * samples + Int64(count) / 2) / Int64(count)
      guard units > 0, abs(units * Int64(count) / samples - distance) <= (samples > 1 ? 1 : 0) else {
        continue
      }
      guard samples == 1 || distance < count || isSure else { break }
      step = Step(units: units, samples: samples)
      return true
    }
    step = Step(units: 1)
    return false
  }

  private mutating func emit(_ block: Block, _ valid: Int, _ step: Step) -> [Series] {
    position += Int64(valid)
    last = valid == count ? block : nil
    newest = block.tick.addingSaturating(Int64(valid - 1) * step.units / step.samples)
    let timing = Timing.steady(start: block.tick, step: step)
    let series = Series(channel, block.storage, timing: timing, gaps: takeGap())
    return [valid == count ? series : series[0..<valid]]
  }

  private mutating func takeGap() -> [Gap] {
    defer { pendingGap = nil }
    return pendingGap.map { [$0] } ?? []
  }

  // MARK: - Sparse

  private mutating func appendSparse(_ bytes: UnsafeRawBufferPointer, _ tick: Int64) -> [Series] {
    let size = layout.type.size
    let stampsOffset = layout.stampsOffset
    func relative(_ position: Int) -> Int64 {
      let offset = stampsOffset + 4 * position
      return Int64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    var valid = 1
    while valid < count, relative(valid) >= relative(valid - 1) { valid += 1 }
    if valid == count, relative(count - 1) == 0 {
      // Several assignments in one tick, or padding behind the first: the values must tell.
      let values = bytes[BlockLayout.valuesOffset..<BlockLayout.valuesOffset + count * size]
      let zeros = values.reversed().prefix { $0 == 0 }.count
      valid = max(1, (count * size - zeros + size - 1) / size)
    }
    let stamps = SampleStorage(type: .timestamp, capacity: valid)
    for position in 0..<valid { stamps.append(tick.addingSaturating(relative(position))) }
    let first = tick.addingSaturating(relative(0))
    let final = tick.addingSaturating(relative(valid - 1))
    compare(first)
    (missing, mayMiss) = (0, false)
    note(valid, first, final) { relative($0) }
    newest = final
    if let end, final >= end { isEnded = true }
    let range = BlockLayout.valuesOffset..<BlockLayout.valuesOffset + valid * size
    let storage = SampleStorage(type: channel.type, copying: UnsafeRawBufferPointer(rebasing: bytes[range]))
    return [Series(channel, storage, timing: .stamped(stamps, offset: 0), gaps: takeGap())]
  }

  /// Whether anything is missing before a block that begins here.
  private mutating func compare(_ first: Int64) {
    guard let newest else { return }
    if first < newest {
      pendingGap = Gap(at: 0, samples: nil, reason: .restart)
    } else if let spacing, spacing.mean > 0 {
      let steps = (Double(first.subtractingSaturating(spacing.last)) / spacing.mean).rounded()
      if steps > 1.5 {
        pendingGap = Gap(at: 0, samples: Int64(clamping: Int(min(steps, 1e15)) - 1), reason: .lost)
      }
    } else if missing > 0 || mayMiss {
      pendingGap = Gap(at: 0, samples: missing > 0 ? missing : nil, reason: .lost)
    }
  }

  /// Remembers how evenly the values of a block came.
  private mutating func note(_ valid: Int, _ first: Int64, _ final: Int64, _ relative: (Int) -> Int64) {
    guard valid >= 4 else {
      if spacing != nil { spacing?.last = final }
      return
    }
    var least = Int64.max
    var most = Int64.min
    for position in 1..<valid {
      let distance = relative(position) - relative(position - 1)
      least = min(least, distance)
      most = max(most, distance)
    }
    let isEven = most - least <= 1 && most > 0
    spacing = isEven ? Spacing(last: final, mean: Double(final - first) / Double(valid - 1)) : nil
  }
}
