/// What a terminal can show.
public struct TerminalStyle: Sendable, Hashable {
  public enum Glyphs: Sendable {
    /// Eight dots a character.
    case braille
    case ascii
  }

  public var glyphs: Glyphs
  public var hasColours: Bool

  public init(glyphs: Glyphs = .braille, hasColours: Bool = true) {
    self.glyphs = glyphs
    self.hasColours = hasColours
  }

  /// From the environment: ASCII where the locale is not UTF-8 or the terminal has no braille, colours unless
  /// `NO_COLOR` is set or the terminal has none.
  public init(environment: [String: String]) {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let locale = (value("LC_ALL") ?? value("LC_CTYPE") ?? value("LANG") ?? "").lowercased()
    let terminal = value("TERM") ?? "dumb"
    let isUnicode = locale.contains("utf-8") || locale.contains("utf8")
    glyphs = isUnicode && terminal != "dumb" && terminal != "linux" ? .braille : .ascii
    hasColours = value("NO_COLOR") == nil && terminal != "dumb"
  }
}
