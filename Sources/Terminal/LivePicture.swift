/// Repaints a picture of text in place: only the rows that changed, in one synchronised update, so that nothing flickers.
/// ``TerminalWriter`` writes what the calls return.
package struct LivePicture: Sendable {
  private var shown: [String] = []

  package init() {}

  /// The bytes that bring the terminal from the last picture to this one. The cursor rests below the picture, hidden.
  /// - Parameter lines: rows without line ends, none wider than the terminal.
  package mutating func update(_ lines: [String]) -> String {
    var text = "\u{1B}[?2026h"
    if shown.isEmpty { text += "\u{1B}[?25l" } else { text += "\u{1B}[\(shown.count)A" }
    for position in 0..<max(lines.count, shown.count) {
      let line = position < lines.count ? lines[position] : ""
      let isSame = position < shown.count && shown[position] == line
      // Erased first: behind a row as wide as the terminal the cursor is still on its last character.
      text += isSame ? "\n" : "\r\u{1B}[K\(line)\n"
    }
    let surplus = shown.count - lines.count
    if surplus > 0 { text += "\u{1B}[\(surplus)A" }
    shown = lines
    return text + "\r\u{1B}[?2026l"
  }

  /// The bytes that take the picture away, for text that comes in its place; the next one is drawn below that.
  package mutating func erase() -> String {
    defer { shown = [] }
    return shown.isEmpty ? "" : "\u{1B}[\(shown.count)A\r\u{1B}[J\u{1B}[?25h"
  }

  /// The bytes that begin anew on an empty screen: rows of another width have wrapped in a terminal that changed its size.
  package mutating func restart() -> String {
    defer { shown = [] }
    return shown.isEmpty ? "" : "\u{1B}[H\u{1B}[2J"
  }

  /// The bytes that give the cursor back; the last picture stays.
  package mutating func finish() -> String {
    defer { shown = [] }
    return shown.isEmpty ? "" : "\u{1B}[?25h"
  }
}
