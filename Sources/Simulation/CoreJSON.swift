import Synnax

/// What a core's decoder (that of Go) takes for a field; it refuses a message that has anything else in one it knows.
/// Unknown fields may hold anything, and null leaves any field as it was.
indirect enum CoreShape: Sendable {
  case text
  case flag
  /// Digits only: neither a fraction nor an exponent, and never in quotes.
  case whole(ClosedRange<Int64>)
  case number
  /// A time stamp or a time span: a number or, since parsers built on doubles round it, a string of its digits.
  case time
  case list(CoreShape)
  case object([String: CoreShape])
  case anything

  static let int = CoreShape.whole(Int64.min...Int64.max)
  static let uint32 = CoreShape.whole(0...Int64(UInt32.max))
  static let uint16 = CoreShape.whole(0...Int64(UInt16.max))
  static let uint8 = CoreShape.whole(0...255)
}

/// The messages that a core is sent (protocol, sections 5, 7, 12 to 15).
enum CoreMessage {
  static func envelope(_ payload: CoreShape) -> CoreShape {
    .object(["type": .text, "payload": payload, "error": .object(["type": .text, "data": .text])])
  }

  static let stream = CoreShape.object([
    "keys": .list(.uint32), "downsample_factor": .int, "throttle_rate": .number,
    "exclude_groups": .list(.uint32), "keep_alive": .time, "send_open_ack": .flag,
  ])
  static let write = CoreShape.object([
    "command": .uint8,
    "config": .object([
      "keys": .list(.uint32), "start": .time, "mode": .uint8, "authorities": .list(.uint8),
      "control_subject": .object(["key": .text, "name": .text, "group": .uint32]),
      "err_on_unauthorized": .flag, "enable_auto_commit": .flag, "auto_index_persist_interval": .time,
      "auto_index": .flag,
    ]),
  ])
  static let iterate = CoreShape.object([
    "command": .uint8, "bounds": bounds, "keys": .list(.uint32), "chunk_size": .int, "span": .time,
    "stamp": .time, "downsample_factor": .int, "reduction": reduction,
  ])
  static let read = CoreShape.object([
    "keys": .list(.uint32), "bounds": bounds, "timestamps_included": .flag, "reduction": reduction,
  ])
  static let deleteFrames = CoreShape.object([
    "keys": .list(.uint32), "names": .list(.text), "bounds": bounds,
  ])

  static let createChannels = CoreShape.object([
    "channels": .list(channel), "retrieve_if_name_exists": .flag,
  ])
  static let retrieveChannels = CoreShape.object([
    "keys": .list(.uint32), "names": .list(.text), "search_term": .text, "data_types": .list(.text),
    "not_data_types": .list(.text), "virtual": .flag, "is_index": .flag, "internal": .flag,
    "node_key": .uint16, "limit": .int, "offset": .int, "range_key": .text, "include_status": .flag,
  ])
  static let changeChannels = CoreShape.object(["keys": .list(.uint32), "names": .list(.text)])

  static let proof = CoreShape.object(["username": .text, "password": .text, "method": .text])
  static let logIn = CoreShape.object(["proof": proof])
  static let deleteSessions = CoreShape.object(["keys": .list(.text)])

  private static let bounds = CoreShape.object(["start": .time, "end": .time])
  private static let reduction = CoreShape.object([
    "variant": .text, "factor": .uint32, "aggregation": .text, "point_limit": .uint32,
  ])
  private static let channel = CoreShape.object([
    "key": .uint32, "name": .text, "leaseholder": .uint16, "data_type": .text, "is_index": .flag,
    "index": .uint32, "alias": .text, "virtual": .flag, "internal": .flag, "expression": .text,
    "operations": .list(.object(["type": .text, "reset_channel": .uint32, "duration": .time])),
    "concurrency": .uint8,
  ])
}

