import Bela
import Telemetry

/// One variable of the machine: its assignments, its stream, its log, its monitor, its remote value (section 7).
struct BoardVariable: Sendable {
  /// What an advance brings forth, in the order of its ticks.
  enum Output: Sendable {
    /// A block or a monitored value for the data sockets.
    case payload([UInt8])
    /// A block for the log file.
    case log([UInt8])
    /// The log is over.
    case logEnd
  }

  /// Stream and log are the same machine twice.
  private struct Phase: Sendable {
    enum State: Sendable { case none, starting, on, stopping, last }

    var state = State.none
    /// When the state changes next.
    var event: Int64?
    var end: Int64?

    var isRunning: Bool { state == .on || state == .stopping || state == .last }

    mutating func begin(start: Int64, duration: Int64, now: Int64) {
      let from = max(start, now)
      let (until, overflow) = from.addingReportingOverflow(duration)
      self = Phase(state: .starting, event: from, end: duration > 0 && !overflow ? until : nil)
    }

    mutating func finish(at tick: Int64, now: Int64) {
      guard state != .none else { return }
      state = .stopping
      event = tick == 0 ? now : tick
    }

    /// An assignment at a tick; true when the machine begins anew.
    mutating func pass(_ tick: Int64) -> Bool {
      guard let due = event, due <= tick else { return false }
      event = nil
      switch state {
      case .starting:
        state = .on
        if let end {
          state = .stopping
          event = end
          self.end = nil
        }
        return true
      case .stopping: state = .last
      case .none, .on, .last: break
      }
      return false
    }
  }

  let configuration: BoardConfiguration.Variable
  let layout: BlockLayout
  let header: [UInt8]

  private var stream = Phase()
  private var log = Phase()
  private var fill = 0
  private var block: [UInt8]
  private var blockTick: Int64 = 0
  /// Values that have been sent in blocks.
  private(set) var sent: Int64 = 0

  private(set) var monitorPeriod: Int64 = 0
  private var monitorDue: Int64?

  var isControlled = false
  var remoteValue = 0.0
  var logFileName = ""
  /// What buffers have assigned, for variables that have no signal of their own.
  private(set) var received = 0.0

  init(_ configuration: BoardConfiguration.Variable, id: Int) {
    var own = configuration
    // Rates of recordings are a file's, and may make any number of it.
    let interval = configuration.interval
    let range = Limits.intervalTicks
    own.interval = interval > 0 ? min(max(interval, range.lowerBound), range.upperBound) : 1
    self.configuration = own
    layout = BlockLayout(configuration.type, configuration.mode)
    header = BelaDecoder.header(id: id, type: configuration.type)
    block = [UInt8](repeating: 0, count: BlockLayout.blockBytes)
  }

  var isStreaming: Bool { stream.isRunning }
  var isLogged: Bool { log.isRunning }
  /// Neither streams nor will.
  var isQuiet: Bool { stream.state == .none }
  /// Somebody must be told of assignments.
  private var isObserved: Bool { stream.state != .none || log.state != .none || monitorDue != nil }

  // MARK: - Commands, at the tick where they take effect

  mutating func begin(start: Int64, duration: Int64, now: Int64) {
    stream.begin(start: start, duration: duration, now: now)
  }

  mutating func end(at tick: Int64, now: Int64) { stream.finish(at: tick, now: now) }

  /// The accepted first and last tick.
  mutating func beginLog(file: String, start: Int64, duration: Int64, now: Int64) -> (Int64, Int64?) {
    log.begin(start: start, duration: duration, now: now)
    logFileName = file
    return (log.event!, log.end)
  }

  mutating func endLog(at tick: Int64, now: Int64) { log.finish(at: tick, now: now) }

  mutating func monitor(period: Int64, now: Int64) {
    monitorPeriod = period
    monitorDue = period == 0 ? nil : now
  }

  /// Nobody is there to receive, and this board keeps nothing for the next one: no holes, no stale blocks.
  mutating func forget() {
    if !log.isRunning { fill = 0 }
    if stream.state == .last { stream = Phase() }
  }

  // MARK: - Assignments

