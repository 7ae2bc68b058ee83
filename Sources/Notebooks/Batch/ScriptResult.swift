/// What became of one script of a run: everything that reports and summaries are made of.
package struct ScriptResult: Sendable {
  package enum Ending: Equatable, Sendable {
    case passed
    /// A Lua error, a failed check, an error of a task that nobody waited for, or gaps where none were allowed.
    case failed
    case syntax, missing
    /// No connection; the connection went.
    case unavailable, lost
    case unwritable
    case timedOut
    case interrupted, terminated
    /// `os.exit(n)`, n being neither 0 nor true.
    case exit(Int32)
    /// Nobody read what it printed any more: an ordinary end.
    case unheard
    case notRun
  }

  /// Something wrong that is no cell's: a task, a time limit, a missing file, gaps.
  package struct Fault: Equatable, Sendable {
    package var name: String
    package var message: String
    /// The whole text, in plain lines.
    package var text: String

    package init(name: String, message: String, text: String) {
      self.name = name
      self.message = message
      self.text = text
    }
  }

  /// A code cell of the script, run or not.
  package struct CellResult: Equatable, Sendable {
    package enum State: Equatable, Sendable {
      case notRun, passed
      case failed(CellError)
    }
    package var title: String
    /// Where its text begins in the file.
    package var line: Int
    package var number: Int?
    package var state = State.notRun
    package var wall = Duration.zero
    package var samples = 0
  }

  /// All checks of one line of the script.
  package struct CheckSite: Equatable, Sendable {
    package var source: String
    package var line: Int
    /// The line itself.
    package var text: String
    package var passed = 0
    package var failed = 0
    /// Of the first one that failed.
    package var message = ""
    package var picture: String?
  }

  /// As it was given.
  package var script: String
  /// Short and unlike the others of the run.
  package var label: String
  package var ending = Ending.notRun
  /// In one line; empty when all is well.
  package var reason = ""
  /// Nanoseconds since the Unix epoch, when it was started.
  package var started: Int64?
  package var wall = Duration.zero
  package var parameters: [(name: String, value: String)] = []
  package var cells: [CellResult] = []
  package var checks: [CheckSite] = []
  package var faults: [Fault] = []
  package var samples: Int64 = 0
  package var gaps: Int64 = 0
  package var lost: Int64 = 0
  package var dropped: Int64 = 0
  package var output = BoundedText()
  package var errors = BoundedText()

  package init(script: String, label: String) {
    self.script = script
    self.label = label
  }
}

extension ScriptResult.Ending {
  /// What an error that nobody caught makes of a script.
  package init(errorCode: String) {
    self =
      switch errorCode {
      case "syntax": .syntax
      case "interrupted": .interrupted
      case "unreachable", "refused", "unknownHost", "tls", "auth", "handshake", "protocol": .unavailable
      case "lost": .lost
      case "output", "exists": .unwritable
      default: .failed
      }
  }

  /// REPL.md has the table; nil for a script that was not run.
  package var exitCode: Int32? {
    switch self {
    case .passed, .unheard: 0
    case .failed: 1
    case .syntax: 65
    case .missing: 66
    case .unavailable: 69
    case .unwritable: 73
    case .lost: 75
    case .timedOut: 124
    case .interrupted: 130
    case .terminated: 143
    case .exit(let code): code
    case .notRun: nil
    }
  }

  package var isFailure: Bool { exitCode.map { $0 != 0 } ?? false }

  /// One word for tables and records.
  package var word: String {
    switch self {
    case .passed, .unheard: "passed"
    case .failed, .exit: "failed"
    case .syntax: "syntax"
    case .missing: "missing"
    case .unavailable: "unavailable"
    case .lost: "lost"
    case .unwritable: "unwritable"
    case .timedOut: "timeout"
    case .interrupted: "interrupted"
    case .terminated: "terminated"
    case .notRun: "not run"
    }
  }
}
