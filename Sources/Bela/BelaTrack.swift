package import Telemetry

/// Makes series of one variable's blocks: values, times, gaps, padding cut (sections 6.2 to 6.5).
///
/// A dense block carries one time stamp and does not say how many of its values are padding. So a block is held back
/// until the next one, or the end, tells: the first of a stream, while it is not known how often the variable is
/// assigned, and any whose last value is all zero bytes, as padding would be. All others go on at once. Two are held
/// where the second comes late: a block between them may be lost, or the variable is assigned that seldom.
///
/// That is enough for a log file, which one program wrote. A live stream belongs to the board: anybody may stop it,
/// begin it anew or schedule it, and the board keeps half-filled blocks while nobody is active; none of that is
/// announced. So with `needsProof` **a dense block goes out only when stamps prove it**. At once, with its own message:
/// - in an even row: stamped to the tick one block after the one before, which went out whole; its last value is not
///   zero, and it came when it should. Whoever disturbs the row makes the next stamp one that does not fit it.
/// All others wait for the block behind them: the first of a watch or of a connection, what may have padding (a tail of
/// zeros), what follows a stamp that did not fit, and what came late. They go out
/// - whole, when that one is stamped one block later to the tick. A hole inside, or values thrown away behind it, make
///   it later; padding leaves it anywhere else;
/// - whole, when whole blocks are missing behind it, the last value is not zero, and the decoder saw a message get lost;
/// - whole, when it has more values than there were ticks for a hole or for losses: many in one tick;
/// - in part, when it has as many values up to the last that is not zero as there are ticks to the next stamp: it was
///   flushed, and the next was begun right behind it;
/// - in part, when it holds the tick at which the board was told to end, and nothing but zeros behind that.
/// Anything else is dropped. What that costs shows as a step from the last sample that went out to the next one, and
/// is counted there. Sparse blocks have a stamp for each value and need none of this.
///
/// Why those that come late wait: a watch in the future pauses a running stream at once, and an unwatch at a later tick
/// lets it go on before that, with the block in progress: a full block, stamped as the row wants it, with a hole. The
/// pause makes it late by as much.
///
/// What nobody can tell: a pause of that kind shorter than messages are late by themselves; padding whose next watch
/// begins at the very tick at which the whole block would have ended; and the block of the next variable, of the same
/// type and begun at the same tick, where this one's payload and that one's header were lost.
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
  /// How often it was seen in a row.
  private var suspicions = 0
  /// Position of this block's first value in the stream, while nothing is missing: assignments before it.
  private var origin: Int64?
  private var position: Int64 = 0
  /// How evenly a sparse variable is assigned, as far as it is; kept from one watch to the next.
  private var rhythm: Rhythm?
  /// The newest value of this watch.
  private var lastSparse: Int64?
  /// Nothing goes out that is not proven.
  private let needsProof: Bool
  private var row = Row()

  /// When the blocks of an even row came.
  private struct Row: Sendable {
    private var first = TimeSpan.zero
    private var last = TimeSpan.zero
    private var blocks: Int64 = 0
    /// From one to the next, as an earlier row had it.
    private var usual: TimeSpan?

    /// Whether the next one, coming now, comes later than it should; so it does while nobody knows.
    func isLate(_ now: TimeSpan) -> Bool {
      guard let mean = blocks > 0 ? TimeSpan(nanoseconds: (last - first).nanoseconds / blocks) : usual else {
        return true
      }
      return now - last > mean + BelaLimits.blockLate
    }

    mutating func grow(_ now: TimeSpan) {
      blocks += 1
      last = now
      guard blocks >= BelaLimits.rowBlocks else { return }
      // Half of it is enough, and follows a clock that drifts.
      first = TimeSpan(nanoseconds: first.nanoseconds + (last - first).nanoseconds / 2)
      blocks /= 2
    }

    mutating func begin(_ now: TimeSpan) {
      if blocks >= BelaLimits.rowBlocksMin {
        usual = TimeSpan(nanoseconds: (last - first).nanoseconds / blocks)
      }
      (first, last, blocks) = (now, now, 0)
    }
  }

  /// A dense block on its way.
  private struct Block: Sendable {
    var tick: Int64
    var storage: SampleStorage
    /// Values up to and including the last one that is not all zero bytes.
    var extent: Int
  }

  /// Ticks between the values of an evenly assigned sparse variable: the longest row without a break says it best.
  private struct Rhythm: Sendable {
    var ticks: Int64
    var steps: Int64
    /// Of the row that goes on.
    var rowTicks: Int64
    var rowSteps: Int64

    init(ticks: Int64, steps: Int64) {
      (self.ticks, self.steps, rowTicks, rowSteps) = (ticks, steps, ticks, steps)
    }

    var mean: Double { Double(ticks) / Double(steps) }

    /// How many steps so many ticks are; nil where they are no whole number of them.
    func count(_ distance: Int64) -> Int64? {
      let steps = (Double(distance) / mean).rounded()
      guard steps < 1e15, abs(Double(distance) - steps * mean) <= 1.01 + steps * 0.004 else { return nil }
      return Int64(steps)
    }

    mutating func grow(ticks more: Int64, steps count: Int64) {
      rowTicks = rowTicks.addingSaturating(more)
      rowSteps += count
      if rowSteps > steps { (ticks, steps) = (rowTicks, rowSteps) }
    }

    mutating func breakRow() { (rowTicks, rowSteps) = (0, 0) }
  }

  package init(channel: Channel, type: BelaType, step: Step? = nil, needsProof: Bool = false) {
    self.channel = channel
    self.step = step
    self.needsProof = needsProof
    layout = BlockLayout(type, channel.mode)
  }

  /// Values per block.
  private var count: Int { layout.count }

  /// Takes one block, whole or damaged; answers with what is certain now.
  /// - Parameter now: when it came; nil where it comes from a file.
  package mutating func append(_ block: UnsafeRawBufferPointer, now: TimeSpan? = nil) -> [Series] {
    guard block.count == BlockLayout.blockBytes else { return [] }
    let tick = Self.tick(of: block)
    return layout.mode == .dense ? appendDense(block, tick, now) : appendSparse(block, tick)
  }

  /// The time stamp of a block; what no clock shows sticks to the end, so that differences can be had.
  package static func tick(of block: UnsafeRawBufferPointer) -> Int64 {
    guard block.count >= 8 else { return 0 }
    let stamp = UInt64(littleEndian: block.loadUnaligned(as: UInt64.self))
    return Int64(min(stamp, UInt64(BelaLimits.stampMax)))
  }

  /// How many samples there should have been between one and the next; nil when nobody can know.
  package func lost(from last: Int64, to next: Int64) -> Int64? {
    let distance = next.subtractingSaturating(last)
    guard distance >= 0 else { return nil }
    guard layout.mode == .dense else { return rhythm?.count(distance).map { max(0, $0 - 1) } }
    guard let step, step.units > 0 else { return nil }
    guard step.samples == 1 else {
      // Several in a tick, and a block's stamp does not say at which of them it begins.
      return distance <= step.units + 2 ? 0 : samples(in: distance).map { max(0, $0 - step.samples) }
    }
    return max(0, (distance + step.units / 2) / step.units - 1)
  }

  /// How many samples so many ticks are, begun ones not counted; nil when nobody can know.
  package func samples(in ticks: Int64) -> Int64? {
    if layout.mode == .sparse {
      guard let rhythm else { return nil }
      return Int64(exactly: (Double(max(0, ticks)) / rhythm.mean + 0.002).rounded(.down))
    }
    guard let step, step.units > 0 else { return nil }
    let (scaled, overflow) = max(0, ticks).multipliedReportingOverflow(by: step.samples)
    return overflow ? nil : scaled / step.units
  }

  /// How many samples are missing behind one, where the first at or after `end` is to be the last.
  /// - Parameter slow: a variable that is assigned less often may have none at the end yet.
  package func lost(behind last: Int64, end: Int64, slow: Int64) -> Int64? {
    let distance = max(0, end.subtractingSaturating(last))
    if layout.mode == .sparse {
      guard let rhythm else { return nil }
      let steps = Double(distance) / rhythm.mean
      return Int64(exactly: rhythm.mean > Double(slow) ? steps.rounded(.down) : (steps - 0.002).rounded(.up))
    }
    guard let step, step.units > 0 else { return nil }
    let (scaled, overflow) = distance.multipliedReportingOverflow(by: step.samples)
    guard !overflow else { return nil }
    return (step.units > slow ? scaled : scaled.addingSaturating(step.units - 1)) / step.units
  }

  /// The ticks of one block, as far as that is known.
  package var blockTicks: Int64? {
    if layout.mode == .sparse { return rhythm.map { Int64(min(1e15, $0.mean * Double(count))) } }
    return step.map { expected($0) }
  }

  /// The same variable on a new connection to the same program: what is known of its rate stays.
  package func renewed(_ channel: Channel) -> BelaTrack {
    var track = BelaTrack(channel: channel, type: layout.type, step: step, needsProof: needsProof)
    track.rhythm = rhythm
    return track
  }

  /// The header of a block came and its payload did not.
  package mutating func lostPayload() {
    missing = missing.addingSaturating(Int64(count))
  }

  /// A payload came whose header did not; it may have been of this variable.
  package mutating func lostHeader() { mayMiss = true }

  /// A new watch: the board begins a fresh block, and nothing that came before continues in it.
  package mutating func begin() {
    (held, doubted, last, origin, suspicion, end) = (nil, nil, nil, nil, nil, nil)
    (missing, mayMiss, position, isEnded, suspicions) = (0, false, 0, false, 0)
    (pendingGap, lastSparse) = (nil, nil)
    rhythm?.breakRow()
  }

  /// The stream ended earlier than was thought; what was held back because of that goes out.
  package mutating func end(at tick: Int64) -> [Series] {
    end = tick
    guard let block = doubted ?? held, let valid = validAtEnd(block), isLast(block, valid) else { return [] }
    isEnded = true
    return finish(flushed: true)
  }

  /// A full block is held back that has more values than there were ticks since it began, by the board's clock: it was
  /// assigned many times in a tick, as from a buffer, and no time is missing inside. It needs no next one, which may be
  /// long in coming.
  package mutating func prove(clock: Int64) -> [Series] {
    guard needsProof, doubted == nil, let block = held, block.extent == count,
      clock.subtractingSaturating(block.tick) < Int64(count) - 1
    else { return [] }
    held = nil
    return emit(block, count, step ?? Step(units: 1))
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
    if needsProof {
      guard flushed, let valid = validAtEnd(block), isLast(block, valid) else { return [] }
      return emit(block, valid, step ?? Step(units: 1))
    }
    if flushed, let valid = validAtEnd(block) { return emit(block, valid, step ?? Step(units: 1)) }
    return emit(block, flushed ? max(1, block.extent) : count, step ?? Step(units: 1))
  }

  // MARK: - Dense

  /// Takes a full block of an even row that is on time: it goes out at once and whole, so nobody has to keep it. Answers
  /// how often the variable is assigned; nil where the block has to be `append`ed, and nothing has happened then.
  package mutating func passThrough(
    _ block: UnsafeRawBufferPointer, tick: Int64, now: TimeSpan
  ) -> Step? {
    guard layout.mode == .dense, block.count == BlockLayout.blockBytes, let step, step.samples == 1,
      held == nil, let last, end == nil, missing == 0, !mayMiss, !isInherited, pendingGap == nil,
      suspicion == nil, tick.subtractingSaturating(last.tick) == expected(step), !row.isLate(now),
      !block.suffix(layout.type.size).allSatisfy({ $0 == 0 })
    else { return nil }
    row.grow(now)
    position += Int64(count)
    // Of a block that went out whole only the stamp counts.
    self.last!.tick = tick
    newest = tick.addingSaturating(Int64(count - 1) * step.units)
    return step
  }

  private mutating func appendDense(
    _ bytes: UnsafeRawBufferPointer, _ tick: Int64, _ now: TimeSpan?
  ) -> [Series] {
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
        if needsProof, step == nil {
          // Neither distance is a rate: the oldest of the three will never be timed.
          last = nil
          if isDoubtful(middle, block) {
            (held, doubted) = (middle, block)
            newest = max(newest ?? tick, tick)
            return []
          }
          settle(middle, block)
        } else {
          done += release(previous, before: middle)
        }
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
      if needsProof { compare(previous, block) } else { follow(previous, block) }
    }
    let isEven = last.map { isRow($0, block) } ?? false
    let isLate = now.map { row.isLate($0) } ?? false
    if let now { if isEven { row.grow(now) } else { row.begin(now) } }
    (missing, mayMiss) = (0, false)
    if last != nil || !done.isEmpty { isInherited = false }
    if origin == nil {
      origin = tick
      position = 0
    }
    newest = max(newest ?? tick, tick)
    if let valid = validAtEnd(block), isLast(block, valid) {
      isEnded = true
      return done + emit(block, valid, step ?? Step(units: 1))
    }
    if step == nil || block.extent < count || needsProof && (!isEven || isLate) {
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
    let isEven = before.subtractingSaturating(behind).magnitude <= 2
    let shorter = behind > 0 ? min(before, behind) : before
    if needsProof, shorter != Int64(count) {
      // Somebody who begins the stream anew at even intervals makes even distances, too, but not whole blocks.
      suspicions = isEven ? suspicions + 1 : 0
      guard isEven, shorter % Int64(count) == 0 || suspicions >= BelaLimits.stepsForRate else { return }
      suspicions = 0
    }
    learn(shorter, isSure: isEven)
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

  /// Whether a block that holds the end can be the last one: then only zeros are behind it.
  private func isLast(_ block: Block, _ valid: Int) -> Bool {
    guard needsProof else { return true }
    return block.extent <= valid + ((step?.samples ?? 1) > 1 ? 2 : 0)
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
    let number = scaled.addingSaturating(step.units - 1) / step.units - before
    return number < count ? max(1, Int(number) + 1) : nil
  }

  /// Sends a held block on, now that the next one is there.
  private mutating func release(_ block: Block, before next: Block) -> [Series] {
    if needsProof { return releaseProven(block, before: next) }
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

  /// Sends a held block on if the next one proves it; see the type.
  private mutating func releaseProven(_ block: Block, before next: Block) -> [Series] {
    let distance = next.tick.subtractingSaturating(block.tick)
    guard distance >= 0 else {
      last = nil
      restart()
      return []
    }
    // Nothing makes a full block's time shorter than it is: so it is that often assigned, and if that is no rate, many
    // times in some ticks.
    if step == nil, block.extent == count, distance > 0, distance <= count, !learn(distance) {
      step = nil
      return emit(block, count, Step(units: 1))
    }
    let rate = step ?? Step(units: 1)
    let whole = expected(rate)
    let late = distance - whole
    if late.magnitude <= (rate.samples > 1 ? 2 : 0) {
      step = rate
      (suspicion, suspicions) = (nil, 0)
      return emit(block, count, rate)
    }
    let isEvident = missing > 0 || mayMiss
    if late > 0, rate.samples > 1 || late % whole == 0, isEvident, block.extent == count {
      (suspicion, suspicions) = (nil, 0)
      step = rate
      let out = emit(block, count, rate)
      loss(late, rate)
      return out
    }
    let (scaled, overflow) = distance.multipliedReportingOverflow(by: rate.samples)
    if !overflow, late < 0, scaled % rate.units == 0, block.extent > 0,
      Int64(block.extent) == scaled / rate.units
    {
      if step == nil { step = rate }
      return emit(block, block.extent, rate)
    }
    (last, origin, pendingGap) = (nil, nil, nil)
    doubt(distance, isEvident)
    return []
  }

  /// Whether a block continues an even row.
  private func isRow(_ block: Block, _ next: Block) -> Bool {
    guard let step else { return false }
    let late = next.tick.subtractingSaturating(block.tick).subtractingSaturating(expected(step))
    return late.magnitude <= (step.samples > 1 ? 2 : 0)
  }

  /// Compares a block with one that has gone out at once: where it does not fit the row, something is missing between.
  private mutating func compare(_ block: Block, _ next: Block) {
    guard let step, !isRow(block, next) else {
      (suspicion, suspicions) = (nil, 0)
      return
    }
    last = nil
    let distance = next.tick.subtractingSaturating(block.tick)
    guard distance >= 0 else { return restart() }
    let late = distance - expected(step)
    if late > 0 {
      doubt(distance, missing > 0 || mayMiss)
      loss(late, step)
    } else {
      // More values than ticks for them: it is assigned more often now, or this is another variable's block, behind a
      // payload and a header that were lost.
      doubt(distance, missing > 0 || mayMiss)
    }
  }

  /// A distance that proves nothing. The same again and again, without any message lost, is a new rate; whole blocks
  /// at a known rate are rather losses, and must come more often.
  private mutating func doubt(_ distance: Int64, _ isEvident: Bool) {
    guard let step else { return }
    suspicions = !isEvident && suspicion == distance ? suspicions + 1 : 0
    suspicion = isEvident ? nil : distance
    let isWhole = distance % expected(step) == 0
    guard suspicions >= (isWhole ? 2 : 1) * BelaLimits.stepsForRate else { return }
    (suspicion, suspicions) = (nil, 0)
    learn(distance, isSure: true)
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
    guard relative(0) == 0 else {
      // A sparse block begins at its stamp: this is another variable's, behind a payload and a header that were lost.
      mayMiss = true
      return []
    }
    var valid = 1
    while valid < count, relative(valid) >= relative(valid - 1) { valid += 1 }
    if valid == count, relative(count - 1) == 0 {
      // Several assignments in one tick, or padding behind the first: the values must tell.
      let values = bytes[BlockLayout.valuesOffset..<BlockLayout.valuesOffset + count * size]
      let zeros = values.reversed().prefix { $0 == 0 }.count
      valid = max(1, (count * size - zeros + size - 1) / size)
    }
    let first = tick.addingSaturating(relative(0))
    let final = tick.addingSaturating(relative(valid - 1))
    compare(first)
    (missing, mayMiss) = (0, false)
    let breaks = note(valid, first, relative)
    lastSparse = final
    newest = final
    if let end, final >= end { isEnded = true }
    // What lies on either side of time in which the board kept nothing goes out by itself.
    var pieces: [Series] = []
    for (from, to) in zip([0] + breaks, breaks + [valid]) {
      let stamps = SampleStorage(type: .timestamp, capacity: to - from)
      for position in from..<to { stamps.append(tick.addingSaturating(relative(position))) }
      let range = BlockLayout.valuesOffset + from * size..<BlockLayout.valuesOffset + to * size
      let storage = SampleStorage(
        type: channel.type, copying: UnsafeRawBufferPointer(rebasing: bytes[range]))
      if from > 0 {
        let lost = self.lost(
          from: tick.addingSaturating(relative(from - 1)), to: tick.addingSaturating(relative(from)))
        pendingGap = Gap(at: 0, samples: lost, reason: .hole)
      }
      pieces.append(Series(channel, storage, timing: .stamped(stamps, offset: 0), gaps: takeGap()))
    }
    return pieces
  }

  /// Whether anything is missing before a block that begins here.
  private mutating func compare(_ first: Int64) {
    if let newest, first < newest {
      pendingGap = Gap(at: 0, samples: nil, reason: .restart)
    } else if let lastSparse, let rhythm {
      let steps = rhythm.count(first.subtractingSaturating(lastSparse))
      if steps ?? 2 > 1 { pendingGap = Gap(at: 0, samples: steps.map { $0 - 1 }, reason: .lost) }
    } else if newest != nil, missing > 0 || mayMiss {
      pendingGap = Gap(at: 0, samples: missing > 0 ? missing : nil, reason: .lost)
    }
  }

  /// Learns how evenly the values of a block came; answers before which of them time is missing.
  private mutating func note(_ valid: Int, _ first: Int64, _ relative: (Int) -> Int64) -> [Int] {
    let before = lastSparse.map { first.subtractingSaturating($0) }
    let length = relative(valid - 1) - relative(0)
    var least = Int64.max
    var most = Int64.min
    for position in 1..<max(1, valid) {
      let distance = relative(position) - relative(position - 1)
      least = min(least, distance)
      most = max(most, distance)
    }
    let isEven = valid >= 4 && most - least <= 1 && most > 0
    if isEven, rhythm.map({ abs($0.mean - Double(length) / Double(valid - 1)) > 0.4 }) ?? true {
      rhythm = Rhythm(ticks: length, steps: Int64(valid - 1))
      return []
    }
    guard rhythm != nil else { return [] }
    if let before, rhythm!.count(before) == 1 {
      rhythm!.grow(ticks: before, steps: 1)
    } else {
      rhythm!.breakRow()
    }
    if isEven {
      rhythm!.grow(ticks: length, steps: Int64(valid - 1))
      return []
    }
    var breaks: [Int] = []
    for position in 1..<max(1, valid) {
      let distance = relative(position) - relative(position - 1)
      guard let steps = rhythm!.count(distance), steps > 0, breaks.count < BelaLimits.holesMax else {
        // Not even any more.
        rhythm = nil
        return []
      }
      if steps == 1 {
        rhythm!.grow(ticks: distance, steps: 1)
      } else {
        breaks.append(position)
        rhythm!.breakRow()
      }
    }
    return breaks
  }
}
