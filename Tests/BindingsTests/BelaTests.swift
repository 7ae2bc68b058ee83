import Lua
import TestSupport
import Testing

/// What only a board can do, from scripts, over real sockets.
@Suite struct BelaTests {
  /// What a script returns, as text.
  private func values(_ source: String) async throws -> String {
    try await onThread {
      let bench = try Bench()
      let results = try bench.run(
        """
        board = bela.connect{ "sim", rate = 8000 }
        local results = table.pack((function() \(source) end)())
        for i = 1, results.n do results[i] = tostring(results[i]) end
        return table.concat(results, " ")
        """)
      return results.first?.string ?? ""
    }
  }

  @Test func truthValuesAndCharactersAreSet() async throws {
    let values = try await values(
      """
      board:control{ "myvar", "myvar2" }
      board:set{ myvar = true, myvar2 = "A" }
      local a = board:get{ "myvar", "myvar2" }
      board:set{ myvar = false }
      local _, err = try(board.set, board, { myvar = "too long" })
      return a.myvar, a.myvar2, board:get{ "myvar" }.myvar, err.code
      """)
    #expect(values == "1.0 65 0.0 argument")
  }

  @Test func aBoardSaysItsRatesAndWhatItLost() async throws {
    let values = try await values(
      "local i = board:info() return i.sample_rate, i.tick_rate, i.lost_headers, i.lost_payloads, i.foreign")
    #expect(values == "8000.0 8000.0 0 0 0")
  }

  @Test func aMonitorIsSavedAsPybelaSavesIt() async throws {
    let values = try await values(
      """
      local path = os.tmpname()
      os.remove(path)
      local m = board:monitor{ myvar = 400 }
      m:start{ save = path .. ".txt" }
      m:collect(3)
      m:stop()
      local folder, name = path:match("(.*/)(.*)")
      local file = folder .. "myvar_" .. name .. ".txt"
      local line = io.open(file):read()
      local x = load(path .. ".txt").myvar
      os.remove(file) os.remove(path .. ".meta.json")
      return line:match('{"timestamp": %d+, "value": %d+%.0}') == line, #x == #m.data.myvar, x[2] - x[1], x:time(2) - x:time(1)
      """)
    #expect(values == "true true 400.0 400")
  }

  @Test func aMonitorGivesAValueEveryPeriodBesideAStreamOfTheSame() async throws {
    let values = try await values(
      """
      local s = board:streamer{ "myvar" }:start()
      local m = board:monitor{ myvar = 400, myvar2 = 800 }:start()
      m:collect(4)
      m:stop() s:stop()
      local a, b = m.data.myvar, m.data.myvar2
      return m:channels()[1], a[2] - a[1], a[-1] - a[-2], b[2] - b[1], #s.data.myvar > #a, s:stats().gaps
      """)
    #expect(values == "myvar 400.0 400.0 800 true 0")
  }

  @Test func aMonitorKeepsItsPeriodsWhenItsChannelsChange() async throws {
    let values = try await values(
      """
      local m = board:monitor{ myvar = 400, myvar2 = 800 }
      m:update_channels{ "myvar2", "myvar5" }
      m:start()
      m:collect(3)
      m:stop()
      return m.data.myvar2[2] - m.data.myvar2[1], m.data.myvar5[2] - m.data.myvar5[1]
      """)
    #expect(values == "800 400.0")
  }

  @Test func peekAnswersTheNextValueOfEachByName() async throws {
    let values = try await values(
      """
      local before = board:now()
      local p = board:peek{ "myvar", "myvar2" }
      return p.myvar >= before, math.type(p.myvar), p.myvar2 ~= nil, p.pot1, board:peek().gyro_x ~= nil
      """)
    #expect(values == "true float true nil true")
  }

