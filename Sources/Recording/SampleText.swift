import JSON
import Glibc
import Telemetry

/// Numbers from text, exact and without a detour through strings.
enum NumberText {
  static func integer(_ field: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    let isNegative = first == UInt8(ascii: "-")
    let digits = isNegative ? field.dropFirst() : field[...]
    guard !digits.isEmpty, digits.count <= 19 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let part = Int64(digit - UInt8(ascii: "0"))
      let (sum, carried) =
        isNegative ? scaled.subtractingReportingOverflow(part) : scaled.addingReportingOverflow(part)
      guard !overflow, !carried else { return nil }
      value = sum
    }
    return value
  }

  static func unsigned(_ field: UnsafeBufferPointer<UInt8>) -> UInt64? {
    guard !field.isEmpty, field.count <= 20 else { return nil }
    var value: UInt64 = 0
    for digit in field {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = scaled.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !overflow, !carried else { return nil }
      value = sum
    }
    return value
  }

  /// Rounded once, straight to float32. The byte behind the field must be readable, and no part of a number.
  static func float(_ field: UnsafeBufferPointer<UInt8>) -> Float? {
    parse(field) { strtof($0, $1) }
  }

  /// As `float`.
  static func double(_ field: UnsafeBufferPointer<UInt8>) -> Double? {
    parse(field) { strtod($0, $1) }
  }

  private static func parse<T>(
    _ field: UnsafeBufferPointer<UInt8>,
    _ convert: (UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> T
  ) -> T? {
    guard let start = field.baseAddress, !field.isEmpty, field.first != 0x20 else { return nil }
    return start.withMemoryRebound(to: CChar.self, capacity: field.count) { text in
      var stop: UnsafeMutablePointer<CChar>?
      let value = convert(text, &stop)
      return stop.map { UnsafePointer($0) } == text + field.count ? value : nil
    }
  }
}

/// Samples as text, each the shortest that is read back as the same value.
struct SampleText {
  enum Style {
    /// Cells of a table: `nan`, `inf`, truth values as words.
    case table
    /// JSON: `null` for what is not a number; infinities are strings.
    case json
    /// As Python's `json.dumps` writes what `struct.unpack` gave: float32 widened, `NaN`, `Infinity`.
    case python
  }

  let style: Style

  /// Appends the sample at a position of a storage.
  func append(_ storage: SampleStorage, _ position: Int, to text: inout [UInt8]) {
    if storage.type == .float32, style != .python {
      let value = storage.bytes(position..<position + 1).load(as: Float.self)
      if value.isFinite { text += value.description.utf8 } else { append(special: Double(value), to: &text) }
      return
    }
    switch storage.sample(position) {
    case .float(let value):
      if value.isFinite { text += value.description.utf8 } else { append(special: value, to: &text) }
    case .integer(let value): text += value.description.utf8
    case .unsigned(let value): text += value.description.utf8
    case .bool(let value): text += (value ? "true" : "false").utf8
    case .uuid(let high, let low): append(text: Self.uuid(high, low).utf8, to: &text)
    case .bytes(let bytes):
      append(text: storage.type == .bytes ? Array(Self.hexadecimal(bytes).utf8) : bytes, to: &text)
    }
  }

  private func append(special value: Double, to text: inout [UInt8]) {
    let word: String =
      switch style {
      case .table: value.isNaN ? "nan" : value > 0 ? "inf" : "-inf"
      case .json: value.isNaN ? "null" : value > 0 ? "\"inf\"" : "\"-inf\""
      case .python: value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
      }
    text += word.utf8
  }

  private func append(text value: some Collection<UInt8>, to text: inout [UInt8]) {
    if style == .table {
      text += Self.cell(value, always: true)
    } else {
      JSON.write(string: value, to: &text)
    }
  }

  /// A cell of comma-separated values, in quotes where it needs them.
  static func cell(_ value: some Collection<UInt8>, always: Bool = false) -> [UInt8] {
    let special: [UInt8] = [0x22, 0x2C, 0x0A, 0x0D]
    guard always || value.contains(where: special.contains) else { return Array(value) }
    var result: [UInt8] = [0x22]
    for byte in value {
      if byte == 0x22 { result.append(0x22) }
      result.append(byte)
    }
    return result + [0x22]
  }

  static func uuid(_ high: UInt64, _ low: UInt64) -> String {
    let digits = [high, low].map { value in
      let text = String(value, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    let letters = Array(digits)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(letters[$0]) }.joined(separator: "-")
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Bytes of hexadecimal digits, dashes left out; nil for anything else.
  static func bytes(hexadecimal text: some Sequence<UInt8>) -> [UInt8]? {
    var digits: [UInt8] = []
    for byte in text where byte != UInt8(ascii: "-") {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      digits.append(UInt8(digit))
    }
    guard digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
