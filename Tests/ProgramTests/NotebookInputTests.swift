import TestSupport
import Testing

/// What reads from the terminal and runs on it while a cell runs, in the built notebook.
@Suite struct NotebookInputTests {
  @Test func aLineIsReadBelowWhatTasksPrint() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start()
      try terminal.cell("spawn(function() while true do sleep(0.05) print('tick') end end);", next: 2)
      terminal.send("io.write('name? ') name = io.read()\r")
      try terminal.expect("the question") { $0.lastRow == "name?" }
      terminal.send("Adx")
      try terminal.expect("the answer below ticks") { screen in
        let rows = screen.text.split(separator: "\n")
        return rows.last == "name? Adx" && rows.dropLast().suffix(3).allSatisfy { $0.hasSuffix("tick") }
      }
      terminal.send("\u{7f}a\r")
      try terminal.expect("prompt 3") { $0.lastRow.hasPrefix("[3]") }
      terminal.send("'<' .. name .. '>'\r")
      try terminal.expect("[3]= <Ada>")
    }
  }

  @Test func allFormatsAreRead() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start()
      terminal.send("return io.read('n', 'l', 3, 'L', 'n')\r")
      terminal.send(" 0x10 rest\rabcdef\r-1.5e1\r")
      try terminal.expect("[1]= 16, \" rest\", \"abc\", \"def\\n\", -15.0")
      terminal.send("for l in io.lines() do print('<' .. l .. '>') if l == 'end' then break end end\r")
      terminal.send("one\r\rend\r")
      try terminal.expect("<one>")
      try terminal.expect("<end>")
      #expect(terminal.screen.text.contains("<>"))
      try terminal.expect("prompt 3") { $0.lastRow.hasPrefix("[3]") }
      terminal.send("return io.stdin:read('a')\r")
      terminal.send("x\r")
      try terminal.expect("x, alone") { $0.rows.contains("x") }
      terminal.send("\u{4}")
      try terminal.expect("the text with its line end") { $0.text.contains("[3]=\nx\n") }
      try terminal.expect("prompt 4") { $0.lastRow.hasPrefix("[4]") }
      terminal.send("return tostring(io.read()), pcall(io.read, 'z')\r")
      try terminal.expect("an empty row below") { screen in
        screen.text.split(separator: "\n").last?.contains("io.read, 'z'") == true && screen.column == 0
      }
      terminal.send("\u{4}")
      try terminal.expect("invalid format")
      #expect(terminal.screen.text.contains("\"nil\",\nfalse,"))
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }

  @Test func controlCInterruptsWhoReads() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start()
      terminal.send("io.write('name? ') pcall(io.read) print('after')\r")
      try terminal.expect("the question") { $0.lastRow == "name?" }
      terminal.send("half")
      try terminal.expect("name? half")
      terminal.send("\u{3}")
      try terminal.expect("interrupted")
      try terminal.expect("prompt 2") { $0.lastRow.hasPrefix("[2]") }
      #expect(!terminal.screen.rows.contains("after"))
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }

  @Test func aTaskDoesNotReadWhatIsTypedAtThePrompt() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 120)
      terminal.send("t = spawn(function() sleep(0.1) return io.read() end); 1 +")
      try terminal.expect("1 +")
      terminal.send("\u{1b}\r 1\r")
      terminal.send("half a cell")
      try terminal.expect("a cell is being typed")
      try terminal.expect("the line as it was") { $0.lastRow.hasSuffix("half a cell") }
    }
  }

  /// A command has the terminal as it was found, and what it leaves is no prompt's.
  @Test func aCommandHasTheTerminal() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 100)
      try terminal.cell("os.execute(\"stty -a | grep -o ' icanon'; printf 'no end'\");", next: 2)
      #expect(terminal.screen.rows.contains(" icanon") && terminal.screen.rows.contains("no end"))
      terminal.send("os.execute('read answer; echo \"<$answer>\"');\r")
      terminal.send("typed\r")
      try terminal.expect("<typed>")
      try terminal.expect("prompt 3") { $0.lastRow.hasPrefix("[3]") }
      try terminal.cell("return os.execute('exit 3')", next: 4)
      #expect(terminal.screen.text.contains("[3]= nil, \"exit\", 3"))
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }
}