  @Test func controlSetsWhatTheProgramReads() async throws {
    let values = try await values(
      """
      local value = function() return board:get{ "pot1" }.pot1 end
      board:control{ "pot1", "myvar2" }:set{ pot1 = 0.25, myvar2 = 4.6 }
      local a, whole, n = value(), board:get().myvar2, #board:controlled()
      board:set_mask{ myvar2 = { value = 1, mask = 3 } }
      local masked = board:get{ "myvar2" }.myvar2
      board:release{ "pot1" }
      local rest = table.concat(board:controlled(), " ")
      board:release()
      return a, whole, math.type(whole), n, masked, rest, #board:controlled()
      """)
    #expect(values == "0.25 4 integer 2 5 myvar2 0")
  }

  @Test func aBufferIsAListASeriesOrText() async throws {
    let values = try await values(
      """
      local x = board:streamer{ "pot1" }:start():collect(100).pot1
      return board:send_buffer(0, "f", { 1, 2.5 }) == board, board:send_buffer(1, "d", x) == board,
        board:send_buffer(2, "c", "text") == board
      """)
    #expect(values == "true true true")
  }

  @Test func aLogIsFetchedAndReadWithItsExactTicks() async throws {
    let values = try await values(
      """
      local folder = os.tmpname()
      os.remove(folder)
      local from = board:now() + 22050
      local log = board:log{ "myvar", "myvar3" }:start{ at = from, ticks = 1200 }
      while board:now() < from + 1200 do sleep(0.02) end
      local paths = log:stop():fetch(folder)
      local d = log:read()
      local x = bela.read_log(paths[1])
      log:delete()
      for _, path in ipairs(paths) do os.remove(path) end
      os.remove(folder)
      return #paths, #d.myvar, d.myvar:time(1) - from, d.myvar[-1] - d.myvar[1], #d.myvar3, x.name, #log:files()
      """)
    #expect(values == "2 1201 0 1200.0 101 myvar 0")
  }

  static let mistakes: [(source: String, code: String, message: String)] = [
    ("board:monitor{}", "argument", "no variable is named"),
    ("board:monitor{ 'pot1' }", "argument", "a number by name expected"),
    ("board:monitor{ pot1 = 0 }", "argument", "a period is a whole number of ticks"),
    ("board:monitor{ pot9 = 10 }", "unknown_channel", "no channel named \"pot9\""),
    ("board:peek{ 'pot9' }", "unknown_channel", "no variable named \"pot9\""),
    ("board:get{ 'pot9' }", "unknown_channel", "no channel named \"pot9\""),
    ("board:set{ pot1 = 1 }", "not_controlled", "\"pot1\" is not controlled"),
    (
      "board:set{ pot1 = 'xy' }", "argument",
      "pot1: a number, a truth value or one character expected, got string"
    ),
    ("board:set{}", "argument", "nothing to set"),
    ("board:control{ 'myvar2' }:set{ myvar2 = 1e12 }", "argument", "does not fit \"myvar2\""),
    ("board:set_mask{ myvar2 = 1 }", "argument", "myvar2: { value = …, mask = … } expected"),
    ("board:send_buffer(0, 'x', {})", "argument", "\"x\" is no type of a buffer"),
    ("board:send_buffer(0, 'f', { 1, 'a' })", "argument", "value 2 is a string"),
    ("board:send_buffer(0, 'i', { 3e9 })", "argument", "does not fit type i"),
    ("board:send_buffer(-1, 'f', { 1 })", "argument", "a buffer's id counts from 0"),
    ("board:log{ 'pot9' }", "unknown_channel", "no variable named \"pot9\""),
    ("board:log{ 'pot1' }:fetch()", "argument", "nothing has been logged"),
    ("bela.read_log('/nowhere/at/all.bin')", "no_file", "cannot open"),
    ("board:send_buffer(0, 'f', 5)", "argument", "a list of numbers or a series expected"),
  ]

  @Test func eachMistakeIsExplained() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run("board = bela.connect(\"sim\")")
      for (source, code, message) in Self.mistakes {
        let error = try bench.failure(source)
        #expect(error.code == code, "\(source): \(error)")
        #expect(error.message.contains(message), "\(source): \(error)")
      }
      #expect(try bench.run("return board.state") == [.string("open")])
    }
  }
}
