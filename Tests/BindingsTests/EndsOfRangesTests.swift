import Bindings
import Foundation
import Lua
import TestSupport
import Testing

/// Arguments at the ends of their types, and objects in states that nobody meant: an answer or an error, never the end of
/// the program.
@Suite struct EndsOfRangesTests {
  @Test func momentsAndSpansAtTheEndsCanBeShownAndReckonedWith() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local a, b = TimeStamp(math.mininteger), TimeStamp(math.maxinteger)
        for _, x in ipairs{ a, b, TimeStamp(0) } do
          for _, y in ipairs{ a, b, TimeStamp(-1) } do tostring(x - y) tostring(x + (x - y)) tostring(y - TimeSpan.DAY * 100000) end
        end
        local span = b - a
        for _, f in ipairs{ 0, -1, 2, 1e300, -1e300, 0/0, 1/0, 5e-324 } do
          pcall(function() return tostring(span * f) end) pcall(function() return tostring(span / f) end) pcall(TimeSpan, f)
        end
        return tostring(a), tostring(b), tostring(-span), tostring(-(-span) + span)
        """)
      #expect(values.first == "1677-09-21T00:12:43.145224192Z")
      #expect(values.dropFirst().first == "2262-04-11T23:47:16.854775807Z")
    }
  }

  @Test func seriesTakePositionsCountsAndNumbersAtTheEnds() async throws {
    try await onThread {
      let bench = try Bench()
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "moontide-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let values = try bench.run(
        """
        local h = io.open("\(folder.path)/a.csv", "w")
        h:write("time [unix_ns],a,b\\n-6000000000000000000,1,0\\n0,2,5e-324\\n6000000000000000000,3,0\\n") h:close()
        local f = load("\(folder.path)/a.csv")
        local ends = { 0, 1, -1, 5, 20, -100, math.maxinteger, math.mininteger, math.maxinteger - 1, 1e300, 0/0, 1/0, 5e-324, -0.0 }
        for _, x in ipairs{ f.a, f.b, f.a:slice(5, 2) } do
          for _, n in ipairs(ends) do
            for _, m in ipairs(ends) do pcall(x.slice, x, n, m) end
            for _, name in ipairs{ "slice", "last", "decimate", "histogram", "quantile", "sparkline", "time", "map" } do pcall(x[name], x, n) end
            for _, size in ipairs{ 2, 4, n } do pcall(x.fft, x, { size = size, gaps = "zero" }) end
            pcall(function() return x[n] end) pcall(function() return x % n end) pcall(function() return x ^ n end) pcall(f.at, f, n)
          end
          tostring(x) tostring(x:diff()) tostring(x.rate) x:gaps() x:sparkline(3)
        end
        tostring(f) f:span() f:start_time()
        return #f.a:slice(5, 2), #f.a:slice(-100, -50), #f.a:slice(math.maxinteger), #f.a:slice(20), #f.a:slice(2)
        """)
      #expect(values == [0, 0, 0, 0, 2])
    }
  }

  @Test func anIteratorOutlivesItsStreamer() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        local step = s:frames{ complete = true }
        local first = step() ~= nil
        s:close()
        s = nil
        collectgarbage() collectgarbage()
        local n = 0
        while step() do n = n + 1 end
        return first, pcall(step)
        """)
      #expect(values == [true, true, .nil])
    }
  }

  @Test func closingWithoutTimeClosesAllTheSame() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local b = bela.connect("sim")
        local s = b:streamer{ "pot1" }:start{ quiet = true }
        s:close(0)
        local t = b:streamer{ "pot1" }:start{ quiet = true }
        local closer = spawn(function() local task <close> = t sleep(100) end)
        sleep(0.01) closer:cancel()
        for i = 1, 500 do if s.state == "closed" and t.state == "closed" then break end sleep(0.01) end
        return s.state, t.state, #b:channels() > 0
        """)
      #expect(values == ["closed", "closed", true])
    }
  }

  @Test func whatIsCancelledBeforeItBeganLeavesNothingBehind() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local s = bela.connect("sim"):streamer{ "pot1" }
        local t t = spawn(function() t:cancel() pcall(s.start, s, { quiet = true }) end)
        t:wait(1)
        local waits = pcall(s.read, s, 0)
        local u u = spawn(function() u:cancel() pcall(s.stop, s) end)
        u:wait(1)
        s:start{ span = "50ms" }
        while s:read(1) do end
        return waits, s.state
        """)
      // Not just being started: reading what was never started is an error.
      #expect(values == [false, "stopped"])
      #expect(bench.notes == ["Streaming started...", "Stream finished"])
    }
  }

  @Test func waitsForATaskLeaveNoObserverBehind() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        "t = spawn(function() sleep(100) end) for i = 1, 500 do t:wait(1e-5) select({ t }, 1e-5) end sleep(0.001)"
      )
      #expect(bench.state.scheduler.tasks.map(\.observerCount) == [0])
    }
  }

  @Test func aDerivedChannelIsReadWhereLuaCannotYield() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        local d = s:derive("twice", function(f) return f.pot1 * 2 end)
        local got
        local _ = ("x"):gsub(".", function() got = d:read(5) ~= nil end)
        table.sort({ 2, 1 }, function() got = got and select({ d }, 5) == 1 end)
        return got
        """)
      #expect(values == [true])
    }
  }

  @Test func anIntervalThatIsTooShortLetsOthersRun() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        "local n = 0 local t = every(1e-9, function() n = n + 1 end) sleep(0.05) t:cancel() return n > 10, t:wait(1)"
      )
      #expect(values == [true, .nil, "cancelled"])
    }
  }

  @Test func aTaskMayTakeAndGiveVeryManyValues() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        local big = {} for i = 1, 999990 do big[i] = big end
        local function many() return table.unpack(big, 1, 999000) end
        local t = spawn(many)
        local ok = pcall(function() return t:wait(5) end)
        pcall(spawn, print, table.unpack(big, 1, 999900))
        pcall(function() return coroutine.wrap(function() return select("#", t:wait(5)) end)() end)
        pcall(gather, t, t)
        return t.status, select("#", spawn(function() return table.unpack(big, 1, 1000) end):wait(5))
        """)
      #expect(values == ["done", 1000])
    }
  }
}
