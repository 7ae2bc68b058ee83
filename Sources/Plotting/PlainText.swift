/// Text from outside (names, units, labels of a device) on its way to a terminal, a page, or a file.
package enum PlainText {
  /// Without what could command a terminal or turn text around: control and format characters become `·`.
  package static func clean(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isUnsafe(scalar) ? "·" : scalar) }
    return String(result)
  }

  private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .surrogate, .lineSeparator, .paragraphSeparator: true
    case .format: scalar != "\u{200D}"
    // Non-characters are not allowed in XML.
    case .unassigned: scalar.value & 0xFFFE == 0xFFFE
    default: false
    }
  }

  /// Columns that a terminal gives to a text: 2 for wide characters, 0 for combining ones.
  package static func width(_ text: String) -> Int {
    text.reduce(0) { $0 + width($1) }
  }

  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    if scalar.value < 0x300 { return 1 }
    // An emoji presentation selector makes any sign a wide one.
    if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return isWide(scalar.value) ? 2 : 1
    }
  }

  /// East Asian wide and full-width characters and emoji (Unicode TR 11), by block.
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
      0x1F680...0x1F6FF, 0x1F7E0...0x1F7EB, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD,
      0x231A...0x231B, 0x23E9...0x23EC, 0x2614...0x2615, 0x2648...0x2653, 0x26A1, 0x2705, 0x274C, 0x2B50:
      true
    default: false
    }
  }

  /// The text cut to so many columns, with `…` (`~` where only ASCII is possible) where something is missing.
  package static func fit(_ text: String, columns: Int, ellipsis: String = "…") -> String {
    if width(text) <= columns { return text }
    guard columns > 0 else { return "" }
    var result = ""
    var used = 0
    for character in text {
      let more = width(character)
      if used + more > columns - 1 { break }
      result.append(character)
      used += more
    }
    return result + ellipsis
  }
}
