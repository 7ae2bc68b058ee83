/// Numbers as they stand in a text, found and converted in one pass, rounded once.
///
/// The way of Clinger for short ones, that of Eisel and Lemire (Software: Practice and Experience 51, 2021) for the others;
/// what neither decides goes to the C library.
struct NumberScanner {
  enum Kind { case none, integer, unsigned, double }

  struct Result {
    var kind: Kind
    /// The bits of an `Int64`, `UInt64` or `Double`.
    var bits: UInt64
    /// Behind its last character.
    var end: UnsafePointer<UInt8>
  }

  private let decimal: UInt8
  private let powers: UnsafePointer<UInt64>

  init(decimal: UInt8) {
    self.decimal = decimal
    powers = Self.table
  }

  /// - Parameter start: of a text with a byte behind it that is in no number.
  @inline(__always)
  func scan(_ start: UnsafePointer<UInt8>) -> Result {
    var p = start
    let isNegative = p.pointee == 0x2D
    if isNegative || p.pointee == 0x2B { p += 1 }
    let digits = p
    var mantissa: UInt64 = 0
    var digit = p.pointee &- 0x30
    while digit < 10 {
      mantissa = mantissa &* 10 &+ UInt64(digit)
      p += 1
      digit = p.pointee &- 0x30
    }
    var count = p - digits
    var exponent = 0
    var isWhole = true
    if p.pointee == decimal {
      isWhole = false
      p += 1
      let fraction = p
      digit = p.pointee &- 0x30
      while digit < 10 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        p += 1
        digit = p.pointee &- 0x30
      }
      exponent = fraction - p
      count += p - fraction
    }
    guard count > 0 else { return Result(kind: .none, bits: 0, end: start) }
    if p.pointee | 0x20 == 0x65 {
      var q = p + 1
      let isDown = q.pointee == 0x2D
      if isDown || q.pointee == 0x2B { q += 1 }
      digit = q.pointee &- 0x30
      if digit < 10 {
        isWhole = false
        var power = 0
        while digit < 10 {
          if power < 100_000 { power = power &* 10 &+ Int(digit) }
          q += 1
          digit = q.pointee &- 0x30
        }
        exponent += isDown ? -power : power
        p = q
      }
    }
    if isWhole {
      if count <= 18 {
        return Result(
          kind: .integer, bits: isNegative ? 0 &- mantissa : mantissa, end: p)
      }
      let field = UnsafeBufferPointer(
        start: start.pointee == 0x2B ? start + 1 : start,
        count: start.pointee == 0x2B ? p - start - 1 : p - start)
      if let value = NumberText.integer(field) {
        return Result(kind: .integer, bits: UInt64(bitPattern: value), end: p)
      }
      if let value = NumberText.unsigned(field) { return Result(kind: .unsigned, bits: value, end: p) }
    }
    // A product of digits that wraps around says nothing.
    if count <= 19, let value = double(mantissa, exponent, isNegative) {
      return Result(kind: .double, bits: value.bitPattern, end: p)
    }
    return Result(kind: .double, bits: slow(start, p).bitPattern, end: p)
  }

  @inline(__always)
  private func double(_ mantissa: UInt64, _ exponent: Int, _ isNegative: Bool) -> Double? {
    if mantissa < 1 << 53, exponent >= -22, exponent <= 22 {
      let exact = Double(mantissa)
      let value = exponent < 0 ? exact / Self.tens[-exponent] : exact * Self.tens[exponent]
      return isNegative ? -value : value
    }
    if mantissa == 0 { return isNegative ? -0.0 : 0 }
    guard exponent >= Self.lowest, exponent <= Self.highest else { return nil }
    let lead = mantissa.leadingZeroBitCount
    let shifted = mantissa << UInt64(lead)
    let place = 2 * (exponent - Self.lowest)
    var (high, low) = shifted.multipliedFullWidth(by: powers[place])
    if high & 0x1FF == 0x1FF {
      let second = shifted.multipliedFullWidth(by: powers[place + 1]).high
      let (sum, carry) = low.addingReportingOverflow(second)
      low = sum
      if carry { high &+= 1 }
    }
    let upper = Int(high >> 63)
    var fraction = high >> UInt64(upper + 9)
    var power = ((217_706 * exponent) >> 16) + 63 + upper - lead + 1023
    guard power > 0 else { return nil }
    // Half way between two: to the even one.
    if low <= 1, exponent >= -4, exponent <= 23, fraction & 3 == 1, fraction << UInt64(upper + 9) == high {
      fraction &= ~1
    }
    fraction = (fraction + (fraction & 1)) >> 1
    if fraction >= 1 << 53 {
      fraction = 1 << 52
      power += 1
    }
    guard power < 0x7FF else { return nil }
    return Double(
      bitPattern: fraction & ~(1 << 52) | UInt64(power) << 52 | (isNegative ? 1 << 63 : 0))
  }

  private func slow(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Double {
    var text = Array(UnsafeBufferPointer(start: start, count: end - start))
    if let comma = text.firstIndex(of: decimal) { text[comma] = 0x2E }
    text.append(0)
    return text.withUnsafeBufferPointer {
      NumberText.double(UnsafeBufferPointer(rebasing: $0.dropLast())) ?? .nan
    }
  }

  private static let lowest = -27
  private static let highest = 55

  private static let tens: [Double] = (0...22).map { count in
    (0..<count).reduce(1) { value, _ in value * 10 }
  }

  // Safety: written once, before it is read, and never freed.
  private nonisolated(unsafe) static let table: UnsafePointer<UInt64> = {
    let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * (highest - lowest + 1))
    for exponent in lowest...highest {
      let (high, low) = exponent < 0 ? reciprocal(-exponent) : power(exponent)
      memory[2 * (exponent - lowest)] = high
      memory[2 * (exponent - lowest) + 1] = low
    }
    return UnsafePointer(memory)
  }()

  /// The first 128 bits of a power of five; all of it, since these fit.
  private static func power(_ exponent: Int) -> (UInt64, UInt64) {
    var (high, low): (UInt64, UInt64) = (0, 1)
    for _ in 0..<exponent {
      let product = low.multipliedFullWidth(by: 5)
      high = high * 5 + product.high
      low = product.low
    }
    while high >> 63 == 0 {
      high = high << 1 | low >> 63
      low <<= 1
    }
    return (high, low)
  }

  /// The first 128 bits of one by a power of five that fits 64 bits, rounded up.
  private static func reciprocal(_ exponent: Int) -> (UInt64, UInt64) {
    let five = (0..<exponent).reduce(UInt64(1)) { value, _ in value * 5 }
    let bits = five.nonzeroBitCount == 1 ? 63 - five.leadingZeroBitCount : 64 - five.leadingZeroBitCount
    // 2^(bits + 127) by it, digit by digit of 64 bits.
    let top = bits + 127
    var limbs = [UInt64](repeating: 0, count: top / 64 + 1)
    limbs[top / 64] = 1 << UInt64(top % 64)
    var rest: UInt64 = 0
    var quotient = limbs
    for place in limbs.indices.reversed() {
      let (part, left) = five.dividingFullWidth((rest, limbs[place]))
      quotient[place] = part
      rest = left
    }
    let (low, carry) = quotient[0].addingReportingOverflow(1)
    return (quotient[1] &+ (carry ? 1 : 0), low)
  }
}
