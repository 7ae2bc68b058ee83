import Bindings
import Lua

/// An error as a person should read it: message, where, the line's text, what may help.
package struct CellError: Error, Equatable, Sendable {
  package struct Level: Equatable, Sendable {
    /// `cell 3, line 2` or `file.lua:12`.
    package var place: String
    /// The line of source, without its margin; nil when it is not known.
    package var text: String?
    /// The function's name, when Lua knows it.
    package var function: String?
  }

  /// Lua's or an API function's: `syntax`, `error`, `timeout`, `interrupted`…
  package var code: String
  /// Without position.
  package var message: String
  /// What to do about it: the error's own hint first.
  package var hints: [String]
  /// The user's code, innermost first.
  package var traceback: [Level]
  package var cell: Int
  /// Chunk and line of the innermost level: for editors and reports.
  package var source: String?
  package var line: Int?
  /// What a failed signal check saw, as a picture of plain lines.
  package var picture: String?

  package var isSyntax: Bool { code == "syntax" }
  package var isInterrupt: Bool { code == "interrupted" }

  /// The whole text, in plain lines.
  package var description: String {
    var lines = [traceback.first.map { "\($0.place): \(message)" } ?? message]
    for (index, level) in traceback.enumerated() {
      if index > 0 {
        lines.append("  from \(level.place)" + (level.function.map { " in \($0)" } ?? ""))
      }
      if let text = level.text { lines.append("    \(text)") }
    }
    lines += hints.map { "  \($0)" }
    if let picture { lines.append(picture) }
    return lines.joined(separator: "\n")
  }
}

/// The sources of cells and files, for the text of a line in an error.
struct SourceBook {
  private var files: [String: [UInt8]] = [:]
  private var cells = CellTexts(limit: Limits.inputsKept)
  /// What no error may quote.
  private var secrets: Set<[UInt8]> = []

  /// A typed cell, without its secrets.
  mutating func add(_ source: SourceSecrets, cell number: Int) {
    keep(source)
    cells.add(source.redacted, number: number)
  }

  /// `file` as it is named in a traceback.
  mutating func add(_ source: SourceSecrets, file: String) {
    keep(source)
    files[file] = source.redacted
  }

  private mutating func keep(_ source: SourceSecrets) {
    if secrets.count < Limits.secretsKept { secrets.formUnion(source.values) }
  }

  /// `name` as in a traceback: `cell 3`, or a file.
  private func text(of name: String) -> ArraySlice<UInt8>? {
    if let file = files[name] { return file[...] }
    guard name.hasPrefix("cell ") else { return nil }
    return Int(name.dropFirst(5)).flatMap { cells[$0] }
  }

  func redacted(_ text: String) -> String { SourceSecrets.redact(text, secrets) }

  /// As it is shown.
  func line(_ number: Int, of name: String) -> String? {
    guard let text = source(ofLine: number, of: name)?.trimmed, !text.isEmpty else { return nil }
    return LuaText.plain(LuaString(Array(text.prefix(Limits.lineBytes))), showsBlanks: true)
  }

  /// As it stands there.
  private func source(ofLine number: Int, of name: String) -> ArraySlice<UInt8>? {
    guard let source = text(of: name), number > 0 else { return nil }
    var line = 1
    var start = source.startIndex
    while line < number {
      guard let end = source[start...].firstIndex(of: 0x0A) else { return nil }
      start = end + 1
      line += 1
    }
    return source[start...].prefix { $0 != 0x0A }
  }

  func level(_ frame: LuaFrame) -> CellError.Level {
    let isCell = frame.source.hasPrefix("cell ")
    return CellError.Level(
      place: isCell ? "\(frame.source), line \(frame.line)" : "\(frame.source):\(frame.line)",
      text: line(frame.line, of: frame.source),
      function: frame.function == "main chunk" ? nil : frame.function)
  }

  /// `names` are the globals at the time.
  func error(_ error: LuaError, cell: Int, names: () -> [String]) -> CellError {
    // What the library says in Lua is no more the user's code than what it says in Swift.
    var frames = error.traceback.filter {
      !$0.isNative && $0.line > 0 && $0.source != Library.preludeName
    }
    var message = error.message
    if let (frame, rest) = Self.position(
      in: message, known: { text(of: $0) != nil || frames.map(\.source).contains($0) })
    {
      message = rest
      // A syntax error has no traceback; an error with level 2 names its caller.
      if frames.isEmpty { frames = [frame] }
      if let index = frames.firstIndex(where: { $0.source == frame.source && $0.line == frame.line }) {
        frames.removeFirst(index)
      } else {
        // Thrown on by somebody else: a task's error, where it is waited for.
        frames.insert(frame, at: 0)
      }
    }
    let levels = frames.prefix(Limits.tracebackLevels).map(level)
    // An error that brings its own hint knows best.
    let isOwn = error.isUnwinding || error.code == "memory"
    let written = frames.first.flatMap { source(ofLine: $0.line, of: $0.source) }
    let hints =
      error.hint.map { [$0] }
      ?? (isOwn
        ? []
        : ErrorHints.hints(
          message: message, line: levels.first?.text ?? "",
          source: written.map { Array($0.prefix(Limits.lineBytes)) },
          names: names()))
    return CellError(
      code: error.code, message: shown(message),
      hints: hints.map(shown), traceback: levels,
      cell: cell, source: frames.first?.source, line: frames.first?.line)
  }

  /// Without secrets, and without bytes that a terminal obeys.
  private func shown(_ text: String) -> String { LuaText.plain(LuaString(redacted(text))) }

  /// Splits `cell 3:2: text`; only chunk names that are known count, texts may look alike.
  private static func position(in message: String, known: (String) -> Bool) -> (LuaFrame, String)? {
    guard let mark = message.firstRange(of: ": ") else { return nil }
    let place = message[..<mark.lowerBound]
    guard let colon = place.lastIndex(of: ":"), let line = Int(place[place.index(after: colon)...]),
      known(String(place[..<colon]))
    else { return nil }
    return (LuaFrame(source: String(place[..<colon]), line: line), String(message[mark.upperBound...]))
  }
}
