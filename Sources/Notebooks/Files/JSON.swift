/// A JSON value that keeps the order of its keys and tells integers from floats, as notebooks need.
package enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package var key: String
    package var value: JSON
    package init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  package subscript(key: String) -> JSON? {
    if case .object(let members) = self { members.last { $0.key == key }?.value } else { nil }
  }
  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  package var members: [Member]? { if case .object(let value) = self { value } else { nil } }
  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
  package init(nilLiteral: ()) { self = .null }
}

// MARK: writing

extension JSON {
  /// Without `indent` on one line; with it as Python's `json.dumps(indent=…)`, which notebooks are written with.
  package func encoded(indent: Int? = nil) -> [UInt8] {
    var out: [UInt8] = []
    write(to: &out, indent: indent, level: 0)
    return out
  }

  private func write(to out: inout [UInt8], indent: Int?, level: Int) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): out.append(contentsOf: String(value).utf8)
    // JSON has no word for what is not finite.
    case .number(let value): out.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
    case .string(let value): Self.write(value, to: &out)
    case .array(let values):
      Self.write(values, "[", "]", to: &out, indent, level) { value, out in
        value.write(to: &out, indent: indent, level: level + 1)
      }
    case .object(let members):
      Self.write(members, "{", "}", to: &out, indent, level) { member, out in
        Self.write(member.key, to: &out)
        out.append(contentsOf: (indent == nil ? ":" : ": ").utf8)
        member.value.write(to: &out, indent: indent, level: level + 1)
      }
    }
  }

  private static func write<Element>(
    _ elements: [Element], _ open: String, _ close: String, to out: inout [UInt8], _ indent: Int?,
    _ level: Int,
    each: (Element, inout [UInt8]) -> Void
  ) {
    out.append(contentsOf: open.utf8)
    for (index, element) in elements.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      if let indent {
        out.append(UInt8(ascii: "\n"))
        out.append(contentsOf: repeatElement(0x20, count: indent * (level + 1)))
      }
      each(element, &out)
    }
    if let indent, !elements.isEmpty {
      out.append(UInt8(ascii: "\n"))
      out.append(contentsOf: repeatElement(0x20, count: indent * level))
    }
    out.append(contentsOf: close.utf8)
  }

  private static let hex = Array("0123456789abcdef".utf8)

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
      case 0x0A: out += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case 0x0D: out += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      case 0x09: out += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0..<0x20, 0x7F: out += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
