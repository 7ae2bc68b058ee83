/// Reads a string token as Lua's lexer does: what its buffer holds, quotes included, which is what messages show, and the
/// first escape that is wrong.
struct LuaStringScan {
  private(set) var buffer: [UInt8] = []
  private(set) var problem: String?
  /// Of the problem.
  private(set) var offset: Int

  private let bytes: [UInt8]
  private let end: Int

  init(_ token: LuaToken, in bytes: [UInt8]) {
    self.bytes = bytes
    offset = token.range.lowerBound
    end = token.range.upperBound
    guard bytes[offset] != UInt8(ascii: "[") else {
      readLong(token)
      return
    }
    readShort(quote: bytes[offset], isClosed: token.kind == .string)
  }

  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func keep() {
    if let byte = current { buffer.append(byte) }
    offset += 1
  }

  /// Line ends count as `\n`, a first one as nothing.
  private mutating func readLong(_ token: LuaToken) {
    let bracket = bytes[offset...].dropFirst().prefix { $0 == UInt8(ascii: "=") }.count + 2
    buffer = Array(bytes[offset..<offset + bracket])
    var rest = token.stringValue(in: bytes)?[...] ?? []
    while let byte = rest.popFirst() {
      if byte.isLineEnd, let second = rest.first, second.isLineEnd, second != byte { rest = rest.dropFirst() }
      buffer.append(byte.isLineEnd ? 10 : byte)
    }
    buffer += bytes[(end - bracket)..<end]
  }

  private mutating func readShort(quote: UInt8, isClosed: Bool) {
    keep()
    let last = isClosed ? end - 1 : end
    while offset < last, problem == nil {
      guard current == UInt8(ascii: "\\") else {
        keep()
        continue
      }
      let mark = buffer.count
      keep()
      guard offset < last, let escape = current else { continue }
      readEscape(escape, last: last, mark: mark)
    }
    if problem == nil, isClosed { keep() }
  }

  /// `mark` is the buffer's length before the backslash: what the escape stands for goes there.
  private mutating func readEscape(_ escape: UInt8, last: Int, mark: Int) {
    func replaced(by byte: UInt8, _ scan: inout LuaStringScan) {
      scan.buffer.removeSubrange(mark...)
      scan.buffer.append(byte)
    }
    switch escape {
    case UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
      UInt8(ascii: "t"), UInt8(ascii: "v"):
      let values: [UInt8: UInt8] = [0x61: 7, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9, 0x76: 11]
      offset += 1
      replaced(by: values[escape]!, &self)
    case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"):
      offset += 1
      replaced(by: escape, &self)
    case UInt8(ascii: "x"):
      guard let high = hexDigit(), let low = hexDigit() else { return }
      offset += 1
      replaced(by: high << 4 | low, &self)
    case UInt8(ascii: "u"): readUnicode(mark: mark)
    case UInt8(ascii: "z"):
      buffer.removeSubrange(mark...)
      offset += 1
      while offset < last, let byte = current, byte.isLuaBlank || byte.isLineEnd { offset += 1 }
    case _ where escape.isLineEnd:
      offset += 1
      if let second = current, second.isLineEnd, second != escape { offset += 1 }
      replaced(by: 10, &self)
    case _ where escape.isDigit:
      var value = 0
      for _ in 0..<3 {
        guard let digit = current, digit.isDigit else { break }
        value = value * 10 + Int(digit - 0x30)
        keep()
      }
      guard value <= 255 else { return fail("decimal escape too large") }
      replaced(by: UInt8(value), &self)
    default: fail("invalid escape sequence")
    }
  }

  /// The one behind the current byte, which is kept; the offset stays on the digit.
  private mutating func hexDigit() -> UInt8? {
    keep()
    guard let digit = current, digit.isHexDigit else {
      fail("hexadecimal digit expected")
      return nil
    }
    return digit.isDigit ? digit - 0x30 : (digit | 0x20) - 0x61 + 10
  }

  private mutating func readUnicode(mark: Int) {
    keep()
    guard current == UInt8(ascii: "{") else { return fail("missing '{'") }
    guard let first = hexDigit() else { return }
    var value = UInt32(first)
    keep()
    while let digit = current, digit.isHexDigit {
      guard value <= 0x7FFF_FFFF >> 4 else { return fail("UTF-8 value too large") }
      value = value << 4 | UInt32(digit.isDigit ? digit - 0x30 : (digit | 0x20) - 0x61 + 10)
      keep()
    }
    guard current == UInt8(ascii: "}") else { return fail("missing '}'") }
    offset += 1
    buffer.removeSubrange(mark...)
    buffer += Self.utf8(value)
  }

  /// Up to six bytes, as Lua writes values beyond Unicode, too.
  private static func utf8(_ value: UInt32) -> [UInt8] {
    guard value >= 0x80 else { return [UInt8(value)] }
    var rest = value
    var tail: [UInt8] = []
    var first: UInt32 = 0x3F
    repeat {
      tail.append(UInt8(0x80 | rest & 0x3F))
      rest >>= 6
      first >>= 1
    } while rest > first
    tail.append(UInt8(truncatingIfNeeded: ~first << 1 | rest))
    return tail.reversed()
  }

  private mutating func fail(_ message: String) {
    if let byte = current { buffer.append(byte) }
    problem = message
  }
}
