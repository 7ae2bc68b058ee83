import Randomness

/// What is wrong with a simulated board; nothing by default. Deterministic for the configuration's seed.
public struct BoardFaults: Sendable {
  /// What a real board does with a stream while no client is active (section 7): it goes on with the block in progress
  /// when somebody comes, so that blocks have holes, and sends stale ones. Off, such blocks are thrown away.
  public var keepsStaleBlocks = true
  /// Header ids are this much above the positions in the list (section 6.1).
  public var idShift = 0
  /// Values in `list` are not numbers.
  public var listsNaN = false
  /// And stand there bare, as in a build with fast-math, which is no JSON.
  public var writesBareNaN = false
  /// Share of headers and payloads that get lost, each for itself.
  public var headerLoss = 0.0
  public var payloadLoss = 0.0
  /// Share of headers whose type letter is another one's.
  public var wrongLetters = 0.0
  /// Bytes a second that the link carries; what does not fit its queue of 640 KiB is lost, headers and payloads each for
  /// themselves. Nil for no limit.
  public var linkRate: Double?
  /// How late messages of the data socket leave, and how much more, at random.
  public var latency = Duration.zero
  public var jitter = Duration.zero
  /// Whether `list` is answered.
  public var answersList = true
  /// Whether it greets.
  public var greets = true

  /// Whether it takes note of `connection-reply`; else every client is one that never replied, and gets no data.
  public var hearsReplies = true
  /// What happens while it streams, each once.
  public var incidents: [Incident] = []

  /// Something that happens to a board.
  public struct Incident: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
      /// The data sockets end in the middle of a block.
      case cut
      /// The program is started anew.
      case restart
      /// The program ends, and nobody listens any more.
      case end
      /// It goes on, but reads and answers nothing on the connections that it has.
      case silence
    }

    public var kind: Kind
    /// Seconds of the board's clock after the first data that it sent.
    public var after: Double

    public init(_ kind: Kind, after: Double) {
      self.kind = kind
      self.after = after
    }
  }

  public init() {}
}

/// Which messages get lost.
struct BoardLink: Sendable {
  private let faults: BoardFaults
  private var random: SplitMix
  private var queued = 0.0
  private var lastTick: Int64 = 0
  /// Lost on demand, before chance is asked.
  var nextHeaders = 0
  var nextPayloads = 0
  var nextWrongTypes = 0
  private(set) var lost = 0

  init(_ configuration: BoardConfiguration) {
    faults = configuration.faults
    random = SplitMix(seed: configuration.seed)
  }

  /// What of an item goes out: header, payload, or neither.
  mutating func pass(_ item: BoardMachine.Item, rate: Double) -> (header: [UInt8]?, payload: [UInt8]?) {
    var header: [UInt8]? = item.header
    var payload: [UInt8]? = item.payload
    if nextWrongTypes > 0 || chance(faults.wrongLetters) {
      nextWrongTypes = max(0, nextWrongTypes - 1)
      header![header!.count - 1] = header!.last == UInt8(ascii: "d") ? UInt8(ascii: "f") : UInt8(ascii: "d")
    }
    if nextHeaders > 0 || chance(faults.headerLoss) { header = nil }
    if nextPayloads > 0 || chance(faults.payloadLoss) { payload = nil }
    nextHeaders = max(0, nextHeaders - 1)
    nextPayloads = max(0, nextPayloads - 1)
    if let linkRate = faults.linkRate {
      queued = max(0, queued - Double(item.tick - lastTick) / rate * linkRate)
      lastTick = item.tick
      if !fits(header?.count) { header = nil }
      if !fits(payload?.count) { payload = nil }
    }
    lost += (header == nil ? 1 : 0) + (payload == nil ? 1 : 0)
    return (header, payload)
  }

  private mutating func fits(_ bytes: Int?) -> Bool {
    guard let bytes else { return true }
    let most = Double(Limits.linkQueueBytes)
    // The reader takes from it at moments of its own, so which messages find room in an almost full queue is chance.
    guard queued + Double(bytes) <= most, queued < most * 0.999 || chance() < 0.3 else { return false }
    queued += Double(bytes)
    return true
  }

  private mutating func chance(_ share: Double) -> Bool { share > 0 && chance() < share }

  /// 0 to 1, the same row for the same seed.
  mutating func chance() -> Double { Double(random.next() >> 11) / Double(1 << 53) }
}
