/// Every bound of this target, with its reason. Options start from these values.
public enum TransportLimits {
  /// One WebSocket message: control replies of a board grow with its variables, plots and frames stay far below.
  public static let messageBytes = 1 << 20
  /// Bytes waiting to be sent on one connection: what the board itself keeps for a slow reader.
  public static let outboundBytes = 16 << 20
  /// Bytes joined into one socket write: large enough for full speed, small enough to see progress.
  package static let writeBytes = 64 << 10
  /// One read from a socket: larger reads were not faster.
  package static let readBytes = 64 << 10
  /// Payload of a control frame (RFC 6455, 5.5).
  package static let controlBytes = 125
  /// Body text kept of an answer that is not the one asked for: enough to tell the reason.
  package static let refusalBodyBytes = 4 << 10
  /// Body of one HTTP answer: a core's list of some thousand channels.
  public static let responseBodyBytes = 16 << 20
  /// Body of one HTTP request: what a core accepts.
  public static let requestBodyBytes = 4 << 20
  /// All header lines of one HTTP message: what a core accepts.
  package static let headerBytes = 100_000
  /// Header lines of one HTTP message.
  package static let headerCount = 128
  /// Requests a client may pipeline before the first is answered.
  package static let pipelinedParts = 64
  /// Open connections of one server: boards, cores and pages have a handful.
  public static let serverConnections = 256
  /// Calls of one HTTP client at a time, each with a connection: more tasks than any script has, fewer than descriptors.
  package static let calls = 128
  /// Event-loop threads: one is enough for 17 million small messages a second.
  package static let threads = 2
}
