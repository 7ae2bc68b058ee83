import Foundation
import TestSupport

/// The built notebook on a terminal of its own.
enum NotebookTerminal {
  /// Keys as terminals send them.
  static let up = "\u{1b}[A"
  static let down = "\u{1b}[B"
  static let left = "\u{1b}[D"
  static let home = "\u{1b}[H"
  static func control(_ letter: Character) -> String {
    String(UnicodeScalar(letter.asciiValue! & 0x1f))
  }
  static func paste(_ text: String) -> String {
    "\u{1b}[200~" + text.replacing("\n", with: "\r") + "\u{1b}[201~"
  }

  /// Generous: two busy cores, and programs that start.
  static let patience = Duration.seconds(30)

  static func start(
    _ arguments: [String] = [], columns: Int = 60, rows: Int = 24, environment: [String: String] = [:],
    directory: String? = nil
  ) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(columns: columns, rows: rows)
    try terminal.run(
      try ProgramRunner.program, arguments,
      environment: ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": ""].merging(environment) { $1 },
      directory: directory)
    try terminal.expect("[1]>", within: patience)
    return terminal
  }

  /// Drops what is typed and leaves.
  static func leave(_ terminal: PseudoTerminal) throws -> PseudoTerminal.Ending {
    terminal.send(control("C"))
    try terminal.expect("an empty line", within: patience) { _ in terminal.line.hasSuffix(">") }
    return try terminal.end()
  }
}

extension PseudoTerminal {
  /// Types, then waits until the text is there.
  func type(_ keys: String, until text: String) throws {
    send(keys)
    try expect(text, within: NotebookTerminal.patience)
  }

  /// Runs a cell and waits for the prompt after it.
  func cell(_ text: String, next number: Int) throws {
    send(text + "\r")
    try expect("prompt \(number)", within: NotebookTerminal.patience) { screen in
      screen.lastRow.hasPrefix("[\(number)]")
    }
  }

  /// The program has seen the new size when this returns: a second change before that would be none of a person's.
  func resizeAndRedraw(columns: Int, rows: Int) throws {
    let before = received.count
    resize(columns: columns, rows: rows)
    try expect("a redraw", within: NotebookTerminal.patience) { _ in received.count > before }
  }

  /// What stands from the last prompt on, rows joined.
  var line: String {
    let rows = screen.text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let start = rows.lastIndex(where: { $0.hasPrefix("[") && ($0.contains("> ") || $0.hasSuffix(">")) })
    else { return "" }
    return rows[start...].joined()
  }

  /// Waits until the edited line, from its prompt on, is as wanted.
  func expectLine(_ text: String) throws {
    try expect("the line “\(text)”", within: NotebookTerminal.patience) { _ in line == text }
  }

  func end() throws -> Ending {
    send(NotebookTerminal.control("D"))
    return try waitForEnd(within: NotebookTerminal.patience)
  }
}
