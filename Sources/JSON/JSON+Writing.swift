extension JSON {
  /// How a value is written. What comes out is JSON unless `number` says something that is none.
  package struct Writing: Sendable {
    /// Spaces a level; nil for all on one line.
    package var indent: Int?
    /// Levels that are indented; those below stand on one line each.
    package var unfolds = Int.max
    /// A space behind each comma and colon of a line.
    package var isSpaced = false
    package var sortsKeys = false
    /// Escapes everything beyond ASCII.
    package var isASCII = false
    package var escapesSlash = false
    /// Ends with a newline, as each of many values in a file does.
    package var endsLine = false
    package var number: @Sendable (Double) -> String = Writing.shortest

    package init() {}

    package static let compact = Writing()

    /// One of many values in a file.
    package static let line: Writing = {
      var writing = Writing()
      writing.endsLine = true
      return writing
    }()

    /// As Python's `json.dumps(indent=…)`.
    package static func indented(_ indent: Int, unfolds: Int = .max) -> Writing {
      var writing = spaced
      writing.indent = indent
      writing.unfolds = unfolds
      return writing
    }

    /// On one line, as Python's `json.dumps`.
    package static let spaced: Writing = {
      var writing = Writing()
      writing.isSpaced = true
      return writing
    }()

    /// The shortest text that reads back as the same; JSON has no word for what is not finite.
    package static let shortest: @Sendable (Double) -> String = { $0.isFinite ? "\($0)" : "null" }
    /// The same, with the words that Python has for the rest.
    package static let shortestOrBare: @Sendable (Double) -> String = {
      $0.isFinite ? "\($0)" : $0.isNaN ? "NaN" : $0 < 0 ? "-Infinity" : "Infinity"
    }
  }

  package func encoded(_ writing: Writing = .compact) -> [UInt8] {
    var out: [UInt8] = []
    write(to: &out, writing)
    return out
  }

  package func encodedText(_ writing: Writing = .compact) -> String {
    String(decoding: encoded(writing), as: UTF8.self)
  }

  package func write(to out: inout [UInt8], _ writing: Writing = .compact) {
    write(to: &out, writing, level: 0)
    if writing.endsLine { out.append(0x0A) }
  }

  private func write(to out: inout [UInt8], _ writing: Writing, level: Int) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): out.append(contentsOf: value.description.utf8)
    case .unsigned(let value): out.append(contentsOf: value.description.utf8)
    case .number(let value): out.append(contentsOf: writing.number(value).utf8)
    case .string(let value): Self.write(value, to: &out, writing)
    case .array(let values):
      Self.write(values, "[", "]", to: &out, writing, level) { value, out in
        value.write(to: &out, writing, level: level + 1)
      }
    case .object(let members):
      let members = writing.sortsKeys ? members.sorted { $0.key < $1.key } : members
      let isSpaced = writing.isSpaced
      Self.write(members, "{", "}", to: &out, writing, level) { member, out in
        Self.write(member.key, to: &out, writing)
        out.append(UInt8(ascii: ":"))
        if isSpaced { out.append(0x20) }
        member.value.write(to: &out, writing, level: level + 1)
      }
    }
  }

  private static func write<Element>(
    _ elements: [Element], _ open: Unicode.Scalar, _ close: Unicode.Scalar, to out: inout [UInt8],
    _ writing: Writing, _ level: Int, each: (Element, inout [UInt8]) -> Void
  ) {
    let indent = level < writing.unfolds && !elements.isEmpty ? writing.indent : nil
    func newline(_ level: Int, _ out: inout [UInt8]) {
      guard let indent else { return }
      out.append(0x0A)
      out.append(contentsOf: repeatElement(0x20, count: indent * level))
    }
    out.append(UInt8(ascii: open))
    for (place, element) in elements.enumerated() {
      if place > 0 {
        out.append(UInt8(ascii: ","))
        if writing.isSpaced, indent == nil { out.append(0x20) }
      }
      newline(level + 1, &out)
      each(element, &out)
    }
    newline(level, &out)
    out.append(UInt8(ascii: close))
  }

  /// A string with its quotes, of bytes that are UTF-8.
  package static func write(
    string bytes: some Sequence<UInt8>, to out: inout [UInt8], _ writing: Writing = .compact
  ) {
    write(String(decoding: Array(bytes), as: UTF8.self), to: &out, writing)
  }

  private static func write(_ text: String, to out: inout [UInt8], _ writing: Writing) {
    out.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { bytes in
      var at = 0
      while at < bytes.count {
        let start = at
        while at < bytes.count, isPlain(bytes[at], writing) { at += 1 }
        out.append(contentsOf: bytes[start..<at])
        guard at < bytes.count else { break }
        if bytes[at] < 0x80 {
          escape(bytes[at], to: &out)
          at += 1
        } else {
          let start = at
          repeat { at += 1 } while at < bytes.count && bytes[at] & 0xC0 == 0x80
          let character = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
          for unit in character.utf16 { escape(unit: unit, to: &out) }
        }
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func isPlain(_ byte: UInt8, _ writing: Writing) -> Bool {
    switch byte {
    case 0..<0x20, 0x22, 0x5C, 0x7F: false
    case 0x2F: !writing.escapesSlash
    case 0x80...: !writing.isASCII
    default: true
    }
  }

  private static func escape(_ byte: UInt8, to out: inout [UInt8]) {
    let letter: Unicode.Scalar
    switch byte {
    case 0x22, 0x5C, 0x2F: letter = Unicode.Scalar(byte)
    case 0x0A: letter = "n"
    case 0x0D: letter = "r"
    case 0x09: letter = "t"
    default: return escape(unit: UInt16(byte), to: &out)
    }
    out.append(UInt8(ascii: "\\"))
    out.append(UInt8(ascii: letter))
  }

  private static func escape(unit: UInt16, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\\"))
    out.append(UInt8(ascii: "u"))
    for shift in [12, 8, 4, 0] as [UInt16] {
      let digit = UInt8(truncatingIfNeeded: unit >> shift & 0xF)
      out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
}
