import Foundation
import TestSupport
import Testing

/// `moontide run` with many scripts, through the built program.
@Suite struct BatchTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Writes the scripts and runs them.
  private func run(
    _ scripts: [(name: String, text: String)], _ options: [String] = [], input: String? = nil,
    within: Duration = .seconds(60)
  ) throws -> ProgramRunner.Outcome {
    for script in scripts { _ = try folder.file(script.name + ".lua", script.text) }
    return try ProgramRunner.run(
      ["run"] + scripts.map { $0.name + ".lua" } + options, input: input, directory: folder.path,
      within: within)
  }

  @Test func outputIsTaggedByScriptAndTheTableComesLast() async throws {
    try await onThread {
      let outcome = try run([
        ("a", "print('one')\nio.write('no end')"), ("b", "io.stderr:write('wrong\\n')"),
      ])
      #expect(outcome.output == "[a] one\n[a] no end\n", "\(outcome)")
      #expect(outcome.errors.hasPrefix("[b] wrong\nscript "))
      #expect(outcome.errors.contains("\n2 scripts  2 passed"))
      #expect(outcome.exitCode == 0)
    }
  }

  @Test func oneScriptAloneIsAsWithoutRun() async throws {
    try await onThread {
      let script = try folder.file("one.lua", "print(#arg, ...)\nio.stderr:write('e')\nerror('x')")
      let plain = try ProgramRunner.run([script])
      let run = try ProgramRunner.run(["run", script])
      #expect(plain.output == "0\n" && run.output == plain.output && run.errors == plain.errors, "\(run)")
      #expect(plain.exitCode == 1 && run.exitCode == 1)
    }
  }

  @Test func scriptsKnowNothingOfEachOther() async throws {
    try await onThread {
      let outcome = try run(
        (0..<12).map { ("s\($0)", "check(x == nil) x = \($0) sleep(0.02) check.equal(x, \($0)) print(x)") },
        ["-j", "6"])
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.output.split(separator: "\n").count == 12)
    }
  }

  @Test func parametersAreSetAsLuaValues() async throws {
    try await onThread {
      let script = (
        "p", "-- %% tags=[\"parameters\"]\na, b, c, d = 1, 2, 3, 4\n-- %%\nprint(a, b, c, math.type(d))"
      )
      let outcome = try run(
        [script], ["-p", "a=false", "-p", "b=two words", "--param", "c='0x10'", "-p", "d=0x10"])
      #expect(outcome.output == "false\ttwo words\t0x10\tinteger\n", "\(outcome)")
      let wrong = try run([script], ["-p", "aa=1"])
      #expect(wrong.exitCode == 1)
      #expect(wrong.errors == "`p.lua` has no parameter `aa`\n  did you mean `a`?\n")
    }
  }

  @Test func afterAFailureNothingMoreStartsUnlessAsked() async throws {
    try await onThread {
      let scripts = [("a", "print(1)"), ("b", "error('no')"), ("c", "print(3)")]
      let first = try run(scripts)
      #expect(first.output == "[a] 1\n" && first.errors.contains("\nc          not run\n"), "\(first)")
      let second = try run(scripts, ["--keep-going"])
      #expect(second.output == "[a] 1\n[c] 3\n" && second.exitCode == 1)
    }
  }

  @Test func quietShowsResultsAndErrorsOnly() async throws {
    try await onThread {
      let well = try run([("a", "print(1)"), ("b", "print(2)")], ["-q"])
      #expect(well.output == "[a] 1\n[b] 2\n" && well.errors.isEmpty, "\(well)")
      let ill = try run([("a", "error('no')"), ("b", "print(2)")], ["--quiet"])
      #expect(ill.errors.hasPrefix("[a] a.lua:1: no\n") && ill.errors.contains("1 failed"))
    }
  }

  /// One that loops, one that eats memory, one that floods output, one that computes in C where nothing reaches it.
  @Test func aScriptThatMisbehavesHarmsNoOther() async throws {
    try await onThread {
      let good = (0..<4).map { ("good\($0)", "for i = 1, 10 do sleep(0.05) end print('done')") }
      let outcome = try run(
        [
          ("loop", "while true do pcall(error) end"),
          ("eat", "t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end"),
          ("flood", "while true do print(('f'):rep(100)) end"),
          ("stuck", "('a'):rep(5e4):find(('a-'):rep(20) .. 'b')"),
        ] + good, ["-j", "8", "--keep-going", "--timeout", "5s", "--memory", "64M", "--junit", "out.xml"])
      #expect(outcome.exitCode == 1, "\(outcome.errors)")
      let lines = outcome.output.split(separator: "\n")
      for (name, _) in good {
        #expect(lines.contains("[\(name)] done"))
        let row = try Regex("\n\(name) +passed")
        #expect(outcome.errors.contains(row), "\(outcome.errors)")
      }
      let others = lines.filter { !$0.hasPrefix("[good") }
      #expect(others.allSatisfy { $0 == "[flood] " + String(repeating: "f", count: 100) } && !others.isEmpty)
      #expect(outcome.errors.contains(/\nloop +timeout .*the script ran longer than 5 s/))
      #expect(outcome.errors.contains(/\neat +failed .*not enough memory/))
      #expect(outcome.errors.contains(/\nflood +timeout/))
      #expect(outcome.errors.contains(/\nstuck +timeout .*does not stop/))
      #expect(try String(contentsOfFile: folder.path + "/out.xml", encoding: .utf8).contains("does not stop"))
    }
  }

  @Test func progressIsAPlainLineWhereThereIsNoTerminal() async throws {
    try await onThread {
      let outcome = try run([("slow", "sleep(0.9)")], ["--progress", "500ms"])
      // The first behind the interval, and no more than there is time for.
      let lines = outcome.errors.split(separator: "\n")
      let times = lines.compactMap { line in
        line.wholeMatch(of: /moontide: (\d+(\.\d)?) s, slow: cell 1 of 1, 0 samples, 0 gaps/).flatMap {
          Double($0.1)
        }
      }
      #expect(times.count == lines.count && !times.isEmpty, "\(outcome)")
      #expect(times.enumerated().allSatisfy { $1 > Double($0 + 1) * 0.45 }, "\(outcome)")
      let help = try ProgramRunner.run(["run", "--help"]).output
      #expect(help.contains(/--progress <time> [^-]*\(default: 10 s\)/), "\(help)")
    }
  }

  @Test func progressIsOneLineOnATerminal() async throws {
    try await onThread {
      let scripts = try (1...3).map { try folder.file("s\($0).lua", "print('out\($0)') sleep(\($0) / 2)") }
      let terminal = try PseudoTerminal(columns: 100, rows: 24)
      try terminal.run(try ProgramRunner.program, ["run", "-j", "3"] + scripts)
      try terminal.expect("2 of 3 done, 1 running; 0 samples, 0 gaps", within: .seconds(20))
      #expect(try terminal.waitForEnd() == .exit(0))
      let rows = terminal.screen.text.split(separator: "\n")
      // It is gone in the end, and output stands in whole lines.
      #expect(!terminal.screen.text.contains("running;"))
      #expect(rows.prefix(3).sorted() == ["[s1] out1", "[s2] out2", "[s3] out3"])
    }
  }
}
