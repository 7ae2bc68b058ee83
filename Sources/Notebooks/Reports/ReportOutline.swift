/// A run beside the notebook it ran: text cells in their places, and the code cells that were not reached.
package enum ReportOutline {
  package enum Part: Equatable, Sendable {
    /// Markdown, as the notebook has it.
    case text(String)
    case cell(RecordedRun.Cell)
    /// Code that the run did not come to.
    case notRun(title: String, source: String)
  }

  /// - Parameter notebook: without one there are only the cells of the run. Cells are matched by their lines.
  package static func parts(_ run: RecordedRun, notebook: NotebookFile? = nil) -> [Part] {
    guard let notebook else { return run.cells.map { .cell($0) } }
    var parts: [Part] = []
    var rest = run.cells[...]
    for cell in notebook.cells {
      switch cell.marker.kind {
      case .markdown: parts.append(.text(String(decoding: cell.text, as: UTF8.self)))
      case .raw: break
      case .code:
        guard !LuaLexer.tokens(cell.body).isEmpty else { continue }
        if let next = rest.first, next.line == cell.firstLine {
          parts.append(.cell(next))
          rest = rest.dropFirst()
        } else {
          let source = SourceSecrets(cell.text).redacted
          parts.append(.notRun(title: cell.marker.title, source: String(decoding: source, as: UTF8.self)))
        }
      }
    }
    return parts + rest.map { .cell($0) }
  }

  /// Whether a record is of this very notebook: every cell that ran is in it, word for word.
  package static func matches(_ run: RecordedRun, _ notebook: NotebookFile) -> Bool {
    let cells = Dictionary(
      notebook.cells.filter(\.isCode).map { ($0.firstLine, $0.body) }, uniquingKeysWith: { first, _ in first }
    )
    return run.cells.allSatisfy { cell in
      guard let line = cell.line, let body = cells[line] else { return false }
      // Records leave passwords out.
      return String(decoding: SourceSecrets(body).redacted, as: UTF8.self) == cell.source
    }
  }

  /// What the code cells of a notebook showed, by position among its cells: for an export with outputs.
  package static func outputs(_ run: RecordedRun, of notebook: NotebookFile) -> [Int: JupyterNotebook
    .CellOutputs]
  {
    var outputs: [Int: JupyterNotebook.CellOutputs] = [:]
    for (position, cell) in notebook.cells.enumerated() where cell.isCode {
      guard let ran = run.cells.first(where: { $0.line == cell.firstLine }) else { continue }
      var list: [JupyterNotebook.CellOutputs.Output] = []
      for item in ran.items { add(item, to: &list) }
      outputs[position] = JupyterNotebook.CellOutputs(executionCount: ran.number, outputs: list)
    }
    return outputs
  }

  /// Pieces of one stream in a row are one output.
  private static func add(_ item: RecordedRun.Item, to list: inout [JupyterNotebook.CellOutputs.Output]) {
    guard let output = output(item) else { return }
    if case .stream(let name, let text) = output, case .stream(name, let before)? = list.last {
      list[list.count - 1] = .stream(name: name, text: before + text)
    } else {
      list.append(output)
    }
  }

  private static func output(_ item: RecordedRun.Item) -> JupyterNotebook.CellOutputs.Output? {
    switch item {
    case .output(let text, let isError, _): .stream(name: isError ? "stderr" : "stdout", text: text)
    case .echo(let text): .result(text: text)
    case .note(let text): .stream(name: "stderr", text: text + "\n")
    case .error(let failure):
      .error(message: failure.message, traceback: failure.text.split(separator: "\n").map(String.init))
    case .plot(let still): .image(svg: still.svg, text: still.title.isEmpty ? "plot" : still.title)
    case .check(let passed, let message, _):
      passed ? nil : .stream(name: "stderr", text: "check failed: \(message)\n")
    }
  }
}