  /// The first assignment at or behind a tick: its number and its tick.
  func assignment(from tick: Int64) -> (number: Int64, tick: Int64) {
    let interval = configuration.interval
    if interval == 1 { return (tick, tick) }
    var number = Int64((Double(tick) / interval).rounded(.down))
    while Self.tick(number, interval) < tick { number += 1 }
    while number > 0, Self.tick(number - 1, interval) >= tick { number -= 1 }
    return (number, Self.tick(number, interval))
  }

  private static func tick(_ number: Int64, _ interval: Double) -> Int64 {
    interval == 1 ? number : Int64((Double(number) * interval).rounded(.down))
  }

  /// All assignments at ticks from `start` up to, not with, `end`.
  mutating func advance(
    from start: Int64, to end: Int64, rate: Double, seed: UInt64, isActive: Bool, keepsStale: Bool,
    send: (_ tick: Int64, _ output: Output) -> Void
  ) {
    if case .buffer = configuration.signal { return }
    guard isObserved else { return }
    var (number, tick) = assignment(from: start)
    let signal = configuration.signal
    let interval = configuration.interval
    while tick < end {
      let attention = min(stream.event ?? .max, log.event ?? .max, monitorDue ?? .max)
      let stores = (stream.isRunning && isActive) || log.isRunning
      if tick >= attention || stream.state == .last || log.state == .last {
        let value = signal.value(tick: tick, number: number, rate: rate, seed: seed)
        assign(value, at: tick, isActive: isActive, keepsStale: keepsStale) { send(tick, $0) }
        number += 1
        tick = Self.tick(number, interval)
      } else if stores {
        // Nothing but values until something happens or the block is full.
        var last = tick
        let until = min(attention, end)
        let layout = layout
        if fill == 0 { beginBlock(tick) }
        let blockTick = blockTick
        var fill = fill
        block.withUnsafeMutableBytes { bytes in
          while tick < until, fill < layout.count {
            let value = signal.value(tick: tick, number: number, rate: rate, seed: seed)
            Self.put(value, layout, bytes, fill, tick - blockTick)
            fill += 1
            last = tick
            number += 1
            tick = interval == 1 ? tick + 1 : Self.tick(number, interval)
          }
        }
        self.fill = fill
        if fill == layout.count { complete(isActive) { send(last, $0) } }
      } else {
        // A stream that has not begun, or that nobody receives: skip to where something happens.
        let next = min(attention, end)
        (number, tick) = assignment(from: max(next, tick + 1))
      }
    }
  }

  /// Assignments of a program that has received a buffer, all in one tick.
  mutating func assign(
    _ values: [Double], at tick: Int64, isActive: Bool, keepsStale: Bool,
    send: (_ tick: Int64, _ output: Output) -> Void
  ) {
    for value in values {
      received = Self.asStored(value, configuration.type)
      assign(value, at: tick, isActive: isActive, keepsStale: keepsStale) { send(tick, $0) }
    }
  }

  /// What the program assigned last before a tick, for `list`.
  func value(before tick: Int64, rate: Double, seed: UInt64) -> Double {
    if case .buffer = configuration.signal { return received }
    guard tick > 0 else { return 0 }
    let number = max(0, assignment(from: tick).number - 1)
    let raw = configuration.signal.value(
      tick: Self.tick(number, configuration.interval), number: number, rate: rate, seed: seed)
    return Self.asStored(raw, configuration.type)
  }

  /// One assignment, by the rules of section 7 in their order.
  private mutating func assign(
    _ value: Double, at tick: Int64, isActive: Bool, keepsStale: Bool, send: (Output) -> Void
  ) {
    let wasLast = (stream: stream.state == .last, log: log.state == .last)
    if log.pass(tick) { fill = 0 }
    if stream.pass(tick) { fill = 0 }
    if let due = monitorDue, due <= tick {
      if isActive {
        var payload = Self.bytes(UInt64(tick))
        Self.append(value, configuration.type, to: &payload)
        send(.payload(payload))
      }
      if monitorPeriod == 1 { monitor(period: 0, now: tick) } else { monitorDue = tick + monitorPeriod }
    }
    guard (stream.isRunning && isActive) || log.isRunning else {
      if !keepsStale, stream.state == .last { stream = Phase() }
      return
    }
    if fill == 0 { beginBlock(tick) }
    let layout = layout
    let (fill, blockTick) = (fill, blockTick)
    block.withUnsafeMutableBytes { Self.put(value, layout, $0, fill, tick - blockTick) }
    self.fill += 1
    let becameLast = (stream.state == .last && !wasLast.stream) || (log.state == .last && !wasLast.log)
    if self.fill == layout.count || becameLast { complete(isActive, send) }
  }

