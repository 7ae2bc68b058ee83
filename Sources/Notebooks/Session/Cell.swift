package import Lua

/// What a session runs at once.
package struct Cell: Sendable {
  package enum Origin: Equatable, Sendable {
    /// At the prompt, with `-e`, or through a pipe: errors say `cell 3, line 2`.
    case typed
    /// Errors say `file.lua:12`; the line is where the cell's text begins.
    case file(name: String, firstLine: Int)
  }

  package var text: [UInt8]
  package var origin: Origin
  /// From the marker of a notebook file.
  package var title: String

  package init(_ text: [UInt8], origin: Origin = .typed, title: String = "") {
    self.text = text
    self.origin = origin
    self.title = title
  }

  package init(_ text: String) { self.init(Array(text.utf8)) }

  /// As Lua wants it.
  func chunkName(number: Int) -> String {
    switch origin {
    case .typed: "=cell \(number)"
    case .file(let name, _): "@\(name)"
    }
  }

  /// As tracebacks name it: Lua keeps the end of a long name.
  static func sourceName(ofFile name: String) -> String {
    name.utf8.count <= 59 ? name : "..." + String(decoding: name.utf8.suffix(56), as: UTF8.self)
  }

  /// Empty lines in front put the text on its line of the file.
  var padding: Int {
    if case .file(_, let firstLine) = origin { max(0, firstLine - 1) } else { 0 }
  }
}

/// What became of a cell.
package struct Outcome {
  package enum Result {
    /// Everything that the last expression or `return` gave, echoed or not.
    case values([LuaValue])
    case failed(CellError)
    /// `os.exit`.
    case exit(Int32)
    /// The text ends too early: nothing was run and no number was used.
    case incomplete
    /// Nothing but blanks and comments.
    case empty
  }

  package let number: Int
  package let result: Result
  package let statistics: Statistics
  /// What was thrown, as Lua had it: a failed signal check keeps its window there. Nil without an error.
  package var thrown = LuaValue.nil
  /// The cell goes on as this job; its value, when it ends, is echoed like any other.
  package internal(set) var job: LuaTask?

  package var error: CellError? { if case .failed(let error) = result { error } else { nil } }
}

extension Outcome {
  package struct Statistics: Equatable, Sendable {
    package var wall: Duration
    /// Of the interpreter's thread.
    package var cpu: Duration
    /// That streams delivered meanwhile.
    package var samples: Int
  }
}
