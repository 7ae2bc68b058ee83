import TestSupport
import Testing

@Suite struct ScreenModelTests {
  private func screen(_ bytes: String, columns: Int = 10, rows: Int = 4) -> ScreenModel {
    var screen = ScreenModel(columns: columns, rows: rows)
    // In pieces, as a terminal gets them.
    for byte in bytes.utf8 { screen.feed([byte]) }
    return screen
  }

  @Test(arguments: [
    ("abc\rX", "Xbc"), ("abc\u{8}X", "abX"), ("a\tb", "a       b"), ("0123456789", "0123456789"),
    ("0123456789\rX", "X123456789"), ("0123456789X", "0123456789\nX"), ("0123456789\r\nX", "0123456789\nX"),
    ("012345678日", "012345678\n日"), ("日本\u{8}\u{8}\u{8}x", " x本"), ("e\u{301}x", "e\u{301}x"),
    ("日\rx", "x"), ("日\u{1b}[Dx", " x"), ("0123456789\u{301}", "012345678" + "9\u{301}"),
    ("abc\u{1b}[2D\u{1b}[K", "a"), ("abc\u{1b}[1K", ""), ("a\r\nb\u{1b}[A\u{1b}[J", "a"),
    ("a\r\nb\r\nc\u{1b}[2;1H\u{1b}[M", "a\nc"), ("a\r\nb\u{1b}[L", "a\n\nb"), ("abcd\r\u{1b}[2P", "cd"),
    ("abcd\r\u{1b}[2@", "  abcd"), ("a\u{1b}[3CX", "a   X"), ("a\u{1b}[2;3HX", "a\n  X"),
    ("\u{1b}[1;31mred\u{1b}[0m", "red"), ("\u{1b}]0;title\u{7}x", "x"), ("\u{1b}]0;t\u{1b}\\x", "x"),
    ("\u{1b}(Bx", "x"), ("ab\u{1b}7cd\u{1b}8X", "abXd"), ("\u{1b}[?2026hx\u{1b}[?2026l", "x"),
  ])
  func showsWhatATerminalShows(bytes: String, text: String) {
    let screen = screen(bytes)
    #expect(screen.text == text)
    #expect(screen.unknown == [])
  }

  @Test func scrollsAndRemembers() {
    let screen = screen("1\r\n2\r\n3\r\n4\r\n5\r\n6")
    #expect(screen.rows == ["3", "4", "5", "6"])
    #expect(screen.history == "1\n2\n3\n4\n5\n6")
    #expect((screen.row, screen.column) == (3, 1))
  }

  @Test func recordsModesAndBells() {
    let screen = screen("\u{7}\u{1b}[?2004h\u{1b}[?25l\u{1b}[99z")
    #expect(screen.modes == [2004])
    #expect(screen.bells == 1)
    #expect(screen.unknown == ["CSI 99z"])
  }

  @Test func wrapsAnewAtAnotherSize() {
    var screen = screen("> abcdefgh\r\nxy")
    screen.resize(columns: 6, rows: 4)
    #expect(screen.rows == ["> abcd", "efgh", "xy", ""])
    #expect((screen.row, screen.column) == (2, 2))
    screen.resize(columns: 6, rows: 2)
    #expect(screen.rows == ["efgh", "xy"])
    #expect(screen.scrollback == ["> abcd"])
  }
}
