import TestSupport
import Testing

/// `name?`, `:help`, `help(…)`: one answer, whatever the name is of.
@Suite struct HelpTests {
  /// What is typed, what begins the answer, and what else is in it.
  private static let cases: [(typed: String, begins: String, has: String)] = [
    // Functions, methods and fields of the reference; of objects by their class.
    ("sleep?", "sleep(span)", "On failure: raises argument"),
    ("bela.connect?", "bela.connect(address?)", "sim"),
    ("Streamer:read?", "Streamer:read(timeout?) -> Frame?", "local f, why"),
    ("streamer.read?", "Streamer:read(timeout?)", "On failure"),
    ("s:stats?", "Streamer:stats() -> table", "gaps"),
    ("within?", "Streamer:within(", "On failure"), ("read?", "Log:read() -> Frame", "Log:read? says more"),
    // Classes, tables and topics of the reference.
    ("Reader?", "Reader: what such an object can do", "methods: read  frames"),
    ("bela?", "bela\n  bela.connect(", "bela.read_log(path)"),
    ("Bela?", "Bela\n  Source:monitor(", "Log:delete"),
    ("Series?", "Series\n  Series:mean() -> number\n    Arithmetic mean", "Series.held: boolean"),
    ("tasks?", "tasks() -> Task[]", "print"),
    // What is there: objects, channels, own values.
    ("s?", "s: Streamer\n  streamer ready: pot1", "s:start? explains one"),
    ("s.data?", "s.data: Frame", "Streamer.data"),
    ("board?", "board: Source\n  bela ws://", "peek"),
    ("job?", "job: Task\n  task 4 \"wait\": waiting", "output"),
    ("\"pot2\"?", "pot2: channel of bela ws://", "f32, dense"), ("myvar2?", "myvar2: channel of", "u32"),
    ("own?", "own: table with a list of 2\n  x", ""), ("own.x?", "own.x: number, 3", ""),
    ("fn?", "fn: a function of yours", ""), ("print?", "print: a function of Lua's own library", ""),
    // Commands; the colon asks for nothing else.
    (":save?", ":save file.lua [1-3,5]", "notebook.save(path"),
    (":help save", "Streamer:save(", ":save file.lua"),
    (":help :bg", ":bg cell\n  Runs a cell as a job", "spawn(fn)"),
    // Nothing: what may have been meant. Nothing of the user's is run.
    ("slep?", "nothing is known of \"slep\"; did you mean `sleep?`", ""),
    ("trap.x.y?", "nothing is known of \"trap.x.y\"", ""),
    ("zzzzzz?", "nothing is known of \"zzzzzz\"; :help", ""),
    // Without a name.
    ("?", "name? explains a name", "Functions, by topic: Sources?"),
    (":help", "name? explains a name", ":quit"),
    ("help", "name? explains a name", ":save file.lua"), ("help()", "name? explains a name", "To begin"),
    // As a function, also of values.
    ("help('sleep')", "sleep(span)", ""), ("help(sleep)", "sleep(span)", ""), ("help(s)", "s: Streamer", ""),
    ("help(bela.connect)", "bela.connect(", ""), ("notebook.help('s:read')", "Streamer:read(", ""),
    ("print(select(2, pcall(help, {})))", "bad argument #1 to 'help' (a name expected)", ""),
  ]

  @Test func everyNameHasItsAnswer() async throws {
    try await onThread {
      let start = """
        board = bela.connect("sim") s = board:streamer{ "pot1" }
        own = { 1, 2, x = 3 } function fn() end
        job = spawn{ name = "wait", function() sleep(1000) end }
        trap = setmetatable({}, { __index = function() error("asked") end })

        """
      let cells = Self.cases.enumerated().map { "print('# \($0)')\n\($1.typed)\n" }
      let outcome = try ProgramRunner.run(input: start + cells.joined())
      for (number, expected) in Self.cases.enumerated() {
        let answer = outcome.output.split(separator: "# \(number)\n").last.map {
          String($0.split(separator: "\n# ", omittingEmptySubsequences: false)[0])
        }
        #expect(answer?.hasPrefix(expected.begins) == true, "\(expected.typed): \(answer ?? "")")
        let words = answer?.split(whereSeparator: \.isWhitespace).joined(separator: " ") ?? ""
        let wanted = expected.has.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(wanted.isEmpty || words.contains(wanted), "\(expected.typed): \(answer ?? "")")
      }
      #expect(outcome.errors.isEmpty || outcome.errors.contains("stopping"), "\(outcome.errors)")
    }
  }

  @Test func theShortHelpFitsOnASmallTerminal() async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(columns: 80, rows: 24)
      terminal.send("help\r")
      try terminal.expect("all of it", within: NotebookTerminal.patience) { screen in
        screen.lastRow.hasPrefix("[1]>") && screen.text.contains("name? explains a name")
          && screen.text.contains("Notebook?")
      }
      #expect(!terminal.screen.text.contains("[1]="))
      terminal.send("exit\r")
      #expect(try terminal.waitForEnd(within: NotebookTerminal.patience) == .exit(0))
    }
  }
}
