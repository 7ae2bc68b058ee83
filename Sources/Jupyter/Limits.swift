/// Bounds of what a kernel takes and keeps, each with its reason.
enum Limits {
  /// A cell, a history, a debugger's message: text that people write. libzmq hangs up on who sends more.
  static let messageBytes: Int64 = 64 << 20
  /// Frames of one message: six, identities in front (one for each router on the way), buffers behind.
  static let messageFrames = 64
  /// Requests that wait for the interpreter: a notebook of so many cells is run at once; a front end that sends more is
  /// not read from meanwhile.
  static let waitingRequests = 10_000
  /// Messages that wait for the thread of sockets, which does nothing but send them.
  static let waitingMessages = 100_000
  /// Messages that libzmq keeps for a front end that reads slowly; more are lost, as with every kernel.
  static let keptForReader: Int32 = 100_000
  /// How long a message may linger when the kernel ends: the reply to `shutdown_request`.
  static let lingerMilliseconds: Int32 = 1_000
  /// Depth is the parser's; a connection file is a few hundred bytes.
  static let connectionFileBytes = 1 << 16
}
