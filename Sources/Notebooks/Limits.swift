/// Every bound of this target, with its reason.
package enum Limits {
  /// JSON nested deeper than a notebook ever is would only exhaust the stack.
  package static let jsonDepth = 200
  /// A list longer than a screen or two helps nobody.
  package static let completionCandidates = 1_000

  /// Deeper tables are somebody's data structure, not something to read.
  package static let printDepth = 5
  /// About two screens of items in one answer…
  package static let printItems = 200
  /// …and of one table.
  package static let printItemsPerTable = 100
  /// Pairs that are looked at to be sorted: ten million would take seconds.
  package static let scannedPairs = 2_000
  /// An echo is read, not stored: `print` and files show everything.
  package static let echoBytes = 16_384
  package static let nestedStringBytes = 200
  package static let echoValues = 50
  /// An answer comes within 0.2 s whatever a `__tostring` does; the rest of that is for Lua to unwind.
  package static let printTime = Duration.milliseconds(120)
  /// Values in `Out`: they keep whole recordings alive.
  package static let outputsKept = 1_000
  /// Sources in `In` and for error texts.
  package static let inputsKept = 10_000
  /// Levels of a traceback that are shown: a deep recursion repeats itself.
  package static let tracebackLevels = 12
  /// A shorter secret is in every second word; taking it out of a text would say what it is.
  package static let secretBytes = 3
  /// Secrets that error texts are searched for: a session has one or two.
  package static let secretsKept = 256
  /// A line of source in an error text.
  package static let lineBytes = 400
  /// `__index` leading to `__index`: classes are seldom three deep, a ring has no end.
  package static let indexChain = 10
  /// Keys of a table that are looked at for completion.
  package static let completionKeys = 20_000
  /// Output without a line end that a record holds back.
  package static let recordedOutput = 65_536

  /// Nested blocks, calls and operators in source: Lua's compiler gives up at 200, some of which its caller has used.
  package static let syntaxLevels = 190
  /// Output of a script that a report holds, twice: its beginning and its end. More is for files.
  package static let reportedOutput = 32_768
  /// Output of a script that its record holds: a script that prints for ever must not fill the disk.
  package static let recordedOutputTotal = 64 << 20
  /// Passed checks that a record lists one by one; failed ones it lists all.
  package static let recordedChecks = 10_000
  /// Lines of a script with checks that a report tells apart.
  package static let checkSites = 10_000
  /// A script that was told to stop and computes on in C, where no interrupt reaches it, is waited for no longer.
  package static let stoppingTime = Duration.seconds(5)
  /// Closing streams, writers and connections has deadlines of 3 s each; this is beyond them all.
  package static let closingTime = Duration.seconds(15)
  /// An interrupt may have struck a task in the place of the script; the next one follows.
  package static let interruptAgain = Duration.milliseconds(250)
  /// Variables that get their value from one another, followed by `check`: real scripts have a handful.
  package static let flowDepth = 16
  /// Variables looked at in one check, so that a script made to be slow is not.
  package static let flowSteps = 100_000
  /// Bytes of an address that is searched for a password: longer than any that a source takes.
  static let addressBytes = 4_096
  /// Undefined names of one script that a similar one is looked for.
  package static let suggestions = 100
}
