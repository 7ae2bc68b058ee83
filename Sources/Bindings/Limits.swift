import Dispatch

/// The bounds of what scripts can pile up, each with its reason.
enum Limits {
  /// Events of streams on their way to the interpreter: more than all streams of a busy session have at once.
  static let letters = 10_000
  /// Tasks at once: each costs some kilobytes; a loop that spawns for ever must end with an error, not with the machine.
  static let tasks = 100_000
  /// Lines that `task:output()` keeps: what a person reads of a job.
  static let taskLines = 100
  /// A line of a task that never ends is cut here.
  static let taskLineBytes = 65_536
  /// Samples of a frame of exactly so many: what waits until there are enough is not in the buffer any more.
  static let frameSamplesMax = 1_000_000
  /// Newest samples of each channel in the picture of a streamer: a second or two of audio.
  static let samplesPictured = 65_536
  /// After this the rest of a frame's channels are shown without their statistics: an answer comes within 0.2 s.
  static let pictureTime = Duration.milliseconds(80)
  /// Channels that an echo of a frame lists.
  static let channelsShown = 40
  /// A series keeps the whole frame that it was taken from where that has so few channels: a kilobyte or a few, and a step
  /// through a stream makes no object for each of its series.
  static let smallFrameChannels = 32
  /// And as few bytes of samples: whoever keeps one channel of a buffer must not keep them all.
  static let smallFrameBytes = 1 << 18
  /// Lists of channels whose names are kept as tables: more than the streams of a busy session have.
  static let frameNames = 256
  /// Names of channels for completion are asked for anew after this time: a program on a board may have changed.
  static let knownChannelsAge = Duration.seconds(10)
  /// How long Tab may wait for them.
  static let knownChannelsWait = Duration.milliseconds(300)
}
