import Foundation
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

  @Test func anIndexThatIsMeantToBeOneIsToldHow() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect("sim")
        local ok, err = pcall(core.create_channel, core, { name = "t", data_type = "timestamp", index = true })
        return ok, err.code, err.hint
        """)
      #expect(
        values == [
          .boolean(false), .string("argument"), .string("is_index = true makes this channel one"),
        ])
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

  /// Two channels with indexes of their own, written by the script itself: `slow` 10, 20, …, `fast` every 4.
  private static let twoRates = """
    core = synnax.connect("sim")
    for _, name in ipairs{ "slow", "fast" } do
      core:create_channel{ name = name .. "_time", data_type = "timestamp" }
      core:create_channel{ name = name, data_type = "int64", index = name .. "_time" }
    end
    ws = core:open_writer{ "slow", start = 0 }
    wf = core:open_writer{ "fast", start = 0 }
    s = core:open_streamer{ "slow", "fast" }
    function write(w, name, at) w:write{ [name .. "_time"] = at, [name] = at } w:commit() end
    """

  @Test func completeFramesHaveEveryChannel() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        Self.twoRates + """

          local shown = {}
          local t = spawn(function()
            for f in s:frames{ complete = true, max = 3 } do
              shown[#shown + 1] = table.concat(f.slow:table(), ",") .. "|" .. table.concat(f.fast:times(), ",")
            end
          end)
          for at = 4, 36, 4 do
            write(wf, "fast", at)
            if at % 12 == 0 then write(ws, "slow", at - 2) end
          end
          t:wait(5)
          return table.concat(shown, " ")
          """)
      #expect(values == [.string("10|4,8,12 22|16,20,24 34|28,32,36")])
    }
  }

  @Test func heldFramesRepeatTheLastValueAndSaySo() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        Self.twoRates + """

          local shown = {}
          local t = spawn(function()
            for f in s:frames{ align = "hold", max = 4 } do
              for _, name in ipairs(f:names()) do
                local x = f[name]
                shown[#shown + 1] = name:sub(1, 1) .. x[-1] .. (x.held and "h" or "") .. "@" .. x:time(-1)
              end
            end
          end)
          for _, at in ipairs{ 4, 8 } do write(wf, "fast", at) end
          write(ws, "slow", 10)
          write(wf, "fast", 12)
          t:wait(5)
          return table.concat(shown, " ")
          """)
      #expect(values == [.string("f4@4 f8@8 s10@10 f8h@10 s10h@12 f12@12")])
    }
  }

  @Test func alignedFramesFollowAChangeOfTheChannels() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        Self.twoRates + """

          local shown = {}
          for f in s:frames{ complete = true, idle = "20ms", max = 2 } do
            if f then
              shown[#shown + 1] = table.concat(f:names(), ",")
              s:update_channels{ "fast" }
            end
            write(ws, "slow", 100 + #shown * 10)
            write(wf, "fast", 100 + #shown * 10)
            if #shown == 0 then ws:close() wf:close() ws = core:open_writer{ "slow", start = 105 }
              wf = core:open_writer{ "fast", start = 105 } end
          end
          return table.concat(shown, " ")
          """)
      #expect(values == [.string("slow,fast fast")])
    }
  }

  @Test func timesAreThoseOfTheIndexAlsoUnseen() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        Self.twoRates + """

          local both = core:open_streamer{ "fast_time", "fast" }
          local thin = core:open_streamer{ "fast", downsample_factor = 2 }
          wf:write{ fast_time = { 7, 9, 40, 41, 1000 }, fast = { 1, 2, 3, 4, 5 } }
          local a, b, c = s:read(5), both:read(5), thin:read(5)
          return table.concat(a.fast:times(), " "), table.concat(a:names(), " "),
            table.concat(b.fast_time:table(), " "), table.concat(b.fast:times(), " "),
            table.concat(c.fast:times(), " "), table.concat(c.fast:table(), " ")
          """)
      #expect(
        values == [
          .string("7 9 40 41 1000"), .string("fast"), .string("7 9 40 41 1000"), .string("7 9 40 41 1000"),
          .string("7 40 1000"), .string("1 3 5"),
        ])
    }
  }

  @Test func aKeyIsAsGoodAsAName() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        Self.twoRates + """

          local fast = core:channels("fast")[1]
          local slow = core:create_channel{
            name = "slow", data_type = "int64", index = "slow_time", retrieve_if_name_exists = true }
          local found = core:channels{ fast.key, "slow" }
          local k = core:open_streamer(fast.key)
          k:update_channels{ slow, fast.key }
          wf:close()
          local w = core:open_writer{ fast.index, fast.key, start = 50, authorities = 255, name = "keys" }
          w:write{ [fast.key] = { 5, 6 }, fast_time = { 50, 60 } }
          w:close()
          local f = k:read(5)
          return #found, found[1].name, found.slow.key == slow.key, table.concat(k:channels(), " "),
            table.concat(f.fast:table(), " "), #core:read({}, fast.key).fast, #core:read_latest({ fast }, 1).fast,
            core:channels(slow.key)[1].name, #core:channels("^(fast|slow)$"), #core:channels("no_such")
          """)
      #expect(
        values == [
          .integer(2), .string("fast"), .boolean(true), .string("slow fast"), .string("5 6"), .integer(2),
          .integer(1), .string("slow"), .integer(2), .integer(0),
        ])
      for script in ["core:channels(77)", "core:open_streamer{ 77 }", "s:update_channels{ 77 }"] {
        let error = try bench.failure(script)
        #expect(error.code == "unknown_channel" && error.message.contains("key 77"), "\(script): \(error)")
      }
      #expect(try bench.failure("core:open_streamer{ 1.5 }").code == "argument")
      #expect(try bench.failure("core:channels(true)").code == "argument")
    }
  }

  @Test func theLastSamplesPrintAsTheyRead() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        core = synnax.connect("sim")
        core:create_channel{ name = "t", is_index = true }
        for name, kind in pairs{ f = "float32", d = "float64", n = "uint8", w = "string" } do
          core:create_channel{ name = name, data_type = kind, index = "t" }
        end
        local s = core:open_streamer({ "f", "d", "n", "w" }, 2)
        local w <close> = core:open_writer{ "f", "d", "n", "w", start = 0 }
        w:write{ t = { 1, 2, 3 }, f = { 0, 1, 25.1 }, d = { 1, 2, 0.1 }, n = { 1, 2, 3 }, w = { "", "b", "c" } }
        local frame = s:read(5)
        print(frame[-1], frame:at(1), frame[3])
        local one = core:open_streamer("n", 3)
        w:write{ t = { 4, 5, 6 }, f = { 0, 1, 2 }, d = { 1, 2, 3 }, n = { 1, 2, 3 }, w = { "", "b", "c" } }
        print(#one:read(5).n)
        """)
      #expect(
        bench.output == """
          { d = 0.1, f = 25.1, n = 3, w = "c" }\t{ d = 1.0, f = 0.0, n = 1, w = "" }\tnil
          1

          """)
    }
  }

  @Test func aFrameThatDoesNotFitIsRefusedAtOnce() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        core = synnax.connect("sim")
        core:create_channel{ name = "t", is_index = true }
        core:create_channel{ name = "v", data_type = "float32", index = "t" }
        w = core:open_writer{ "t", "v", start = 0 }
        """)
      for (script, text) in [
        ("w:write{ v = 3 }", "samples of v and none of t, their index"),
        ("w:write{ t = 3 }", "samples of t and none of v"),
        ("w:write{ t = { 3, 4 }, v = 3 }", "2 samples of t, but 1 of v"),
        ("w:write{ t = { 4, 3 }, v = { 3, 4 } }", "timestamp 2 is before"),
      ] {
        let error = try bench.failure(script)
        #expect(error.code == "validation" && error.message.contains(text), "\(script): \(error)")
      }
      #expect(try bench.run("w:write{ t = 5, v = 1 } return w:commit().nanoseconds") == [.integer(6)])
      let closed = try bench.failure("core:close() core:channels()")
      #expect(closed.code == "closed" && closed.message.hasSuffix("was closed"))
    }
  }

  @Test func channelsAreCreatedAsIndexDataAndVirtual() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect("sim")
        local t = core:create_channel{ name = "t", is_index = true }
        local v = core:create_channel{ name = "v", data_type = "float32", index = t }
        local again = core:create_channel{
          name = "v", data_type = "float32", index = t.key, retrieve_if_name_exists = true }
        local stamps = core:create_channel{ name = "stamps", data_type = "timestamp", index = "t" }
        local event = core:create_channel{ name = "event", data_type = "string", virtual = true }
        local s = core:open_streamer{ "event" }
        core:open_writer{ "event" }:write{ event = { "on", "off" } }
        return t.is_index, v.index, again.key == v.key, stamps.is_index, event.virtual,
          table.concat(s:read(5).event:table(), " ")
        """)
      #expect(
        values == [
          .boolean(true), .string("t"), .boolean(true), .boolean(false), .boolean(true), .string("on off"),
        ])
      #expect(
        try bench.failure("core:create_channel{ name = 'v', data_type = 'int8', virtual = true }").code
          == "validation")
      #expect(
        try bench.failure("core:create_channel{ name = 'a b', data_type = 'int8', virtual = true }").code
          == "validation")
      #expect(
        try bench.failure("core:create_channel{ name = 'w', data_type = 'int8', index = 'nope' }").code
          == "unknown_channel")
    }
  }

  @Test func throttlingHasBothOfItsNames() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        core = synnax.connect{ "sim", rate = 100 }
        local counts = {}
        for _, name in ipairs{ "throttle_rate", "throttle_rate_hz" } do
          local s = core:open_streamer{ "acc_x", [name] = 5 }
          s:read(5)
          counts[#counts + 1] = #s:read(5).acc_x >= 5
          s:close()
        end
        return counts[1], counts[2]
        """)
      #expect(values == [.boolean(true), .boolean(true)])
    }
  }

  @Test func passwordsComeFromTheEnvironmentOrAPrivateFile() async throws {
    try await onThread {
      let bench = try Bench()
      let path = FileManager.default.temporaryDirectory.appendingPathComponent("login-\(UUID().uuidString)")
        .path
      defer { try? FileManager.default.removeItem(atPath: path) }
      for (text, mode, code) in [
        ("seldon\n", 0o600, nil), ("tr0mbone\n", 0o600, "auth"), ("seldon\n", 0o640, "argument"),
        ("seldon\n", 0o604, "argument"), ("", 0o600, "argument"),
      ] as [(String, Int, String?)] {
        _ = FileManager.default.createFile(
          atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
        let script = "synnax.connect{ 'sim', password_file = '\(path)' }:close()"
        if let code {
          let error = try bench.failure(script)
          #expect(error.code == code && !"\(error)".contains("tr0mbone") && !"\(error)".contains("seldon"))
          if mode != 0o600 { #expect(error.hint?.hasPrefix("chmod 600") == true) }
        } else {
          try bench.run(script)
        }
      }
      setenv("MOONTIDE_TEST_PASSWORD", "seldon", 1)
      setenv("MOONTIDE_TEST_WRONG", "tr0mbone", 1)
      try bench.run("synnax.connect{ 'sim', password_env = 'MOONTIDE_TEST_PASSWORD' }:close()")
      let wrong = try bench.failure("synnax.connect{ 'sim', password_env = 'MOONTIDE_TEST_WRONG' }")
      #expect(wrong.code == "auth" && !"\(wrong)".contains("tr0mbone"))
      #expect(
        try bench.failure("synnax.connect{ 'sim', password_env = 'MOONTIDE_TEST_NONE' }").code == "argument")
    }
  }

  @Test func whatHasNoPartnerIsToldWhileItIsForwarded() async throws {
    try await onThread {
      let bench = try Bench()
      let values = try bench.run(
        """
        board = bela.connect{ "sim", vars = "a:i:dense,b:i:sparse:7" }
        core = synnax.connect("sim")
        core:create_channel{ name = "t", data_type = "timestamp" }
        for _, name in ipairs{ "a", "b" } do core:create_channel{ name = name, data_type = "int64", index = "t" } end
        local s = board:streamer{ "a", "b" }
        local task = s:forward(core:open_writer{ "a", "b", start = 0 })
        s:start{ span = "200ms" }
        local counts = task:wait(10)
        local f = core:read({}, { "a", "b" })
        return counts.skipped > 0, counts.forwarded == 2 * #f.a, #f.a == #f.b and #f.a > 0
        """)
      #expect(values == [.boolean(true), .boolean(true), .boolean(true)])
      #expect(bench.notes.contains { $0.hasPrefix("forward: samples are left out") }, "\(bench.notes)")
    }
  }
}
