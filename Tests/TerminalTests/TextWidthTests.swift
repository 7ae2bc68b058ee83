import Terminal
import Testing

@Suite struct TextWidthTests {
  init() { TextWidth.useUTF8Locale() }

  @Test(arguments: [
    ("abc", 3), ("日本", 4), ("e\u{301}", 1), ("🙂", 2), ("\u{1b}[31mred\u{1b}[0m", 3), ("", 0),
    ("\u{1b}]0;title\u{7}x", 1), ("x👩‍🌾y", 4), ("👍🏽", 2), ("🇩🇪🇫🇷", 4), ("❤️", 2), ("👩\u{200d}x", 3),
    ("a\u{200d}日", 3),
  ])
  func countsColumns(text: String, columns: Int) {
    #expect(TextWidth.columns(of: text) == columns)
  }

  @Test(arguments: [
    ("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("日本語", 4, "日…"), ("日本語", 5, "日本…"), ("abc", 0, ""),
    ("👩‍🌾👩‍🌾", 3, "👩‍🌾…"),
  ])
  func cutsToColumns(text: String, limit: Int, expected: String) {
    #expect(TextWidth.truncated(text, to: limit) == expected)
  }

  @Test func listsNamesDownwards() {
    #expect(TextWidth.columnList(["a", "bb", "ccc", "日", "e"], width: 12) == "a    日\nbb   e\nccc\n")
    #expect(TextWidth.columnList(["too long for it"], width: 4) == "too long for it\n")
  }
}
