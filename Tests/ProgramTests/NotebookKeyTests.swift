import Foundation
import TestSupport
import Testing

/// Each key of the manual's table, on a rendered screen.
@Suite struct NotebookKeyTests {
  private typealias Keys = NotebookTerminal

  @Test func altEnterIsAlwaysANewLine() async throws {
    try await onThread {
      let terminal = try Keys.start()
      terminal.send("x = 1\u{1b}\r+ 1")
      try terminal.expectLine("[1]> x = 1   > + 1")
      terminal.send("\rx\r")
      try terminal.expect("[2]= 2", within: Keys.patience)
    }
  }

  @Test func upAndDownWalkWholeCellsThatBeginAsTyped() async throws {
    try await onThread {
      let terminal = try Keys.start()
      try terminal.cell("alpha = 1", next: 2)
      terminal.send("for i = 1, 2 do\rbeta = i\rend\r")
      try terminal.expect("[3]>", within: Keys.patience)
      try terminal.cell("alpha2 = 2", next: 4)
      terminal.send(Keys.up)
      try terminal.expectLine("[4]> alpha2 = 2")
      terminal.send(Keys.up)
      try terminal.expectLine("[4]> for i = 1, 2 do   > beta = i   > end")
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[4]>")
      terminal.send("al" + Keys.up)
      try terminal.expectLine("[4]> alpha2 = 2")
      terminal.send(Keys.up)
      try terminal.expectLine("[4]> alpha = 1")
      terminal.send(Keys.down + Keys.down)
      try terminal.expectLine("[4]> al")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func upAndDownMoveInsideACellOfSeveralLines() async throws {
    try await onThread {
      let terminal = try Keys.start()
      terminal.send("for i = 1, 2 do\r  x = '日本'\rend")
      try terminal.expectLine("[1]> for i = 1, 2 do   >   x = '日本'   > end")
      // To the same column of the line above, whatever the width of its characters.
      terminal.send(Keys.up + "!" + Keys.up + "?" + Keys.down + Keys.down + "#")
      try terminal.expectLine("[1]> for ?i = 1, 2 do   >   x! = '日本'   > end#")
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[1]>")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func controlDDeletesInALineAndControlLClears() async throws {
    try await onThread {
      let terminal = try Keys.start()
      try terminal.cell("before = 1", next: 2)
      terminal.send("40 ++ 2" + Keys.left + Keys.left + Keys.left + Keys.control("D"))
      try terminal.expectLine("[2]> 40 + 2")
      terminal.send(Keys.control("L"))
      try terminal.expect("the line alone", within: Keys.patience) { $0.text == "[2]> 40 + 2" }
      terminal.send("\r")
      try terminal.expect("[2]= 42", within: Keys.patience)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func aSearchGoesOnToOlderCellsAndEscapeEditsWhatWasFound() async throws {
    try await onThread {
      let terminal = try Keys.start()
      try terminal.cell("value = 10", next: 2)
      try terminal.cell("other = 5", next: 3)
      try terminal.cell("value = 20", next: 4)
      terminal.send(Keys.control("R") + "value")
      try terminal.expect("the newest", within: Keys.patience) { _ in terminal.line.contains("value = 20") }
      terminal.send(Keys.control("R"))
      try terminal.expect("the older", within: Keys.patience) { _ in terminal.line.contains("value = 10") }
      terminal.send("xyz")
      try terminal.expect("no such cell: valuexyz_", within: Keys.patience)
      terminal.send("\u{7f}\u{7f}\u{7f}" + Keys.control("R"))
      try terminal.expect("the older again", within: Keys.patience) { _ in
        terminal.line.contains("value = 10") && terminal.screen.lastRow == "search: value_"
      }
      terminal.send("\u{1b}")
      try terminal.expectLine("[4]> value = 10")
      terminal.send(Keys.control("E") + "1\rvalue\r")
      try terminal.expect("[5]= 101", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func whatIsTypedRightBehindControlCIsInTheNextLine() async throws {
    try await onThread {
      let terminal = try Keys.start()
      try terminal.cell("n = 0", next: 2)
      for round in 1...40 {
        terminal.send("gone" + Keys.control("C") + "n = n + 1\r")
        try terminal.expect("prompt \(round + 2)", within: Keys.patience) {
          $0.lastRow == "[\(round + 2)]>"
        }
      }
      terminal.send("n\r")
      try terminal.expect("[42]= 40", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func aSearchNarrowsWithEachKey() async throws {
    try await onThread {
      let terminal = try Keys.start()
      try terminal.cell("first = 10", next: 2)
      try terminal.cell("second = 20", next: 3)
      try terminal.cell("third = 30", next: 4)
      try terminal.type(Keys.control("R"), until: "search: _")
      try terminal.type("=", until: "third = 30")
      terminal.send(" 2")
      try terminal.expect("the older cell", within: Keys.patience) { _ in
        terminal.line.hasPrefix("[4]> second = 20")
      }
      terminal.send("\rsecond\r")
      try terminal.expect("[5]= 20", within: Keys.patience)
      terminal.send("half" + Keys.control("R") + "first")
      try terminal.expect("the oldest", within: Keys.patience) { _ in terminal.line.contains("first = 10") }
      terminal.send(Keys.control("G"))
      try terminal.expectLine("[6]> half")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func aPasteOfFiftyLinesIsOneCellThatIsNotRun() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 50, rows: 12)
      let lines = (1...50).map { "total = (total or 0) + \($0)" }
      terminal.send(Keys.paste(lines.joined(separator: "\n")))
      try terminal.expect("its end", within: Keys.patience) { $0.lastRow == "   > total = (total or 0) + 50" }
      #expect(!terminal.screen.contains("[2]"))
      terminal.send("\rtotal, #In\r")
      try terminal.expect("[2]= 1275, 2", within: Keys.patience)
      terminal.send("select(2, In[1]:gsub('\\n', ''))\r")
      try terminal.expect("[3]= 49", within: Keys.patience)
      // All of it is in what scrolled away, once.
      let shown = terminal.screen.history.split(separator: "\n").filter { $0.contains("total or 0") }
      #expect(shown.count == 50 && Set(shown).count == 50)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func questionsAreAnsweredForObjectsChannelsAndCommands() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 100, rows: 40)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }", next: 2)
      for (question, answer) in [
        ("s?", "s: Streamer"), ("s:read?", "Streamer:read(timeout?)"), ("pot2?", "pot2: channel of bela"),
        ("\"pot1\"?", "pot1: channel of bela"), (":save?", ":save file.lua"),
        ("slep?", "did you mean `sleep?`"),
        ("print?", "of Lua's own library"), (":help streams", ":streams"),
        (":strems", "did you mean :streams?"),
      ] {
        try terminal.type(question + "\r", until: answer)
      }
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func whatWasTypedAheadShowsOnceAndRuns() async throws {
    try await onThread {
      let terminal = try Keys.start()
      terminal.send("print('be' .. 'gun') sleep(0.5)\r")
      try terminal.expect("begun", within: Keys.patience)
      terminal.send("x = 40\rx + 2\rhalf")
      try terminal.expectLine("[4]> half")
      let rows = terminal.screen.text.split(separator: "\n")
      #expect(rows.filter { $0.contains("x = 40") } == ["[2]> x = 40"])
      #expect(rows.filter { $0.contains("42") } == ["[3]= 42"])
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func controlBMovesAWaitingCellAndNotAComputingOne() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let terminal = try Keys.start(columns: 80, directory: folder.path)
      terminal.send(
        "print('wait' .. 'ing') while not io.open('go') do sleep('10ms') end print('still here') return 7\r")
      try terminal.expect("waiting", within: Keys.patience)
      terminal.send("ty" + Keys.control("B") + "ped")
      try terminal.expect("cell 1 goes on as a job", within: Keys.patience)
      try terminal.expectLine("[2]> typed")
      _ = try folder.file("go", "")
      try terminal.expect("[cell 1] still here", within: Keys.patience)
      try terminal.expect("[1]= 7", within: Keys.patience)
      try terminal.expectLine("[2]> typed")
      terminal.send(Keys.control("U") + "Out[1], _\r")
      try terminal.expect("[2]= 7, 7", within: Keys.patience)
      terminal.send("print('comp' .. 'uting') while true do end\r")
      try terminal.expect("computing", within: Keys.patience)
      terminal.send(Keys.control("B"))
      try terminal.expect("cannot be moved", within: Keys.patience)
      terminal.send(Keys.control("C"))
      try terminal.expect("[4]>", within: Keys.patience)
      try terminal.type(":log cell 1\r", until: "still here")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func controlZStopsAndComesBackWithTheLineAndWithoutAGap() async throws {
    try await onThread {
      let terminal = try PseudoTerminal(columns: 80, rows: 24)
      try terminal.run(
        "/bin/bash", ["--norc", "--noprofile", "-i"],
        environment: ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": "", "PS1": "shell$ ", "HISTFILE": ""])
      try terminal.expect("shell$", within: Keys.patience)
      terminal.send(try ProgramRunner.program + "\r")
      try terminal.expect("[1]>", within: Keys.patience)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }:start()", next: 2)
      terminal.send("half typed")
      try terminal.expectLine("[2] 1~> half typed")
      terminal.send(Keys.control("Z"))
      try terminal.expect("Stopped", within: Keys.patience)
      terminal.send("fg\r")
      try terminal.expect("back after", within: Keys.patience)
      try terminal.expect("none lost", within: Keys.patience)
      try terminal.expect("the line again", within: Keys.patience) { _ in
        terminal.screen.lastRow.hasSuffix("> half typed")
      }
      terminal.send(Keys.control("U") + "s:stats().gaps, s:stats().lost\r")
      try terminal.expect("[2]= 0, 0", within: Keys.patience)
      // In the middle of a cell: what is typed afterwards shows once, at the next prompt.
      let reports = { terminal.screen.history.matches(of: /none lost/).count }
      terminal.send("print('wait' .. 'ing') while not go do sleep('10ms') end\r")
      try terminal.expect("waiting", within: Keys.patience)
      terminal.send(Keys.control("Z"))
      try terminal.expect("stopped again", within: Keys.patience) { $0.lastRow.hasPrefix("shell$") }
      terminal.send("fg\r")
      try terminal.expect("a second report", within: Keys.patience) { _ in reports() == 2 }
      terminal.send("ahead" + Keys.control("C"))
      try terminal.expect("the next prompt", within: Keys.patience) { $0.lastRow.hasPrefix("[4] 1~>") }
      #expect(!terminal.screen.contains("ahead"))
      terminal.send(Keys.control("D"))
      try terminal.expect("stopping 1 stream", within: Keys.patience)
      try terminal.expect("the shell", within: Keys.patience) { $0.lastRow.hasPrefix("shell$") }
    }
  }

  @Test func aUsersBindingsWin() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let editrc = try folder.file("editrc", "bind ^X moontide-home\nbind \"^T\" ed-delete-prev-word\n")
      let terminal = try Keys.start(environment: ["EDITRC": editrc])
      terminal.send("world" + Keys.control("X") + "hello ")
      try terminal.expectLine("[1]> hello world")
      terminal.send(Keys.control("T"))
      try terminal.expectLine("[1]> world")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }
}
