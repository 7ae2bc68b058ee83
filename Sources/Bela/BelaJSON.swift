/// JSON as a board writes it: numbers are doubles, and `nan`, `inf` may stand bare where a fast-math build put them.
package enum BelaJSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([BelaJSON])
  case object([String: BelaJSON])

  /// Reads one value and nothing behind it but white space; nil for anything else.
  package init?(_ text: some Sequence<UInt8>) {
    var reader = Reader(bytes: Array(text))
    guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
    self = value
  }

  package init?(_ text: String) { self.init(text.utf8) }

  package subscript(key: String) -> BelaJSON? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var array: [BelaJSON]? { if case .array(let value) = self { value } else { nil } }
  package var isObject: Bool { if case .object = self { true } else { false } }

  /// Booleans count as 0 and 1, `null` is what the board makes of a value that is no number.
  package var number: Double? {
    switch self {
    case .number(let value): value
    case .bool(let value): value ? 1 : 0
    case .null: .nan
    default: nil
    }
  }

  package var bool: Bool? {
    switch self {
    case .bool(let value): value
    case .number(let value): value != 0
    default: nil
    }
  }

  /// A count of ticks; numbers that no `Int64` holds stick to its ends.
  package var tick: Int64? {
    guard let value = number, !value.isNaN else { return nil }
    return Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    var isAtEnd: Bool {
      mutating get {
        skipSpace()
        return at == bytes.count
      }
    }

    private mutating func skipSpace() {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard at < bytes.count, bytes[at] == byte else { return false }
      at += 1
      return true
    }

    private mutating func take(word: StaticString) -> Bool {
      let count = word.utf8CodeUnitCount
      guard bytes.count - at >= count else { return false }
      for position in 0..<count where bytes[at + position] != word.utf8Start[position] { return false }
      at += count
      return true
    }

    mutating func value(depth: Int) -> BelaJSON? {
      guard depth < BelaLimits.jsonDepth else { return nil }
      skipSpace()
      guard at < bytes.count else { return nil }
      switch bytes[at] {
      case UInt8(ascii: "{"): return object(depth)
      case UInt8(ascii: "["): return array(depth)
      case UInt8(ascii: "\""): return string().map { .string($0) }
      case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
      case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
      default: break
      }
      if take(word: "null") { return .null }
      if take(word: "nan") || take(word: "-nan") || take(word: "NaN") { return .number(.nan) }
      if take(word: "inf") || take(word: "Infinity") { return .number(.infinity) }
      if take(word: "-inf") || take(word: "-Infinity") { return .number(-.infinity) }
      return number()
    }

    private mutating func object(_ depth: Int) -> BelaJSON? {
      at += 1
      var members: [String: BelaJSON] = [:]
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      while true {
        skipSpace()
        guard let key = string() else { return nil }
        skipSpace()
        guard take(UInt8(ascii: ":")), let value = value(depth: depth + 1) else { return nil }
        members[key] = value
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        guard take(UInt8(ascii: ",")) else { return nil }
      }
    }

    private mutating func array(_ depth: Int) -> BelaJSON? {
      at += 1
      var elements: [BelaJSON] = []
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      while true {
        guard let value = value(depth: depth + 1) else { return nil }
        elements.append(value)
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        guard take(UInt8(ascii: ",")) else { return nil }
      }
    }

    private mutating func string() -> String? {
      guard take(UInt8(ascii: "\"")) else { return nil }
      var units: [UInt8] = []
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let scalar = escape() else { return nil }
          units.append(contentsOf: Array(String(scalar).utf8))
        case 0..<0x20: return nil
        default: units.append(byte)
        }
      }
      return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
      guard at < bytes.count else { return nil }
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
      case UInt8(ascii: "b"): return "\u{8}"
      case UInt8(ascii: "f"): return "\u{C}"
      case UInt8(ascii: "n"): return "\n"
      case UInt8(ascii: "r"): return "\r"
      case UInt8(ascii: "t"): return "\t"
      case UInt8(ascii: "u"):
        guard let high = hex() else { return nil }
        guard (0xD800..<0xDC00).contains(high) else { return Unicode.Scalar(high) ?? "\u{FFFD}" }
        guard take(word: "\\u"), let low = hex(), (0xDC00..<0xE000).contains(low) else { return "\u{FFFD}" }
        return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      default: return nil
      }
    }

    private mutating func hex() -> UInt32? {
      guard bytes.count - at >= 4 else { return nil }
      var value: UInt32 = 0
      for _ in 0..<4 {
        guard let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue else { return nil }
        value = value << 4 | UInt32(digit)
        at += 1
      }
      return value
    }

    private mutating func number() -> BelaJSON? {
      let start = at
      while at < bytes.count {
        switch bytes[at] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
          UInt8(ascii: "e"), UInt8(ascii: "E"):
          at += 1
          continue
        default: break
        }
        break
      }
      guard at > start, at - start <= 64 else { return nil }
      return Double(String(decoding: bytes[start..<at], as: UTF8.self)).map { .number($0) }
    }
  }
}

extension BelaJSON {
  /// Compact text in ASCII only, as the board demands (section 3), keys in alphabetical order, as it writes them.
  package var text: String {
    var out = ""
    write(to: &out)
    return out
  }

  private func write(to out: inout String) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let value): out += Self.text(of: value)
    case .string(let value): Self.quote(value, to: &out)
    case .array(let elements):
      out += "["
      for (position, element) in elements.enumerated() {
        if position > 0 { out += "," }
        element.write(to: &out)
      }
      out += "]"
    case .object(let members):
      out += "{"
      for (position, key) in members.keys.sorted().enumerated() {
        if position > 0 { out += "," }
        Self.quote(key, to: &out)
        out += ":"
        members[key]!.write(to: &out)
      }
      out += "}"
    }
  }

  /// The shortest text that reads back the same; whole numbers without a point. Not finite: `null`.
  package static func text(of value: Double) -> String {
    guard value.isFinite else { return "null" }
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
    return "\(value)"
  }

  package static func quote(_ text: String, to out: inout String) {
    out += "\""
    for unit in text.utf16 {
      switch unit {
      case 0x22: out += "\\\""
      case 0x5C: out += "\\\\"
      case 0x20...0x7E: out.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      default:
        let digits = String(unit, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    out += "\""
  }
}
