public import Telemetry

/// Encodes and decodes the frames of one stream, writer, or iterator (protocol, sections 10 and 11).
///
/// Both ends of a stream count states: which channels are on it, and of which types. A frame says the number of the
/// state it was made with. A plain value; whoever owns the stream owns its codec.
public struct FrameCodec: Sendable {
  /// A channel as frames know it.
  public struct Entry: Sendable, Hashable {
    public var key: UInt32
    public var type: DataType

    public init(key: UInt32, type: DataType) {
      self.key = key
      self.type = type
    }
  }

  struct State: Sendable {
    var sequence: UInt32
    /// Ascending, each key once.
    var entries: [Entry]
    var hasVariableType: Bool
  }

  struct Flags: OptionSet {
    let rawValue: UInt8

    static let allPresent = Flags(rawValue: 0x01)
    static let rangesZero = Flags(rawValue: 0x02)
    static let rangesEqual = Flags(rawValue: 0x04)
    static let lengthsEqual = Flags(rawValue: 0x08)
    static let alignmentsEqual = Flags(rawValue: 0x10)
    static let alignmentsZero = Flags(rawValue: 0x20)
    static let multiples = Flags(rawValue: 0x40)
    static let extended = Flags(rawValue: 0x80)
  }

  /// Ascending by number; the newest is the one to encode with.
  var states: [State] = []
  /// How many states have been added so far; also the number of the newest.
  public private(set) var sequence: UInt32 = 0

  public init() {}

  public init(_ entries: some Sequence<Entry>) {
    addState(entries)
  }

  /// States that no frame has confirmed yet, the one in use included.
  public var stateCount: Int { states.count }

  /// To be called once for each request with keys, before it is sent or when it is received, also when the keys are
  /// those of the request before: the other side counts requests, not changes.
  /// - Returns: the number of the new state.
  @discardableResult
  public mutating func addState(_ entries: some Sequence<Entry>) -> UInt32 {
    var sorted = entries.sorted { $0.key < $1.key }
    var kept = 0
    for position in sorted.indices where kept == 0 || sorted[position].key != sorted[kept - 1].key {
      sorted[kept] = sorted[position]
      kept += 1
    }
    sorted.removeLast(sorted.count - kept)
    sequence &+= 1
    states.append(
      State(
        sequence: sequence, entries: sorted, hasVariableType: sorted.contains { $0.type.width == nil }))
    return sequence
  }

  /// For an encoder, which never looks back: forgets all states but the newest.
  public mutating func keepNewest() {
    if states.count > 1 { states.removeFirst(states.count - 1) }
  }

  /// This is the state that the last frame named.
  func isInUse(_ sequence: UInt32) -> Bool { states.first?.sequence == sequence }

  /// The state with this number, after dropping the older ones: numbers on one stream never go back.
  mutating func use(_ sequence: UInt32) -> State? {
    guard let at = states.firstIndex(where: { $0.sequence == sequence }) else { return nil }
    if at > 0 { states.removeFirst(at) }
    return states[0]
  }
}
