/// What one sample of a channel is. The raw values are the names that Synnax gives them; a Bela board knows
/// `f i j d c`, which are `float32 int32 uint32 float64 uint8` here.
public enum DataType: String, Sendable, Hashable, CaseIterable {
  case float32, float64
  case int8, int16, int32, int64
  case uint8, uint16, uint32, uint64
  /// Nanoseconds since the Unix epoch, a signed 64-bit number.
  case timestamp
  /// A byte, 0 or 1.
  case bool
  case uuid
  /// Of variable width: UTF-8 text, JSON text, any bytes.
  case string, json, bytes

  /// Bytes of one sample, nil for the types of variable width.
  public var width: Int? {
    switch self {
    case .int8, .uint8, .bool: 1
    case .int16, .uint16: 2
    case .float32, .int32, .uint32: 4
    case .float64, .int64, .uint64, .timestamp: 8
    case .uuid: 16
    case .string, .json, .bytes: nil
    }
  }

  /// True where arithmetic and statistics make sense.
  public var isNumeric: Bool {
    switch self {
    case .bool, .uuid, .string, .json, .bytes: false
    default: true
    }
  }

  /// True for the types whose samples are exact integers.
  public var isInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .timestamp: true
    default: false
    }
  }

  /// The short name that echoes use: `f32`, `u8`, `timestamp`.
  public var shortName: String {
    switch self {
    case .float32: "f32"
    case .float64: "f64"
    case .int8: "i8"
    case .int16: "i16"
    case .int32: "i32"
    case .int64: "i64"
    case .uint8: "u8"
    case .uint16: "u16"
    case .uint32: "u32"
    case .uint64: "u64"
    default: rawValue
    }
  }
}

/// One sample of any type, as a script sees it.
public enum Sample: Sendable, Hashable {
  case float(Double)
  case integer(Int64)
  /// Values of `uint64` above `Int64.max`; smaller ones are `.integer`.
  case unsigned(UInt64)
  case bool(Bool)
  /// Text, JSON, and raw bytes.
  case bytes([UInt8])
  case uuid(high: UInt64, low: UInt64)

  /// The number behind it; nil for text, bytes and identifiers.
  public var number: Double? {
    switch self {
    case .float(let value): value
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    case .bytes, .uuid: nil
    }
  }
}
