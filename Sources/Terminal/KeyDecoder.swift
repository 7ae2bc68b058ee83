/// Bytes from a terminal to characters, whatever pieces they come in.
///
/// What is no UTF-8 becomes U+FFFD, one for each maximal part of a sequence that is cut off.
package struct KeyDecoder {
  private var bytes: [UInt8] = []
  private var first = 0
  package private(set) var bytesDropped = 0

  package init() {}

  package var isEmpty: Bool { first == bytes.count }

  /// Adds bytes; those past the bound are dropped and counted.
  package mutating func append(_ new: some Collection<UInt8>) {
    if first > 0, first == bytes.count || first > 4_096 {
      bytes.removeFirst(first)
      first = 0
    }
    let room = max(0, Limits.typeAheadBytes - (bytes.count - first))
    bytes.append(contentsOf: new.prefix(room))
    bytesDropped += max(0, new.count - room)
  }

  /// Whether these bytes come next; nil while they may still come.
  package func startsWith(_ mark: [UInt8]) -> Bool? {
    let present = bytes[first...].prefix(mark.count)
    guard mark.starts(with: present) else { return false }
    return present.count == mark.count ? true : nil
  }

  /// The next character; nil until its last byte is there.
  package mutating func next() -> Unicode.Scalar? {
    guard first < bytes.count else { return nil }
    let lead = bytes[first]
    let (length, smallest): (Int, UInt32) =
      switch lead {
      case 0..<0x80: (1, 0)
      case 0xc2..<0xe0: (2, 0x80)
      case 0xe0..<0xf0: (3, 0x800)
      case 0xf0..<0xf5: (4, 0x10000)
      default: (0, 0)
      }
    guard length > 0 else { return take(1, "\u{fffd}") }
    var value = length == 1 ? UInt32(lead) : UInt32(lead) & (0x7f >> UInt32(length))
    for index in 1..<max(1, length) {
      guard first + index < bytes.count else { return nil }
      let byte = bytes[first + index]
      guard byte & 0xc0 == 0x80 else { return take(index, "\u{fffd}") }
      value = value << 6 | UInt32(byte & 0x3f)
    }
    guard value >= smallest, let scalar = Unicode.Scalar(value) else { return take(length, "\u{fffd}") }
    return take(length, scalar)
  }

  private mutating func take(_ count: Int, _ scalar: Unicode.Scalar) -> Unicode.Scalar {
    first += count
    return scalar
  }
}
