import Foundation
import TestSupport
import Testing

/// Every way a run of scripts ends, through the built program.
@Suite struct BatchExitCodeTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(
    _ texts: [String], _ options: [String] = [], interruptAfter: String? = nil, signal: Int32 = SIGINT
  ) throws -> ProgramRunner.Outcome {
    let scripts = try texts.enumerated().map { try folder.file("s\($0).lua", $1) }
    return try ProgramRunner.run(
      ["run"] + options + scripts, directory: folder.path, interruptAfter: interruptAfter, signal: signal)
  }

  private static let unreachable = "bela.connect{ host = '127.0.0.1', port = 1, timeout = 2 }"
  private static let lost = """
    local b = bela.connect('sim') local s = b:streamer{ 'pot1' }:start()
    error{ code = 'lost', message = 'the board went' }
    """

  @Test(arguments: [
    ("print(1)", 0), ("error('no')", 1), ("check(false)", 1), ("try(check, false)", 1),
    ("spawn(function() error('alone') end) sleep(0.05)", 1), ("x = = 1", 65), (unreachable, 69), (lost, 75),
    ("os.exit(7)", 7), ("os.exit(0)", 0), ("os.exit(false)", 1),
  ])
  func aScriptEndsTheRunWith(_ text: String, code: Int) async throws {
    try await onThread {
      let alone = try run([text])
      #expect(alone.exitCode == Int32(code), "\(alone)")
      // The others pass: what is left is the one cause.
      let several = try run(["print('fine')", text, "print('fine')"], ["-j", "3", "--keep-going"])
      #expect(several.exitCode == Int32(code), "\(several)")
    }
  }

  @Test func differentCausesAre1() async throws {
    try await onThread {
      let (one, two) = (
        try run(["x = = 1", Self.unreachable], ["--keep-going"]), try run(["x = = 1", "y = = 2"])
      )
      #expect(one.exitCode == 1 && two.exitCode == 65)
    }
  }

  @Test(arguments: [
    ["run"], ["run", "-j", "0", "a.lua"], ["run", "-p", "novalue", "a.lua"], ["run", "-p", "1=2", "a.lua"],
    ["run", "--timeout", "soon", "a.lua"], ["run", "--timeout", "-1", "a.lua"], ["run", "-", "-"],
  ])
  func usageIs2(_ arguments: [String]) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(arguments)
      #expect(outcome.exitCode == 2 && outcome.output.isEmpty && !outcome.errors.isEmpty, "\(outcome)")
    }
  }

  @Test func aScriptThatIsNotThereIs66() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["run", "/nowhere/a.lua", "/nowhere/b.lua", "--keep-going"])
      #expect(outcome.exitCode == 66, "\(outcome)")
      #expect(
        outcome.errors.contains("[a] moontide: cannot read /nowhere/a.lua: No such file or directory\n"))
    }
  }

  @Test(arguments: [
    ("--timeout", "while true do end"), ("--timeout", "sleep(100)"),
    ("--timeout", "spawn(function() while true do end end) sleep(100)"),
    ("--cell-timeout", "-- %%\nx = 1\n-- %%\nsleep(100)"),
    ("--timeout", "bela.connect{ 'sim', vars = 'slow:f:sparse:1000000000' }:streamer{}:start():read()"),
  ])
  func aTimeoutIs124(_ option: String, _ text: String) async throws {
    try await onThread {
      let outcome = try run([text], [option, "300ms"])
      #expect(outcome.exitCode == 124, "\(outcome)")
      #expect(
        outcome.errors.contains(option == "--timeout" ? "the script ran longer" : "the cell ran longer"))
      #expect(outcome.errors.contains("0.3 s"))
    }
  }

  @Test func cellsThatAreQuickMayBeMany() async throws {
    try await onThread {
      let text = (0..<8).map { _ in "-- %%\nsleep(0.2)\n" }.joined()
      let outcome = try run([text], ["--cell-timeout", "1.2s"])
      #expect(outcome.exitCode == 0, "\(outcome)")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsTheRunWithItsReports(_ signal: Int32) async throws {
    try await onThread {
      let outcome = try run(
        ["print('ready') while true do end", "print('in') sleep(100)", "print('never')"],
        ["-j", "2", "--junit", "out.xml", "--record-dir", "made/records"], interruptAfter: "ready",
        signal: signal)
      #expect(outcome.exitCode == 128 + signal, "\(outcome)")
      #expect(!outcome.output.contains("never") && outcome.errors.contains("not run"))
      let report = try String(contentsOfFile: folder.path + "/out.xml", encoding: .utf8)
      #expect(report.contains(signal == SIGINT ? "message=\"interrupted\"" : "message=\"terminated\""))
      #expect(report.hasSuffix("</testsuites>\n"))
      let record = try String(contentsOfFile: folder.path + "/made/records/s0.run.jsonl", encoding: .utf8)
      #expect(record.split(separator: "\n").last?.contains("\"kind\":\"done\"") ?? false, "\(record)")
    }
  }

  @Test func aClosedOutputEndsQuietly() async throws {
    try await onThread {
      let program = try ProgramRunner.program
      _ = try folder.file("a.lua", "for i = 1, 1e9 do print(i) end")
      _ = try folder.file("b.lua", "sleep(100)")
      let outcome = try Shell.run(
        "cd '\(folder.path)'; '\(program)' run -j 2 a.lua b.lua --junit o.xml 2>errors | head -n 1; echo ${PIPESTATUS[0]}; grep -c testsuite o.xml"
      )
      #expect(outcome == "[a] 1\n0\n6\n")
      let alone = try Shell.run(
        "cd '\(folder.path)'; '\(program)' a.lua 2>errors | head -n 1; echo ${PIPESTATUS[0]}; cat errors")
      #expect(alone == "1\n0\n", "\(alone)")
    }
  }

  @Test(arguments: [
    // Standard output, a report and a record on a full disk; a record beyond the size that files may have.
    ("run a.lua > /dev/full", 73), ("run a.lua b.lua -j 2 > /dev/full", 73),
    ("run c.lua --junit /dev/full", 73),
    ("run c.lua --junit /nowhere/o.xml", 73), ("run c.lua --record-dir /dev/null/records", 73),
    ("run c.lua --record-dir /proc", 73), ("run a.lua --quiet --record-dir small > /dev/null", 73),
    ("run d.lua --junit /dev/full", 1),
  ])
  func whatCannotBeWrittenIs73(_ line: String, code: Int) async throws {
    try await onThread {
      let program = try ProgramRunner.program
      _ = try folder.file("a.lua", "for i = 1, 5e4 do print(i) end")
      _ = try folder.file("b.lua", "sleep(100)")
      _ = try folder.file("c.lua", "x = 1")
      _ = try folder.file("d.lua", "spawn(function() error('x') end) sleep(0.01) check(false)")
      let limit = line.contains("small") ? "ulimit -f 64; " : ""
      let outcome = try Shell.run(
        "cd '\(folder.path)'; \(limit)('\(program)' \(line)) 2>errors; echo $?; cat errors")
      #expect(outcome.hasPrefix("\(code)\n"), "\(outcome)")
      if line.hasSuffix("> /dev/full") {
        #expect(outcome.contains("moontide: cannot write: No space left on device\n"), "\(outcome)")
      }
      if line.contains("small") {
        #expect(outcome.contains("the record small/a.run.jsonl could not be written"))
      }
    }
  }
}
