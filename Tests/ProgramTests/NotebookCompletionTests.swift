import TestSupport
import Testing

/// Tab in the built notebook, its screen rendered and compared.
@Suite struct NotebookCompletionTests {
  private static let tab = "\t"

  @Test func tabCompletesNamesOfThisState() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 80)
      let cases = [
        ("lab = { alpha = 1, alpine = 2, beta = { gamma = print } }", ""),
        ("collectg", "collectgarbage"), ("string.for", "string.format"), ("lab.al", "lab.alp"),
        ("lab.beta.", "lab.beta.gamma"), ("('x').re", "('x').re"), ("whi", "while"), (":str", ":streams"),
        ("notebook.hel", "notebook.help"), ("local na", "local na"),
      ]
      try terminal.cell(cases[0].0, next: 2)
      for (typed, completed) in cases.dropFirst() {
        terminal.send(typed + Self.tab)
        try terminal.expectLine("[2]> " + completed)
        terminal.send(NotebookTerminal.control("U"))
        try terminal.expectLine("[2]>")
      }
      // Several: what they share goes in, then a list stands above.
      terminal.send("lab.a" + Self.tab)
      try terminal.expectLine("[2]> lab.alp")
      try terminal.type(Self.tab, until: "alpha   alpine")
      try terminal.expectLine("[2]> lab.alp")
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }

  @Test func tabRunsNothingThatAUserWrote() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 80)
      try terminal.cell("touched = 0; function touch() touched = touched + 1 while true do end end", next: 2)
      try terminal.cell(
        "trap = setmetatable({ inner = 1 }, { __index = touch, __pairs = touch, __len = touch })", next: 3)
      try terminal.cell(
        "setmetatable(_G, { __index = function(_, k) rawset(_G, 'touched', 99) end })", next: 4)
      terminal.send("trap.in" + Self.tab)
      try terminal.expectLine("[4]> trap.inner")
      terminal.send(
        NotebookTerminal.control("U") + "trap.nothing.x" + Self.tab + NotebookTerminal.control("U"))
      terminal.send("unheard" + Self.tab + NotebookTerminal.control("U") + "touched\r")
      try terminal.expect("[4]= 0", within: NotebookTerminal.patience)
    }
  }

  @Test func tabKnowsChannelsOptionsMethodsAndFields() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 80)
      try terminal.cell("board = bela.connect('sim')", next: 2)
      terminal.send("s = board:str" + Self.tab)
      try terminal.expectLine("[2]> s = board:streamer")
      // Both pots, then one of them, with the quote that closes it.
      terminal.send("{ \"po" + Self.tab)
      try terminal.expectLine("[2]> s = board:streamer{ \"pot")
      try terminal.type(Self.tab, until: "pot1  pot2")
      terminal.send("1" + Self.tab)
      try terminal.expectLine("[2]> s = board:streamer{ \"pot1\"")
      terminal.send(", buf" + Self.tab)
      try terminal.expectLine("[2]> s = board:streamer{ \"pot1\", buffer =")
      try terminal.cell("1000 }", next: 3)
      terminal.send("s:start{ sp" + Self.tab)
      try terminal.expectLine("[3]> s:start{ span =")
      terminal.send(NotebookTerminal.control("U") + "s:update_channels{ 'ec" + Self.tab)
      try terminal.expectLine("[3]> s:update_channels{ 'ecg'")
      terminal.send(NotebookTerminal.control("U") + "board:set{ pot2" + Self.tab)
      try terminal.expectLine("[3]> board:set{ pot2 =")
      terminal.send(NotebookTerminal.control("U") + "s:set_b" + Self.tab)
      try terminal.expectLine("[3]> s:set_buffer_size")
      terminal.send(NotebookTerminal.control("U") + "s:start{ samples = 50, quiet = true }\r")
      try terminal.expect("[4]", within: NotebookTerminal.patience)
      terminal.send("s:data('p" + Self.tab)
      try terminal.expect("the channel", within: NotebookTerminal.patience) { _ in
        terminal.line.hasSuffix("s:data('pot1'")
      }
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }

  @Test func tabCompletesFileNames() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file("experiment one.lua", "x = 1\n")
      _ = try folder.file("other.lua", "y = 1\n")
      let terminal = try NotebookTerminal.start(columns: 80, directory: folder.path)
      terminal.send(":run oth" + Self.tab)
      try terminal.expectLine("[1]> :run other.lua")
      terminal.send(NotebookTerminal.control("U") + "dofile('exp" + Self.tab)
      try terminal.expectLine("[1]> dofile('experiment one.lua'")
      #expect(try NotebookTerminal.leave(terminal) == .exit(0))
    }
  }
}
