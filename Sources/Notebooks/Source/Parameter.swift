package import Lua

/// `name=value` from a command line, typed as Lua reads it: numbers, `true`, `false`, quoted strings; anything else is
/// a string as it stands.
package struct Parameter: Equatable {
  package let name: String
  package let value: LuaValue
  /// The value as it was written, for reports: a password is not in it.
  package let shown: String

  /// Nil when there is no `=`, or the name is none.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    let name = Array(bytes[..<equals].trimmed)
    guard LuaText.isName(name) else { return nil }
    self.name = String(decoding: name, as: UTF8.self)
    let written = Array(bytes[(equals + 1)...])
    value = Self.value(written)
    shown =
      SourceSecrets.isSecretName(name) ? SourceSecrets.mark : String(decoding: written, as: UTF8.self)
  }

  private static func value(_ bytes: [UInt8]) -> LuaValue {
    var tokens = LuaLexer.tokens(bytes)
    let isNegative = tokens.first?.is(.minus) ?? false
    if isNegative { tokens.removeFirst() }
    guard tokens.count == 1, let token = tokens.first else { return .string(LuaString(bytes)) }
    switch token.kind {
    case .keyword(.true) where !isNegative: return true
    case .keyword(.false) where !isNegative: return false
    case .string where !isNegative: return .string(LuaString(token.stringValue(in: bytes) ?? []))
    case .number:
      guard let value = number(token.text(in: bytes)) else { break }
      switch value {
      case .integer(let value): return .integer(isNegative ? 0 &- value : value)
      case .number(let value): return .number(isNegative ? -value : value)
      default: break
      }
    default: break
    }
    return .string(LuaString(bytes))
  }

  /// A numeral's value: decimal integers that do not fit become floats, hexadecimal ones wrap around.
  private static func number(_ numeral: String) -> LuaValue? {
    let text = numeral.lowercased()
    guard text.hasPrefix("0x") else {
      if let value = Int64(text) { return .integer(value) }
      let isBare = text.hasPrefix(".")
      return Double(
        (isBare ? "0" : "") + text.replacing(".e", with: ".0e") + (text.hasSuffix(".") ? "0" : "")
      ).map { .number($0) }
    }
    guard text.contains(".") || text.contains("p") else {
      let value = text.utf8.dropFirst(2).reduce(UInt64(0)) { value, digit in
        value << 4 | UInt64(digit.isDigit ? digit - 0x30 : digit - 0x61 + 10)
      }
      return .integer(Int64(bitPattern: value))
    }
    var mantissa = 0.0
    var exponent = 0
    var seenPoint = false
    var rest = text.utf8.dropFirst(2)
    while let digit = rest.first, digit != UInt8(ascii: "p") {
      rest = rest.dropFirst()
      if digit == UInt8(ascii: ".") {
        seenPoint = true
      } else {
        mantissa = mantissa * 16 + Double(digit.isDigit ? digit - 0x30 : digit - 0x61 + 10)
        if seenPoint { exponent -= 4 }
      }
    }
    if !rest.isEmpty {
      guard let power = Int(String(decoding: rest.dropFirst(), as: UTF8.self)) else {
        return .number(mantissa == 0 ? 0 : .infinity)
      }
      exponent += max(-100_000, min(100_000, power))
    }
    return .number(Double(sign: .plus, exponent: exponent, significand: mantissa))
  }
}
