/// XML that is written front to back. What XML 1.0 cannot hold, control characters above all, becomes `\x1b`.
struct XMLText {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ text: String) { bytes += text.utf8 }
  mutating func add(_ other: XMLText) { bytes += other.bytes }

  mutating func element(_ name: String, _ attributes: [(String, String)], _ inside: XMLText? = nil) {
    open(name, attributes)
    guard let inside else { return raw("/>\n") }
    raw(">\n")
    add(inside)
    raw("</\(name)>\n")
  }

  /// An element of nothing but text, kept as it is.
  mutating func text(_ name: String, _ text: String, _ attributes: [(String, String)] = []) {
    open(name, attributes)
    raw(">")
    escape(text, inAttribute: false)
    raw("</\(name)>\n")
  }

  private mutating func open(_ name: String, _ attributes: [(String, String)]) {
    raw("<\(name)")
    for (key, value) in attributes {
      raw(" \(key)=\"")
      escape(value, inAttribute: true)
      raw("\"")
    }
  }

  private mutating func escape(_ text: String, inAttribute: Bool) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": raw("&amp;")
      case "<": raw("&lt;")
      case ">": raw("&gt;")
      case "\"" where inAttribute: raw("&quot;")
      // A reader makes blanks of them in attributes, and a newline of a carriage return.
      case "\n" where inAttribute, "\t" where inAttribute, "\r": raw("&#\(scalar.value);")
      case "\n", "\t": bytes.append(UInt8(scalar.value))
      case "\u{0}"..<" ", "\u{7F}"...("\u{9F}"):
        raw("\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16))
      case "\u{FFFE}", "\u{FFFF}": raw("\u{FFFD}")
      default: bytes += UTF8.encode(scalar)!
      }
    }
  }
}
