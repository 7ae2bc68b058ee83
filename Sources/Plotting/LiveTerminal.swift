/// Repaints a picture in place: only the rows that changed, in one synchronised update, so that nothing flickers.
///
/// The terminal's owner writes what the calls return, and keeps other output away meanwhile.
public struct LiveTerminal: Sendable {
  /// Pictures a second that are worth drawing.
  public static let framesPerSecond = 10

  private var shown: [String] = []

  public init() {}

  /// The bytes that bring the terminal from the last picture to this one. The cursor rests below the picture.
  public mutating func update(_ lines: [String]) -> String {
    var text = "\u{1B}[?2026h"
    if shown.isEmpty { text += "\u{1B}[?25l" } else { text += "\u{1B}[\(shown.count)A" }
    for position in 0..<max(lines.count, shown.count) {
      let line = position < lines.count ? lines[position] : ""
      let isSame = position < shown.count && shown[position] == line
      text += isSame ? "\n" : "\r\(line)\u{1B}[K\n"
    }
    let surplus = shown.count - lines.count
    if surplus > 0 { text += "\u{1B}[\(surplus)A" }
    shown = lines
    return text + "\r\u{1B}[?2026l"
  }

  /// The bytes that give the cursor back; the last picture stays.
  public mutating func finish() -> String {
    defer { shown = [] }
    return shown.isEmpty ? "" : "\u{1B}[?25h"
  }
}
