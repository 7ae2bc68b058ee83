/// The bounds of the program itself, each with its reason.
enum ProgramLimits {
  /// Output of one script that waits to be written: some screens, and little for hundreds of scripts.
  static let channelBytes = 256 << 10
  /// A line without an end is shown when it is so long.
  static let openLineBytes = 8 << 10
  /// Files that lead a browser to a plot: as many as a server shows plots, and each is needed for a moment only.
  static let doors = 64
  /// Scripts side by side: each has a thread with its stack and its sockets.
  static let jobs = 256
  /// Stack of a script's thread: what a main thread has, for which Lua's own bounds are made.
  static let stackBytes = 8 << 20
  /// Least memory that a script of several gets without being asked: below it streaming itself would fail.
  static let leastMemory = 128 << 20
}
