import Bela
import Foundation

/// JSON as the board's own code writes it: keys in alphabetical order, 15 significant digits, `\/`, and what is not a
/// number as `null` or, in a build with fast-math, bare.
enum BoardText {
  static func text(of json: BelaJSON, bareNaN: Bool = false) -> String {
    var out = ""
    write(json, bareNaN, &out)
    return out
  }

  private static func write(_ json: BelaJSON, _ bareNaN: Bool, _ out: inout String) {
    switch json {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let value): out += number(value, bareNaN)
    case .string(let value): quote(value, &out)
    case .array(let elements):
      out += "["
      for (position, element) in elements.enumerated() {
        if position > 0 { out += "," }
        write(element, bareNaN, &out)
      }
      out += "]"
    case .object(let members):
      out += "{"
      for (position, key) in members.keys.sorted().enumerated() {
        if position > 0 { out += "," }
        quote(key, &out)
        out += ":"
        write(members[key]!, bareNaN, &out)
      }
      out += "}"
    }
  }

  private static func number(_ value: Double, _ bareNaN: Bool) -> String {
    guard value.isFinite else {
      return !bareNaN ? "null" : value.isNaN ? "nan" : value < 0 ? "-inf" : "inf"
    }
    if let whole = Int64(exactly: value), whole.magnitude < 1_000_000_000_000_000 { return "\(whole)" }
    return String(format: "%.15g", value)
  }

  private static func quote(_ text: String, _ out: inout String) {
    var quoted = ""
    BelaJSON.quote(text, to: &quoted)
    out += quoted.replacing("/", with: "\\/")
  }

  /// The time, as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
  static var now: String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.string(from: Date())
  }

  /// The greeting. A name is written byte for byte, each byte beyond ASCII as one escape (section 2).
  static func greeting(_ project: String) -> String {
    let bytes = String(String.UnicodeScalarView(project.utf8.map { Unicode.Scalar($0) }))
    var members: [String: BelaJSON] = ["event": .string("connection")]
    if !project.isEmpty { members["projectName"] = .string(bytes) }
    return text(of: .object(members))
  }
}
