/// A character that Lua cannot read and that a person does not see, or takes for another one: what editors, web pages
/// and word processors put in the place of blanks, quotes and minus signs.
package enum StrangeCharacter {
  /// A sentence about the one that a message of Lua is about, `unexpected symbol near '<\194>'`; nil where none is.
  /// - Parameter line: the line that the message names, as it stands in the source.
  static func hint(message: String, line: [UInt8]) -> String? {
    if let byte = nearByte(message) {
      guard
        let token = LuaLexer.tokens(line).first(where: {
          $0.kind == .unknown && line[$0.range.lowerBound] == byte
        })
      else { return nil }
      return sentence(at: token.range.lowerBound, in: line)
    }
    // A string that such a quote was to end goes on to the end of its line.
    guard message.contains("unfinished string") else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    return text.unicodeScalars.indices.first { quotes.contains(text.unicodeScalars[$0]) }.flatMap {
      sentence(at: text.utf8.distance(from: text.startIndex, to: $0), in: line)
    }
  }

  /// The byte in `near '<\226>'`, when it is none of ASCII.
  private static func nearByte(_ message: String) -> UInt8? {
    guard let start = message.firstRange(of: "near '<\\")?.upperBound else { return nil }
    let digits = message[start...].prefix { $0.isASCII && $0.isNumber }
    guard message[digits.endIndex...].hasPrefix(">'"), let byte = UInt8(digits), byte >= 0x80 else {
      return nil
    }
    return byte
  }

  private static func sentence(at offset: Int, in line: [UInt8]) -> String {
    let column = String(decoding: line[..<offset], as: UTF8.self).count + 1
    guard let scalar = scalar(line[offset...]) else {
      let digits = String(line[offset], radix: 16, uppercase: true)
      return "the byte 0x\(digits) in column \(column) is no UTF-8: save the file as UTF-8"
    }
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    let place = "\(code) in column \(column)"
    if quotes.contains(scalar) { return "\(scalar) is no quote of Lua: write \" or ' (\(place))" }
    if scalar == "\u{2212}" || scalar.properties.generalCategory == .dashPunctuation {
      return "\(scalar) is no minus of Lua: write - (\(place))"
    }
    if let meant = meant(by: scalar) { return "\(scalar) is no symbol of Lua: write \(meant) (\(place))" }
    let name = (scalar.properties.name ?? scalar.properties.nameAlias ?? "character").lowercased()
    let article = "aeiou".contains(name.first ?? "c") ? "an" : "a"
    switch scalar.properties.generalCategory {
    case .spaceSeparator, .lineSeparator, .paragraphSeparator:
      return "\(article) \(name) (\(code)) stands in column \(column), where Lua wants a plain blank"
    case .format, .control, .nonspacingMark, .enclosingMark, .privateUse, .unassigned:
      return "\(article) \(name) (\(code)) stands in column \(column): take it away"
    default:
      return scalar.properties.isAlphabetic
        ? "\(scalar) (\(code), \(name)) stands in column \(column): names are made of a to z, A to Z, 0 to 9 and _"
        : "\(scalar) (\(code), \(name)) stands in column \(column): outside of strings Lua has no such sign"
    }
  }

  /// The first character of text; nil when it is no UTF-8.
  private static func scalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    (1...4).lazy.compactMap { String(validating: bytes.prefix($0), as: UTF8.self)?.unicodeScalars.first }
      .first
  }

  private static let quotes = Set("‘’‚‛“”„‟«»‹›´′″＂＇`「」『』".unicodeScalars)

  private static func meant(by scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "×", "∗", "⋅", "·", "∙": "*"
    case "÷", "∕", "⁄": "/"
    case "≤", "⩽": "<="
    case "≥", "⩾": ">="
    case "≠": "~="
    case "…": "..."
    case "‥": ".."
    case "∼", "˜": "~"
    case "∣", "¦": "|"
    case "ˆ": "^"
    case "、", "，": ","
    case "。": "."
    // The wide forms of ASCII.
    case "\u{FF01}"..."\u{FF5E}":
      Unicode.Scalar(scalar.value - 0xFEE0).map { $0 == "!" ? "not" : String($0) }
    default: nil
    }
  }
}
