import Foundation

/// JSON on the wire, and the prefix byte that tells it from frames (protocol, section 9.2).
package enum Wire {
  package static let jsonPrefix: UInt8 = 254
  package static let framePrefix: UInt8 = 255

  /// - Parameter prefix: true on `/frame/write`, and for all that a core sends on a stream.
  package static func encode(_ value: some Encodable, prefix: Bool = false) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Fails for numbers that are not finite only, and no message can hold one.
    let data = (try? encoder.encode(value)) ?? Data("{}".utf8)
    return (prefix ? [jsonPrefix] : []) + data
  }

  package static func decode<T: Decodable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer
  ) throws(SynnaxError) -> T {
    guard bytes.count <= SynnaxLimits.responseBytes else {
      throw SynnaxError("too_large", "\(bytes.count) bytes of JSON")
    }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
      let text = String(decoding: bytes.prefix(SynnaxLimits.quotedCharacters), as: UTF8.self)
      throw SynnaxError("protocol", "this is not what was expected: \(text)")
    }
  }

  package static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws(SynnaxError) -> T {
    let result = bytes.withUnsafeBytes { buffer -> Result<T, SynnaxError> in
      do throws(SynnaxError) { return .success(try decode(type, buffer)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

/// A message of a stream, writer, or iterator.
package struct Envelope<Payload: Codable & Sendable>: Codable, Sendable {
  package enum Kind: String, Codable, Sendable { case open, data, close }

  package var kind: Kind
  package var payload: Payload?
  package var error: ErrorPayload?

  enum CodingKeys: String, CodingKey {
    case kind = "type"
    case payload, error
  }

  package init(_ kind: Kind, payload: Payload? = nil, error: ErrorPayload? = nil) {
    self.kind = kind
    self.payload = payload
    self.error = error
  }

  /// Only a `data` message needs its payload; that of the others may be missing, null, or of any shape.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    kind = try container.decode(Kind.self, forKey: .kind)
    error = try container.decodeIfPresent(ErrorPayload.self, forKey: .error)
    payload =
      kind == .data
      ? try container.decodeIfPresent(Payload.self, forKey: .payload)
      : try? container.decodeIfPresent(Payload.self, forKey: .payload)
  }
}
