import JSON
import Bela
import Foundation

/// Text as the board's own code writes it.
enum BoardText {
  /// JSON: keys in alphabetical order, 15 significant digits, `\/`, and what is not a number as `null` or, in a build with
  /// fast-math, bare.
  static func text(of json: JSON, bareNaN: Bool = false) -> String {
    var writing = JSON.Writing.board
    writing.escapesSlash = true
    writing.number = { number($0, bareNaN) }
    return json.encodedText(writing)
  }

  private static func number(_ value: Double, _ bareNaN: Bool) -> String {
    guard value.isFinite else {
      return !bareNaN ? "null" : value.isNaN ? "nan" : value < 0 ? "-inf" : "inf"
    }
    if let whole = Int64(exactly: value), whole.magnitude < 1_000_000_000_000_000 { return "\(whole)" }
    return String(format: "%.15g", value)
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
    let name = project.isEmpty ? [] : [JSON.Member("projectName", .string(bytes))]
    return text(of: .object([.init("event", "connection")] + name))
  }
}
