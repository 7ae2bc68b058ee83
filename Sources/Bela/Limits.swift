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
  /// Time stamps beyond this are no clock's: two hundred thousand years of audio.
  static let stampMax: Int64 = 1 << 58
  /// A block that comes so much later than its row has it waits for the next one: a pause on the board makes one late,
  /// and the ways of messages differ by less.
  static let blockLate = TimeSpan(nanoseconds: 5_000_000)
  /// Blocks of a row whose times are averaged at most.
  static let rowBlocks: Int64 = 256
  /// And at least, to say how the next row will come.
  static let rowBlocksMin: Int64 = 4
  /// Even distances in a row that are a new rate rather than somebody who begins the stream anew at even intervals.
  static let stepsForRate = 4
  /// Holes in one sparse block before the variable is one that is not evenly assigned.
  static let holesMax = 3
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
  /// How often an id is asked for that is not what was expected, until it has shown twice.
  static let learnTries = 4
  /// How often a fixed period is begun anew when its command came too late, and how far ahead at most, in seconds:
  /// together a board that answers slowly is given ten seconds.
  static let startsTried = 8
  static let startAheadMax = 2.0
  /// How far ahead of the board's clock a stop is set, in seconds: longer than a command needs to get there.
  static let stopAhead = 0.03
  /// And at least this many ticks, for boards that tick slowly or in long blocks.
  static let stopAheadTicks: Int64 = 1_024
  /// The board ends one block behind the end that is wanted, unless that takes longer than so many seconds.
  static let blockAtEnd = 0.2
  /// A monitor's period is at least this part of the shortest that is wanted: monitors that share a variable and have
  /// no period in common cost so many times the messages at most.
  static let monitorShare: Int64 = 8
  /// A stream or monitor is silent after so many blocks or periods that did not come, and no sooner than so long; each
  /// time that the board is asked in vain doubles it, up to the longest.
  static let silentBlocks = 4.0
  static let silence = TimeSpan(nanoseconds: 400_000_000)
  static let silenceMax = TimeSpan(nanoseconds: 10_000_000_000)
  /// How often that is looked at.
  static let silenceCheck = Duration.milliseconds(100)
  /// How often a peek asks anew while no value comes: another client may have turned it off.
  static let peekAgain = Duration.milliseconds(200)
  /// An end is near when it is not certain that the board hears of another one before, in seconds.
  static let endIsNear = 0.1
  /// Lists that are waited for until a stream has ended that is about to, before another begins.
  static let endsAwaited = 8
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