  // MARK: - The block

  private mutating func beginBlock(_ tick: Int64) {
    blockTick = tick
    block.replaceSubrange(0..<8, with: Self.bytes(UInt64(tick)))
  }

  /// Pads, sends, logs; machines that were at their last value are done.
  private mutating func complete(_ isActive: Bool, _ send: (Output) -> Void) {
    pad()
    if stream.isRunning, isActive {
      sent += Int64(fill)
      send(.payload(block))
    }
    if log.isRunning { send(.log(block)) }
    if stream.state == .last { stream = Phase() }
    if log.state == .last {
      log = Phase()
      send(.logEnd)
    }
    fill = 0
  }

  private static func put(
    _ value: Double, _ layout: BlockLayout, _ bytes: UnsafeMutableRawBufferPointer, _ fill: Int,
    _ relative: Int64
  ) {
    let offset = BlockLayout.valuesOffset + fill * layout.type.size
    switch layout.type {
    case .float32: bytes.storeBytes(of: Float(value), toByteOffset: offset, as: Float.self)
    case .float64: bytes.storeBytes(of: value, toByteOffset: offset, as: Double.self)
    case .int32: bytes.storeBytes(of: integer(value, Int32.self), toByteOffset: offset, as: Int32.self)
    case .uint32: bytes.storeBytes(of: integer(value, UInt32.self), toByteOffset: offset, as: UInt32.self)
    case .char: bytes.storeBytes(of: integer(value, UInt8.self), toByteOffset: offset, as: UInt8.self)
    }
    guard layout.mode == .sparse else { return }
    let stamp = UInt32(truncatingIfNeeded: relative).littleEndian
    bytes.storeBytes(of: stamp, toByteOffset: layout.stampsOffset + fill * 4, as: UInt32.self)
  }

  /// Zeros behind the last value, and behind the last time stamp.
  private mutating func pad() {
    guard fill < layout.count else { return }
    let size = configuration.type.size
    zero(BlockLayout.valuesOffset + fill * size, BlockLayout.valuesOffset + layout.count * size)
    if configuration.mode == .sparse {
      zero(layout.stampsOffset + fill * 4, layout.stampsOffset + layout.count * 4)
    }
  }

  private mutating func zero(_ start: Int, _ end: Int) {
    for index in start..<end { block[index] = 0 }
  }

  // MARK: - Values

  /// As C casts: fractions cut off, the low bits kept.
  private static func integer<T: FixedWidthInteger>(_ value: Double, _: T.Type) -> T {
    Int64(exactly: value.rounded(.towardZero)).map(T.init(truncatingIfNeeded:)) ?? 0
  }

  /// A value after its way through a variable of this type.
  static func asStored(_ value: Double, _ type: BelaType) -> Double {
    switch type {
    case .float32: Double(Float(value))
    case .float64: value
    case .int32: Double(integer(value, Int32.self))
    case .uint32: Double(integer(value, UInt32.self))
    case .char: Double(integer(value, UInt8.self))
    }
  }

  private static func bytes(_ value: UInt64) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func append(_ value: Double, _ type: BelaType, to bytes: inout [UInt8]) {
    switch type {
    case .float32: withUnsafeBytes(of: Float(value)) { bytes += $0 }
    case .float64: withUnsafeBytes(of: value) { bytes += $0 }
    case .int32: withUnsafeBytes(of: integer(value, Int32.self)) { bytes += $0 }
    case .uint32: withUnsafeBytes(of: integer(value, UInt32.self)) { bytes += $0 }
    case .char: bytes.append(integer(value, UInt8.self))
    }
  }
}
