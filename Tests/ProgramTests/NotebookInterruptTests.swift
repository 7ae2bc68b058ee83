import Foundation
import TestSupport
import Testing

/// Ctrl-C in each state of the notebook: the prompt comes back, and what should live on does.
@Suite struct NotebookInterruptTests {
  private typealias Keys = NotebookTerminal

  @Test func whileTypingItDropsTheInputAndNothingElse() async throws {
    try await onThread {
      let terminal = try Keys.start()
      terminal.send("half a line")
      try terminal.expectLine("[1]> half a line")
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[1]>")
      terminal.send("1 + 1\r")
      try terminal.expect("[1]= 2", within: Keys.patience)
      #expect(terminal.screen.text.contains("[1]> half a line^C"))
      // In a continuation all of the cell goes.
      terminal.send("for i = 1, 3 do\r  print(i)")
      try terminal.expectLine("[2]> for i = 1, 3 do   >   print(i)")
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[2]>")
      // In a search the search ends, too.
      terminal.send(Keys.control("R") + "1 +")
      try terminal.expect("search: 1 +_", within: Keys.patience)
      terminal.send(Keys.control("C"))
      try terminal.expectLine("[2]>")
      terminal.send("2 + 3\r")
      try terminal.expect("[2]= 5", within: Keys.patience)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func whileACellRunsItEndsThatAndStreamsAndTasksLiveOn() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 90, rows: 40)
      try terminal.cell("s = bela.connect('sim'):streamer{ 'pot1' }:start()", next: 2)
      try terminal.cell("n = 0; ticker = every('20ms', function() n = n + 1 end)", next: 3)
      let running = [
        "while true do end", "while true do pcall(error) end", "sleep(1000)",
        "s:read() while true do s:read(100) end",
        "coroutine.wrap(function() while true do end end)()",
        "table.sort({3,2,1}, function() sleep(1000) end)",
        "for f in s do end",
      ]
      for (index, text) in running.enumerated() {
        terminal.send("print('go' .. \(index)) \(text)\r")
        try terminal.expect("go\(index)", within: Keys.patience)
        terminal.send(Keys.control("C"))
        try terminal.expect("prompt \(index + 4)", within: Keys.patience) {
          $0.lastRow.hasPrefix("[\(index + 4)]")
        }
      }
      terminal.send("before = n; sleep('300ms'); n > before, s.state, ticker:cancel(), s:stats().gaps\r")
      try terminal.expect("= true, \"running\", true, 0", within: Keys.patience)
      #expect(terminal.screen.history.split(separator: "\n").count { $0 == "interrupted" } == running.count)
      terminal.send(Keys.control("D"))
      try terminal.expect("stopping 1 stream", within: Keys.patience)
      #expect(try terminal.waitForEnd(within: Keys.patience) == .exit(0))
    }
  }

  @Test func inCommandsThatRunCellsItEndsTheCell() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file(
        "loop.lua", "-- %%\nprint('first ' .. 'cell')\n-- %%\nwhile true do end\n-- %%\nlast = 1\n")
      let terminal = try Keys.start(columns: 80, directory: folder.path)
      for (command, begun) in [
        (":run loop.lua", "first cell"), (":time print('ti' .. 'med') while true do end", "timed"),
        ("notebook.run('loop.lua')", "first cell"),
        ("notebook.time(function() print('cou' .. 'nted') sleep(1000) end)", "counted"),
      ] {
        terminal.send(Keys.control("L") + command + "\r")
        try terminal.expect(begun, within: Keys.patience) { screen in
          screen.text.split(separator: "\n").contains { $0 == begun }
        }
        terminal.send(Keys.control("C"))
        try terminal.expect("the prompt after \(command)", within: Keys.patience) { screen in
          screen.lastRow.contains(/^\[\d+\]>$/) && screen.contains("interrupted")
        }
      }
      terminal.send("last, 'alive'\r")
      try terminal.expect("= nil, \"alive\"", within: Keys.patience)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func whileAPasteComesItDropsThePaste() async throws {
    try await onThread {
      let terminal = try Keys.start()
      terminal.send("\u{1b}[200~x = 1\ry = 2")
      terminal.readAvailable(waitMs: 50)
      terminal.send(Keys.control("C"))
      try terminal.expect("a new line", within: Keys.patience) { $0.lastRow == "[1]>" }
      terminal.send("x, y\r")
      try terminal.expect("[1]= nil, nil", within: Keys.patience)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func onADumbTerminalItWorksInEachStateToo() async throws {
    try await onThread {
      let terminal = try Keys.start(environment: ["TERM": "dumb"])
      func expectPrompt(_ number: Int) throws {
        try terminal.expect("prompt \(number)", within: Keys.patience) { $0.lastRow == "[\(number)]>" }
      }
      // Typing, and in a continuation: all of the cell goes.
      try terminal.type("half a line", until: "half a line")
      terminal.send(Keys.control("C"))
      try terminal.expect("a new line", within: Keys.patience) {
        $0.contains("half a line^C") && $0.lastRow == "[1]>"
      }
      terminal.send("for i = 1, 2 do\r")
      try terminal.expect("a continuation", within: Keys.patience) { $0.lastRow == "   >" }
      terminal.send(Keys.control("C"))
      try expectPrompt(1)
      terminal.send("1 + 1\r")
      try terminal.expect("[1]= 2", within: Keys.patience)
      try expectPrompt(2)
      for (index, cell) in ["while true do end", "sleep(1000)", "while true do pcall(error) end"].enumerated()
      {
        terminal.send("print('go' .. \(index)) \(cell)\r")
        try terminal.expect("go\(index)", within: Keys.patience)
        terminal.send(Keys.control("C"))
        try expectPrompt(index + 3)
      }
      terminal.send("'alive'\r")
      try terminal.expect("[5]= alive", within: Keys.patience)
      #expect(!String(decoding: terminal.received, as: UTF8.self).contains("\u{1b}"))
      try expectPrompt(6)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func atThePromptItEndsATaskThatComputes() async throws {
    try await onThread {
      let terminal = try Keys.start(columns: 80)
      try terminal.cell("quiet = every('20ms', function() end)", next: 2)
      let folder = try TemporaryFolder()
      let mark = folder.path + "/computes"
      try terminal.cell(
        "spawn{ name = 'loop', function() sleep(0.1) io.open('\(mark)', 'w'):close() while true do end end };",
        next: 3)
      try terminal.expect("a task that computes", within: Keys.patience) { _ in
        FileManager.default.fileExists(atPath: mark)
      }
      terminal.send(Keys.control("C"))
      try terminal.expect("task loop failed: cell 2, line 1: interrupted", within: Keys.patience)
      terminal.send("#tasks(), quiet:cancel()\r")
      try terminal.expect("= 1, true", within: Keys.patience)
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func whileACommandOfTheShellRunsItEndsTheCell() async throws {
    try await onThread {
      let terminal = try Keys.start()
      // `exec`: a shell that has just begun and hears of Ctrl-C itself may start its command all the same.
      for (index, text) in [
        "while true do print('He' .. 're0') os.execute('sleep 0.3') end",
        "print('He' .. 're1') os.execute('exec sleep 30') print('af' .. 'ter')",
      ].enumerated() {
        terminal.send(text + "\r")
        try terminal.expect("Here\(index)", within: Keys.patience)
        terminal.send(Keys.control("C"))
        try terminal.expect("prompt \(index + 2)", within: Keys.patience) {
          $0.lastRow.hasPrefix("[\(index + 2)]")
        }
        terminal.send("\u{0C}")
      }
      #expect(!terminal.screen.text.contains("after"))
      #expect(try terminal.end() == .exit(0))
    }
  }
}
