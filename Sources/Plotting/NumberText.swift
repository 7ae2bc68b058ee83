import Glibc

/// Numbers as axes and legends show them. The page's script does the same.
package enum NumberText {
  /// With so many digits behind the point; never `-0`.
  package static func fixed(_ value: Double, decimals: Int) -> String {
    let text = print("%.*f", Int32(max(0, min(decimals, 17))), value)
    return text.contains { ("1"..."9").contains($0) } || !text.hasPrefix("-")
      ? text : String(text.dropFirst())
  }

  /// A value as people read it: up to five significant digits, integers in full up to 15.
  package static func value(_ value: Double, isInteger: Bool = false) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if isInteger || value.rounded() == value, value.magnitude < 1e5 || isInteger && value.magnitude < 1e15 {
      return fixed(value, decimals: 0)
    }
    return trimmed(print("%.*g", 5, value))
  }

  /// A value with its unit, a thin line's width apart.
  package static func value(_ value: Double, isInteger: Bool, unit: String?) -> String {
    let text = Self.value(value, isInteger: isInteger)
    guard let unit, !unit.isEmpty else { return text }
    return text + " " + unit
  }

  /// `44.1 kHz`, `20 Hz`.
  package static func frequency(_ hertz: Double) -> String {
    for (unit, size) in [("GHz", 1e9), ("MHz", 1e6), ("kHz", 1e3)] where hertz >= size * 0.99999 {
      return trimmed(print("%.*g", 4, hertz / size)) + " " + unit
    }
    return trimmed(print("%.*g", 4, hertz)) + " Hz"
  }

  /// A count with a letter behind it: `512`, `1.2k`, `44M`.
  package static func count(_ value: Int64) -> String {
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e4)] where Double(value) >= size {
      return trimmed(print("%.*g", 3, Double(value) / (unit == "k" ? 1e3 : size))) + unit
    }
    return "\(value)"
  }

  /// `1.2e+06` is longer than `1.2e6` and says no more.
  private static func trimmed(_ text: String) -> String {
    guard let e = text.firstIndex(of: "e") else { return text }
    let exponent = Int(text[text.index(after: e)...].drop { $0 == "+" }) ?? 0
    return text[..<e] + "e\(exponent)"
  }

  /// The number in scientific form with so many digits behind the point.
  static func scientific(_ value: Double, decimals: Int) -> String {
    trimmed(print("%.*e", Int32(decimals), value))
  }

  private static func print(_ format: String, _ digits: Int32, _ value: Double) -> String {
    // 1e308 with 17 decimals has 327 characters.
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 352) { buffer in
      let count = withVaList([digits, value]) { vsnprintf(buffer.baseAddress!, buffer.count, format, $0) }
      return String(
        decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer).prefix(Int(max(0, count)))),
        as: UTF8.self)
    }
  }
}
