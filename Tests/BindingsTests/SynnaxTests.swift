import Lua
import TestSupport
import Testing

/// Scripts against the simulated core, over real sockets.
@Suite struct SynnaxTests {
  @Test func framesComeWithTheirTimes() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect{ "sim", rate = 50 }
        s = core:open_streamer{ "acc_x", "activity" }
        local n, last = 0, 0
        for f in s:frames{ max = 10 } do
          for i = 1, #f.acc_x do
            n = n + 1
            assert(f.acc_x:time(i) > last)
            last = f.acc_x:time(i)
          end
          assert(f.motion_time == nil, "nobody asked for the index")
          assert(f.acc_x.clock == "unix_ns" and math.type(f.activity[1]) == nil)
        end
        s:close()
        core:close()
        return n, s.state, core.state, s:stats().dropped
        """)
      #expect(values == [.integer(10), .string("closed"), .string("closed"), .integer(0)])
      #expect(bench.notes == ["Streaming started..."])
    }
  }

  @Test func theSetOfChannelsChangesWhileItStreams() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect{ "sim", rate = 50 }
        s = core:open_streamer("acc_x")
        assert(s:read(2).acc_x)
        s:update_channels{ "gyro_x", "acc_x" }
        local f = s:read(2)
        while not f.gyro_x do f = s:read(2) end
        local ok, err = pcall(s.update_channels, s, { "acc_x", "gyro_q" })
        return ok, err.code, table.concat(s:channels(), " "), s:read(2).acc_x ~= nil
        """)
      #expect(
        values == [.boolean(false), .string("unknown_channel"), .string("gyro_x acc_x"), .boolean(true)])
    }
  }

  @Test func aWriterWritesWhatIsReadBack() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect("sim")
        local t = core:create_channel{ name = "t", data_type = "timestamp" }
        core:create_channel{ name = "v", data_type = "float32", index = t }
        core:create_channel{ name = "word", data_type = "string", index = "t" }
        local w <close> = core:open_writer{ "t", "v", "word", start = 0, authorities = { 200, 100, 100 } }
        w:write{ t = { 10, 20, 30 }, v = { 0.5, -1, 2 }, word = { "a", "", "c" } }
        w:write{ t = TimeStamp(40), v = 8, word = "d" }
        local copied = core:read({ 0, 21 }, { "t", "v" })
        w:write{ t = copied.t + 100, v = copied.v * 2, word = { "e", "f" } }
        local last = w:commit()
        local all = core:read({ start = 10 }, { "v", "word" })
        local late = core:read_latest({ "v" }, 2)
        return last.nanoseconds, table.concat(all.v:table(), " "), table.concat(all.word:table(), " "),
          table.concat(all.v:times(), " "), #copied.v, table.concat(late.v:table(), " "), w.samples
        """)
      #expect(
        values == [
          .integer(121), .string("0.5 -1.0 2.0 8.0 1.0 -2.0"), .string("a  c d e f"),
          .string("10 20 30 40 110 120"),
          .integer(2), .string("1.0 -2.0"), .integer(18),
        ])
    }
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        core = synnax.connect("sim")
        core:create_channel{ name = "t", data_type = "timestamp" }
        core:create_channel{ name = "byte", data_type = "uint8", index = "t" }
        w = core:open_writer{ "byte", start = 0 }
        """)
      for (script, code) in [
        ("w:write{ t = 1, byte = 256 }", "validation"), ("w:write{ t = 1, byte = 0.5 }", "validation"),
        ("w:write{ t = 1, byte = 'x' }", "type"), ("w:write{ bite = 1 }", "unknown_channel"),
        ("w:write{ 1 }", "argument"), ("w:write()", "argument"),
        ("core:open_writer{ 'byte', mode = 'x' }", "argument"),
        ("core:open_writer{ 'byte', authorities = 256 }", "argument"),
        ("core:open_writer{}", "argument"), ("core:open_writer{ 'nothing' }", "unknown_channel"),
        ("core:create_channel{ data_type = 'float32' }", "argument"),
        ("core:create_channel{ name = 'x', data_type = 'flaot32', virtual = true }", "argument"),
        ("core:create_channel{ name = 'x', data_type = 'float32' }", "argument"),
        ("core:open_streamer{ 'acc_x', downsample_factor = -1 }", "argument"),
        ("core:open_streamer{ 'acc_x', throttle_rate = -1 }", "argument"),
        ("core:open_streamer{ 'acc_x', exclude_groups = { -1 } }", "argument"),
        ("core:open_streamer{ 'acc_x', downsample_facto = 1 }", "argument"),
        ("core:open_streamer{ 'acc_q' }", "unknown_channel"),
        ("core:read({ 5, 2 }, 'byte')", "argument"), ("core:read('1s', {})", "argument"),
        ("core:read('1s', 'counter')", "argument"), ("core:read_latest('byte', 0)", "argument"),
        ("synnax.connect{ hots = 'x' }", "argument"), ("synnax.connect{ port = 70000 }", "argument"),
        ("synnax.connect{ host = 'x', play = 'y' }", "argument"), ("connect('synnaxx://x')", "argument"),
      ] {
        let error = try bench.failure(script)
        #expect(error.code == code, "\(script): \(error)")
      }
    }
  }

  @Test func aPasswordIsNeverShown() async throws {
    try await onThread {
      let bench = try Bench()
      for script in [
        "synnax.connect{ 'sim', password = 'tr0mbone' }",
        "synnax.connect{ 'sim', login = 'tokens', password = 'tr0mbone' }",
        "connect('synnax://user:tr0mbone@127.0.0.1:1')", "connect('synax://user:tr0mbone@127.0.0.1:1')",
        "connect('synnax://user:tr0mbone@127.0.0.1:x')",
        "synnax.connect('synnax://user:tr0mbone%zz@127.0.0.1')",
        "synnax.connect{ password = { 'tr0mbone' } }",
        "synnax.connect{ password = 'tr0mbone', password_env = 'HOME' }",
      ] {
        let error = try bench.failure(script)
        #expect(!"\(error)".contains("tr0mbone"), "\(script): \(error)")
      }
      let auth = try bench.failure("synnax.connect{ 'sim', password = 'tr0mbone' }")
      #expect(auth.code == "auth")
      let shown = try bench.run(
        "core = synnax.connect{ 'sim', password = 'seldon' } return tostring(core), core:info().version, core:info().kind"
      )
      #expect(
        shown[0].string?.hasPrefix("synnax 127.0.0.1:") == true
          && shown[0].string?.contains("seldon") == false)
      #expect(shown.dropFirst() == [.string("0.60.0"), .string("synnax")])
    }
  }

  @Test func channelsAreFoundByPattern() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect("sim")
        local gyro = core:channels("^gyro_.$")
        local all = core:channels()
        return #gyro, all.temperature.index, all.counter.virtual, all.temperature_time.is_index,
          math.abs(core:now() - TimeStamp.now().nanoseconds) < 1e9
        """)
      #expect(
        values == [.integer(3), .string("temperature_time"), .boolean(true), .boolean(true), .boolean(true)])
    }
  }

  @Test func aBoardIsForwardedSampleForSample() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect("sim")
        core = synnax.connect("sim")
        core:create_channel{ name = "bela_time", data_type = "timestamp" }
        core:create_channel{ name = "a", data_type = "float64", index = "bela_time" }
        core:create_channel{ name = "b", data_type = "uint32", index = "bela_time" }
        local w = core:open_writer{ "a", "b", start = 0 }
        local s = board:streamer{ "myvar", "myvar2" }
        local task = s:forward(w, { map = { myvar = "a", myvar2 = "b" } })
        s:start()
        while #s.data.myvar < 2000 do sleep("10ms") end
        s:stop()
        local counts = task:wait(5)
        local f = core:read({}, { "a", "b" })
        for i = 2, #f.a do
          assert(f.a[i] == f.a[i - 1] + 1 and f.a[i] == f.b[i] and f.a:time(i) > f.a:time(i - 1))
        end
        return counts.forwarded == 2 * #f.a, counts.dropped, #f.a == #s.data.myvar, f.a[1] == s.data.myvar[1],
          math.abs(f.a:time(1) - TimeStamp.now().nanoseconds) < 30e9
        """)
      #expect(values == [.boolean(true), .integer(0), .boolean(true), .boolean(true), .boolean(true)])
      let error = try bench.failure(
        "w = core:open_writer{ 'a', 'b' } board:streamer{ 'myvar' }:forward(w, { map = { myvar = 'a' } })")
      #expect(error.code == "argument")
    }
  }

  @Test func groupsAndRatesAreTheCores() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect("sim")
        core:create_channel{ name = "t", data_type = "timestamp" }
        core:create_channel{ name = "v", data_type = "int64", index = "t" }
        local s = core:open_streamer{ "v", downsample_factor = 3, exclude_groups = { 7 } }
        local function write(group, first)
          local w <close> = core:open_writer{ "v", start = first, group = group }
          w:write{ t = { first, first + 1, first + 2, first + 3 }, v = { 1, 2, 3, 4 } }
        end
        write(7, 100)
        write(1, 200)
        local f = s:read(5)
        return table.concat(f.v:table(), " "), f.v:time(1), (s:read(0))
        """)
      #expect(values == [.string("1 4"), .integer(200), .nil])
    }
  }
}
