extension JSON {
  /// How far a reader goes.
  package struct Reading: Sendable {
    /// Arrays and objects inside one another.
    package var depth: Int
    /// Values in all: each takes more memory than the two bytes that it may stand in.
    package var values: Int
    package var bytes: Int
    /// Takes `nan`, `inf`, `NaN`, `Infinity` where a number stands, and what is larger than any double as infinite.
    package var takesNonFinite: Bool

    package init(
      depth: Int = 200, values: Int = .max, bytes: Int = .max, takesNonFinite: Bool = false
    ) {
      self.depth = depth
      self.values = values
      self.bytes = bytes
      self.takesNonFinite = takesNonFinite
    }
  }

  package struct ReadError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
      case valueMissing = "a value is missing"
      case keyMissing = "a key is missing"
      case colonMissing = "`:` is missing"
      case commaOrBraceMissing = "`,` or `}` is missing"
      case commaOrBracketMissing = "`,` or `]` is missing"
      case unknownWord = "unknown word"
      case malformedNumber = "malformed number"
      case numberOutOfRange = "number out of range"
      case unfinishedString = "unfinished string"
      case controlByte = "a control byte in a string"
      case unknownEscape = "unknown escape"
      case malformedEscape = "malformed escape"
      case textBehind = "text behind the value"
      case tooDeep = "nested too deep"
      case tooManyValues = "too many values"
      case tooLong = "too long"
    }

    package let reason: Reason
    /// In bytes from the beginning.
    package let offset: Int

    package var message: String { reason.rawValue }
    package var description: String { "\(message) at byte \(offset)" }

    /// Where that is in the text that was read, both from 1; a column is a Unicode scalar.
    package func place(in bytes: some Sequence<UInt8>) -> (line: Int, column: Int) {
      var (line, column) = (1, 1)
      for byte in bytes.prefix(offset) {
        if byte == 0x0A { (line, column) = (line + 1, 1) } else if byte & 0xC0 != 0x80 { column += 1 }
      }
      return (line, column)
    }
  }

  /// One value, and nothing but white space around it (RFC 8259). What is not UTF-8 in a string, and surrogates without
  /// a partner, become U+FFFD.
  package init(parsing bytes: some Sequence<UInt8>, _ reading: Reading = Reading()) throws(ReadError) {
    self = try Self.read(bytes, reading, isWhole: true).get().value
  }

  /// The value at the beginning and its length, for values inside other text.
  package static func prefix(
    of bytes: some Sequence<UInt8>, _ reading: Reading = Reading()
  ) throws(ReadError) -> (value: JSON, length: Int) {
    try read(bytes, reading, isWhole: false).get()
  }

  private static func read(
    _ bytes: some Sequence<UInt8>, _ reading: Reading, isWhole: Bool
  ) -> Result<(value: JSON, length: Int), ReadError> {
    func run(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<(value: JSON, length: Int), ReadError> {
      var reader = Reader(bytes: bytes, reading: reading)
      do throws(ReadError) {
        let value = try reader.text(isWhole: isWhole)
        return .success((value, reader.at))
      } catch {
        return .failure(error)
      }
    }
    return bytes.withContiguousStorageIfAvailable(run) ?? Array(bytes).withUnsafeBufferPointer(run)
  }

  fileprivate struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    let reading: Reading
    var at = 0
    private var values = 0

    init(bytes: UnsafeBufferPointer<UInt8>, reading: Reading) {
      self.bytes = bytes
      self.reading = reading
    }

    mutating func text(isWhole: Bool) throws(ReadError) -> JSON {
      guard bytes.count <= reading.bytes else { throw failure(.tooLong, at: reading.bytes) }
      let value = try value(level: 0)
      if isWhole {
        skipBlanks()
        guard at == bytes.count else { throw failure(.textBehind) }
      }
      return value
    }

    private func failure(_ reason: ReadError.Reason, at offset: Int? = nil) -> ReadError {
      ReadError(reason: reason, offset: offset ?? at)
    }

    private mutating func skipBlanks() {
      while at < bytes.count {
        switch bytes[at] {
        case 0x20, 0x0A, 0x0D, 0x09: at += 1
        default: return
        }
      }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
      at += 1
      return true
    }

    private mutating func take(word: StaticString) -> Bool {
      let count = word.utf8CodeUnitCount
      guard bytes.count - at >= count else { return false }
      for place in 0..<count where bytes[at + place] != word.utf8Start[place] { return false }
      at += count
      return true
    }

    private mutating func value(level: Int) throws(ReadError) -> JSON {
      skipBlanks()
      guard at < bytes.count else { throw failure(.valueMissing) }
      guard values < reading.values else { throw failure(.tooManyValues) }
      values += 1
      switch bytes[at] {
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "{"): return try object(level: level)
      case UInt8(ascii: "["): return try array(level: level)
      case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
      case UInt8(ascii: "-"):
        if let value = nonFinite() { return value }
        return try number()
      case UInt8(ascii: "t") where take(word: "true"): return .bool(true)
      case UInt8(ascii: "f") where take(word: "false"): return .bool(false)
      case UInt8(ascii: "n") where take(word: "null"): return .null
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        guard let value = nonFinite() else { throw failure(.unknownWord) }
        return value
      default: throw failure(.valueMissing)
      }
    }

    /// Nil when there is none, or it is not wanted.
    private mutating func nonFinite() -> JSON? {
      guard reading.takesNonFinite else { return nil }
      if take(word: "nan") || take(word: "NaN") || take(word: "-nan") { return .number(.nan) }
      if take(word: "inf") || take(word: "Infinity") { return .number(.infinity) }
      if take(word: "-inf") || take(word: "-Infinity") { return .number(-.infinity) }
      return nil
    }

    private mutating func object(level: Int) throws(ReadError) -> JSON {
      guard level < reading.depth else { throw failure(.tooDeep) }
      at += 1
      var members: [Member] = []
      skipBlanks()
      if take("}") { return .object(members) }
      while true {
        skipBlanks()
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw failure(.keyMissing) }
        let key = try string()
        skipBlanks()
        guard take(":") else { throw failure(.colonMissing) }
        members.append(Member(key, try value(level: level + 1)))
        skipBlanks()
        if take("}") { return .object(members) }
        guard take(",") else { throw failure(.commaOrBraceMissing) }
      }
    }

    private mutating func array(level: Int) throws(ReadError) -> JSON {
      guard level < reading.depth else { throw failure(.tooDeep) }
      at += 1
      var values: [JSON] = []
      skipBlanks()
      if take("]") { return .array(values) }
      while true {
        values.append(try value(level: level + 1))
        skipBlanks()
        if take("]") { return .array(values) }
        guard take(",") else { throw failure(.commaOrBracketMissing) }
      }
    }
  }
}

