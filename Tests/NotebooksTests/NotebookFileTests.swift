import JSON
import Randomness
import Notebooks
import Testing

@Suite struct NotebookFileTests {
  private static let sample = """
    #!/usr/bin/env moontide
    -- ---
    -- jupyter:
    --   kernelspec:
    --     display_name: "Lua 5.4"
    --     name: lua54
    -- ---

    local before = 1

    -- %% [markdown]
    -- # Title
    --
    -- text with \\%% and [[
    -- %% Parameters tags=["parameters"] n=3
    rate = 100

    -- %% A title of words
    x = [[
    -- %% not a cell
    ]]
    -- %%
    """

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func findsCellsAndTheirLines() throws {
    let file = NotebookFile(Array(Self.sample.utf8))
    #expect(text(file.header).hasPrefix("#!") && text(file.header).hasSuffix("-- ---\n\n"))
    #expect(
      file.cells.map { text($0.text) } == [
        "local before = 1", "# Title\n\ntext with \\%% and [[", "rate = 100", "x = [[\n-- %% not a cell\n]]",
        "",
      ])
    #expect(file.cells.map(\.firstLine) == [9, 12, 16, 19, 23])
    #expect(file.cells.map(\.isCode) == [true, false, true, true, true])
    #expect(file.cells.map(\.isParameters) == [false, false, true, false, false])
    #expect(file.cells.map(\.marker.title) == ["", "", "Parameters", "A title of words", ""])
    #expect(file.bytes == Array(Self.sample.utf8))
  }

  @Test(
    arguments: [
      ("-- %%", CellMarker()), ("--%%", CellMarker()), ("-- %%% sub", CellMarker(title: "sub", level: 1)),
      ("  -- %% [md] ", CellMarker(kind: .markdown)),
      ("-- %% a b [raw] k=1", CellMarker(kind: .raw, title: "a b", metadata: [.init("k", 1)])),
      (
        #"-- %% t x="a b" y=["c",{"d":null}]"#,
        CellMarker(title: "t", metadata: [.init("x", "a b"), .init("y", ["c", ["d": nil]])])
      ),
      ("-- %% a = b", CellMarker(title: "a = b")), ("-- %% x=1 rest", CellMarker(title: "x=1 rest")),
      ("-- %%x", nil), ("-- % %", nil), ("%%", nil), ("x -- %%", nil), ("-- \\%%", nil),
    ] as [(String, CellMarker?)])
  func readsMarkers(_ line: String, _ expected: CellMarker?) {
    #expect(CellMarker(line: Array(line.utf8)[...]) == expected)
    if let expected { #expect(CellMarker(line: Array(expected.line.utf8)[...]) == expected) }
  }

  @Test func anUnfinishedStringHidesNoCell() {
    let file = NotebookFile(Array("-- %% a\nx = [[\n-- %% b\ny = 1\n".utf8))
    #expect(file.cells.map(\.marker.title) == ["a", "b"])
  }

  @Test func anyBytesComeBackAsTheyWere() {
    var random = SplitMix(seed: 3)
    let pieces =
      LuaCorpus.snippets + [
        Self.sample, "-- %% x\r\ny\r\n\r\n-- %% [markdown]\r\n-- z\r\n", "-- %%", "\n\n-- %% a=1\n",
      ]
    for _ in 0..<2_000 {
      let bytes = random.mutation(of: pieces)
      let file = NotebookFile(bytes)
      #expect(file.bytes == bytes)
      for cell in file.cells where cell.markerLine.last.map(\.isLineEnd) ?? true {
        #expect(cell.firstLine == 1 + lines(before: cell, in: file))
      }
    }
  }

  private func lines(before wanted: NotebookCell, in file: NotebookFile) -> Int {
    var bytes = file.header
    for cell in file.cells {
      bytes += cell.markerLine
      if cell.firstLine == wanted.firstLine { break }
      bytes += cell.body
    }
    return bytes.split(separator: 0x0A, omittingEmptySubsequences: false).count - 1
  }

  @Test(arguments: [
    "x = 1", "x = 1\n", "x = 1\n\n\n", "", "\n", "-- %% x", "-- \\%% x", "-- \\\\%% x",
    "s = [[\n-- %% in\n]]", "  indented", "--", "---",
  ])
  func textGoesInAndOutUnchanged(_ text: String) {
    for kind in [CellMarker.Kind.code, .markdown, .raw] {
      var file = NotebookFile()
      for _ in 0..<3 { file.append(CellMarker(kind: kind), text: Array(text.utf8)) }
      for version in [file, NotebookFile(file.bytes)] {
        #expect(version.cells.map { self.text($0.text) } == [text, text, text], "\(kind)")
        #expect(version.cells.map(\.firstLine) == file.cells.map(\.firstLine))
      }
    }
  }
}
