import Glibc
import Terminal
import TestSupport
import Testing

@Suite struct PlainReaderTests {
  private func cells(of text: String, pieces: Int) throws -> [ReadResult] {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    var rest = Array(text.utf8)[...]
    let writer = TerminalWriter(output: ends[1], error: ends[1], isTerminal: { _ in false })
    let reader = PlainReader(input: ends[0], writer: writer) { _ in
      let piece = Array(rest.prefix(pieces))
      rest = rest.dropFirst(piece.count)
      if piece.isEmpty { close(ends[1]) } else { _ = write(ends[1], piece, piece.count) }
      return .ready
    }
    var results: [ReadResult] = []
    repeat {
      results.append(
        reader.readCell(
          prompt: { "> " }, continuation: { ">> " },
          isComplete: { !$0.hasSuffix("do") && !$0.hasSuffix(" ") },
          prefill: ""))
    } while results.last != .endOfFile
    return results
  }

  @Test(arguments: [1, 3, 4_096])
  func joinsLinesToCells(pieces: Int) throws {
    #expect(
      try cells(of: "a\nwhile 日 do\n  x \nend\n\nlast", pieces: pieces)
        == [.cell("a"), .cell("while 日 do\n  x \nend"), .cell(""), .cell("last"), .endOfFile])
    #expect(try cells(of: "while x do\n", pieces: pieces) == [.cell("while x do"), .endOfFile])
    #expect(try cells(of: "", pieces: pieces) == [.endOfFile])
  }

  @Test func showsPromptsOnATerminalWithoutEditing() throws {
    TextWidth.useUTF8Locale()
    let terminal = try PseudoTerminal(columns: 30, rows: 8)
    let writer = TerminalWriter(output: terminal.slave, error: terminal.slave)
    var steps: [() -> WaitResult] = [
      {
        terminal.send("while do\n")
        return .ready
      },
      {
        writer.print("a task prints\n")
        writer.flush()
        return .attention
      },
      {
        terminal.send("end\n")
        return .ready
      },
      { .interrupted },
    ]
    let reader = PlainReader(input: terminal.slave, writer: writer) { _ in steps.removeFirst()() }
    func read() -> ReadResult {
      reader.readCell(
        prompt: { "[1]> " }, continuation: { "...> " }, isComplete: { !$0.hasSuffix("do") }, prefill: "")
    }
    #expect(read() == .cell("while do\nend"))
    #expect(read() == .interrupted)
    terminal.readAvailable(waitMs: 0)
    #expect(terminal.screen.text == "[1]> while do\n...>\na task prints\n...> end\n[1]>")
  }
}
