import TestSupport
import Testing

/// The built notebook on a terminal, its screen rendered and compared.
@Suite struct NotebookPtyTests {
  private static func start(columns: Int = 60, rows: Int = 24, environment: [String: String] = [:]) throws
    -> PseudoTerminal
  {
    let terminal = try PseudoTerminal(columns: columns, rows: rows)
    try terminal.run(
      try ProgramRunner.program,
      environment: ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": ""].merging(environment) { $1 })
    try terminal.expect("[1]>")
    return terminal
  }

  @Test func cellsRunAndEcho() async throws {
    try await onThread {
      let terminal = try Self.start()
      terminal.send("local x = 20\r")
      try terminal.expect("[2]>")
      terminal.send("x + 1\r")
      try terminal.expect("[2]= 21")
      terminal.send("x;\r")
      try terminal.expect("[4]>")
      #expect(!terminal.screen.text.contains("[3]="))
      terminal.send("\u{4}")
      #expect(try terminal.waitForEnd() == .exit(0))
    }
  }

  @Test func enterGoesOnUntilTheCellIsComplete() async throws {
    try await onThread {
      let terminal = try Self.start()
      terminal.send("for i = 1, 2 do\r")
      terminal.send("print('row', i)\r")
      terminal.send("end\r")
      try terminal.expect("row\t2".replacing("\t", with: "     "))
      try terminal.expect("[2]>")
    }
  }

  @Test func streamsGoOnWhileACellComputes() async throws {
    try await onThread {
      let terminal = try Self.start(columns: 100)
      terminal.send("s = bela.connect('sim'):streamer{ 'pot1', 'ecg' }:start()\r")
      try terminal.expect("Streaming started...")
      try terminal.expect("[2] 1~>")
      terminal.send("n = #s.data.pot1; t = os.clock(); while os.clock() - t < 2 do end\r")
      try terminal.expect("[3] 1~>", within: .seconds(20))
      terminal.send("#s.data.pot1 - n >= 40000, s:stats().gaps, s:stats().lost, s:stats().dropped\r")
      try terminal.expect("[3]= true, 0, 0, 0")
      terminal.send("s:stop();\r")
      try terminal.expect("Streaming finished")
      terminal.send("\u{4}")
      #expect(try terminal.waitForEnd() == .exit(0))
    }
  }

  @Test func aTaskPrintsAboveAHalfTypedLine() async throws {
    try await onThread {
      let terminal = try Self.start(columns: 40)
      terminal.send(
        "go = spawn{ name = 'talk', function() for i = 1, 5 do sleep(0.1) print('word', i) end end };\r")
      try terminal.expect("[2]>")
      // Two wrapped lines, with characters of double width.
      let typed = "text = \"日本語のテキスト wide and wrapped, 日本語 to the third row 終わり"
      terminal.send(typed)
      // Everything that was typed stands below the last print, and nothing else.
      try terminal.expect("the line below the last print") { screen in
        let rows = screen.text.split(separator: "\n")
        guard let last = rows.lastIndex(where: { $0.contains("word     5") }) else { return false }
        return rows[(last + 1)...].joined() == "[2]> " + typed
      }
      terminal.send("\"\r")
      try terminal.expect("[3]>")
      terminal.send("#text, utf8.len(text)\r")
      let text = String(typed.dropFirst("text = \"".count))
      try terminal.expect("[3]= \(text.utf8.count), \(text.unicodeScalars.count)")
    }
  }

  @Test func controlCDropsWhatIsTypedAndStopsWhatRuns() async throws {
    try await onThread {
      let terminal = try Self.start()
      terminal.send("half a line")
      try terminal.expect("half a line")
      terminal.send("\u{3}")
      try terminal.expect("a new line") { $0.contains("half a line^C") && $0.lastRow == "[1]>" }
      terminal.send("1 + 1\r")
      try terminal.expect("[1]= 2")
      let loops = [
        "while true do end", "while true do pcall(error) end", "sleep(100)",
        "table.sort({3,2,1}, function() while true do end end)",
      ]
      for (number, loop) in loops.enumerated() {
        terminal.send("print('running' .. \(number)) \(loop)\r")
        try terminal.expect("running\(number)")
        terminal.send("\u{3}")
        try terminal.expect("[\(number + 3)]>")
      }
      #expect(terminal.screen.text.split(separator: "\n").count { $0 == "interrupted" } == loops.count)
      terminal.send("\u{4}")
      #expect(try terminal.waitForEnd() == .exit(0))
    }
  }

  @Test func aNameWithAQuestionMarkIsExplained() async throws {
    try await onThread {
      let terminal = try Self.start()
      terminal.send("sleep?\r")
      try terminal.expect("sleep(span)")
    }
  }

  @Test func exitSaysWhatItStops() async throws {
    try await onThread {
      let terminal = try Self.start(columns: 80)
      terminal.send("s = bela.connect('sim'):streamer{ 'pot1' }:start()\r")
      try terminal.expect("[2] 1~>")
      terminal.send("\u{4}")
      try terminal.expect("stopping 1 stream")
      #expect(try terminal.waitForEnd() == .exit(0))
    }
  }

  @Test func termDumbIsPlainLines() async throws {
    try await onThread {
      let terminal = try Self.start(environment: ["TERM": "dumb"])
      terminal.send("1 + 2\r")
      try terminal.expect("[1]= 3")
      #expect(!String(decoding: terminal.received, as: UTF8.self).contains("\u{1b}"))
    }
  }
}
