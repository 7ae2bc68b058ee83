/// The bounds of what scripts can pile up, each with its reason.
enum Limits {
  /// Tasks at once: each costs some kilobytes; a loop that spawns for ever must end with an error, not with the machine.
  static let tasks = 100_000
  /// Lines that `task:output()` keeps: what a person reads of a job.
  static let taskLines = 100
  /// A line of a task that never ends is cut here.
  static let taskLineBytes = 65_536
  /// Channels that an echo of a frame lists.
  static let channelsShown = 40
}
