import Bela
import Telemetry

/// One variable of the machine: its assignments, its stream, its monitor, its remote value (section 7).
struct BoardVariable: Sendable {
  enum State: Sendable { case none, starting, on, stopping, last }

  let configuration: BoardConfiguration.Variable
  let layout: BlockLayout
  let header: [UInt8]

  private(set) var state = State.none
  private var eventTick: Int64?
  private var endTick: Int64?
  private var fill = 0
  private var block: [UInt8]
  private var blockTick: Int64 = 0

  private(set) var monitorPeriod: Int64 = 0
  private var monitorDue: Int64?

  var isControlled = false
  var remoteValue = 0.0
  private(set) var lastValue = 0.0

  init(_ configuration: BoardConfiguration.Variable, id: Int) {
    self.configuration = configuration
    layout = BlockLayout(configuration.type, configuration.mode)
    header = BelaDecoder.header(id: id, type: configuration.type)
    block = [UInt8](repeating: 0, count: BlockLayout.blockBytes)
  }

  var isStreaming: Bool { state == .on || state == .stopping || state == .last }
  /// Somebody must be told of assignments.
  private var isObserved: Bool { state != .none || monitorDue != nil }

  // MARK: - Commands, at the tick where they take effect

  mutating func begin(start: Int64, duration: Int64, now: Int64) {
    state = .starting
    eventTick = max(start, now)
    endTick = duration > 0 ? eventTick! + duration : nil
    fill = 0
  }

  mutating func end(at tick: Int64, now: Int64) {
    guard state != .none else { return }
    state = .stopping
    eventTick = tick == 0 ? now : tick
  }

  mutating func monitor(period: Int64, now: Int64) {
    monitorPeriod = period
    monitorDue = period == 0 ? nil : now
  }

  /// The program on the board forgets what nobody receives.
  mutating func dropBlock() { fill = 0 }

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
    Int64((Double(number) * interval).rounded(.down))
  }

  /// All assignments at ticks from `start` up to, not with, `end`; what is sent goes to `send`.
  mutating func advance(
    from start: Int64, to end: Int64, rate: Double, seed: UInt64, isActive: Bool,
    send: (_ payload: [UInt8]) -> Void
  ) {
    guard isObserved else { return }
    var (number, tick) = assignment(from: start)
    while tick < end {
      let value = configuration.signal.value(tick: tick, number: number, rate: rate, seed: seed)
      lastValue = value
      assign(value, at: tick, isActive: isActive, send: send)
      number += 1
      tick = configuration.interval == 1 ? tick + 1 : Self.tick(number, configuration.interval)
    }
  }

  /// What the program assigned last before a tick, for `list`.
  func value(before tick: Int64, rate: Double, seed: UInt64) -> Double {
    guard tick > 0 else { return 0 }
    let next = assignment(from: tick)
    let number = max(0, next.number - 1)
    let raw = configuration.signal.value(
      tick: Self.tick(number, configuration.interval), number: number, rate: rate, seed: seed)
    return Self.asStored(raw, configuration.type)
  }

  private mutating func assign(
    _ value: Double, at tick: Int64, isActive: Bool, send: (_ payload: [UInt8]) -> Void
  ) {
    if let event = eventTick, event <= tick {
      eventTick = nil
      switch state {
      case .starting:
        fill = 0
        state = .on
        if let endTick {
          state = .stopping
          eventTick = endTick
          self.endTick = nil
        }
      case .stopping: state = .last
      case .none, .on, .last: break
      }
    }
    if let due = monitorDue, due <= tick {
      if isActive {
        var payload = Self.bytes(UInt64(tick))
        Self.append(value, configuration.type, to: &payload)
        send(payload)
      }
      if monitorPeriod == 1 {
        monitor(period: 0, now: tick)
      } else {
        monitorDue = tick + monitorPeriod
      }
    }
    guard isStreaming, isActive else { return }
    store(value, at: tick)
    if fill == layout.count || state == .last {
      pad()
      send(block)
      if state == .last { state = .none }
      fill = 0
    }
  }

  // MARK: - The block

  private mutating func store(_ value: Double, at tick: Int64) {
    if fill == 0 {
      blockTick = tick
      block.replaceSubrange(0..<8, with: Self.bytes(UInt64(tick)))
    }
    let offset = BlockLayout.valuesOffset + fill * configuration.type.size
    block.withUnsafeMutableBytes { bytes in
      switch configuration.type {
      case .float32: bytes.storeBytes(of: Float(value), toByteOffset: offset, as: Float.self)
      case .float64: bytes.storeBytes(of: value, toByteOffset: offset, as: Double.self)
      case .int32: bytes.storeBytes(of: Self.integer(value, Int32.self), toByteOffset: offset, as: Int32.self)
      case .uint32:
        bytes.storeBytes(of: Self.integer(value, UInt32.self), toByteOffset: offset, as: UInt32.self)
      case .char: bytes.storeBytes(of: Self.integer(value, UInt8.self), toByteOffset: offset, as: UInt8.self)
      }
      if configuration.mode == .sparse {
        let relative = UInt32(truncatingIfNeeded: tick - blockTick)
        bytes.storeBytes(
          of: relative.littleEndian, toByteOffset: layout.stampsOffset + fill * 4, as: UInt32.self)
      }
    }
    fill += 1
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
