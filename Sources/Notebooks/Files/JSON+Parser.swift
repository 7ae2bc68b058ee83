extension JSON {
  package struct ParseError: Error, Equatable, Sendable {
    package let message: String
    /// Byte offset.
    package let position: Int
  }

  package init(parsing bytes: [UInt8]) throws(ParseError) {
    var parser = Parser(bytes)
    self = try parser.value(depth: 0)
    parser.skipBlanks()
    guard parser.position == bytes.count else { throw parser.failure("text behind the value") }
  }

  /// The value at the beginning of `bytes` and its length; for values inside other text.
  package static func prefix(of bytes: ArraySlice<UInt8>) throws(ParseError) -> (value: JSON, length: Int) {
    var parser = Parser(Array(bytes))
    let value = try parser.value(depth: 0)
    return (value, parser.position)
  }

  /// RFC 8259; lone surrogates become U+FFFD, the last of equal keys counts.
  private struct Parser {
    let bytes: [UInt8]
    var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func failure(_ message: String) -> ParseError { ParseError(message: message, position: position) }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipBlanks() {
      while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard current == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) throws(ParseError) -> JSON {
      guard depth < Limits.jsonDepth else { throw failure("nested too deep") }
      skipBlanks()
      switch current {
      case UInt8(ascii: "{"): return try object(depth: depth)
      case UInt8(ascii: "["): return try array(depth: depth)
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .bool(true))
      case UInt8(ascii: "f"): return try word("false", .bool(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      case .some(let byte) where byte == UInt8(ascii: "-") || byte.isDigit: return try number()
      default: throw failure("a value is missing")
      }
    }

    private mutating func word(_ text: String, _ value: JSON) throws(ParseError) -> JSON {
      guard bytes[position...].starts(with: text.utf8) else { throw failure("unknown word") }
      position += text.utf8.count
      return value
    }

    private mutating func object(depth: Int) throws(ParseError) -> JSON {
      position += 1
      var members: [Member] = []
      skipBlanks()
      if take("}") { return .object([]) }
      while true {
        skipBlanks()
        guard current == UInt8(ascii: "\"") else { throw failure("a key is missing") }
        let key = try string()
        skipBlanks()
        guard take(":") else { throw failure("`:` is missing") }
        members.append(Member(key, try value(depth: depth + 1)))
        skipBlanks()
        if take("}") { return .object(members) }
        guard take(",") else { throw failure("`,` or `}` is missing") }
      }
    }

    private mutating func array(depth: Int) throws(ParseError) -> JSON {
      position += 1
      var values: [JSON] = []
      skipBlanks()
      if take("]") { return .array([]) }
      while true {
        values.append(try value(depth: depth + 1))
        skipBlanks()
        if take("]") { return .array(values) }
        guard take(",") else { throw failure("`,` or `]` is missing") }
      }
    }

    private mutating func number() throws(ParseError) -> JSON {
      let start = position
      var isInteger = true
      _ = take("-")
      let first = position
      while let byte = current, byte.isDigit { position += 1 }
      guard position > first, bytes[first] != UInt8(ascii: "0") || position == first + 1 else {
        throw failure("malformed number")
      }
      if take(".") {
        isInteger = false
        guard let digit = current, digit.isDigit else { throw failure("malformed number") }
        while let byte = current, byte.isDigit { position += 1 }
      }
      if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
        isInteger = false
        position += 1
        if !take("+") { _ = take("-") }
        guard let digit = current, digit.isDigit else { throw failure("malformed number") }
        while let byte = current, byte.isDigit { position += 1 }
      }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      if isInteger, let value = Int64(text) { return .integer(value) }
      guard let value = Double(text), value.isFinite else { throw failure("number out of range") }
      return .number(value)
    }

    private mutating func string() throws(ParseError) -> String {
      position += 1
      var text: [UInt8] = []
      while let byte = current {
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
        case UInt8(ascii: "\\"): try escape(into: &text)
        case 0..<0x20: throw failure("a control byte in a string")
        default: text.append(byte)
        }
      }
      throw failure("unfinished string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(ParseError) {
      guard let byte = current else { throw failure("unfinished string") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
      case UInt8(ascii: "b"): text.append(8)
      case UInt8(ascii: "f"): text.append(12)
      case UInt8(ascii: "n"): text.append(10)
      case UInt8(ascii: "r"): text.append(13)
      case UInt8(ascii: "t"): text.append(9)
      case UInt8(ascii: "u"):
        var scalar = try codeUnit()
        if (0xD800..<0xDC00).contains(scalar), position + 1 < bytes.count,
          bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        {
          let before = position
          position += 2
          let low = try codeUnit()
          if (0xDC00..<0xE000).contains(low) {
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
          } else {
            position = before
          }
        }
        text.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
      default: throw failure("unknown escape")
      }
    }

    private mutating func codeUnit() throws(ParseError) -> UInt32 {
      guard position + 4 <= bytes.count, bytes[position..<position + 4].allSatisfy(\.isHexDigit),
        let unit = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
      else { throw failure("malformed escape") }
      position += 4
      return unit
    }
  }
}
