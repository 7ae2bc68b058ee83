import TestSupport
import Testing

@Suite struct ScriptTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aScriptGetsItsArguments() async throws {
    try await onThread {
      let script = try folder.file("a.lua", "print(arg[0], arg[1], #arg, ...)")
      let outcome = try ProgramRunner.run([script, "one", "--two"])
      #expect(outcome.output == "\(script)\tone\t2\tone\t--two\n", "\(outcome)")
      #expect(outcome.exitCode == 0)
    }
  }

  @Test func standardInputIsAScript() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-"], input: "local x = 20\nprint(x + 1)\n")
      #expect(outcome.output == "21\n")
    }
  }

  @Test func cellsOfAScriptShareTheirLocals() async throws {
    try await onThread {
      let script = try folder.file(
        "cells.lua", "-- %% one\nlocal x = 1\n-- %% two\nx = x + 1\n-- %%\nprint(x)\n")
      #expect(try ProgramRunner.run([script]).output == "2\n")
    }
  }

  @Test func aLongNotebookDoesNotDieAtTwoHundredLocals() async throws {
    try await onThread {
      let cells = (1...250).map { "-- %%\nlocal v\($0) = \($0)\n" }.joined()
      let script = try folder.file("long.lua", cells + "-- %%\nprint(v1 + v250)\n")
      #expect(try ProgramRunner.run([script]).output == "251\n")
    }
  }

  @Test func resultsAndMessagesKeepApart() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run([
        "-e", "print('data') io.stderr:write('note\\n') error{ code = 'x', message = 'm' }",
      ])
      #expect(outcome.output == "data\n")
      #expect(outcome.errors.hasPrefix("note\n"))
    }
  }

  @Test func anErrorSaysFileAndLineAndShowsIt() async throws {
    try await onThread {
      let script = try folder.file("bad.lua", "-- %% fine\nlocal a = 1\n-- %% wrong\n\nlocal b = a.x.y\n")
      let outcome = try ProgramRunner.run([script])
      #expect(outcome.exitCode == 1)
      #expect(outcome.errors.contains("bad.lua:5"))
      #expect(outcome.errors.contains("local b = a.x.y"))
    }
  }

  @Test func aSyntaxErrorSaysFileAndLine() async throws {
    try await onThread {
      let script = try folder.file("syntax.lua", "x = 1\nif x then\nprint(x\nend\n")
      let outcome = try ProgramRunner.run([script])
      #expect(outcome.exitCode == 65)
      #expect(outcome.errors.contains("syntax.lua:"))
      #expect(outcome.output.isEmpty)
    }
  }

  @Test func requireFindsModulesBesideTheScriptFirst() async throws {
    try await onThread {
      _ = try folder.file("mine.lua", "return { answer = 42 }")
      let script = try folder.file("main.lua", "print(require('mine').answer)")
      #expect(try ProgramRunner.run([script]).output == "42\n")
    }
  }

  @Test func theNotebookTakesCellsFromAPipe() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(
        input: "local x = 5\nx * 2\nfor i = 1, 2 do\nprint(i)\nend\nx;\nerror('no')\nx + 1\n")
      #expect(outcome.output == "[2]= 10\n1\n2\n[6]= 6\n", "\(outcome)")
      #expect(outcome.errors.contains("cell 5, line 1: no"))
      #expect(outcome.exitCode == 1)
    }
  }

  @Test func dashIGoesOnIntoTheNotebook() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-i", "-e", "y = 3"], input: "y + 1\n")
      #expect(outcome.output == "[2]= 4\n", "\(outcome)")
    }
  }

  @Test func theSandboxHasNoFilesAndTheMemoryCapIsAnError() async throws {
    try await onThread {
      let script =
        "print(io, os.execute, debug) local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end"
      let outcome = try ProgramRunner.run(["--sandbox", "--memory", "32M", "-e", script])
      #expect(outcome.output == "nil\tnil\tnil\n")
      #expect(outcome.errors.contains("not enough memory"))
      #expect(outcome.exitCode == 1)
    }
  }

  @Test func bytecodeIsRefused() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-e", "print(load(string.dump(function() end)))"])
      #expect(outcome.output.hasPrefix("nil\t"))
    }
  }
}
