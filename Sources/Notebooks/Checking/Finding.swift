package import JSON
import Lua

/// Something wrong in a script, found without running it.
package struct Finding: Equatable, Sendable {
  package enum Severity: String, Sendable { case error, warning }

  package enum Code: String, Sendable {
    case syntax, bytecode
    case undefinedGlobal = "undefined-global"
    case unknownName = "unknown-name"
    case unknownOption = "unknown-option"
    case unknownChannel = "unknown-channel"
    case wrongCall = "wrong-call"
    case readOnly = "read-only"
    case parameter
  }

  package let severity: Severity
  package let code: Code
  package let message: String
  /// What to do about it, in a few words.
  package let hint: String?
  /// From 1.
  package let line: Int
  /// From 1, in characters.
  package let column: Int
  /// Behind the last character; equal to `column` where nothing but the place is known.
  package let endColumn: Int
  /// The whole line.
  package let text: String

  /// `file:line:column: error: message (hint)`, then the line with a mark under the place.
  package func description(file: String) -> String {
    var lines = [
      "\(file):\(line):\(column): \(severity.rawValue): \(message)\(hint.map { " (\($0))" } ?? "")"
    ]
    if !text.isEmpty, text.utf8.count <= Limits.lineBytes {
      func shown(_ part: some StringProtocol) -> String {
        LuaText.plain(LuaString(Array(part.utf8)), limit: .max, showsBlanks: true)
      }
      let before = shown(text.prefix(column - 1))
      let marked = shown(text.dropFirst(column - 1).prefix(endColumn - column))
      // Tabs stay tabs, so that the mark stands under the place whatever their width.
      let margin = String(before.map { $0 == "\t" ? "\t" : " " })
      lines.append("  " + before + marked + shown(text.dropFirst(endColumn - 1)))
      lines.append("  " + margin + String(repeating: "^", count: max(1, marked.count)))
    }
    return lines.joined(separator: "\n")
  }

  package func json(file: String) -> JSON {
    var members: [JSON.Member] = [
      .init("kind", "finding"), .init("file", .string(file)), .init("line", .integer(Int64(line))),
      .init("column", .integer(Int64(column))), .init("end_column", .integer(Int64(endColumn))),
      .init("severity", .string(severity.rawValue)), .init("code", .string(code.rawValue)),
      .init("message", .string(message)),
    ]
    if let hint { members.append(.init("hint", .string(hint))) }
    return .object(members)
  }
}
