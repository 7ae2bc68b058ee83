/// The bounds of the simulators, each with its reason.
enum Limits {
  /// Variables of a board: far beyond any real program, and a list reply of 1 MB.
  static let variables = 5000
  /// Commands that wait for the next tick: more than a client can send between two of them.
  static let queuedCommands = 4096
  /// Ticks advanced at once: 23 ms of audio, so commands are looked at often also in fast motion.
  static let sliceTicks: Int64 = 1024
  /// Bytes that may wait for the slowest reader before a board in fast motion pauses.
  static let backlogBytes = 1 << 20
  /// Rows of a recording that is played: a day at 1 kHz.
  static let recordingRows = 100_000_000
  /// A message of more bytes than this may lose the connection on a board, depending on how TCP cuts it (section 1).
  static let safeMessageBytes = 16_376
  /// Ticks that the clock is ever ahead of its beginning: far beyond any run, and what a Double counts exactly.
  static let clockTicks = Double(1 << 52)
  /// Seconds from one row of a recording to the next; more are no times in seconds.
  static let playedStep = 86_400.0
  /// Ticks between two assignments of a variable: from a thousand in a tick to one in 262 days of audio.
  static let intervalTicks = 1e-3...1e12
  /// Clients of a board, two sockets each: "1,000 streams of one board side by side", and room to come and go.
  static let connections = 4096
  /// Violations that are remembered: one is a defect, a hundred say nothing more.
  static let violations = 100
  /// A log file is written in pieces of this size, as on a board.
  static let logPieceBytes = 16_384
  /// Bytes between the board's audio and socket threads; beyond, messages are dropped (section 12).
  static let linkQueueBytes = 640 << 10
}
