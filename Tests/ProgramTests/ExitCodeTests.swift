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
        "'\(program)' -e 'for i = 1, 1e7 do print(i) end' | head -n 1; echo ${PIPESTATUS[0]}")
      #expect(outcome == "1\n0\n")
    }
  }

  @Test func aFullDiskIs73() async throws {
    try await onThread {
      let program = try ProgramRunner.program
      let outcome = try Shell.run("'\(program)' -e 'for i = 1, 1e6 do print(i) end' > /dev/full; echo $?")
      #expect(outcome.hasSuffix("73\n"))
    }
  }
}