// MARK: - Numbers

extension JSON.Reader {
  /// Those that a double holds exactly.
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20,
    1e21, 1e22,
  ]

  private var digit: UInt8? {
    guard at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit < 10 else { return nil }
    return digit
  }

  private mutating func number() throws(JSON.ReadError) -> JSON {
    let start = at
    let isNegative = take("-")
    var digits = Digits()
    let first = at
    while let digit {
      digits.append(digit)
      at += 1
    }
    guard at > first, at == first + 1 || bytes[first] != UInt8(ascii: "0") else {
      throw failure(.malformedNumber)
    }
    var exponent = 0
    var isWhole = true
    if take(".") {
      isWhole = false
      let first = at
      while let digit {
        digits.append(digit)
        at += 1
      }
      guard at > first else { throw failure(.malformedNumber) }
      exponent = first - at
    }
    if take("e") || take("E") {
      isWhole = false
      let isSmall = take("-")
      if !isSmall { _ = take("+") }
      let first = at
      var power = 0
      while let digit {
        // Far beyond what any double reaches.
        if power < 1_000_000 { power = power * 10 + Int(digit) }
        at += 1
      }
      guard at > first else { throw failure(.malformedNumber) }
      exponent += isSmall ? -power : power
    }
    if isWhole, !digits.isTooMany {
      if !isNegative {
        return Int64(exactly: digits.value).map { .integer($0) } ?? .unsigned(digits.value)
      }
      if digits.value <= 1 << 63 { return .integer(Int64(truncatingIfNeeded: 0 &- digits.value)) }
    }
    return .number(try double(digits, exponent, isNegative, start..<at))
  }

  private func double(
    _ digits: Digits, _ exponent: Int, _ isNegative: Bool, _ range: Range<Int>
  ) throws(JSON.ReadError) -> Double {
    if digits.value == 0, !digits.isTooMany { return isNegative ? -0.0 : 0 }
    // Both exact, so one operation rounds once.
    if !digits.isTooMany, digits.value <= 1 << 53, exponent.magnitude <= 22 {
      let power = Self.powersOfTen[Int(exponent.magnitude)]
      let value = exponent < 0 ? Double(digits.value) / power : Double(digits.value) * power
      return isNegative ? -value : value
    }
    let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    guard let value = Double(text), value.isFinite || reading.takesNonFinite else {
      throw failure(.numberOutOfRange, at: range.lowerBound)
    }
    return value
  }

  private struct Digits {
    var value: UInt64 = 0
    var isTooMany = false

    mutating func append(_ digit: UInt8) {
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      if overflow || carry { isTooMany = true } else if !isTooMany { value = sum }
    }
  }
}

