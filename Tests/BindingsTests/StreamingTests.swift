import Lua
import TestSupport
import Testing

/// Scripts against the simulated board, over real sockets.
@Suite struct StreamingTests {
  @Test func framesComeInOrderWithoutAGap() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar" }:start()
        local last, n
        for f in s:frames{ max = 20 } do
          for i, v in f.myvar:each() do
            assert(not last or v == last + 1, "a hole")
            assert(f.myvar:time(i) == v, "the tick is the value")
            last = v
          end
        end
        s:stop()
        return s:stats().gaps, s:stats().lost, s:stats().dropped, s.state
        """)
      #expect(values == [.integer(0), .integer(0), .integer(0), .string("stopped")])
      #expect(bench.notes == ["Streaming started...", "Streaming finished"])
    }
  }

  @Test func aFixedPeriodGivesOneValueMoreThanItsTicks() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar", "myvar3" }:start{ ticks = 1200 }
        for f in s do end
        local d = s.data
        return #d.myvar, d.myvar[-1] - d.myvar[1], #d.myvar3, s.state
        """)
      #expect(values == [.integer(1201), .number(1200), .integer(101), .string("stopped")])
      #expect(bench.notes == ["Streaming started...", "Stream finished"])
    }
  }

  @Test func aStreamThatEndsBeforeItsStartIsToldIsToldInOrder() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "pot1" }
        t = spawn(function() s:start{ ticks = 441 } end)
        sleep(0)
        local till = os.clock() + 10
        repeat until s.state == "stopped" or os.clock() > till
        t:wait()
        sleep(0.01)
        """)
      #expect(bench.notes == ["Streaming started...", "Stream finished"])
    }
  }

  @Test func aStreamerWhoseStartFailedWasNeverStarted() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = Streamer{ project_name = "other", time_ms = 100, variables = { "pot1" } }
        local _, start = pcall(s.start, s)
        local _, read = pcall(s.read, s)
        return start.code, read.code, s.state
        """)
      #expect(values == [.string("project"), .string("not_started"), .string("ready")])
      #expect(bench.notes == [])
    }
  }

  @Test func theSeedsConstructorStreamsOnTheDefaultBoard() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = Streamer{ project_name = "moontide-sim", time_ms = 100, variables = { "pot1" } }
        s:start()
        local n = 0
        for f in s do n = n + #f.pot1 end
        return n
        """)
      #expect(values == [.integer(4411)])
      #expect(bench.notes == ["Streaming started...", "Stream finished"])
    }
  }

  @Test func readingASilentStreamTimesOutEverywhere() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect{ "sim", vars = "slow:f:sparse:1000000000" }
        s = board:streamer{ "slow" }:start()
        local clock = function() return TimeStamp.now() end
        local results = {}
        local function try_read(where)
          local t = clock()
          local f, why = s:read(0.2)
          local took = (clock() - t).seconds
          results[#results + 1] = f == nil and why == "timeout" and took > 0.19 and took < 0.6 or (where .. took .. tostring(why))
        end
        try_read("cell")
        spawn(try_read, "task"):wait()
        coroutine.wrap(function() try_read("coroutine") end)()
        local once = false
        table.sort({ 2, 1 }, function(a, b) if not once then once = true try_read("sort") end return a < b end)
        return table.unpack(results)
        """)
      #expect(values == [.boolean(true), .boolean(true), .boolean(true), .boolean(true)])
    }
  }

  @Test func aTapReadsOnItsOwn() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "myvar" }:start()
        local tap = s:tap()
        local a, b = s:read(2), tap:read(2)
        return a.myvar[1] <= b.myvar[1], s:read(2).myvar[1] == a.myvar[-1] + 1
        """)
      #expect(values == [.boolean(true), .boolean(true)])
    }
  }

  @Test func twoTasksOnOneReaderAreRefused() async throws {
    try await onThread {
      let bench = try Bench()
      let error = try bench.failure(
        """
        board = bela.connect{ "sim", vars = "slow:f:sparse:1000000000" }
        s = board:streamer{ "slow" }:start()
        spawn(function() s:read(5) end)
        sleep(0.05)
        s:read(1)
        """)
      #expect(error.code == "busy")
      #expect(error.hint == "give each task a reader of its own: s:tap()")
    }
  }

  @Test func theBufferKeepsTheNewestAndCountsWhatAReaderMissed() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "myvar" }
        local old = s:set_buffer_size(2000)
        s:start()
        for _ = 1, 2000 do if s:stats().samples > 6000 then break end sleep("10ms") end
        local n = #s.data.myvar
        local f = s:read(1)
        return old, n, f:dropped() > 0, f:dropped() == f.myvar[1] - s.data.myvar[1] + f:dropped() or s:stats().dropped > 0
        """)
      #expect(values == [.integer(1_000_000), .integer(2000), .boolean(true), .boolean(true)])
    }
  }

  @Test func closingASourceClosesItsStreamersAndWhatIsMadeOfThem() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        b = bela.connect("sim")
        s = b:streamer{ "pot1" }:start()
        d = s:derive("twice", function(f) return f.pot1 * 2 end)
        f = s:collect(100)
        b:close()
        local ok, err = pcall(s.start, s)
        return b.state, s.state, d.state, #s.data.pot1 >= 100, ok, err.code
        """)
      let states: [LuaValue] = [.string("closed"), .string("closed"), .string("closed")]
      #expect(values == states + [.boolean(true), .boolean(false), .string("closed")], "\(values)")
    }
  }

  @Test func callbacksRunBesideTheCellAndAreGivenUpAfterThreeErrors() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "pot1", "pot2" }:start{ quiet = true }
        local blocks, same = 0, true
        s:on_block(function(f) blocks = blocks + 1 same = same and #f.pot1 == #f.pot2 end)
        local bad = s:on_frame(function() error("no") end)
        for _ = 1, 100 do
          if blocks > 5 and bad.status == "done" then break end
          sleep(0.05)
        end
        return blocks > 5, same, bad.status
        """)
      #expect(values == [.boolean(true), .boolean(true), .string("done")])
      #expect(bench.notes.contains { $0.hasPrefix("on_frame: given up after 3 errors") })
    }
  }

  @Test func closingEndsAtTheEndOfABlock() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        local keep
        do
          local s <close> = board:streamer{ "pot1" }:start()
          s:read(2)
          keep = s
        end
        return keep.state, #keep.data.pot1 > 0, (keep:read(0.1))
        """)
      #expect(values.prefix(2) == [.string("closed"), .boolean(true)])
    }
  }

  @Test func selectTakesTheFirstThatHasSomething() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "pot1" }:start()
        slow = bela.connect{ "sim", vars = "slow:f:sparse:1000000000" }:streamer{ "slow" }:start()
        local i, f = select({ slow, s }, 2)
        local task = spawn(function() sleep(0.01) return "done" end)
        local j, result = select({ slow, task }, 2)
        local k, why = select({ slow }, 0.05)
        return i, #f.pot1 > 0, j, result, k, why, select("#", 1, 2, 3)
        """)
      #expect(
        values == [
          .integer(2), .boolean(true), .integer(2), .string("done"), .nil, .string("timeout"), .integer(3),
        ])
    }
  }

  @Test func aSpanOfAStreamThatFellSilentEndsWithWhatCame() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect{ "sim", vars = "rare:f:sparse:1000000000" }:streamer{ "rare" }:start{ quiet = true }
        local f, why = s:collect("10ms")
        local g, again = s:collect(5, "50ms")
        return f, why, g, again
        """)
      #expect(values == [.nil, "timeout", .nil, "timeout"])
    }
  }

  @Test func anEndIsToldBeforeALoopEnds() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run("board = bela.connect('sim')")
      for _ in 1...20 {
        try bench.run("s = board:streamer{ 'pot1' }:start{ ticks = 200, quiet = false } for f in s do end")
        #expect(bench.notes.last == "Stream finished")
        try bench.run("s:close()")
      }
    }
  }
}
