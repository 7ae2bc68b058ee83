package import Lua

/// Numbers and strings as Lua source, safe on a terminal.
package enum LuaText {
  /// Shortest digits that read back as the same number; a float always looks like one.
  package static func number(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return "\(value)"
  }

  package static func integer(_ value: Int64) -> String { "\(value)" }

  /// In double quotes, at most `limit` bytes of it.
  package static func quoted(_ string: LuaString, limit: Int = Limits.nestedStringBytes) -> String {
    let (text, isCut) = escaped(string, limit: limit, quoting: true)
    return "\"\(text)\"" + (isCut ? "…" : "")
  }

  /// As it is, but for bytes that would move the cursor or change colours.
  /// - Parameter showsBlanks: shows blanks that are not the plain one, too: in source text they mean something else.
  package static func plain(
    _ string: LuaString, limit: Int = Limits.echoBytes, showsBlanks: Bool = false
  ) -> String {
    let (text, isCut) = escaped(string, limit: limit, quoting: false, showsBlanks: showsBlanks)
    return isCut ? "\(text)… (\(string.bytes.count) bytes)" : text
  }

  private static func escaped(
    _ string: LuaString, limit: Int, quoting: Bool, showsBlanks: Bool = true
  ) -> (String, isCut: Bool) {
    var out = ""
    var rest = string.bytes[...]
    while !rest.isEmpty {
      if out.utf8.count >= limit { return (out, true) }
      let length = scalarLength(rest)
      guard length > 0 else {
        out += "\\x" + hex(rest.removeFirst())
        continue
      }
      let scalar = String(decoding: rest.prefix(length), as: UTF8.self).unicodeScalars.first!
      rest = rest.dropFirst(length)
      if showsBlanks, isOddBlank(scalar) {
        out += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        continue
      }
      append(scalar, to: &out, quoting: quoting, nextIsDigit: rest.first?.isDigit ?? false)
    }
    return (out, false)
  }

  private static func append(_ scalar: Unicode.Scalar, to out: inout String, quoting: Bool, nextIsDigit: Bool)
  {
    switch scalar {
    case "\n": out += quoting ? "\\n" : "\n"
    case "\t": out += quoting ? "\\t" : "\t"
    case "\r": out += "\\r"
    case "\"" where quoting: out += "\\\""
    case "\\" where quoting: out += "\\\\"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7F {
        out += nextIsDigit ? "\\x" + hex(UInt8(scalar.value)) : "\\\(scalar.value)"
      } else if scalar.value >= 0x80, isInvisible(scalar) {
        out += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
  }

  /// What looks like the plain blank, or like nothing; the ideographic one shows by its width.
  private static func isOddBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x80 && scalar.value != 0x3000 && scalar.properties.generalCategory == .spaceSeparator
  }

  /// C1 controls, direction marks and their like: what a terminal obeys instead of showing.
  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
    case .format: scalar.value != 0x200D && scalar.value != 0x200C
    default: false
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }

  /// Bytes of the valid UTF-8 sequence at the beginning; 0 when there is none.
  private static func scalarLength(_ bytes: ArraySlice<UInt8>) -> Int {
    guard let first = bytes.first else { return 0 }
    let length =
      first < 0x80
      ? 1
      : first >= 0xC2 && first < 0xE0 ? 2 : first & 0xF0 == 0xE0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0
    guard length > 1, bytes.count >= length else { return length == 1 ? 1 : 0 }
    return String(validating: bytes.prefix(length), as: UTF8.self) == nil ? 0 : length
  }

  package static func isName(_ bytes: [UInt8]) -> Bool {
    guard let first = bytes.first, first.isNameStart, bytes.allSatisfy(\.isNamePart) else { return false }
    return LuaLexer.tokens(bytes).first?.kind == .name
  }
}
