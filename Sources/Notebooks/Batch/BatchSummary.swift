import Lua

/// A run of several scripts as a whole: its exit code, its totals and the table that ends it.
package struct BatchSummary {
  package let results: [ScriptResult]

  package init(_ results: [ScriptResult]) { self.results = results }

  /// The cause that all failures share, else 1.
  /// - Parameter others: causes that are no script's: a report that could not be written.
  package func exitCode(others: [Int32] = []) -> Int32 {
    let causes = Set((results.compactMap(\.ending.exitCode) + others).filter { $0 != 0 })
    return causes.count <= 1 ? causes.first ?? 0 : 1
  }

  package var passed: Int { results.count { $0.ending == .passed || $0.ending == .unheard } }
  package var failed: Int { results.count { $0.ending.isFailure } }
  package var notRun: Int { results.count { $0.ending == .notRun } }
  package var samples: Int64 { results.reduce(0) { $0 + $1.samples } }
  package var gaps: Int64 { results.reduce(0) { $0 + $1.gaps } }
  package var lost: Int64 { results.reduce(0) { $0 + $1.lost } }
  package var dropped: Int64 { results.reduce(0) { $0 + $1.dropped } }

  /// `2 passed, 1 failed, 1 not run`
  package var counts: String {
    [(passed, "passed"), (failed, "failed"), (notRun, "not run")].filter { $0.0 > 0 }.map {
      "\($0.0) \($0.1)"
    }.joined(separator: ", ")
  }

  /// A line a script, its reason in one line, and the totals.
  /// - Parameter columns: lines are cut there; nil for no bound.
  package func table(wall: Duration, columns: Int? = nil) -> [String] {
    let head = ["script", "result", "time", "samples", "gaps", "reason"]
    var rows = results.map { result in
      [
        result.label, result.ending.word, result.ending == .notRun ? "" : result.wall.shortText,
        result.ending == .notRun ? "" : "\(result.samples)", result.ending == .notRun ? "" : "\(result.gaps)",
        LuaText.plain(LuaString(Array(result.reason.prefix { $0 != "\n" }.utf8))),
      ]
    }
    rows.append(["\(results.count) scripts", counts, wall.shortText, "\(samples)", "\(gaps)", ""])
    let widths = head.indices.map { column in
      min(60, ([head] + rows).map { $0[column].count }.max() ?? 0)
    }
    return ([head] + rows).map { row in
      let cells = row.enumerated().map { column, text in
        let blanks = String(repeating: " ", count: max(0, widths[column] - text.count))
        // Numbers stand under each other.
        return (2...4).contains(column) ? blanks + text : column == row.count - 1 ? text : text + blanks
      }
      let line = cells.joined(separator: "  ")
      let end = line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex
      let text = String(line[..<end])
      return columns.map { text.count > $0 ? String(text.prefix(max(1, $0 - 1))) + "…" : text } ?? text
    }
  }
}
