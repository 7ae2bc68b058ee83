import Foundation
import TestSupport
import Testing

/// `moontide report`, `export` and `import` as a user runs them.
@Suite struct ReportCommandTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ name: String) throws -> String {
    try String(contentsOfFile: folder.path + "/" + name, encoding: .utf8)
  }

  private func moontide(_ arguments: String...) throws -> ProgramRunner.Outcome {
    try ProgramRunner.run(arguments, directory: folder.path)
  }

  private static let script = """
    -- %% [markdown]
    -- # A plot

    -- %% Stream
    s = bela.connect("sim"):streamer{ "pot1" }
    s:start{ span = 0.2, quiet = true }
    for f in s do end
    p = s:plot{ title = "one & only", open = false }
    print("got <" .. #s.data.pot1 .. ">")

    -- %% Fail
    check(false, "as it should")

    -- %% Never
    print("not reached")

    """

  @Test func aFailedRunIsReportedWithItsPlotAndWhatWasNotReached() async throws {
    try await onThread {
      _ = try folder.file("a.lua", Self.script)
      #expect(try moontide("run", "--records", "a.lua").exitCode == 1)
      let made = try moontide("report", "--notebook", "a.lua", "a.run.jsonl", "-o", "a.html")
      #expect(made.exitCode == 0 && made.output.isEmpty && made.errors.isEmpty, "\(made)")
      let page = try read("a.html")
      #expect(
        page.contains("<h2>A plot</h2>") && page.contains("got &lt;8821&gt;") && page.contains("as it should")
      )
      #expect(page.contains("data:image/svg+xml;base64,") && page.contains("alt=\"one &amp; only\""))
      #expect(page.contains("<source media=\"(prefers-color-scheme: dark)\""))
      #expect(page.contains("not run") && page.contains("<section class=\"failed\">"))

      let text = try moontide("report", "a.run.jsonl", "-o", "a.md")
      #expect(text.exitCode == 0, "\(text)")
      #expect(try read("a.md").contains("![one &amp; only](a_files/plot-1.svg)"))
      #expect(try read("a_files/plot-1.svg").hasPrefix("<svg "))
      #expect(try moontide("report", "a.run.jsonl").output.hasPrefix("# a.lua: failed\n"))

      // What is there stays, unless told otherwise.
      let again = try moontide("report", "a.run.jsonl", "-o", "a.html")
      #expect(again.exitCode == 73 && again.errors.contains("a.html exists; --overwrite replaces it"))
      #expect(try read("a.html") == page)
      #expect(try moontide("report", "--overwrite", "a.run.jsonl", "-o", "a.html").exitCode == 0)
      #expect(try !read("a.html").contains("<h2>A plot</h2>"))

      // The outputs go into a Jupyter notebook, too, the plot as an image.
      #expect(try moontide("export", "--record", "a.run.jsonl", "a.lua", "a.ipynb").exitCode == 0)
      let notebook = try #require(
        try JSONSerialization.jsonObject(with: Data(read("a.ipynb").utf8)) as? [String: Any])
      let cells = try #require(notebook["cells"] as? [[String: Any]])
      let outputs = cells.map {
        ($0["outputs"] as? [[String: Any]] ?? []).compactMap { $0["output_type"] as? String }
      }
      #expect(outputs == [[], ["stream", "display_data"], ["stream", "error"], []], "\(outputs)")
      #expect(cells.map { $0["execution_count"] as? Int } == [nil, 1, 2, nil])
    }
  }

  @Test func aRecordThatBreaksOffIsReportedUpToThere() async throws {
    try await onThread {
      _ = try folder.file("a.lua", "-- %%\nprint('one')\n-- %%\nprint('two')\n")
      #expect(try moontide("run", "--records", "a.lua").exitCode == 0)
      let record = try read("a.run.jsonl")
      let cut = try #require(record.firstRange(of: "two"))
      _ = try folder.file("cut.run.jsonl", String(record[..<cut.lowerBound]))
      let outcome = try moontide("report", "cut.run.jsonl")
      #expect(outcome.exitCode == 0 && outcome.output.contains("the record breaks off"), "\(outcome)")
      #expect(outcome.output.contains("one"))
    }
  }

  @Test func linesOfManyScriptsMakeOneReport() async throws {
    try await onThread {
      _ = try folder.file("a.lua", "print('a')")
      _ = try folder.file("b.lua", "error('b')")
      let lines = try moontide("run", "--json", "a.lua", "b.lua")
      let report = try ProgramRunner.run(["report", "-"], input: lines.output)
      #expect(report.output.hasPrefix("# 2 runs, 1 failed\n"), "\(report)")
    }
  }

  @Test func everyExampleGoesToJupyterAndBackByteForByte() async throws {
    try await onThread {
      for name in ExampleTests.examples {
        let original = ExampleTests.folder.appendingPathComponent(name)
        let there = try moontide("export", original.path, name + ".ipynb")
        let back = try moontide("import", name + ".ipynb", name)
        #expect(there.exitCode == 0 && back.exitCode == 0, "\(there) \(back)")
        #expect(try read(name) == String(contentsOf: original, encoding: .utf8), "\(name)")
      }
    }
  }

  @Test func whatIsWrongIsSaid() async throws {
    try await onThread {
      _ = try folder.file("a.lua", "print(1)\n")
      _ = try folder.file("a.ipynb", "{}")
      _ = try folder.file(
        "x.run.jsonl",
        "{\"kind\":\"run\",\"script\":\"x\"}\n{\"kind\":\"cell\",\"cell\":1,\"line\":9,\"source\":\"y\"}\n")
      let cases: [([String], Int32, String)] = [
        (["report", "nowhere.jsonl"], 66, "cannot read nowhere.jsonl"),
        (["report", "a.lua"], 65, "a.lua is no record of a run"),
        (["report", "a.lua", "-o", "a.pdf"], 2, ".md or .html"), (["report"], 2, "records"),
        (["report", "--notebook", "a.lua", "x.run.jsonl"], 65, "a.lua is not what was run"),
        (["report", "x.run.jsonl", "-o", "/nowhere/x.md"], 73, "cannot write /nowhere/x.md"),
        (["export", "--record", "x.run.jsonl", "a.lua", "new.ipynb"], 65, "is not of this a.lua"),
        (["export", "nowhere.lua", "b.ipynb"], 66, "cannot read nowhere.lua"),
        (["export", "a.lua", "a.ipynb"], 73, "a.ipynb exists; --overwrite replaces it"),
        (["import", "a.ipynb", "b.lua"], 65, "a.ipynb is no notebook: `nbformat` is missing"),
        (["import", "a.lua", "b.lua"], 65, "a.lua is no notebook"), (["import", "a.ipynb"], 2, "output"),
      ]
      for (arguments, code, message) in cases {
        let outcome = try ProgramRunner.run(arguments, directory: folder.path)
        #expect(outcome.exitCode == code && outcome.output.isEmpty, "\(arguments) \(outcome)")
        #expect(outcome.errors.contains(message), "\(arguments) \(outcome)")
      }
      #expect(try read("a.ipynb") == "{}")
    }
  }
}
