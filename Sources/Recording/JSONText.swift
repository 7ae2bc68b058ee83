import Glibc

/// JSON as it is read here: 64-bit integers stay exact, and Python's NaN and Infinity are numbers.
enum JSONValue {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string([UInt8])
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])

  subscript(_ key: String) -> JSONValue? {
    guard case .object(let fields) = self else { return nil }
    return fields.first { $0.key == key }?.value
  }

  var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
  var text: String? {
    if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  var integer: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int64(exactly: value)
    default: nil
    }
  }

  var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

/// Reads JSON from bytes that end in a zero byte. Never traps; nil for anything that is none.
struct JSONReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position: Int
  private let end: Int
  /// Values that may still come: each takes more memory than the two bytes that it may stand in.
  private var left = Limits.loadSamples

  /// - Parameter bytes: valid while this lives, with a readable byte behind `range`.
  init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// One value and nothing else.
  static func read(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> JSONValue? {
    var reader = JSONReader(bytes, range)
    guard let value = reader.value(Limits.jsonDepth) else { return nil }
    reader.skipBlanks()
    return reader.position == reader.end ? value : nil
  }

  private var next: UInt8 { position < end ? bytes[position] : 0 }

  private mutating func skipBlanks() {
    while position < end, bytes[position] == 0x20 || (0x09...0x0D).contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ byte: Character) -> Bool {
    skipBlanks()
    guard next == byte.asciiValue! else { return false }
    position += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard end - position >= length, memcmp(bytes.baseAddress! + position, word.utf8Start, length) == 0 else {
      return false
    }
    position += length
    return true
  }

  private mutating func value(_ depth: Int) -> JSONValue? {
    guard depth > 0, left > 0 else { return nil }
    left -= 1
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return object(depth)
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
    case UInt8(ascii: "N"): return take(word: "NaN") ? .number(.nan) : nil
    case UInt8(ascii: "I"): return take(word: "Infinity") ? .number(.infinity) : nil
    default: return number()
    }
  }

  private mutating func number() -> JSONValue? {
    if take(word: "-Infinity") { return .number(-.infinity) }
    let begin = position
    var isWhole = true
    loop: while position < end {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
      default: break loop
      }
      position += 1
    }
    guard position > begin, position - begin < 400 else { return nil }
    let field = UnsafeBufferPointer(rebasing: bytes[begin..<position])
    if isWhole {
      if let value = NumberText.integer(field) { return .integer(value) }
      if let value = NumberText.unsigned(field) { return .unsigned(value) }
    }
    return NumberText.double(field).map { .number($0) }
  }

  private mutating func array(_ depth: Int) -> JSONValue? {
    position += 1
    var values: [JSONValue] = []
    if take("]") { return .array(values) }
    while true {
      guard let value = value(depth - 1) else { return nil }
      values.append(value)
      if take("]") { return .array(values) }
      guard take(",") else { return nil }
    }
  }

  private mutating func object(_ depth: Int) -> JSONValue? {
    position += 1
    var fields: [(key: String, value: JSONValue)] = []
    if take("}") { return .object(fields) }
    while true {
      skipBlanks()
      guard next == UInt8(ascii: "\""), let key = string(), take(":"), let value = value(depth - 1) else {
        return nil
      }
      fields.append((String(decoding: key, as: UTF8.self), value))
      if take("}") { return .object(fields) }
      guard take(",") else { return nil }
    }
  }

  private mutating func string() -> [UInt8]? {
    position += 1
    var text: [UInt8] = []
    while position < end {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"):
        guard let escaped = escape() else { return nil }
        text += escaped
      default: text.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> [UInt8]? {
    let letter = next
    position += 1
    switch letter {
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "u"):
      guard var code = hexadecimal() else { return nil }
      if code & 0xFC00 == 0xD800, take(word: "\\u"), let low = hexadecimal() {
        code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
      }
      return Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
    default: return nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    guard end - position >= 4 else { return nil }
    defer { position += 4 }
    return UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
  }
}

/// JSON as it is written here.
enum JSONText {
  static func quoted(_ text: String) -> String { quoted(text.utf8) }

  /// Bytes that are UTF-8, as a string of JSON.
  static func quoted(_ bytes: some Sequence<UInt8>) -> String {
    var result: [UInt8] = [UInt8(ascii: "\"")]
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
      case 0x0A: result += Array("\\n".utf8)
      case 0x09: result += Array("\\t".utf8)
      case 0..<0x20: result += Array("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
      default: result.append(byte)
      }
    }
    result.append(UInt8(ascii: "\""))
    return String(decoding: result, as: UTF8.self)
  }

  /// `{"a": 1, "b": 2}` of fields that are JSON already; those without a value are left out.
  static func object(_ fields: [(String, String?)]) -> String {
    let parts = fields.compactMap { name, value in value.map { "\(quoted(name)): \($0)" } }
    return "{" + parts.joined(separator: ", ") + "}"
  }
}
