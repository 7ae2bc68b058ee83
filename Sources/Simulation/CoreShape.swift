import JSON
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

extension CoreMessage {
  /// Reads a message as strictly as a core does. Throws `protocol`, naming the place.
  static func decode<T: Decodable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, as shape: CoreShape
  ) throws(SynnaxError) -> T {
    let json: JSON
    do throws(JSON.ReadError) {
      json = try JSON(parsing: bytes, JSON.Reading(depth: CoreLimits.jsonDepth))
    } catch {
      throw SynnaxError("protocol", "cannot unmarshal what is no JSON: \(error)")
    }
    try shape.check(json)
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
}

extension CoreShape {
  func check(_ json: JSON, at path: [String] = []) throws(SynnaxError) {
    func refuse(_ what: String) -> SynnaxError {
      let place = path.isEmpty ? "" : " at \(path.joined(separator: "."))"
      return SynnaxError("protocol", "cannot unmarshal \(what) into \(name)\(place)")
    }
    switch (json, self) {
    case (.null, _), (_, .anything), (.string, .text), (.bool, .flag), (.integer, .time): break
    case (.integer, .number), (.unsigned, .number), (.number, .number): break
    case (.string(let digits), .time) where Int64(digits) != nil: break
    case (.integer(let value), .whole(let range)) where range.contains(value): break
    case (.array(let values), .list(let shape)):
      for value in values { try shape.check(value, at: path) }
    case (.object(let members), .object(let shapes)):
      for member in members { try shapes[member.key]?.check(member.value, at: path + [member.key]) }
    case (.string, _): throw refuse("a string")
    case (.bool, _): throw refuse("a truth value")
    case (.integer, .whole), (.unsigned, .whole), (.number, .whole): throw refuse(json.encodedText())
    case (.integer, _), (.unsigned, _), (.number, _): throw refuse("a number")
    case (.array, _): throw refuse("a list")
    case (.object, _): throw refuse("an object")
    }
  }

  private var name: String {
    switch self {
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
