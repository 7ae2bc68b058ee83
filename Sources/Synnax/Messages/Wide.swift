/// A signed 64-bit number in JSON: written as a decimal string, since a parser built on doubles rounds beyond 2^53;
/// read from a string or a number (protocol, section 3).
package struct Wide: Codable, Sendable, Hashable, ExpressibleByIntegerLiteral {
  package var value: Int64

  package init(_ value: Int64) { self.value = value }
  package init(integerLiteral value: Int64) { self.value = value }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int64.self) {
      value = number
    } else if let text = try? container.decode(String.self), let number = Int64(text) {
      value = number
    } else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a 64-bit integer")
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode("\(value)")
  }
}

/// Any JSON, not looked at.
package struct Anything: Codable, Sendable, Hashable {
  package init() {}
  package init(from decoder: any Decoder) throws {}
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encodeNil()
  }
}

package struct BoundsPayload: Codable, Sendable, Hashable {
  package var start: Wide
  package var end: Wide

  package init(_ range: TimeRange) {
    start = Wide(range.start)
    end = Wide(range.end)
  }

  package var range: TimeRange { TimeRange(start: start.value, end: end.value) }
}
