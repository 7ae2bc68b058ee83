import Bindings
import Lua
import TestSupport
import Testing

/// Streams that are made of streams.
@Suite struct DerivedTests {
  @Test func aDerivedChannelHasTheTimesOfWhatItIsMadeOf() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "myvar", "myvar2" }
        d = s:derive("sum", function(f) return f.myvar + f.myvar2 end)
        local before = d.state
        s:start()
        local x = d:collect(3000).sum
        local right = true
        for i, v in x:each() do right = right and (i == 1 or x:time(i) == x:time(i - 1) + 1) end
        local whole = d.data.sum
        s:stop()
        for f in d do end
        local ended = d.state
        s:start{ quiet = true }
        local again = d:read(5) ~= nil
        s:close()
        return before, right, x.type, #x, x.clock, ended, again, d.state, d:stats().errors
        """)
      #expect(
        values == [
          "ready", true, "float64", 3000, "ticks", "stopped", true, "closed", 0,
        ])
      #expect(bench.notes == ["Streaming started...", "Streaming finished"])
    }
  }

  @Test func itsFunctionGivesASeriesAListANumberOrNothing() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        local list = s:derive("list", function(f) return f.pot1:table() end)
        local peak = s:derive("peak", function(f) return f.pot1:max() end)
        local none = s:derive("none", function(f) return nil end)
        local a, b = list:read(5).list, peak:read(5).peak
        return #a > 1, #b, (none:read("50ms")), peak:stop().state, pcall(peak.start, peak)
        """)
      #expect(values == [true, 1, .nil, "stopped", true] + values.suffix(1))
      #expect(
        try bench.run(
          "s:stop() return select(2, pcall(d or s:derive('x', print).start, s:derive('y', print)))"
        ).first != nil)
    }
  }

  @Test func errorsOfTheFunctionAreSaidOnceAndCounted() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        local n = 0
        local d = s:derive("odd", function(f) n = n + 1 if n % 2 == 1 then return f.pot1 + nil end return f.pot1 * 2 end)
        for f in d:frames{ max = 3 } do end
        local wrong = s:derive("wrong", function(f) return { 1, 2, 3 } end)
        for _ = 1, 200 do if wrong:stats().errors > 0 then break end sleep("20ms") end
        return d:stats().errors >= 3, #d.data.odd:gaps() >= 2, wrong:stats().errors > 0
        """)
      #expect(values == [true, true, true])
      #expect(
        bench.notes.count == 2 && bench.notes[0].hasPrefix("odd: ")
          && bench.notes[1].hasPrefix("wrong: it gave 3 values"))
    }
  }

  @Test func twoBoardsOnOneClockAgreeAboutTheTime() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        a = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        b = bela.connect{ "sim", rate = 8000 }:streamer{ "pot1", "pot2" }
        j = join(a, b)
        local names = table.concat(j:channels(), " ")
        local t = TimeStamp.now().nanoseconds
        sleep("100ms")
        j:collect("100ms")
        local d = j.data
        local off = math.abs(d.pot1:time(-1) - d.pot1_2:time(-1)) / 1e9
        local age = math.abs(d.pot1:time(-1) - t) / 1e9
        local step = d.pot2:time(81) - d.pot2:time(1)
        a:stop() b:stop()
        for f in j do end
        return names, off < 1, age < 10, step, d.pot1.clock, j.state
        """)
      #expect(
        values == ["pot1 pot1_2 pot2", true, true, 10_000_000, "unix_ns", "stopped"])
      let note = try #require(bench.notes.first { $0.hasPrefix("join: ") })
      #expect(note.contains("tick 0 of bela ws://") && note.contains("±") && note.contains("; "))
    }
  }

  @Test func streamsOfOneBoardKeepTheirTicks() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        j = join(board:streamer{ "pot1" }, board:streamer{ "myvar" })
        local f = j:collect(500)
        return #f.pot1, f.myvar:time(1) == f.myvar[1], f.pot1.clock
        """)
      #expect(values == [500, true, "ticks"])
      #expect(bench.notes == ["join: both count time alike"])
      #expect(try bench.failure("join(board, 5)").message.contains("streamer or source expected, got number"))
    }
  }

  @Test func theDoctorSaysWhatIsWell() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect{ "sim", vars = "pot1:f,buffer1:f:buffer" }:streamer{}:start{ quiet = true }
        local d = doctor(s, "600ms")
        local stopped = doctor(s:stop())
        return tostring(d), d.ok, d.problems[1], d[1], #d >= 3, stopped[1]
        """)
      let text = try #require(values[0].string)
      #expect(
        text.contains("pot1: ") && text.contains(" kHz") && text.contains("frames come every"), "\(text)")
      #expect(values[4] == true)
      #expect(text.contains("buffer1: "), "\(text)")
      #expect(values[3].string?.contains("pot1: ") == true)
      #expect(values[5] == "the stream is stopped: this is its buffer")
    }
  }
}
