import Plotting
import Testing

@Suite struct LiveTerminalTests {
  /// A terminal that knows as much as is needed: rows, up, clear to the end of the row.
  struct Screen {
    var rows: [String] = []
    var row = 0
    var isCursorHidden = false

    mutating func write(_ text: String) {
      var rest = Substring(text)
      while let character = rest.first {
        if let up = rest.prefixMatch(of: /\u{1B}\[(\d+)A/) {
          row -= Int(up.1)!
          rest = rest[up.range.upperBound...]
        } else if let mode = rest.prefixMatch(of: /\u{1B}\[\?(\d+)([hl])/) {
          if mode.1 == "25" { isCursorHidden = mode.2 == "l" }
          rest = rest[mode.range.upperBound...]
        } else if rest.hasPrefix("\u{1B}[K") {
          rest.removeFirst(3)
        } else {
          rest.removeFirst()
          while rows.count <= row { rows.append("") }
          if character == "\n" {
            row += 1
          } else if character == "\r" {
            rows[row] = ""
          } else {
            rows[row].append(character)
          }
        }
      }
    }
  }

  @Test func theScreenShowsTheLastPicture() {
    var screen = Screen()
    var live = LiveTerminal()
    for picture in [["a", "b", "c"], ["a", "x", "c"], ["a"], ["1", "2", "3", "4"], ["1", "2", "3", "4"]] {
      screen.write(live.update(picture))
      #expect(Array(screen.rows.prefix(picture.count)) == picture)
      #expect(screen.rows.dropFirst(picture.count).allSatisfy { $0.isEmpty })
      #expect(screen.row == picture.count)
      #expect(screen.isCursorHidden)
    }
    screen.write(live.finish())
    #expect(!screen.isCursorHidden)
    #expect(live.finish() == "")
  }

  @Test func whatDidNotChangeIsNotWrittenAgain() {
    var live = LiveTerminal()
    _ = live.update(["first", "second"])
    let text = live.update(["first", "other"])
    #expect(!text.contains("first") && text.contains("other"))
  }
}
