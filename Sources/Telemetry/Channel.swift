/// What counts the time of a channel's samples.
public enum ClockDomain: Sendable, Hashable {
  /// Nanoseconds since the Unix epoch.
  case unix
  /// Ticks of a device that knows nothing of wall-clock time. `rate` is ticks per second as the device declares it
  /// or as measured; nil when nobody knows.
  case ticks(rate: Double?)

  /// What scripts see as `series.clock`.
  public var name: String {
    switch self {
    case .unix: "unix_ns"
    case .ticks: "ticks"
    }
  }

  /// How many units of this clock make a second; nil when unknown. What is no rate, 0 or below, is unknown, too.
  public var unitsPerSecond: Double? {
    switch self {
    case .unix: 1e9
    case .ticks(let rate): rate.flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
    }
  }

  /// A span in units of this clock, rounded; nil when the rate is unknown or the number does not fit.
  public func units(_ span: TimeSpan) -> Int64? {
    if case .unix = self { return span.nanoseconds }
    guard let rate = unitsPerSecond else { return nil }
    return Int64(exactly: (span.seconds * rate).rounded())
  }

  /// Seconds that a number of units lasts; nil when the rate is unknown.
  public func seconds(_ units: Int64) -> Double? {
    unitsPerSecond.map { Double(units) / $0 }
  }
}

/// One named row of samples that a source offers.
///
/// A description, not a place: two with the same fields are equal. One word to copy, since every series, column and
/// frame carries it; a change makes a new one.
public struct Channel: Sendable, Hashable {
  /// How the source sends it; a Bela board has both.
  public enum Mode: String, Sendable { case dense, sparse }

  private struct Fields: Sendable, Hashable {
    var name: String
    var type: DataType
    var clock: ClockDomain
    var mode: Mode
    var key: UInt32
    var unit: String?
    var rate: Double?
    var index: UInt32?
    var isIndex: Bool
    var isVirtual: Bool
  }

  private final class Box: Sendable {
    let fields: Fields
    init(_ fields: Fields) { self.fields = fields }
  }

  private var box: Box

  public init(
    name: String, type: DataType, clock: ClockDomain = .unix, mode: Mode = .dense, key: UInt32 = 0,
    unit: String? = nil, rate: Double? = nil, index: UInt32? = nil, isIndex: Bool = false,
    isVirtual: Bool = false
  ) {
    box = Box(
      Fields(
        name: name, type: type, clock: clock, mode: mode, key: key, unit: unit, rate: rate, index: index,
        isIndex: isIndex, isVirtual: isVirtual))
  }

  public static func == (a: Channel, b: Channel) -> Bool {
    a.box === b.box || a.box.fields == b.box.fields
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(box.fields) }

  /// The very same description, without a look at its fields.
  package func isIdentical(to other: Channel) -> Bool { box === other.box }

  private mutating func change(_ body: (inout Fields) -> Void) {
    var fields = box.fields
    body(&fields)
    box = Box(fields)
  }

  public var name: String {
    get { box.fields.name }
    set { change { $0.name = newValue } }
  }
  public var type: DataType {
    get { box.fields.type }
    set { change { $0.type = newValue } }
  }
  public var clock: ClockDomain {
    get { box.fields.clock }
    set { change { $0.clock = newValue } }
  }
  public var mode: Mode {
    get { box.fields.mode }
    set { change { $0.mode = newValue } }
  }
  /// The source's own number: a position in a board's list, a key in a cluster.
  public var key: UInt32 {
    get { box.fields.key }
    set { change { $0.key = newValue } }
  }
  public var unit: String? {
    get { box.fields.unit }
    set { change { $0.unit = newValue } }
  }
  /// Samples per second where the source knows it.
  public var rate: Double? {
    get { box.fields.rate }
    set { change { $0.rate = newValue } }
  }
  /// The channel whose samples are this one's timestamps.
  public var index: UInt32? {
    get { box.fields.index }
    set { change { $0.index = newValue } }
  }
  public var isIndex: Bool {
    get { box.fields.isIndex }
    set { change { $0.isIndex = newValue } }
  }
  public var isVirtual: Bool {
    get { box.fields.isVirtual }
    set { change { $0.isVirtual = newValue } }
  }
}

/// A place in a series where samples are missing, or may be.
public struct Gap: Sendable, Hashable {
  public enum Reason: String, Sendable {
    /// The source sent less than it counted: a queue overflowed, a message was lost.
    case lost
    /// The connection was away for a while.
    case reconnect
    /// The source began anew, its clock jumped back.
    case restart
    /// Samples inside a block are missing, where exactly is not known.
    case hole
    /// The stream was stopped and started again.
    case paused
    /// The source says it dropped data for this reader.
    case overrun
    /// Nobody said so: only the times of the samples tell, which leap.
    case time
  }

  /// Absolute number of the first sample behind the gap.
  public var at: Int64
  /// How many samples are missing; nil when nobody can know.
  public var samples: Int64?
  public var reason: Reason

  public init(at: Int64, samples: Int64?, reason: Reason) {
    self.at = at
    self.samples = samples
    self.reason = reason
  }
}
