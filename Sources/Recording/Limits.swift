/// The bounds of everything that files of samples can make grow, each with its reason.
public enum Limits {
  /// Bytes of a file that is read into memory: as much as a stream's buffers may hold.
  static let loadBytes = 1 << 30
  /// Samples of one load, whose text may be shorter than what they take in memory.
  static let loadSamples = 1 << 27
  /// Lines that a caller may leave out above a table.
  static let skippedLines = 1 << 20
  /// Bytes of a table in memory at once: a few thousand rows.
  static let tableBytes = 1 << 20
  /// Bytes of one row of a table.
  static let rowBytes = 1 << 26
  /// Of the rows of a table so many may be left out, one in so many; more say that it was misunderstood.
  static let oddRows = 10
  /// Bytes of a sidecar: gaps and runs of times of a hundred channels that had a bad day.
  static let sidecarBytes = 1 << 26
  /// Samples that a text counts for in a load: it has a memory of its own.
  static let textWeight = 4
  /// Units and samples a second that a file may speak of: from one in thirty years to a picosecond.
  static let rates = 1e-9...1e12
  /// Samples that a file may say are missing at a place: all places of a file together still fit 64 bits.
  static let countMax: Int64 = 1 << 46
  /// Memory of a series and of each of its chunks beside the samples, as measured: what waits in frames of single
  /// samples is mostly this.
  static let seriesBytes = 400
  static let chunkBytes = 200
  /// Bytes gathered before they are written: big enough that the system calls cost nothing.
  static let outputBytes = 1 << 16
  /// What waits for the disk while a stream is recorded: a minute of a dozen audio-rate channels.
  public static let queueBytes = 1 << 27
  /// Frames that wait, whatever they hold: each costs a few hundred bytes of its own.
  static let queueFrames = 1 << 16
  /// How long samples may wait before they are in the file: what a crash of the program can cost.
  static let flushTime = Duration.milliseconds(250)
  /// Frames that are written one by one; when more wait, neighbours are joined to catch up.
  static let framesAlone = 64
  /// Samples that rows of a table wait for slower channels with: a few megabytes.
  static let heldSamples = 1 << 18
  /// How long a table waits for a silent channel before it goes on without it.
  static let silence = Duration.seconds(10)
  /// Runs of even times that a sidecar writes out; a file with more should be one that holds times.
  static let timeRuns = 4096
  /// Levels of JSON: ours have five.
  static let jsonDepth = 32
  /// Names tried for a free one beside a file that exists.
  static let namesTried = 10_000
  /// Gaps remembered of each channel of a file; the oldest go first.
  static let gaps = 1 << 16
  /// Channels of one file; more than any board or cluster streams at once.
  static let channels = 1 << 16
}
