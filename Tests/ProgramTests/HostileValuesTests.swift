import TestSupport
import Testing

/// Values that mean no good, echoed and thrown in the built notebook: each answers soon, and the session goes on.
@Suite struct HostileValuesTests {
  static let values = [
    "huge": "(function() local t = {} for i = 1, 1e6 do t[i] = i end return t end)()",
    "keyed": "(function() local t = {} for i = 1, 1e5 do t['k' .. i] = i end return t end)()",
    "cycle": "(function() local t = {} t.t = t return { t, t } end)()",
    "looping tostring": "setmetatable({}, { __tostring = function() while true do end end })",
    "many looping tostrings":
      "(function() local t = {} for i = 1, 100 do t[i] = setmetatable({}, { __tostring = function() while true do end end }) end return t end)()",
    "sleeping tostring": "setmetatable({}, { __tostring = function() sleep(60) end })",
    "index":
      "setmetatable({}, { __index = function() while true do end end, __len = function() while true do end end, __pairs = function() while true do end end })",
    "name": "setmetatable({}, { __name = ('x'):rep(1e6) })",
    "text": "('x'):rep(1e8)", "control": "'\\27[2J\\27]0;title\\7'",
    "deep": "(function() local t = {} for i = 1, 1e5 do t = { t } end return t end)()",
  ]

  @Test(arguments: values.keys.sorted()) func anEchoComesSoon(_ name: String) async throws {
    try await onThread {
      try Self.expectAnAnswer(to: "value", after: try #require(Self.values[name]))
    }
  }

  @Test(arguments: values.keys.sorted()) func anErrorComesSoon(_ name: String) async throws {
    try await onThread {
      try Self.expectAnAnswer(to: "error(value)", after: try #require(Self.values[name]))
    }
  }

  @Test func anErrorOfATaskComesSoonToo() async throws {
    try await onThread {
      try Self.expectAnAnswer(
        to: "t = spawn(function() error(value) end) sleep(0.05)",
        after: try #require(Self.values["looping tostring"]))
    }
  }

  /// The issue says 0.2 s; a busy machine that stalls, with a debug build, gets more. Without its budget no value here
  /// would answer in a minute.
  private static func expectAnAnswer(to cell: String, after value: String) throws {
    let input = """
      value = \(value);
      start = TimeStamp.now();
      \(cell)
      print("TOOK", (TimeStamp.now() - start).seconds)
      print("alive")

      """
    let outcome = try ProgramRunner.run(input: input, within: .seconds(60))
    #expect(
      outcome.output.hasSuffix("alive\n"), "\(outcome.output.suffix(300)) \(outcome.errors.prefix(300))")
    #expect(outcome.output.utf8.count < 60_000 && outcome.errors.utf8.count < 60_000)
    #expect(!outcome.output.contains("\u{1B}") && !outcome.errors.contains("\u{1B}"))
    let took = outcome.output.split(separator: "\n").first { $0.hasPrefix("TOOK\t") }
    let seconds = took.flatMap { Double($0.dropFirst(5)) } ?? .infinity
    #expect(seconds < 8, "\(seconds) s")
  }
}