/// Reads JSON as strictly as a core does. Throws `protocol`, naming the place.
enum CoreJSON {
  static func decode<T: Decodable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, as shape: CoreShape
  ) throws(SynnaxError) -> T {
    var reader = Reader(bytes: bytes)
    try reader.message(shape)
    return try Wire.decode(type, bytes)
  }

  static func decode<T: Decodable>(
    _ type: T.Type, _ bytes: [UInt8], as shape: CoreShape
  ) throws(SynnaxError) -> T {
    let result = bytes.withUnsafeBytes { buffer -> Result<T, SynnaxError> in
      do throws(SynnaxError) { return .success(try decode(type, buffer, as: shape)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var at = 0
    var level = 0
    var path: [String] = []

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func fail(_ what: String) -> SynnaxError {
      let place = path.isEmpty ? "" : " at \(path.joined(separator: "."))"
      return SynnaxError("protocol", "cannot unmarshal \(what)\(place), byte \(at)")
    }

    mutating func message(_ shape: CoreShape) throws(SynnaxError) {
      try value(shape)
      skipSpace()
      guard next == nil else { throw fail("what follows the message") }
    }

    private mutating func skipSpace() {
      while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func value(_ shape: CoreShape) throws(SynnaxError) {
      skipSpace()
      switch next {
      case UInt8(ascii: "{"): try object(shape)
      case UInt8(ascii: "["): try list(shape)
      case UInt8(ascii: "\""):
        let text = try string()
        switch shape {
        case .text, .anything: break
        case .time where Int64(text) != nil: break
        default: throw fail("a string into \(Self.name(shape))")
        }
      case UInt8(ascii: "t"), UInt8(ascii: "f"):
        try word(next == UInt8(ascii: "t") ? "true" : "false")
        switch shape {
        case .flag, .anything: break
        default: throw fail("a truth value into \(Self.name(shape))")
        }
      case UInt8(ascii: "n"): try word("null")
      default: try number(shape)
      }
    }

    private mutating func word(_ text: String) throws(SynnaxError) {
      for byte in text.utf8 {
        guard next == byte else { throw fail("what is no JSON") }
        at += 1
      }
    }

    private mutating func number(_ shape: CoreShape) throws(SynnaxError) {
      let start = at
      while let byte = next, "+-.eE0123456789".utf8.contains(byte) { at += 1 }
      let text = String(decoding: bytes[start..<at], as: UTF8.self)
      guard let double = Double(text), text.first?.isNumber == true || text.first == "-" else {
        at = start
        throw fail("what is no JSON")
      }
      switch shape {
      case .anything: break
      case .number where double.isFinite: break
      case .time where Int64(text) != nil: break
      case .whole(let range):
        guard let whole = Int64(text), range.contains(whole) else {
          throw fail("\(text) into \(Self.name(shape))")
        }
      default: throw fail("a number into \(Self.name(shape))")
      }
    }

    private mutating func object(_ shape: CoreShape) throws(SynnaxError) {
      let fields: [String: CoreShape]?
      switch shape {
      case .object(let known): fields = known
      case .anything: fields = nil
      default: throw fail("an object into \(Self.name(shape))")
      }
      try descend()
      skipSpace()
      if next == UInt8(ascii: "}") {
        at += 1
      } else {
        while true {
          skipSpace()
          guard next == UInt8(ascii: "\"") else { throw fail("what is no JSON") }
          let key = try string()
          skipSpace()
          try word(":")
          path.append(key)
          try value(fields?[key] ?? .anything)
          path.removeLast()
          if try endsWith(UInt8(ascii: "}")) { break }
        }
      }
      level -= 1
    }

    private mutating func list(_ shape: CoreShape) throws(SynnaxError) {
      let element: CoreShape
      switch shape {
      case .list(let known): element = known
      case .anything: element = .anything
      default: throw fail("a list into \(Self.name(shape))")
      }
      try descend()
      skipSpace()
      if next == UInt8(ascii: "]") {
        at += 1
      } else {
        while true {
          try value(element)
          if try endsWith(UInt8(ascii: "]")) { break }
        }
      }
      level -= 1
    }

    private mutating func descend() throws(SynnaxError) {
      at += 1
      level += 1
      guard level <= CoreLimits.jsonDepth else { throw fail("what is nested so deep") }
    }

    /// Behind an element: a comma, or the end.
    private mutating func endsWith(_ end: UInt8) throws(SynnaxError) -> Bool {
      skipSpace()
      guard next == end || next == UInt8(ascii: ",") else { throw fail("what is no JSON") }
      at += 1
      return bytes[at - 1] == end
    }

    /// What stands between the quotes; escapes are left as they are, which no name or number here has.
    private mutating func string() throws(SynnaxError) -> String {
      at += 1
      let start = at
      while let byte = next, byte != UInt8(ascii: "\"") {
        guard byte >= 0x20 else { throw fail("what is no JSON") }
        at += byte == UInt8(ascii: "\\") ? 2 : 1
      }
      guard next != nil else { throw fail("what is no JSON") }
      at += 1
      return String(decoding: bytes[start..<at - 1], as: UTF8.self)
    }

    private static func name(_ shape: CoreShape) -> String {
      switch shape {
      case .text: "a string"
      case .flag: "a truth value"
      case .whole: "a whole number"
      case .number: "a number"
      case .time: "a time"
      case .list: "a list"
      case .object: "an object"
      case .anything: "anything"
      }
    }
  }
}
