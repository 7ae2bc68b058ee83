import Foundation
import Glibc
import TestSupport
import Testing

/// Every way the program ends, through the built program.
@Suite struct ExitCodeTests {
  @Test(arguments: [
    ("print(1)", 0), ("error('no')", 1), ("os.exit(7)", 7), ("os.exit(true)", 0), ("os.exit(false)", 1),
    ("x = = 1", 65), ("spawn(function() error('alone') end) sleep(0.05)", 1),
    ("bela.connect{ host = '127.0.0.1', port = 1, timeout = 2 }", 69),
    ("bela.connect('ws://127.0.0.1' .. tostring(synnax.connect('sim')):match(':%d+'))", 69),
  ])
  func aCellEndsTheProgramWith(_ cell: String, code: Int32) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-e", cell])
      #expect(outcome.exitCode == code, "\(outcome)")
    }
  }

  @Test(arguments: [["--nonsense"], ["run"], ["--color=perhaps"], ["--memory=lots", "-e", "1"]])
  func usageErrorsAre2AndGoToStandardError(_ arguments: [String]) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(arguments)
      #expect(outcome.exitCode == 2, "\(outcome)")
      #expect(outcome.output.isEmpty)
      #expect(!outcome.errors.isEmpty)
    }
  }

  @Test func aScriptThatIsNotThereIs66() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["/nowhere/at all.lua"])
      #expect(outcome.exitCode == 66)
      #expect(outcome.errors == "moontide: cannot read /nowhere/at all.lua: No such file or directory\n")
    }
  }

  @Test(arguments: ["while true do end", "while true do pcall(error) end", "sleep(100)"])
  func interruptingAScriptIs130(_ loop: String) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-e", "print('ready') \(loop)"], interruptAfter: "ready")
      #expect(outcome.exitCode == 130, "\(outcome)")
    }
  }

  @Test func aClosedPipeEndsQuietly() async throws {
    try await onThread {
      let program = try ProgramRunner.program
      let outcome = try Shell.run(
        "'\(program)' -e 'for i = 1, 1e7 do print(i) end' 2>&1 | head -n 1; echo ${PIPESTATUS[0]}")
      #expect(outcome == "1\n0\n")
      let errors = try Shell.run(
        "{ '\(program)' -e 'for i = 1, 1e7 do print(i) end' | head -n 1 >/dev/null; } 2>&1")
      #expect(errors.isEmpty, "\(errors)")
    }
  }

  /// Cells, scripts, and every command that prints.
  @Test(arguments: [
    "-e 'for i = 1, 1e6 do print(i) end'", "-e 'print(1)'", "-e 'io.write(1)'", "- <<< 'print(1)'", "one.lua",
    "run one.lua --json", "reference", "reference --definitions", "--version", "--help",
    "--generate-completion-script bash", "check bad.lua", "check --json one.lua", "simulate board",
    "simulate core --silent", "report one.run.jsonl", "convert in.csv out.jsonl",
  ])
  func aFullDiskIs73AndSaid(_ line: String) async throws {
    try await onThread {
      let folder = try Self.folder()
      let outcome = try Shell.run(
        "cd '\(folder.path)'; timeout 30 '\(try ProgramRunner.program)' \(line) 2>errors >/dev/full; echo $?; cat errors"
      )
      #expect(outcome.hasPrefix("73\n"), "\(outcome)")
      let said = outcome.split(separator: "\n").filter { $0.hasPrefix("moontide: cannot write") }
      #expect(said == ["moontide: cannot write: No space left on device"], "\(outcome)")
      #expect(!outcome.contains("interrupted"))
    }
  }

  /// Who starts a program may have closed any of its three descriptors: the next file or socket must not become one.
  @Test(arguments: [
    ("one.lua >&-", 73), ("run one.lua --json >&-", 73), ("-e 'print(1)' <&- >&-", 73),
    ("-e 'print(1)' >&-", 73),
    ("one.lua <&- >&-", 73), ("one.lua <&- >&- 2>&-", 73), ("-e 'print(1)' <&- >&- 2>&-", 73),
    ("reference >&-", 73), ("--version <&- >&- 2>&-", 73), ("quiet.lua >&- 2>&- <&-", 0), ("- <&-", 66),
    ("-e 'assert(not io.read(1))' <&-", 0), ("one.lua <&- >/dev/null", 0), ("<&- >/dev/null", 0),
    ("stream.lua >&-", 73), ("run one.lua one.lua -j 2 >&-", 73), ("--nonsense 2>&- >&-", 2),
  ])
  func closedDescriptorsAreNobodyElses(_ line: String, code: Int) async throws {
    try await onThread {
      let folder = try Self.folder()
      let outcome = try Shell.run(
        "cd '\(folder.path)'; timeout -k 2 30 '\(try ProgramRunner.program)' 2>errors \(line); echo $?; cat errors"
      )
      #expect(outcome.hasPrefix("\(code)\n"), "\(outcome)")
      if code == 73, !line.contains("2>&-") {
        #expect(outcome.hasSuffix("moontide: cannot write: standard output is closed\n"), "\(outcome)")
      }
      #expect(!outcome.contains("interrupted") && !outcome.contains("Resource temporarily"))
    }
  }

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    _ = try folder.file("one.lua", "print(1)")
    _ = try folder.file("quiet.lua", "x = 1")
    _ = try folder.file("bad.lua", "x = = 1")
    _ = try folder.file("stream.lua", "s = bela.connect('sim'):streamer{ 'pot1' }:start() print(s:read(2))")
    _ = try folder.file("in.csv", "time,a\n0,1\n1,2\n")
    _ = try Shell.run("cd '\(folder.path)'; '\(try ProgramRunner.program)' run --records one.lua >/dev/null")
    return folder
  }

  /// Its reader has stopped, as a pager does: a signal ends it all the same.
  @Test(arguments: [["-e", "while true do print(1) end"], ["loop.lua"], ["run", "loop.lua", "--json"]])
  func aReaderThatTakesNothingKeepsNobodyFromEnding(_ arguments: [String]) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file("loop.lua", "while true do print(1) end")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: try ProgramRunner.program)
      process.arguments = arguments
      process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
      let output = Pipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      process.standardInput = FileHandle.nullDevice
      try process.run()
      let deadline = ContinuousClock.now + .seconds(30)
      // As much as the pipe takes: until no more comes.
      var (waiting, before, looks): (Int32, Int32, Int) = (0, 0, 0)
      while looks < 50, ContinuousClock.now < deadline {
        _ = ioctl(output.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &waiting)
        looks = waiting >= 16_384 && waiting == before ? looks + 1 : 0
        before = waiting
        usleep(5_000)
      }
      kill(process.processIdentifier, SIGTERM)
      while process.isRunning, ContinuousClock.now < deadline { usleep(5_000) }
      let ended = !process.isRunning
      if !ended { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      #expect(ended && process.terminationStatus == 143)
    }
  }
}
