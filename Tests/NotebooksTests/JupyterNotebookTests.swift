import JSON
import Randomness
import Foundation
import Notebooks
import TestSupport
import Testing

@Suite struct JupyterNotebookTests {
  static let sample = """
    -- ---
    -- jupyter:
    --   kernelspec:
    --     display_name: "Lua 5.4"
    --     language: lua
    --     name: lua54
    -- ---

    -- %% [markdown] tags=["intro"]
    -- # Heart rate
    --
    -- Trailing blanks stay:  
    --   * and indents, *ünïcode* 😀
    -- \\%% not a cell

    -- %% Parameters tags=["parameters"]
    rate = 100

    -- %%
    s = [[
    -- %% not a cell
    ]]
    print(rate, "\\t")


    -- %% [raw]
    -- raw text
    -- %%
    x = 1
    """

  @Test func textsSurviveTheWayThereAndBack() throws {
    let file = NotebookFile(Array(Self.sample.utf8))
    let back = try JupyterNotebook.decode(JupyterNotebook.encode(file))
    #expect(back.cells.map(\.text) == file.cells.map(\.text))
    #expect(back.cells.map(\.marker) == file.cells.map(\.marker))
    #expect(NotebookFile(back.bytes) == back)
    #expect(
      try JupyterNotebook.encode(JupyterNotebook.decode(JupyterNotebook.encode(back)))
        == JupyterNotebook.encode(back))
  }

  @Test(arguments: [
    ("{", "notJSON"), ("[]", "`nbformat` is missing"), (#"{"nbformat":3}"#, "`cells` is missing"),
    (#"{"nbformat":5}"#, "format 5"),
    (#"{"nbformat":4}"#, "`cells` is missing"),
    (#"{"nbformat":4,"cells":[{}]}"#, "cell_type"),
    (#"{"nbformat":4,"cells":[{"cell_type":"code"}]}"#, "source"),
    (#"{"nbformat":4,"cells":[{"cell_type":"code","source":[1]}]}"#, "source"),
    (String(repeating: "[", count: 100_000), "nested too deep"),
  ])
  func refusesWhatIsNoNotebook(_ text: String, _ reason: String) {
    do {
      _ = try JupyterNotebook.decode(Array(text.utf8))
      Issue.record("accepted")
    } catch {
      #expect("\(error)".contains(reason))
    }
  }

  @Test(arguments: [
    (
      #"{"a":[1,-2.5,1e3,true,null],"b":{"c":"\u00e9\ud83d\ude00\n\/"}}"#,
      #"{"a":[1,-2.5,1000.0,true,null],"b":{"c":"é😀\n/"}}"#
    ),
    (#"[9223372036854775807,9223372036854775808]"#, "[9223372036854775807,9223372036854775808]"),
    (#""\ud800""#, "\"\u{FFFD}\""), ("[ ]", "[]"),
  ])
  func readsAndWritesJSON(_ text: String, _ expected: String) throws {
    #expect(try JSON(parsing: text.utf8).encodedText() == expected)
  }

  @Test func refusesBrokenJSON() {
    for text in [
      "", "[1,]", "{\"a\"}", "01", "1.", "-", "\"", "\"\\x\"", "\"\n\"", "tru", "[1]]", "{\"a\":1,}", "1e999",
      "\"\\u12\"",
    ] {
      #expect(throws: JSON.ReadError.self, "\(text)") { try JSON(parsing: Array(text.utf8)) }
    }
    var random = SplitMix(seed: 29)
    for _ in 0..<2_000 {
      let bytes = random.mutation(of: [
        #"{"a":[1,-2.5e3,true],"b":{"c":"\u00e9\ud83d\ude00"}}"#, #"[[],{},"x\\"]"#,
      ])
      if let value = try? JSON(parsing: bytes) { #expect(try! JSON(parsing: value.encoded()) == value) }
    }
  }

  /// With the real nbformat and jupytext, which pip brings.
  @Test func theRealToolsAgree() async throws {
    try await onThread {
      if let python = Python.prepared("jupyter") { try compare(python) }
    }
  }

  private func compare(_ python: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("nb-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = NotebookFile(Array(Self.sample.utf8))
    let outputs: [Int: JupyterNotebook.CellOutputs] = [
      1: .init(
        executionCount: 1,
        outputs: [
          .stream(name: "stdout", text: "a\nb"), .result(text: "1"),
          .error(message: "no", traceback: ["x:1"]), .image(svg: "<svg>\n</svg>", text: "plot"),
        ])
    ]
    let exported = JupyterNotebook.encode(file, outputs: outputs)
    try Data(exported).write(to: folder.appendingPathComponent("ours.ipynb"))
    // Without the lines that only our reader tells from markers.
    let plain = Self.sample.replacing("-- \\%% not a cell\n", with: "").replacing(
      "-- %% not a cell\n", with: "")
    try Data(plain.utf8).write(to: folder.appendingPathComponent("plain.lua"))
    try Data(JupyterNotebook.encode(NotebookFile(Array(plain.utf8)))).write(
      to: folder.appendingPathComponent("plain.ipynb"))
    let script = """
      import sys, json, nbformat, jupytext
      folder = sys.argv[1]
      ours = nbformat.read(folder + "/ours.ipynb", as_version=4)
      nbformat.validate(ours)
      raw = json.load(open(folder + "/ours.ipynb"))
      assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5) and len({c["id"] for c in raw["cells"]}) == len(raw["cells"])
      assert raw["metadata"]["kernelspec"]["name"] == "lua54", raw["metadata"]
      assert [type(c["source"]) for c in raw["cells"]] == [list] * len(raw["cells"])
      plain, theirs = nbformat.read(folder + "/plain.ipynb", 4), jupytext.read(folder + "/plain.lua")
      nbformat.validate(plain)
      # jupytext drops every blank line before a marker, we only one: a text that ends in one stays as it is.
      assert [(c.cell_type, c.source) for c in theirs.cells] == [(c.cell_type, c.source.rstrip("\\n")) for c in plain.cells], theirs
      assert [c.metadata.get("tags") for c in theirs.cells] == [c.metadata.get("tags") for c in plain.cells]
      assert theirs.cells[1].metadata["title"] == "Parameters"
      notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# Title\\n\\ntext  \\n  - indented"),
        nbformat.v4.new_code_cell("x = 1\\nprint(x)", metadata={"tags": ["parameters"], "title": "A title"}),
        nbformat.v4.new_code_cell("y = 2\\n\\n\\nz = 3"), nbformat.v4.new_raw_cell("raw"), nbformat.v4.new_code_cell(""),
      ], metadata={"kernelspec": {"name": "lua", "display_name": "Lua", "language": "lua"}})
      nbformat.write(notebook, folder + "/theirs.ipynb")
      jupytext.write(notebook, folder + "/theirs.lua", fmt="lua:percent")
      """
    let checked = Command.run(python, ["-c", script, folder.path])
    #expect(checked.status == 0, "\(checked.output)")
    let theirs = try JupyterNotebook.decode(
      Array(Data(contentsOf: folder.appendingPathComponent("theirs.ipynb"))))
    let percent = NotebookFile(Array(try Data(contentsOf: folder.appendingPathComponent("theirs.lua"))))
    #expect(theirs.cells.map(\.text) == percent.cells.map(\.text))
    #expect(theirs.cells.map(\.marker) == percent.cells.map(\.marker))
    try Data(theirs.bytes).write(to: folder.appendingPathComponent("imported.lua"))
    let compared = Command.run(
      python,
      [
        "-c",
        """
        import sys, jupytext, nbformat
        a, b = nbformat.read(sys.argv[1] + "/theirs.ipynb", 4), jupytext.read(sys.argv[1] + "/imported.lua")
        assert [(c.cell_type, c.source, dict(c.metadata)) for c in a.cells] == [(c.cell_type, c.source, dict(c.metadata)) for c in b.cells], b
        """, folder.path,
      ])
    #expect(compared.status == 0, "\(compared.output)")
  }

  /// Python writes NaN bare, Windows two bytes at line ends, and a mark at the beginning.
  @Test func notebooksOfOtherToolsAreRead() throws {
    func code(_ text: String) throws -> [String] {
      try JupyterNotebook.decode(Array(text.utf8)).cells.map { String(decoding: $0.text, as: UTF8.self) }
    }
    let outputs = #"[{"data":{"application/json":[NaN,-Infinity,Infinity]}}]"#
    let cell = #"{"cell_type":"code","metadata":{},"outputs":\#(outputs),"source":"print(1)"}"#
    #expect(try code("\u{FEFF}{\"nbformat\":4,\"cells\":[\(cell)]}") == ["print(1)"])
    let windows = #"{"nbformat":4,"cells":[{"cell_type":"code","source":["a = 1\r\n","b = 2\r\n"]}]}"#
    #expect(try code(windows) == ["a = 1\nb = 2\n"])
    let old = """
      {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": ["Title"]},
        {"cell_type": "code", "input": ["x = 1\\n", "print(x)"], "language": "lua", "outputs": []}]}]}
      """
    #expect(try code(old) == ["## Title", "x = 1\nprint(x)"])
    #expect(String(decoding: NotebookFile.source(Array(old.utf8)), as: UTF8.self).contains("print(x)"))
    #expect(NotebookFile.source(Array("\u{FEFF}print(1)".utf8)) == Array("print(1)".utf8))
    #expect(NotebookFile.source(Array("{1".utf8)) == Array("{1".utf8))
  }
}
