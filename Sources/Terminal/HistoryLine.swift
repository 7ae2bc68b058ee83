/// One cell in the history file: a JSON object on a line, `{"t":1763690000.25,"session":"a1","cell":"…"}`.
package struct HistoryLine: Equatable {
  /// Seconds since 1970.
  package var time: Double
  package var session: String
  package var cell: String

  package init(time: Double, session: String, cell: String) {
    self.time = time
    self.session = session
    self.cell = cell
  }

  /// The object and its newline.
  package var encoded: [UInt8] {
    let milliseconds = (time * 1_000).rounded() / 1_000
    return Array(
      #"{"t":\#(milliseconds),"session":\#(Self.quoted(session)),"cell":\#(Self.quoted(cell))}"#.utf8)
      + [0x0a]
  }

  /// Nil for a line that is no such object: cut off, from another program, edited by hand.
  package init?(parsing line: some Collection<UInt8>) {
    var parser = JSONScanner(line)
    guard let fields = parser.object(), let cell = fields["cell"]?.string else { return nil }
    self.init(time: fields["t"]?.number ?? 0, session: fields["session"]?.string ?? "", cell: cell)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case "\u{0}"..<" ", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Reads one flat JSON object; nested values are refused. Takes any bytes.
private struct JSONScanner {
  enum Value {
    case text(String)
    case number(Double)
    case other

    var string: String? { if case .text(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
  }

  private let bytes: [UInt8]
  private var index = 0

  init(_ bytes: some Collection<UInt8>) { self.bytes = Array(bytes) }

  mutating func object() -> [String: Value]? {
    guard take("{") else { return nil }
    var fields: [String: Value] = [:]
    if take("}") { return isAtEnd ? fields : nil }
    repeat {
      guard let key = text(), take(":"), let value = value() else { return nil }
      fields[key] = value
    } while take(",")
    return take("}") && isAtEnd ? fields : nil
  }

  private var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return index == bytes.count
    }
  }

  private mutating func value() -> Value? {
    skipBlanks()
    guard index < bytes.count else { return nil }
    if bytes[index] == UInt8(ascii: "\"") { return text().map(Value.text) }
    let start = index
    while index < bytes.count, !#",}] "#.utf8.contains(bytes[index]) { index += 1 }
    let word = String(decoding: bytes[start..<index], as: UTF8.self)
    if ["true", "false", "null"].contains(word) { return .other }
    return Double(word).map(Value.number)
  }

  private mutating func text() -> String? {
    guard take("\"") else { return nil }
    var result: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let escaped = escape() else { return nil }
        result += Array(String(escaped).utf8)
      default: result.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard index < bytes.count else { return nil }
    let byte = bytes[index]
    index += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "u"):
      guard let unit = hexadecimal() else { return nil }
      guard 0xd800..<0xdc00 ~= unit else { return Unicode.Scalar(unit) ?? "\u{fffd}" }
      guard bytes[index...].starts(with: Array(#"\u"#.utf8)) else { return "\u{fffd}" }
      index += 2
      guard let low = hexadecimal() else { return nil }
      guard 0xdc00..<0xe000 ~= low else { return "\u{fffd}" }
      return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    default: return nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    let digits = String(decoding: bytes[index..<index + 4], as: UTF8.self)
    index += 4
    return digits.allSatisfy(\.isHexDigit) ? UInt32(digits, radix: 16) : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func skipBlanks() {
    while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 || bytes[index] == 0x0d {
      index += 1
    }
  }
}