// MARK: - Strings

extension JSON.Reader {
  private mutating func string() throws(JSON.ReadError) -> String {
    at += 1
    let start = at
    at = endOfRun(from: at)
    // Most strings are nothing but plain text.
    if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
      defer { at += 1 }
      return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
    }
    var text = Array(bytes[start..<at])
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\""):
        at += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text.append(contentsOf: UTF8.encode(try escape())!)
      default: throw failure(.controlByte)
      }
      let end = endOfRun(from: at)
      text.append(contentsOf: bytes[at..<end])
      at = end
    }
    throw failure(.unfinishedString)
  }

  /// The first byte that is no plain text: a quote, a backslash, a control byte; or the end.
  private func endOfRun(from start: Int) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    var at = start
    // Eight at a time. The lowest byte that is marked is one of them; those above may be marked for nothing.
    let ones: UInt64 = 0x0101_0101_0101_0101
    while bytes.count - at >= 8 {
      let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      let quotes = word ^ (ones &* 0x22)
      let backslashes = word ^ (ones &* 0x5C)
      let marks =
        ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
          | (word &- (ones &* 0x20)) & ~word) & (ones &* 0x80)
      if marks != 0 { return at + marks.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < bytes.count, bytes[at] >= 0x20, bytes[at] != 0x22, bytes[at] != 0x5C { at += 1 }
    return at
  }

  private mutating func escape() throws(JSON.ReadError) -> Unicode.Scalar {
    let start = at
    guard bytes.count - at >= 2 else {
      at = bytes.count
      throw failure(.unfinishedString)
    }
    at += 2
    switch bytes[at - 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(bytes[at - 1])
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = hexadecimal() else { throw failure(.malformedEscape, at: start) }
      guard 0xD800..<0xDC00 ~= unit else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
      let behind = at
      if take(word: "\\u"), let low = hexadecimal(), 0xDC00..<0xE000 ~= low {
        return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
      }
      // What follows stands for itself.
      at = behind
      return "\u{FFFD}"
    default: throw failure(.unknownEscape, at: start)
    }
  }

  /// Four digits.
  private mutating func hexadecimal() -> UInt32? {
    guard bytes.count - at >= 4 else { return nil }
    var value: UInt32 = 0
    for place in at..<at + 4 {
      let digit: UInt8
      switch bytes[place] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[place] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[place] - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[place] - UInt8(ascii: "A") + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    at += 4
    return value
  }
}
