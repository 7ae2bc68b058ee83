import Telemetry

/// The bounds of everything that talks to a board, each with its reason.
public enum BelaLimits {
  /// A message to the board with its 8-byte frame header: its server loses larger ones (section 1).
  static let messageBytes = 16_376
  /// Names of one command are split into messages of this size, far below what the board takes.
  static let commandBytes = 8_192
  /// A reply on control: 170 bytes a variable, so six thousand variables; the rest is not a board.
  static let replyBytes = 1 << 20
  /// Variables that are read from one list; a board has some dozens, a thousand is a simulation.
  static let variables = 8_192
  /// Levels of JSON: the deepest known message has four.
  static let jsonDepth = 32
  /// Header ids above this cannot be told from payloads (section 6.6).
  static let headerBytes = 8
  /// The largest period the board reads as it is (section 4.3).
  static let periodMax: Int64 = 2_147_483_647
  /// Ticks beyond this are not exact in JSON.
  static let tickMax: Int64 = 1 << 53
  /// Missing samples are counted up to a day of audio; a larger step of the clock is a restart.
  static let gapSamplesMax: Int64 = 44_100 * 86_400
  /// A restart is a clock that went back by more than this many ticks; less is blocks out of order, which cannot be.
  static let backwardTicks: Int64 = 1
  /// Log files that are read into memory: an hour of one double variable is 1.3 GB, half of that is plenty.
  public static let logBytes = 1 << 29
  /// How long a stop may wait for the last block; a variable that is not assigned never sends it.
  static let stopWait = Duration.milliseconds(1500)
  /// How long a list may take: the board answers within milliseconds.
  static let replyWait = Duration.seconds(5)
  /// How long an id may take to show itself before the place in the list is taken for it.
  static let learnWait = Duration.milliseconds(250)
  /// How often a fixed period is begun anew when its command came too late, and how far ahead at most, in seconds:
  /// together a board that answers slowly is given ten seconds.
  static let startsTried = 8
  static let startAheadMax = 2.0
  /// How far ahead of the board's clock a stop is set, in seconds: longer than a command needs to get there.
  static let stopAhead = 0.03
  /// And at least this many ticks, for boards that tick slowly or in long blocks.
  static let stopAheadTicks: Int64 = 1_024
  /// How long a reconnect is tried before the source gives up.
  static let reconnectWait = Duration.seconds(600)
  /// Blocks that may be missing between the first two of a short stream before it is a slow variable after all.
  static let blocksLostAtStart: Int64 = 64
  /// Blocks that may come before a session's start reply: a second of a dozen variables.
  static let earlyBlocks = 1_024
  /// How long blocks may lag behind the seed protocol's end message (section 16.2).
  static let blocksLag = Duration.milliseconds(500)
  /// How long the seed protocol's answer may take before the board is taken not to know it (section 16.2).
  static let commandWait = Duration.seconds(2)
  /// How long a client may close.
  static let closeWait = Duration.seconds(2)
}
