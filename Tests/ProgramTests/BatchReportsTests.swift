import Foundation
import TestSupport
import Testing

/// What a run leaves behind, read by the programs that CI servers have; skipped, with the reason, where those cannot be
/// had.
@Suite struct BatchReportsTests {
  private struct Report: Decodable {
    struct Suite: Decodable {
      struct Case: Decodable {
        let name: String
        let problems: [[String]]
      }
      let name: String
      let tests, failures, errors, skipped: Int
      let time: Double
      let cases: [Case]
      let properties: [String: String]
      let output: String
    }
    let kinds: [String: Int]
    let wrong: [String]
    let suites: [Suite]
    let totals: [String: Int]
    let recounted: [String: Int]
  }

  private func read(_ folder: TemporaryFolder) throws -> Report? {
    guard let python = Python.prepared("readers") else { return nil }
    let script = Python.root.appendingPathComponent("Tests/ProgramTests/Python/read_reports.py").path
    let schema = DocumentTests.root.appendingPathComponent("scripts/run.schema.json").path
    let text = try Shell.run(
      "cd '\(folder.path)'; '\(python)' '\(script)' '\(schema)' out.xml out.jsonl records/* 2>&1"
    )
    do {
      return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    } catch {
      Issue.record("\(text)\n\(error)")
      return nil
    }
  }

  @Test func realReadersUnderstandThem() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let scripts = [
        (
          "good",
          "-- %% tags=[\"parameters\"]\nn = 1\n-- %% echo\nlocal s <close> = nil print('ü <&>', n) io.stderr:write('e')\nn\n-- %%\nfor i = 1, 3 do check(i > 0, 'positive') end"
        ),
        (
          "check", "-- %% tags=[\"parameters\"]\nn = 1\n-- %% title\ncheck.near(n, 1, 0.5)\n-- %% rest\nx = 1"
        ),
        ("syntax", "n = 1\n-- %% tags=[\"parameters\"]\nn = = 2"),
        (
          "task",
          "-- %% tags=[\"parameters\"]\nn = 1\nspawn{ name = 'w', function() error('alone') end } sleep(0.02)"
        ),
        (
          "late",
          "-- %% tags=[\"parameters\"]\nn = 1\n-- %% for ever\nprint('\\27[31mred\\0') while true do end"
        ),
        ("refuses", "x = 1"),
      ]
      for (name, text) in scripts { _ = try folder.file(name + ".lua", text) }
      let outcome = try ProgramRunner.run(
        ["run", "--json", "--junit", "out.xml", "--record-dir", "records", "-p", "n=7", "--timeout", "400ms"]
          + ["-j", "3", "--keep-going"] + scripts.map { $0.0 + ".lua" } + ["missing.lua"],
        directory: folder.path)
      #expect(outcome.exitCode == 1)
      _ = try folder.file("out.jsonl", outcome.output)
      guard let report = try read(folder) else { return }
      #expect(report.wrong.isEmpty, "\(report.wrong)")
      for kind in [
        "batch", "run", "cell", "output", "echo", "check", "error", "end", "stats", "done", "summary", "note",
      ] {
        #expect(report.kinds[kind, default: 0] > 0, "\(kind)")
      }
      // As often in the records as in the one stream.
      #expect(report.kinds["done"] == 14 && report.kinds["run"] == 14 && report.kinds["summary"] == 1)

      #expect(report.totals == report.recounted)
      let suites = Dictionary(uniqueKeysWithValues: report.suites.map { ($0.name, $0) })
      let good = try #require(suites["good.lua"])
      #expect(
        good.cases.count == 4 && good.cases.allSatisfy(\.problems.isEmpty) && good.output == "ü <&>\t7\n")
      #expect(good.properties["parameter.n"] == "7" && good.properties["result"] == "passed")
      let check = try #require(suites["check.lua"])
      #expect(check.failures == 2 && check.errors == 0 && check.skipped == 1)
      #expect(check.cases[1].problems.first?[1] == "expected 1 ± 0.5, got 7")
      #expect(check.cases.last?.name == "check.lua:4: check.near(n, 1, 0.5)")
      #expect(suites["syntax.lua"]?.errors == 1)
      #expect(suites["task.lua"]?.cases.last?.problems.first?[1] == "task w failed: alone")
      #expect(suites["late.lua"]?.cases[1].problems.first?[1] == "the script ran longer than 0.4 s")
      #expect(suites["late.lua"]?.output == "\\x1b[31mred\\x00\n")
      #expect(suites["refuses.lua"]?.cases.last?.problems.first?[1] == "`refuses.lua` takes no parameters")
      #expect(suites["missing.lua"]?.errors == 1)
    }
  }

  @Test func anInterruptedRunHasThemToo() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file("a.lua", "print('ready') sleep(100)")
      _ = try folder.file("b.lua", "print('never')")
      let outcome = try ProgramRunner.run(
        ["run", "--json", "--junit", "out.xml", "--record-dir", "records", "a.lua", "b.lua"],
        directory: folder.path, interruptAfter: "ready")
      #expect(outcome.exitCode == 130, "\(outcome)")
      _ = try folder.file("out.jsonl", outcome.output)
      guard let report = try read(folder) else { return }
      #expect(report.wrong.isEmpty, "\(report.wrong)")
      #expect(report.kinds["skipped"] == 1 && report.kinds["summary"] == 1 && report.kinds["done"] == 2)
      #expect(report.suites.map(\.skipped) == [0, 1] && report.suites.map(\.errors) == [1, 0])
    }
  }

  @Test func recordsStandBesideTheirScripts() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      for place in ["one/same.lua", "two/same.lua"] {
        try FileManager.default.createDirectory(
          atPath: folder.path + "/" + place.prefix(3), withIntermediateDirectories: true)
        _ = try folder.file(place, "print('x')")
      }
      let scripts = ["one/same.lua", "two/same.lua"]
      let outcome = try ProgramRunner.run(["run", "--records"] + scripts, directory: folder.path)
      #expect(outcome.output == "[one/same.lua] x\n[two/same.lua] x\n", "\(outcome)")
      for place in ["one", "two"] {
        #expect(FileManager.default.fileExists(atPath: folder.path + "/\(place)/same.run.jsonl"))
      }
      _ = try ProgramRunner.run(["run", "--record-dir", "r"] + scripts, directory: folder.path)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/r").sorted()
          == ["same-2.run.jsonl", "same.run.jsonl"])
    }
  }
}
