import TestSupport
import Testing

/// What a script in the sandbox tries, and what becomes of it.
@Suite struct SandboxTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func thereIsNoWayToFilesProcessesOrTheEnvironment() async throws {
    try await onThread {
      let secret = try folder.file("secret.lua", "return 'leaked'")
      let script = try folder.file(
        "escape.lua",
        #"""
        local tries = {
          io = function() return io.open(arg[1]) end,
          os = function() return os.execute, os.remove, os.rename, os.tmpname, os.getenv end,
          loaded = function() return require("io"), require("debug"), require("package") end,
          package = function() return package.loadlib, package.searchers, package.searchpath end,
          path = function() return require((arg[1]:gsub("%.lua$", ""))) end,
          up = function() return require("../secret") end,
          dofile = function() return dofile(arg[1]) end,
          loadfile = function() return loadfile(arg[1]) end,
          data = function() return load(arg[1]).x end,
          bytecode = function() return load(string.dump(function() return 1 end))() end,
          binary = function() return load(string.dump(function() return 1 end), "x", "b")() end,
          reader = function() local d = string.dump(function() end) return load(function() local x = d d = nil return x end)() end,
          debug = function() return debug.getregistry() end,
          strings = function() return getmetatable("").__index.dump(print) end,
          wrap = function() return coroutine.wrap(function() return io.popen("id") end)() end,
          meta = function() return getmetatable(TimeSpan(1)).__index, getmetatable(bela).x end,
          log = function() return bela.read_log(arg[1]) end,
          ca = function() return synnax.connect{ host = "x", ca_file = arg[1] } end,
          play = function() return synnax.connect{ "sim", play = arg[1] } end,
          password = function() return synnax.connect{ host = "x", password_env = "HOME" } end,
          board = function() return bela.connect() end,
          url = function() return connect("synnax://localhost:1") end,
          finalizer = function() setmetatable({}, { __gc = function() escaped = io.open end }) collectgarbage() return escaped end,
        }
        local names = {}
        for name in pairs(tries) do names[#names + 1] = name end
        table.sort(names)
        for _, name in ipairs(names) do
          local results = table.pack(pcall(tries[name]))
          local got = {}
          if results[1] then for i = 2, results.n do if results[i] ~= nil then got[#got + 1] = tostring(results[i]) end end end
          if #got > 0 then print(name, table.unpack(got)) end
        end
        print("done")
        """#)
      let outcome = try ProgramRunner.run(
        ["--sandbox", script, secret], environment: ["MOONTIDE_TEST_SECRET": "yes"])
      #expect(outcome.output == "done\n", "\(outcome)")
      #expect(outcome.exitCode == 0)
    }
  }

  @Test func sourcesAreThoseThatWereAllowed() async throws {
    try await onThread {
      let script = """
        local function try_it(f, ...) local ok, err = pcall(f, ...) print(ok and "connected" or err.code) end
        try_it(bela.connect, "sim") try_it(connect, "bela://127.0.0.1:1") try_it(bela.connect, { host = "127.0.0.1", port = 2 })
        """
      let none = try ProgramRunner.run(["--sandbox", "-e", script])
      #expect(none.output == "sandbox\nsandbox\nsandbox\n", "\(none)")
      let some = try ProgramRunner.run(
        ["--sandbox", "--allow", "sim", "--allow", "bela://127.0.0.1:1", "-e", script])
      #expect(some.output.hasPrefix("connected\n") && some.output.hasSuffix("\nsandbox\n"), "\(some)")
      #expect(some.output.split(separator: "\n")[1] != "sandbox")
      let saving = """
        s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true } f = s:collect(10)
        for _, save in ipairs{ function() f:save("out.csv") end, function() s:save("out.csv") end, function() s:keep("1ms", "out.csv") end,
          function() f.pot1:save("out.csv") end, function() s:stop() s:start{ save = "out.csv" } end, function() s:plot():save("out.svg") end,
          function() assert(load("out.csv")) end, function() connect("replay:out.mtr") end } do
          if pcall(save) then print("saved", _) end
        end
        """
      let saved = try ProgramRunner.run(
        ["--sandbox", "--allow", "sim", "-e", saving], directory: folder.path)
      #expect(saved.output == "", "\(saved)")
      #expect(try Shell.run("ls '\(folder.path)'") == "")
      #expect(try ProgramRunner.run(["--allow", "sim", "-e", "1"]).exitCode == 2)
      #expect(try ProgramRunner.run(["--sandbox", "--allow", "ftp://x", "-e", "1"]).exitCode == 2)
    }
  }

  @Test func modulesBesideTheScriptMayBeUsed() async throws {
    try await onThread {
      _ = try folder.file("mine.lua", "return { answer = 42 }")
      let script = try folder.file("main.lua", "print(require('mine').answer)")
      #expect(try ProgramRunner.run(["--sandbox", script]).output == "42\n")
    }
  }

  @Test func buffersCountAgainstTheMemoryCap() async throws {
    try await onThread {
      let script = """
        s = bela.connect{ "sim", speed = 20 }:streamer{ "pot1", "pot2", "myvar", "myvar2", buffer = "10m" }:start{ quiet = true }
        local most = 0
        for _ = 1, 25 do sleep(0.1) local b = s:stats().buffered_bytes if b > most then most = b end end
        print(most > 1e6, most <= 8 * 2^20)
        local keep = {}
        for i = 1, 1e9 do keep[i] = ("x"):rep(1e5) .. i end
        """
      let outcome = try ProgramRunner.run(["--memory", "16M", "-e", script])
      #expect(outcome.output == "true\ttrue\n", "\(outcome)")
      #expect(outcome.errors.contains("not enough memory"))
    }
  }
}
