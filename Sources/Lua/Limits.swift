/// Every bound of this target, with its reason.
package enum Limits {
  /// An error whose `__tostring` takes longer is named by its address: the prompt comes back within 0.2 s.
  static let messageTime = Duration.milliseconds(100)
  /// Ready tasks resumed before the loop looks at keys, timers and results again: about 0.1 ms of work.
  static let readyPerTurn = 256
  /// Waits that a task may find already over, one after another, before others get their turn.
  static let immediateWaits = 64
  /// Closures posted from other threads and not run yet; a poster that outruns the interpreter is told.
  package static let postedClosures = 65_536
  /// How often what is to be done between tasks is, while one is always ready: output that waits is on the screen in time.
  static let idlePace = Duration.milliseconds(10)
  /// A wait of a finalizer: closing takes 2 s at most, and whoever happened to allocate waits with it.
  static let finalizerWait = Duration.seconds(2)
  /// Waits inside waits where Lua cannot yield: each one holds C stack, of which Lua allows 200 levels.
  static let nestedWaits = 24
  /// Bytes of a foreign error value that become a message: a runaway `__tostring` must not fill the terminal.
  static let messageBytes = 16_384
  /// Levels below which a conversion to `LuaValue` gives up: deeper nesting is a cycle in practice.
  static let tableDepth = 100
  /// Longest name for which the nearest one is searched: the search is quadratic.
  static let suggestionLength = 64
}
