import Foundation
import TestSupport
import Testing

/// Saving, recording and loading, through the built program.
@Suite struct RecordingProgramTests {
  private func run(_ folder: TemporaryFolder, _ cell: String, _ more: [String] = []) throws
    -> ProgramRunner.Outcome
  {
    try ProgramRunner.run(more + ["-e", cell], directory: folder.path, within: .seconds(60))
  }

  @Test(arguments: ["csv", "jsonl", "txt", "npz", "mtr"])
  func whatIsSavedComesBackExactly(_ ending: String) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try run(
        folder,
        """
        s = bela.connect{ "sim", rate = 8000 }:streamer{ "pot1", "myvar2", "myvar3" }
        s:start{ ticks = 1000, quiet = true }
        for frame in s do end
        s:save("run.\(ending)")
        local d, n = load("run.\(ending)"), 0
        for _, name in ipairs(d:names()) do
          local a, b = s.data[name], d[name]
          check.equal(b.type, a.type)
          for i = 1, #a do check(a[i] == b[i] and a:time(i) == b:time(i)) n = n + 1 end
        end
        print(n == #s.data.pot1 * 2 + #s.data.myvar3, #s.data.pot1)
        """)
      #expect(outcome.output == "true\t1001\n", "\(outcome)")
      #expect(outcome.errors.hasPrefix("saved run.\(ending): 20"), "\(outcome)")
      #expect(outcome.exitCode == 0)
    }
  }

  /// Lua computes without a pause, and the buffer holds next to nothing: the file has everything.
  @Test(arguments: ["mtr", "csv"]) func aBusyCellAndATinyBufferCostARecordingNothing(_ ending: String)
    async throws
  {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try run(
        folder,
        """
        s = bela.connect("sim"):streamer{ "myvar", "myvar2", "myvar3", buffer = 5 }
        s:start{ ticks = 66150, save = "run.\(ending)", quiet = true }
        local t = os.clock()
        while os.clock() - t < 2 do end
        for frame in s do end
        s:stop()
        local d = load("run.\(ending)")
        print(#d.myvar, #d.myvar2, #s.data.myvar)
        for i = 1, #d.myvar do check(d.myvar[i] == d.myvar:time(i)) end
        print(s.recording.samples == 2 * 66151 + #d.myvar3, s.recording.dropped, s.recording.running, s.recording.gaps)
        """)
      #expect(outcome.output == "66151\t66151\t5\ntrue\t0\tfalse\t0\n", "\(outcome)")
    }
  }

  /// The program is killed: what it had written is there.
  @Test(arguments: ["mtr", "csv", "jsonl"]) func aKilledProgramLeavesWhatCame(_ ending: String) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try run(
        folder,
        """
        s = bela.connect("sim"):streamer{ "myvar" }
        s:start{ save = "run.\(ending)" }
        repeat sleep(0.05) until s.recording.samples > 30000
        sleep(0.4)
        os.execute("kill -9 $PPID")
        """)
      #expect(outcome.exitCode == nil)
      let loaded = try run(
        folder,
        """
        local x = load("run.\(ending)").myvar
        for i = 1, #x do check(x[i] == x:time(i)) end
        print(#x > 30000)
        """)
      #expect(loaded.output == "true\n", "\(loaded)")
    }
  }

  @Test func gapsOfARecordingSurvive() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let board = try SimulatedBoardProcess(["--vars", "n:j:dense", "--payload-loss", "0.05"])
      for ending in ["mtr", "csv", "jsonl", "txt"] {
        let outcome = try run(
          folder,
          """
          s = bela.connect{ host = "127.0.0.1", port = \(board.port) }:streamer{ "n" }
          s:start{ save = "run.\(ending)", quiet = true }
          repeat sleep(0.05) until s:stats().gaps >= 3
          s:stop()
          local a, b = s.data.n:gaps(), load("run.\(ending)").n
          print(#a == #b:gaps() and #a == s.recording.gaps)
          for i = 1, #a do check.equal(b:gaps()[i], a[i]) end
          for i = 1, #b do check(b[i] == b:time(i)) end
          """)
        #expect(outcome.output == "true\n" && outcome.exitCode == 0, "\(ending) \(outcome)")
      }
    }
  }

  @Test(arguments: [
    ("s:save('no/run.csv')", "cannot write no/run.csv: No such file or directory"),
    ("s:save('run.mtr') s:save('run.mtr')", "run.mtr exists already"),
    ("s:stop() s:start{ save = '/proc/run.mtr' }", "cannot write /proc/run.mtr"),
  ])
  func whatCannotBeWrittenIs73(_ cell: String, _ message: String) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try run(
        folder, "s = bela.connect('sim'):streamer{ 'pot1' }:start{ quiet = true } s:collect(10) " + cell)
      #expect(outcome.exitCode == 73, "\(outcome)")
      #expect(outcome.errors.contains(message), "\(outcome)")
    }
  }

  /// A recording that nobody waits for.
  @Test(arguments: [["-e"], ["run"]]) func aDiskThatIsFullIs73AndIsSaid(_ way: [String]) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/run.csv", withDestinationPath: "/dev/full")
      let cell = """
        s = bela.connect("sim"):streamer{ "pot1" }
        s:start{ ticks = 44100, save = "run.csv", overwrite = true }
        for frame in s do end
        print(#s.data.pot1)
        """
      let arguments = way == ["run"] ? ["run", try folder.file("script.lua", cell)] : way + [cell]
      let outcome = try ProgramRunner.run(arguments, directory: folder.path, within: .seconds(60))
      #expect(outcome.exitCode == 73, "\(outcome)")
      #expect(outcome.output.contains("44101"), "\(outcome)")
      #expect((outcome.output + outcome.errors).contains("No space left on device"), "\(outcome)")
    }
  }

  /// The disk is full in the middle: what is told of the file is what is in it, and the rest is told, too.
  @Test(arguments: ["csv", "jsonl", "txt", "mtr"])
  func aRecordingThatBreaksOffHoldsWhatItSays(_ ending: String) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file(
        "script.lua",
        """
        s = bela.connect("sim"):streamer{ "pot1" }
        s:start{ ticks = 176400, save = "run.\(ending)" }
        for frame in s do end
        local r = s.recording
        print(r.samples + r.dropped == s:stats().samples, r.samples)
        """)
      let program = try ProgramRunner.program
      let outcome = try Shell.run(
        "cd '\(folder.path)'; (ulimit -f 600; '\(program)' script.lua 2>&1); '\(program)' -e 'print(#load(\"run.\(ending)\").pot1)'"
      )
      let lines = outcome.split(separator: "\n").map(String.init)
      let told = #/recording of run\.[a-z]+: (\d+) samples, no gaps, (\d+) dropped; then: /#
      let numbers = try #require(outcome.firstMatch(of: told), "\(outcome)")
      let (written, dropped) = (Int(numbers.1) ?? -1, Int(numbers.2) ?? -1)
      #expect(written >= 0 && dropped > 0, "\(outcome)")
      // What came after that is missing, too.
      #expect(lines.contains("true\t\(written)"), "\(outcome)")
      // On a machine that is so slow that nothing came into the file there is nothing to load.
      if written > 0 { #expect(lines.last == "\(written)", "\(outcome)") }
    }
  }

  @Test func aSandboxTouchesNoFiles() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file("run.csv", "a\n1\n")
      let outcome = try run(
        folder,
        """
        print(load("run.csv"))
        s = bela.connect("sim"):streamer{ "pot1" }:start{ quiet = true }
        s:collect(10)
        print(select(2, try(s.save, s, "x.csv")).code)
        """, ["--sandbox", "--allow", "sim"])
      #expect(outcome.output.hasPrefix("nil\t"), "\(outcome)")
      #expect(outcome.output.hasSuffix("unsupported\n"), "\(outcome)")
    }
  }

  @Test func luasOwnLoadWorksAsEver() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try run(
        folder,
        """
        print(load("return 1")(), load(function() return nil end), (load("return x", "c", "t", { x = 5 })()))
        local t = { csv = 7 }
        print(load("return x..csv") ~= nil, load("return t.csv", "t", "t", { t = t })(), select("#", load("=")))
        print(pcall(load, "nothing.csv"))
        print(load("return x", "c", "t", nil) ~= nil, pcall(load))
        """)
      let lines = outcome.output.split(separator: "\n")
      try #require(lines.count == 4, "\(outcome)")
      #expect(lines[0].hasPrefix("1\tfunction") && lines[0].hasSuffix("\t5"), "\(outcome)")
      #expect(lines[1] == "true\t7\t2", "\(outcome)")
      #expect(lines[2].hasPrefix("false\tthere is no file nothing.csv"), "\(outcome)")
      #expect(lines[3].hasPrefix("true\tfalse\tbad argument #1 to"), "\(outcome)")
    }
  }
}
