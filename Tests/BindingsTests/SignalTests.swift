import Bindings
import Lua
import Telemetry
import TestSupport
import Testing

/// Triggers and signal checks on the simulated board; pot2 is a slow wave from 0 to 1.
@Suite struct SignalTests {
  @Test func aTriggerGivesWindowsOfAllChannelsAndTheirTimes() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect{ "sim", speed = 20 }:streamer{ "pot2", "myvar" }:start{ quiet = true }
        local times, wrong = {}, {}
        local function expect(condition, what) if not condition then wrong[#wrong + 1] = what end end
        for hit, time in s:triggers{ rising = { "pot2", 0.5 }, pre = "3ms", post = "5ms", max = 3, holdoff = "1ms" } do
          times[#times + 1] = time
          expect(math.type(time) == "integer", "the time")
          expect(#hit.pot2 == #hit.myvar, "the channels")
          -- The stream may begin just below the level: then the first window has less in front of it.
          if #times > 1 then
            local span = hit:span().seconds
            expect(span > 0.0078 and span < 0.0082, "the span " .. span)
            expect(hit.pot2[1] < 0.5 and hit.pot2[-1] >= 0.5, "the ends")
            expect(hit.pot2:time(1) == time - 132, "the time before")
            expect(hit.pot2[133] >= 0.5 and hit.pot2[132] < 0.5, "the place")
          end
        end
        return #times, table.concat(wrong, ", "), times[3] > times[2] and times[2] > times[1]
        """)
      #expect(values == [.integer(3), .string(""), .boolean(true)])
    }
  }

  @Test func triggersEndWithTheirLimitsAndTheStream() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        local ticks, hits = 0, 0
        for hit in s:triggers{ above = { "pot1", 99 }, idle = "20ms", span = "600ms" } do
          if hit == false then ticks = ticks + 1 end
        end
        for hit in s:triggers{ above = { "pot1", -1 }, max = 0 } do hits = hits + 1 end
        -- A stream that ends cuts the window that has begun.
        local later = s:triggers{ above = { "pot1", -1 }, pre = 0, post = "10m" }
        s:collect(3000)
        s:stop()
        local cut = later()
        return ticks >= 2, hits, #cut.pot1 > 0, later()
        """)
      #expect(values == [.boolean(true), .integer(0), .boolean(true), .nil])
    }
  }

  @Test func wrongTriggersAreRefusedWithAReason() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run("s = bela.connect('sim'):streamer{ 'pot1' }:start{ quiet = true }")
      for (options, reason) in [
        ("{}", "no condition"),
        ("{ rising = { 'pot1', 1 }, below = { 'pot1', 0 } }", "got rising and below"),
        ("{ rising = 'pot1' }", "table expected"),
        ("{ rising = { 'pot1' } }", "{ channel, level } expected"),
        ("{ outside = { 'pot1', 2, 1 } }", "low below high"),
        ("{ rising = { 'pto1', 1 } }", "no channel named"),
        ("{ rising = { 'pot1', 1 }, hysteresis = -1 }", "cannot be negative"),
        ("{ rising = { 'pot1', 1 }, hold = 1 }", "no option 'hold'"),
        ("{ rising = { 'pot1', 1 }, pre = 'soon' }", "no span of time"),
      ] {
        let error = try bench.failure("s:triggers\(options)")
        #expect(error.message.contains(reason), "\(error)")
      }
    }
  }

  @Test func checksOfSignalsCountAndKeepTheirWindow() async throws {
    try await onThread {
      let bench = try Bench()
      var records: [Check] = []
      bench.library.onCheck = { records.append($0) }
      let values = try bench.run(
        """
        s = bela.connect{ "sim", speed = 20 }:streamer{ "pot1", "pot2" }:start{ quiet = true }
        check(s:within("7s"):rises_above("pot2", 0.5), "a wave")
        check(s:within("50ms"):stays_between("pot1", -1, 2))
        local ok, err = pcall(function() check(s:within("50ms"):rises_above("pot2", 7), "no touch seen") end)
        local ok2, plain = pcall(check, false, "other")
        return err.code, err.message, err.hint, #err.window.pot2 > 100, err.levels[1], plain.window, err
        """)
      #expect(values[0] == "check_failed" && values[1] == "no touch seen")
      let hint = try #require(values[2].string)
      #expect(hint.hasPrefix("pot2 did not rise above 7 within 50ms: from "))
      #expect(values[3] == true && values[4] == .number(7) && values[5] == .nil)
      let signal = try #require(bench.library.failedSignal(of: values[6]))
      #expect(signal.channel == "pot2" && signal.levels == [7] && signal.sentence == hint)
      #expect(signal.window["pot2"]?.isEmpty == false)
      #expect(records.map(\.passed) == [true, true, false, false])
      #expect(records.map(\.message)[2...] == ["no touch seen", "other"])
      #expect(records[0].message == "a wave" && records[1].message.hasPrefix("pot1 stayed between -1 and 2"))
      #expect(records.map { $0.signal != nil } == [false, false, true, false])
    }
  }

  @Test func aCheckOfASignalThatWasNeverStartedSaysSo() async throws {
    try await onThread {
      let bench = try Bench()
      let error = try bench.failure(
        "s = bela.connect('sim'):streamer{ 'pot1' } check(s:within('1s'):rises_above('pot1', 1))")
      #expect(error.code == "not_started" && error.hint == "call s:start() first")
      #expect(try bench.failure("s:within('1s'):rises_above('pot', 1)").code == "unknown_channel")
    }
  }
}
