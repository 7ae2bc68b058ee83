import Foundation
import TestSupport
import Testing

/// The notebook's commands on a rendered screen.
@Suite struct NotebookCommandTests {
  private typealias Keys = NotebookTerminal

  @Test func cellsAreSavedLoadedIntoTheLineAndRun() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let terminal = try Keys.start(columns: 80, directory: folder.path)
      try terminal.cell("a = 1", next: 2)
      try terminal.cell("error('no')", next: 3)
      try terminal.cell("b = a + 1", next: 4)
      try terminal.type(":save x.lua\r", until: "x.lua: 2 cells")
      try terminal.type(":save x.lua 1\r", until: "x.lua exists")
      try terminal.type(":save x.lua 1,3-3 overwrite\r", until: "x.lua: 2 cells")
      try terminal.type(":save y.lua 9\r", until: "there is no cell 9")
      let saved = try String(contentsOfFile: folder.path + "/x.lua", encoding: .utf8)
      #expect(saved == "-- %%\na = 1\n\n-- %%\nb = a + 1\n")
      terminal.send(":load x.lua\r")
      try terminal.expectLine("[4]> -- %%   > a = 1   >   > -- %%   > b = a + 1")
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[4]>")
      try terminal.type("b = nil\r", until: "[5]>")
      try terminal.type(":run x.lua\r", until: "[7]>")
      try terminal.type("b\r", until: "[7]= 2")
      try terminal.type(":run no.lua\r", until: "cannot read no.lua: No such file")
      try terminal.type(":history 2\r", until: ":run no.lua")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func anEditorGetsTheTerminalAndItsTextComesBack() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let editor = try folder.file(
        "editor", "#!/bin/sh\necho ready\nread line </dev/tty\nsed -i \"s/1/$line/\" \"$1\"\n")
      let terminal = try Keys.start(columns: 120, environment: ["EDITOR": "sh \(editor)", "VISUAL": ""])
      try terminal.cell("x = 1 + 1", next: 2)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }:start()", next: 3)
      terminal.send(":edit 1\r")
      try terminal.expect("the editor", within: Keys.patience) { $0.lastRow == "ready" && terminal.echoes }
      terminal.send("20\r")
      try terminal.expectLine("[3] 1~> x = 20 + 1")
      terminal.send("\rx, s:stats().gaps\r")
      try terminal.expect("[4]= 21, 0", within: Keys.patience)
      // Ctrl-C is the editor's.
      terminal.send(":edit 1\r")
      try terminal.expect("the editor", within: Keys.patience) { $0.lastRow == "ready" && terminal.echoes }
      terminal.send(Keys.control("C"))
      try terminal.expect("\n:edit: sh \(editor) ended with an error", within: Keys.patience)
      try terminal.type("'alive'\r", until: "[5]= alive")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func listsShowWhatThereIs() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 90, rows: 40)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }", next: 2)
      try terminal.cell("s:start{ samples = 5000 }; list = { 1, 2, 3 }; word = ('x'):rep(1000)", next: 3)
      try terminal.expect("Stream finished", within: Keys.patience)
      try terminal.type(":vars\r", until: "1,024")
      let rows = terminal.screen.text.split(separator: "\n")
      #expect(rows.contains { $0.contains(/^list +table +104  \{ 1, 2, 3 \}$/) })
      #expect(rows.contains { $0.contains(/^s +Streamer +2\d,\d\d\d  streamer stopped: pot1/) }, "\(rows)")
      #expect(rows.contains { $0.contains(/^word +string +1,024  "xxx/) })
      try terminal.type(":streams\r", until: "stopped  pot1")
      try terminal.type(":jobs\r", until: "no jobs")
      terminal.send(":bg print('from ' .. 'there') sleep(100)\r")
      try terminal.expect("[cell 3] from there", within: Keys.patience)
      try terminal.type(":jobs\r", until: "waiting  cell 3")
      try terminal.type(":log 3\r", until: "\nfrom there")
      try terminal.type(":time sleep('20ms')\r", until: "samples received")
      try terminal.type(":mark \"valve open\"\r", until: "marked at")
      try terminal.type(":mark\r", until: "  valve open")
      try terminal.type(":keep 1s\r", until: "a span and a file are needed")
      try terminal.type(":plot nothing\r", until: "nothing is no streamer")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func plotsMarksAndTheNewestSpanOfAStreamThatRuns() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let browser = try folder.file("browser", "#!/bin/sh\necho \"$1\" >> '\(folder.path)/opened'\n")
      let terminal = try Keys.start(
        columns: 100, rows: 40, environment: ["BROWSER": "sh \(browser)"], directory: folder.path)
      try terminal.type(":plot\r", until: "no stream runs")
      try terminal.type(":keep 1s no.csv\r", until: ":keep: no stream runs")
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1', 'pot2' }:start{ quiet = true };", next: 2)
      terminal.send(":plot s\r")
      try terminal.expect("the page's address", within: Keys.patience) {
        $0.text.contains(/http:\/\/127\.0\.0\.1:\d+/)
      }
      try terminal.cell("p = s:plot{ open = false }; s:collect('200ms');", next: 3)
      try terminal.type(":mark valve open\r", until: "marked at")
      try terminal.type(":mark\r", until: "  valve open")
      terminal.send("p:svg():find('valve open', 1, true) ~= nil\r")
      try terminal.expect("[3]= true", within: Keys.patience)
      try terminal.type(":keep 100ms hit.csv\r", until: "saved hit.csv")
      try terminal.type(":keep 100ms hit.csv\r", until: "hit.csv exists already")
      try terminal.cell("t = bela.connect('sim'):streamer{ 'ecg' }:start{ quiet = true };", next: 5)
      try terminal.type(":keep 100ms hit2.csv\r", until: "2 streams run")
      try terminal.type(":keep 100ms hit2.csv s\r", until: "saved hit2.csv")
      terminal.send("#load('hit.csv').pot1 >= 4400, #load('hit2.csv').pot1 >= 4400, s:stats().lost\r")
      try terminal.expect("[5]= true, true, 0", within: Keys.patience)
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }

  @Test func afterAScriptFromAPipeTheTerminalIsRead() async throws {
    try await onThread {
      let terminal = try PseudoTerminal(columns: 80)
      try terminal.run(
        "/bin/sh", ["-c", "printf 'x = 40\\nprint(\"piped\")\\n' | '\(try ProgramRunner.program)' -i -"],
        environment: ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": ""])
      try terminal.expect("piped", within: Keys.patience)
      try terminal.expect("a prompt", within: Keys.patience) { $0.lastRow == "[2]>" }
      try terminal.type("x + 2\r", until: "[2]= 42")
      terminal.send("print('be' .. 'gun') sleep(1000)\r")
      try terminal.expect("begun", within: Keys.patience)
      terminal.send(Keys.control("C"))
      try terminal.expect("a prompt", within: Keys.patience) { $0.lastRow == "[4]>" }
      // The shell around it got the Ctrl-C, too: how that ends is its own affair.
      _ = try terminal.end()
    }
  }

  @Test func resetGivesANewState() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let start = try folder.file("init.lua", "local here = 'from init'\nfunction hello() return here end\n")
      let terminal = try Keys.start(columns: 80, environment: ["MOONTIDE_INIT": start])
      try terminal.type("hello()\r", until: "[1]= from init")
      try terminal.cell(
        "s = bela.connect('sim'):streamer{ 'pot1' }:start(); t = every('10ms', function() end)", next: 3)
      terminal.send(":reset\r")
      try terminal.expect("a new state", within: Keys.patience)
      try terminal.expectLine("[1]>")
      terminal.send("s, t, #tasks(), hello()\r")
      try terminal.expect("[1]= nil, nil, 0, \"from init\"", within: Keys.patience)
      // The new state can be interrupted and streams as the first one did.
      try terminal.type("print('lo' .. 'op') while true do end\r", until: "loop")
      terminal.send(Keys.control("C"))
      try terminal.expect("[3]>", within: Keys.patience)
      try terminal.cell("notebook.reset() x = 1", next: 1)
      try terminal.type("x\r", until: "[1]= nil")
      try terminal.type(":quit\r", until: "")
      #expect(try terminal.waitForEnd(within: Keys.patience) == .exit(0))
    }
  }

  @Test func cellsOfTheCommandLineComeBeforeTheNotebook() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file("lib.lua", "return { answer = 42 }\n")
      let terminal = try PseudoTerminal(columns: 80)
      try terminal.run(
        try ProgramRunner.program, ["-e", "x = require('lib').answer", "-i"],
        environment: ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": "", "MOONTIDE_PATH": folder.path + "/?.lua"])
      try terminal.expect("[2]>", within: Keys.patience)
      try terminal.type("x\r", until: "[2]= 42")
      #expect(try Keys.leave(terminal) == .exit(0))
    }
  }
}
