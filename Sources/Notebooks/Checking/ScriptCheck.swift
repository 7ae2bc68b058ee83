package import Lua

/// Checks a script without running it: what does not parse, and what would fail or mean nothing when it runs.
///
/// On the interpreter's thread: Lua's own compiler has the last word on what parses.
package struct ScriptCheck {
  /// Channels that sources really have.
  package struct Channels: Sendable {
    /// By kind of source, `bela` or `synnax`.
    package var byKind: [String: Set<String>] = [:]
    /// Of any source.
    package var anywhere: Set<String>?

    package init() {}

    /// Nil when nothing is known about sources of a kind; of a source of unknown kind all names count.
    func names(of kind: String?) -> Set<String>? {
      if let anywhere { return anywhere.union(kind.flatMap { byKind[$0] } ?? []) }
      if let kind { return byKind[kind] }
      return byKind.isEmpty ? nil : byKind.values.reduce(into: []) { $0.formUnion($1) }
    }
  }

  private let state: LuaState
  private let api: ScriptAPI
  package var channels = Channels()
  /// Names given with `-p`.
  package var parameters: [String] = []

  /// - Parameter state: with its library opened and nothing run. Nothing is run in it here either.
  package init(_ state: LuaState) {
    self.state = state
    api = ScriptAPI(state)
  }

  /// What is wrong, in the order of the file.
  package func findings(in text: [UInt8]) -> [Finding] {
    let bytes = NotebookFile.source(text)
    let places = Places(bytes)
    guard bytes.first != 0x1B else {
      return [places.finding(.error, .bytecode, "bytecode is refused", hint: "give the source", at: 0..<1)]
    }
    let file = NotebookFile(bytes)
    var findings: [Finding] = []
    var cells: [CheckedCell] = []
    var offset = file.header.count
    for cell in file.cells {
      offset += cell.markerLine.count
      if cell.isCode, !LuaLexer.tokens(cell.body).isEmpty {
        switch parse(cell, at: offset, places) {
        case .success(let checked): cells.append(checked)
        case .failure(let finding): findings.append(finding.value)
        }
      }
      offset += cell.body.count
    }
    let lint = ScriptLint(
      cells: cells, api: api, channels: channels, parameters: parameters, isWhole: findings.isEmpty)
    findings += lint.problems.map { problem in
      places.finding(
        problem.severity, problem.code, problem.message, hint: problem.hint, at: problem.range)
    }
    return findings.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
  }

  // MARK: Syntax

  /// `Finding` is no error; this carries it.
  private struct Refusal: Error { let value: Finding }

  private func parse(_ cell: NotebookCell, at start: Int, _ places: Places) -> Result<CheckedCell, Refusal> {
    let source = CellSource(cell.body)
    var errors: [(message: String, offset: Int)] = []
    var trees: [(source: [UInt8], tree: LuaTree)] = []
    func compile(_ candidate: [UInt8]) -> CompileResult {
      do throws(LuaSyntaxError) {
        let tree = try LuaParser.parse(candidate)
        if let limit = refusal(candidate) {
          errors.append((limit, source.offset(0, in: candidate)))
          return .failed(limit)
        }
        trees.append((candidate, tree))
        return .ok
      } catch {
        let message = "cell:\(error.line): \(error.message)"
        errors.append((message, source.offset(error.offset, in: candidate)))
        return error.isIncomplete ? .incomplete(message) : .failed(message)
      }
    }
    var message = ""
    switch source.plan(compile: compile) {
    case .run(let chosen):
      if let tree = trees.last(where: { $0.source == chosen })?.tree {
        let offsets = source.offsets(in: chosen)
        return .success(
          CheckedCell(tree: tree, isParameters: cell.isParameters) { start + offsets($0) })
      }
    case .failed(let failure): message = failure
    case .incomplete:
      // In a file more lines will not come: what is said about the text as it stands.
      errors = []
      _ = compile(cell.body)
      message = errors.last?.message ?? ""
    }
    // What is missing at the end is missing behind the last word, not below blank lines.
    let end = LuaLexer.tokens(cell.body).last?.range.upperBound ?? 0
    let offset = min(errors.last { $0.message == message }?.offset ?? 0, end)
    let place = start + offset
    let plain = message.split(separator: ":", maxSplits: 2).last.map { String($0.dropFirst()) } ?? message
    let hints = ErrorHints.hints(message: plain, line: places.text(at: place))
    return .failure(
      Refusal(
        value: places.finding(
          .error, .syntax, plain, hint: hints.first, at: place..<(place + tokenLength(cell.body, at: offset)))
      ))
  }

  /// What Lua's compiler alone can say: too many registers, constants, upvalues.
  private func refusal(_ source: [UInt8]) -> String? {
    do throws(LuaError) {
      _ = try state.load(source, chunkName: "=cell")
      return nil
    } catch {
      return error.message
    }
  }

  private func tokenLength(_ bytes: [UInt8], at offset: Int) -> Int {
    let token = LuaLexer.tokens(bytes).first { $0.range.lowerBound == offset }
    return token.map { $0.lastLine == $0.line ? $0.range.count : 1 } ?? 0
  }
}

/// A cell that parses.
struct CheckedCell {
  let tree: LuaTree
  let isParameters: Bool
  /// From the tree's places to the file's.
  let offset: (Int) -> Int

  func range(_ range: Range<Int>) -> Range<Int> {
    let start = offset(range.lowerBound)
    return start..<max(start, offset(range.upperBound))
  }
}

/// Lines and columns of a file.
struct Places {
  private let bytes: [UInt8]
  private let lines: [Range<Int>]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    lines = NotebookFile.lines(of: bytes)
  }

  func finding(
    _ severity: Finding.Severity, _ code: Finding.Code, _ message: String, hint: String?, at range: Range<Int>
  ) -> Finding {
    let index = line(at: range.lowerBound)
    let line = text(ofLine: index)
    let start = lines.indices.contains(index) ? lines[index].lowerBound : bytes.count
    let column = characters(start..<range.lowerBound)
    let length = characters(range.lowerBound..<min(range.upperBound, start + line.count))
    return Finding(
      severity: severity, code: code, message: message, hint: hint, line: index + 1, column: column + 1,
      endColumn: column + 1 + length, text: String(decoding: line, as: UTF8.self))
  }

  func text(at offset: Int) -> String { String(decoding: text(ofLine: line(at: offset)), as: UTF8.self) }

  /// The end of a file belongs to its last line.
  private func line(at offset: Int) -> Int {
    let (last, count) = (bytes.count, lines.count)
    if offset >= last { return max(0, count - 1) }
    var (low, high) = (0, count)
    while low + 1 < high {
      let middle = (low + high) / 2
      if lines[middle].lowerBound <= offset { low = middle } else { high = middle }
    }
    return low
  }

  private func text(ofLine index: Int) -> ArraySlice<UInt8> {
    lines.indices.contains(index) ? bytes[lines[index]].withoutLineEnd : []
  }

  private func characters(_ range: Range<Int>) -> Int {
    range.isEmpty ? 0 : String(decoding: bytes[range.clamped(to: 0..<bytes.count)], as: UTF8.self).count
  }
}
