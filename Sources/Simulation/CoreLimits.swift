/// The bounds of everything that grows in the simulated core, each with its reason.
enum CoreLimits {
  /// Log-ins that are remembered; the least used ends first. A script that logs in in a loop must not fill memory.
  static let sessions = 1024
  /// Channels: a large test stand has some thousands.
  static let channels = 65_536
  /// Sockets at a time: "1,000 streams side by side", and room for writers and calls.
  static let connections = 4096
  /// Bytes of samples kept in memory, all channels together; the oldest go first.
  static let memoryBytes = 512 << 20
  /// Samples of one piece of stored data: reading cuts within it, so it need not be small.
  static let pieceSamples = 4096
  /// Bytes of one frame that a history read sends: stays below what the official client accepts.
  static let readFrameBytes = 1 << 20
  /// Frames that wait for the next period of a throttled stream; then the oldest are sent at once.
  static let throttledSeries = 4096
  /// A stream whose socket takes nothing for so long is cut, as a real core does after 2.5 s.
  static let stallMs = 2500
  /// Lists and objects within one another in a message: no message has five, and each is a call on the stack.
  static let jsonDepth = 64
  /// Bytes that wait for a slow stream; frames beyond that are left out for it.
  static let streamBytes = 16 << 20
}
