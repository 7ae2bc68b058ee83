import Lua
import TestSupport
import Testing

/// How `frames` and `read` cut what comes: joined, at most so often, so many samples at a time.
@Suite struct FrameShapeTests {
  @Test func joinedFramesHoldEverythingUnreadOnce() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar", "myvar3" }:start{ ticks = 22050 }
        local last, count, frames, sparse = nil, 0, 0, 0
        for f in s:frames{ join = true } do
          frames = frames + 1
          if f.myvar then
            for i, v in f.myvar:each() do
              assert(not last or v == last + 1, "a hole, or twice")
              last = v
            end
            count = count + #f.myvar
          end
          sparse = sparse + (f.myvar3 and #f.myvar3 or 0)
          sleep("30ms")
        end
        return count, sparse == #s.data.myvar3, frames < 22050 / 512, s:stats().dropped
        """)
      #expect(values == [.integer(22051), true, true, .integer(0)])
    }
  }

  @Test func aJoinedReadTakesWhatAReadHasLeft() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar" }:start{ ticks = 8192 }
        while s.state == "running" do sleep("10ms") end
        local first = s:read().myvar
        local rest = s:read{ join = true }.myvar
        assert(rest[1] == first[-1] + 1)
        local f, why = s:read{ join = true, timeout = 1 }
        return #first + #rest, f, why, select(2, s:read(0))
        """)
      #expect(values == [.integer(8193), .nil, .string("closed"), .string("closed")])
    }
  }

  @Test func framesComeAtMostSoOftenAndNothingIsMissed() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar" }:start{ ticks = 22050 }
        local count, frames, early, last = 0, 0, 0, nil
        for f in s:frames{ every = "50ms" } do
          local now = TimeStamp.now()
          if last and (now - last).seconds < 0.0499 then early = early + 1 end
          last = now
          count, frames = count + #f.myvar, frames + 1
        end
        return count, early, frames > 3 and frames <= 13
        """)
      #expect(values == [.integer(22051), .integer(0), true])
    }
  }

  @Test func framesOfExactlySoManySamplesEndWithAShorterOne() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        s = board:streamer{ "myvar", "pot1" }:start{ ticks = 4000 }
        local sizes, rest = 0, nil
        for f in s:frames{ samples = 256 } do
          assert(#f.myvar == #f.pot1 and f.myvar:time(1) == f.pot1:time(1))
          if #f.myvar == 256 then sizes = sizes + 1 else rest = #f.myvar end
        end
        return sizes, rest
        """)
      #expect(values == [.integer(15), .integer(4001 - 15 * 256)])
    }
  }

  @Test func whatDoesNotGoTogetherIsRefused() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(#"board = bela.connect("sim") s = board:streamer{ "myvar" }:start()"#)
      for options in [
        #"join = true, samples = 3"#, #"every = "1s", complete = true"#, #"samples = 0"#, #"samples = 2^40"#,
        #"join = true, align = "hold""#, #"every = -1"#,
      ] {
        #expect(try bench.failure("s:frames{ \(options) }").code == "argument", "\(options)")
      }
      #expect(try bench.failure("s:read{ joined = true }").hint?.contains("join") == true)
    }
  }
}
