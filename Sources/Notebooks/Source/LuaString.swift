extension LuaToken {
  package func text(in bytes: [UInt8]) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// What a string token stands for, escapes resolved; nil for other tokens. Bad escapes stay as written.
  /// Also takes an unfinished string: what is typed so far.
  package func stringValue(in bytes: [UInt8]) -> [UInt8]? {
    var body = bytes[range]
    switch kind {
    case .string, .unfinishedString, .unfinishedLongString: break
    default: return nil
    }
    if body.first == UInt8(ascii: "[") {
      let level = body.dropFirst().prefix { $0 == UInt8(ascii: "=") }.count
      body = body.dropFirst(level + 2)
      if kind == .string { body = body.dropLast(level + 2) }
      return Array(Self.droppingFirstLineEnd(body))
    }
    body = body.dropFirst()
    if kind == .string { body = body.dropLast() }
    return Self.unescaped(body)
  }

  private static func droppingFirstLineEnd(_ body: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let first = body.first, first.isLineEnd else { return body }
    let rest = body.dropFirst()
    if let second = rest.first, second.isLineEnd, second != first { return rest.dropFirst() }
    return rest
  }

  private static func unescaped(_ body: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = body
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        result.append(byte)
        continue
      }
      switch escape {
      case UInt8(ascii: "a"): result.append(7)
      case UInt8(ascii: "b"): result.append(8)
      case UInt8(ascii: "f"): result.append(12)
      case UInt8(ascii: "n"): result.append(10)
      case UInt8(ascii: "r"): result.append(13)
      case UInt8(ascii: "t"): result.append(9)
      case UInt8(ascii: "v"): result.append(11)
      case UInt8(ascii: "z"): rest = rest.drop { $0.isLuaBlank || $0.isLineEnd }
      case UInt8(ascii: "x"):
        let digits = rest.prefix(2).prefix(while: \.isHexDigit)
        if digits.count == 2, let value = number(digits, radix: 16) { result.append(UInt8(value)) }
        rest = rest.dropFirst(digits.count)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let digits = [escape] + rest.prefix(2).prefix(while: \.isDigit)
        if let value = number(digits[...], radix: 10), value < 256 { result.append(UInt8(value)) }
        rest = rest.dropFirst(digits.count - 1)
      case UInt8(ascii: "u"):
        guard rest.first == UInt8(ascii: "{") else { continue }
        let digits = rest.dropFirst().prefix(8).prefix(while: \.isHexDigit)
        rest = rest.dropFirst(digits.count + 1)
        if rest.first == UInt8(ascii: "}") { rest = rest.dropFirst() }
        if let value = number(digits, radix: 16), let scalar = Unicode.Scalar(UInt32(value)) {
          result.append(contentsOf: String(scalar).utf8)
        }
      case let lineEnd where lineEnd.isLineEnd:
        result.append(10)
        if let second = rest.first, second.isLineEnd, second != lineEnd { rest = rest.dropFirst() }
      default: result.append(escape)
      }
    }
    return result
  }

  private static func number(_ digits: ArraySlice<UInt8>, radix: Int) -> Int? {
    Int(String(decoding: digits, as: UTF8.self), radix: radix)
  }
}
