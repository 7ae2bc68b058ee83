/// Which characters make one picture on the screen, and how wide it is.
///
/// What has no width of its own joins the character before it on every terminal. What joins two pictures into one (a
/// zero width joiner, a skin colour, the two letters of a flag) does so on some terminals only: such a picture takes as
/// many columns as one alone here, may take ``most``, and who draws it says where the next one begins.
package struct GlyphScan {
  /// Columns that are kept for it.
  package private(set) var columns = 0
  /// Columns that a terminal may need which joins nothing.
  package private(set) var most = 0
  /// Terminals do not agree about it.
  package private(set) var isUncertain = false

  private var base: Unicode.Scalar?
  private var last: Unicode.Scalar?
  private var letters = 0

  package init() {}

  /// Takes the scalar when it belongs to the same picture as those before it; the first always does.
  package mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    let width = TextWidth.columns(of: scalar)
    guard let base, let last else {
      (columns, most, base, self.last) = (width ?? 1, width ?? 1, scalar, scalar)
      letters = Self.isFlagLetter(scalar) ? 1 : 0
      return true
    }
    // Controls are shown as two characters, and take nothing with them.
    guard let width, TextWidth.columns(of: base) != nil else { return false }
    if width == 0 {
      if scalar == "\u{fe0f}", Self.isPictograph(base), columns == 1 {
        (columns, most, isUncertain) = (2, max(most, 2), true)
      }
    } else if Self.isFlagLetter(scalar), letters == 1, last == base {
      (columns, most, isUncertain, letters) = (2, 4, true, 2)
    } else if last == "\u{200d}" && Self.isPictograph(scalar)
      || scalar.properties.isEmojiModifier && last.properties.isEmojiModifierBase
    {
      (columns, most, isUncertain) = (2, most + width, true)
    } else {
      return false
    }
    self.last = scalar
    return true
  }

  /// Where the picture ends that begins at an index.
  package static func end(
    of text: some Collection<Unicode.Scalar>, from start: Int
  ) -> (end: Int, scan: GlyphScan) {
    var scan = GlyphScan()
    var count = 0
    for scalar in text.dropFirst(start) {
      guard scan.take(scalar) else { break }
      count += 1
    }
    return (start + count, scan)
  }

  private static func isFlagLetter(_ scalar: Unicode.Scalar) -> Bool { 0x1f1e6...0x1f1ff ~= scalar.value }

  private static func isPictograph(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value > 0xa0 && scalar.properties.isEmoji
  }
}

extension GlyphScan {
  /// Scalars that a person takes for one character, around an index of a text: what a key moves over or takes away.
  /// Lines are apart; at an end of the text or of a line nothing.
  package static func cluster(in text: some Collection<Unicode.Scalar>, at index: Int) -> Range<Int> {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: text)
    var start = 0
    for character in String(view) {
      // "\r\n" is one character to Unicode, and a newline after something else here.
      let count = character.unicodeScalars.count
      if index < start + count { return character.isNewline ? index..<index + 1 : start..<start + count }
      start += count
    }
    return index..<index + 1
  }
}
