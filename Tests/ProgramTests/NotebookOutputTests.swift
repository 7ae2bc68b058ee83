import TestSupport
import Testing

/// What arrives while somebody types stands above the line, which stays as it was.
@Suite struct NotebookOutputTests {
  private typealias Keys = NotebookTerminal

  /// A task that prints two hundred lines a second for three seconds.
  private static let talk = """
    spawn{ name = 'talk', function() for i = 1, 600 do print('word ' .. i) sleep('5ms') end end };
    """

  /// Blanks apart: one at the end of a row cannot be seen.
  private func expect(_ typed: String, _ terminal: PseudoTerminal) throws {
    func squeezed(_ text: String) -> String { text.filter { $0 != " " } }
    try terminal.expect("the line “\(typed)”", within: Keys.patience) { _ in
      squeezed(terminal.line) == squeezed("[2]> " + typed)
    }
  }

  @Test func twoHundredLinesASecondLeaveAWrappedCellWithWideCharactersAlone() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 40, rows: 24)
      try terminal.cell(Self.talk, next: 2)
      let rows = [
        "text = [[日本語のテキスト wide and wrapped, 日本語 to the next row",
        "e\u{301}tat, naïve, 한국어 and 😀 at the end of the second one",
        "third]]",
      ]
      var typed = ""
      for (index, row) in rows.enumerated() {
        for scalar in row.unicodeScalars {
          terminal.send(String(scalar))
          typed.unicodeScalars.append(scalar)
          terminal.readAvailable(waitMs: 5)
        }
        try expect(typed, terminal)
        guard index < rows.count - 1 else { break }
        terminal.send("\r")
        // The row is filled up before the continuation.
        typed += "   > "
      }
      try terminal.expect("what was left out", within: Keys.patience) {
        $0.history.contains(/\(\+\d+ lines, :log talk\)/)
      }
      try expect(typed, terminal)
      terminal.send("\r#text, select(2, text:gsub('\\n', ''))\r")
      let bytes = rows.joined(separator: "\n").dropFirst("text = [[".count).dropLast(2).utf8.count
      try terminal.expect("[3]= \(bytes), 2", within: Keys.patience)
      // Nothing of it is lost: the log has what the screen left out.
      terminal.send("#tasks()\r")
      try terminal.type(":log talk\r", until: "word 100")
      let shown = terminal.screen.history.split(separator: "\n").filter { $0.hasPrefix("[talk] word") }
      #expect(shown.count < 550)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func printsLeaveASearchAlone() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 40)
      try terminal.cell("found = 'the one'", next: 2)
      try terminal.cell(Self.talk, next: 3)
      terminal.send(Keys.control("R"))
      for letter in "found =" {
        terminal.send(String(letter))
        terminal.readAvailable(waitMs: 30)
      }
      try terminal.expect("prints above the search", within: Keys.patience) { screen in
        screen.lastRow == "search: found =_" && screen.contains("[talk] word 1")
          && screen.contains(":log talk)")
      }
      terminal.send("\rfound\r")
      try terminal.expect("[4]= the one", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  /// Prints as they come, with the keys of a person, pastes, lists and resizes between them.
  @Test func printsLeaveAPasteAListAndAResizeAlone() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 60, rows: 30)
      try terminal.cell("lab = { alpha = 1, alpine = 2 }", next: 2)
      try terminal.cell(
        "go = true talk = spawn{ name = 'talk', function() while go do print('word') sleep('5ms') end end };",
        next: 3)
      try terminal.expect("the first words", within: Keys.patience) { $0.contains("[talk] word") }
      let lines = (1...50).map { "total = (total or 0) + \($0)" }
      terminal.send(Keys.paste(lines.joined(separator: "\n")))
      try terminal.expect("its end", within: Keys.patience) { $0.lastRow == "   > total = (total or 0) + 50" }
      terminal.send("\rtotal\r")
      try terminal.expect("[4]= 1275", within: Keys.patience)
      terminal.send("lab.al" + "\t\t")
      try terminal.expect("the list", within: Keys.patience) { $0.contains("alpha   alpine") }
      try terminal.expectLine("[5]> lab.alp")
      terminal.send("ha, '日本語 " + String(repeating: "wrapped ", count: 12) + "'")
      let typed = "[5]> lab.alpha, '日本語 " + String(repeating: "wrapped ", count: 12) + "'"
      for columns in [41, 77, 52] {
        try terminal.resizeAndRedraw(columns: columns, rows: 24)
        try terminal.expect("the line in \(columns) columns", within: Keys.patience) { _ in
          terminal.line.filter { $0 != " " } == typed.filter { $0 != " " }
        }
      }
      terminal.send("\r")
      try terminal.expect("\n\"日本語 wrapped", within: Keys.patience)
      terminal.send("go = false talk:wait()\r:jobs\r")
      try terminal.expect("no jobs", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func aResizeDrawsTheLineAnew() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 60)
      let typed = "text = '日本語 a line that is longer than most terminals are wide, wrapped once or more'"
      terminal.send(typed)
      try terminal.expectLine("[1]> " + typed)
      for columns in [33, 100, 48] {
        try terminal.resizeAndRedraw(columns: columns, rows: 20)
        try terminal.expect("the line in \(columns) columns", within: Keys.patience) { _ in
          // Blanks apart: one at the end of a row cannot be seen.
          terminal.line.filter { $0 != " " } == "[1]>" + typed.filter { $0 != " " }
            && terminal.screen.text.split(separator: "\n").count {
              $0.hasPrefix("[1]>")
            } == 1
        }
      }
      terminal.send("\rutf8.len(text)\r")
      try terminal.expect("[2]= \(typed.count - 9)", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func aCollectThatTakesAWhileShowsHowFarItIs() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 80)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }:start{ quiet = true };", next: 2)
      terminal.send("s:collect(1e9)\r")
      try terminal.expect("a bar", within: Keys.patience) { screen in
        screen.lastRow.contains(/^collecting ─{20} +0 %  pot1 \d+ of 1000000000 samples/)
      }
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[3] 1~>")
      #expect(!terminal.screen.contains("collecting"))
      terminal.send("#s:collect('3s').pot1 > 60000\r")
      try terminal.expect("a full one", within: Keys.patience) { _ in
        String(decoding: terminal.received, as: UTF8.self).contains("collecting ━━━")
      }
      try terminal.expect("[3]= true", within: Keys.patience)
      #expect(!terminal.screen.contains("collecting"))
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func streamsCountInThePromptByThemselves() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 80)
      try terminal.cell("board = bela.connect('sim')", next: 2)
      try terminal.cell("s = board:streamer{ 'pot1' } t = board:streamer{ 'pot2', buffer = 2000 }", next: 3)
      terminal.send("after('0.2s', function() s:start{ quiet = true } t:start{ quiet = true } end);\r")
      try terminal.expect("two streams", within: Keys.patience) { $0.lastRow == "[4] 2~>" }
      // Whoever reads and does not keep up loses frames: the prompt says so.
      terminal.send("t:read(1) ~= nil\r")
      try terminal.expect("[4]= true", within: Keys.patience)
      try terminal.expect("trouble", within: Keys.patience) { $0.lastRow == "[5] 2~!>" }
      terminal.send("half")
      terminal.send(Keys.home + "t:stop() --" + "\r")
      try terminal.expect("one stream", within: Keys.patience) { $0.lastRow == "[6] 1~>" }
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func ownPromptsAndColours() async throws {
    try await onThread {
      let terminal = try Keys.start(environment: ["FORCE_COLOR": "1"])
      terminal.send("_PROMPT, _PROMPT2 = 'mine: ', 'more: '\r")
      try terminal.expect("an own prompt", within: Keys.patience) { $0.lastRow == "mine:" }
      terminal.send("for i = 1, 2 do\rend\r5\r")
      try terminal.expect("[3]= 5", within: Keys.patience)
      #expect(terminal.screen.text.contains("mine: for i = 1, 2 do\nmore: end"))
      #expect(String(decoding: terminal.received, as: UTF8.self).contains("\u{1b}[2m[3]="))
      terminal.send(Keys.control("D"))
      #expect(try terminal.waitForEnd(within: Keys.patience) == .exit(0))
    }
    try await onThread {
      for (arguments, environment) in [
        (["--color", "never"], ["FORCE_COLOR": "1"]), ([], ["NO_COLOR": "1"]),
      ] {
        let terminal = try Keys.start(arguments, environment: environment)
        try terminal.type("7\r", until: "[1]= 7")
        #expect(!String(decoding: terminal.received, as: UTF8.self).contains("\u{1b}[2m"))
        #expect(try Keys.leave(terminal) == .exit(0))
      }
    }
  }

  /// One that never waits for anything does not keep the loop from its other work.
  @Test func aTaskThatIsAlwaysReadyLetsOthersPrintAboveTheLine() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start()
      try terminal.cell("spawn(function() while true do sleep(0) end end);", next: 2)
      try terminal.cell(
        "spawn{ name = 'talk', function() for i = 1, 3 do sleep(0.1) print('word', i) end end };", next: 3)
      terminal.send("half a line")
      try terminal.expect("the words above the line") { screen in
        screen.text.contains("word     3") && screen.lastRow.hasSuffix("half a line")
      }
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }
}
