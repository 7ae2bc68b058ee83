/// The bounds of everything that grows here, each with its reason.
public enum SynnaxLimits {
  /// One WebSocket message: what the official client accepts; larger ones would end a stream for its users too.
  public static let messageBytes = 5 << 20
  /// One message that is accepted: several times what others take, since a core has no limit of its own.
  static let receivedBytes = 16 << 20
  /// What a waiting message costs beside its bytes: an array and its place in a queue.
  static let messageOverhead = 64
  /// One written frame: stays below `messageBytes` when a core merges it with neighbours or adds time ranges.
  public static let writtenFrameBytes = 1 << 20
  /// Series in one frame: a frame of nothing but empty series would cost many times its size in memory.
  static let frameSeries = 65_536
  /// Channels of one stream or writer: as many series as a frame may have.
  public static let streamChannels = 65_536
  /// Codec states a stream may be ahead of the core's frames. The core queues 50 and then stops listening, so a
  /// stream that reaches this opens a new connection instead.
  static let pendingStates = 40
  /// Control messages: an error text or an acknowledgement; a core's own are far below.
  static let controlBytes = 1 << 20
  /// An answer to a call: a list of some ten thousand channels.
  static let responseBytes = 64 << 20
  /// Text of a foreign answer that is quoted in an error.
  static let quotedCharacters = 200
  /// Bytes of written frames that may wait for the socket; behind that `write` waits.
  static let writerBytes = 8 << 20
  /// Samples that one history read may return: all of them are in memory at once.
  public static let historyBytes = 1 << 30
  /// Channels remembered by one client; then it forgets them and asks again.
  static let cachedChannels = 100_000
  /// Tasks that may wait to change the channels of one stream.
  static let waitingUpdates = 1024
  /// Samples of each channel that one step of a history read asks for, as the official client does.
  static let readSamples = 100_000
  /// Samples of one channel that wait for those of the others of its index: 24 s of audio.
  static let forwardedSamples = 1 << 20
  /// A password file: a line, not a recording given by mistake.
  static let passwordBytes = 4096
  /// Levels of JSON text nested in errors (`sy.validation.path` holds an error that may hold one).
  static let errorDepth = 4
}
