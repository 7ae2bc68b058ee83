import Randomness
import Terminal
import TestSupport
import Testing

@Suite struct LineViewTests {
  init() { TextWidth.useUTF8Locale() }

  private func layout(_ text: String, cursor: Int? = nil, columns: Int = 20, note: String? = nil)
    -> TextLayout
  {
    let scalars = Array(text.unicodeScalars)
    return TextLayout(
      prompt: "[1]> ", continuation: "...> ", text: scalars, cursor: cursor ?? scalars.count, note: note,
      columns: columns)
  }

  private func rows(_ layout: TextLayout) -> [String] { layout.rows.map { $0.map(\.text).joined() } }

  @Test func wrapsAtTheLastColumn() {
    let full = layout("123456789012345")
    #expect(rows(full) == ["[1]> 123456789012345", ""])
    #expect((full.cursorRow, full.cursorColumn) == (1, 0))
    #expect(rows(layout("1234567890123456")) == ["[1]> 123456789012345", "6"])
  }

  @Test func continuesLinesWithAPromptOfTheirOwn() {
    let two = layout("ab\ncd", cursor: 3)
    #expect(rows(two) == ["[1]> ab", "...> cd"])
    #expect((two.cursorRow, two.cursorColumn) == (1, 5))
    let full = layout("123456789012345\nx", cursor: 15)
    #expect(rows(full) == ["[1]> 123456789012345", "...> x"])
    #expect((full.cursorRow, full.cursorColumn) == (0, 19))
  }

  @Test func keepsWideCharactersWhole() {
    let wide = layout("12345678901234日", columns: 20)
    #expect(rows(wide) == ["[1]> 12345678901234", "日"])
    #expect(layout("日本", cursor: 1).cursorColumn == 7)
    #expect(rows(layout("e\u{301}x")) == ["[1]> e\u{301}x"])
  }

  @Test func showsTabsAndControlCharacters() {
    #expect(rows(layout("a\tb\u{1}")) == ["[1]> a       b^A"])
    #expect(rows(layout("\u{301}")) == ["[1]> \u{301}"])
    #expect(rows(layout("\n\u{301}", columns: 20))[1] == "...> \u{301}")
  }

  @Test func takesNoRoomForColours() {
    let layout = TextLayout(
      prompt: "\u{1b}[1;32m[1]\u{1b}[0m> ", continuation: "", text: ["x"], cursor: 1, columns: 20)
    #expect(rows(layout) == ["[1]> x"])
    #expect(layout.rows[0].map(\.style) == ["\u{1b}[1;32m", "\u{1b}[1;32m", "\u{1b}[1;32m", "", "", ""])
  }

  @Test func aJoinedEmojiHasTheRoomThatItMayNeed() {
    // 👩‍🌾 may be drawn in four columns: none of them behind the edge.
    let wide = layout("1234567890123👩‍🌾x", columns: 20)
    #expect(rows(wide) == ["[1]> 1234567890123", "👩‍🌾x"])
    #expect(wide.rows[1].map(\.columns) == [2, 1])
    #expect(rows(layout("12345678901👩‍🌾x", columns: 20)) == ["[1]> 12345678901👩‍🌾x"])
  }

  /// The law of the view: whatever was drawn before, the screen is as if the text had been drawn afresh.
  @Test(arguments: 0..<36)
  func drawsChangesAsIfAfresh(seed: UInt64) {
    var random = SplitMix(seed: seed)
    let joins = seed >= 24
    // Where a terminal joins, a person types and takes away whole clusters.
    let letters = "abc 日🙂\n\n\t\u{1}e\u{301}xyz"
    let alphabet =
      joins
      ? (letters + "👩‍🌾👍🏽🇩🇪").map { Array($0.unicodeScalars) } : letters.unicodeScalars.map { [$0] }
    var columns = 12
    let height = 8
    var screen = ScreenModel(columns: columns, rows: height)
    screen.joinsEmoji = joins
    var view = LineView()
    var text: [[Unicode.Scalar]] = []
    var above = 0
    for step in 0..<150 {
      let cursor = Int.random(in: 0...text.count, using: &random)
      switch Int.random(in: 0..<12, using: &random) {
      case 0..<6: text.insert(alphabet.randomElement(using: &random)!, at: cursor)
      case 6..<8: if cursor < text.count { text.remove(at: cursor) }
      case 8: if text.count > 40 { text.removeSubrange(10...) }
      case 9:
        screen.feed(onlcr(view.erase(columns: columns) + "line \(above)\n"))
        above += 1
      case 10:
        let newColumns = Int.random(in: 8...16, using: &random)
        screen.resize(columns: newColumns, rows: height)
        // Whoever draws next finds out by himself, too.
        if step % 2 == 0 { screen.feed(onlcr(view.erase(columns: newColumns))) }
        columns = newColumns
      default: text = []
      }
      let place = text.prefix(cursor).joined().count
      let wanted = TextLayout(
        prompt: "\u{1b}[32m1>\u{1b}[0m ", continuation: ".> ", text: Array(text.joined()), cursor: place,
        note: step % 7 == 0 ? "search: x_" : nil, columns: columns)
      screen.feed(onlcr(view.draw(wanted, height: height)))

      var fresh = ScreenModel(columns: columns, rows: height)
      fresh.joinsEmoji = joins
      var freshView = LineView()
      fresh.feed(onlcr(freshView.draw(wanted, height: height)))
      let shown = min(height, wanted.rows.count)
      if wanted.rows.count <= height {
        let top = screen.row - wanted.cursorRow
        #expect(Array(screen.rows[top..<top + shown]) == Array(fresh.rows.prefix(shown)), "step \(step)")
        #expect(screen.rows[(top + shown)...].joined() == "", "step \(step)")
      }
      #expect(screen.column == fresh.column, "step \(step)")
      #expect(screen.unknown.isEmpty)
    }
  }

  @Test func showsTheRowsAroundTheCursorOfATallText() {
    var screen = ScreenModel(columns: 20, rows: 4)
    var view = LineView()
    let text = (1...9).map(String.init).joined(separator: "\n")
    screen.feed(onlcr(view.draw(layout(text), height: 4)))
    #expect(screen.rows == ["...> 6", "...> 7", "...> 8", "...> 9"])
    screen.feed(onlcr(view.draw(layout(text, cursor: 0), height: 4)))
    #expect(screen.rows == ["[1]> 1", "...> 2", "...> 3", "...> 4"])
    screen.feed(onlcr(view.finish(layout(text), height: 4)))
    #expect(screen.history == "[1]> 1\n" + (2...9).map { "...> \($0)" }.joined(separator: "\n"))
    #expect(screen.column == 0)
    #expect(screen.rows[screen.row].isEmpty)
  }
}

/// What the terminal driver does to a newline.
func onlcr(_ text: String) -> String { text.replacing("\n", with: "\r\n") }
