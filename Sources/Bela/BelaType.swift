public import Telemetry

/// What a watched variable is. The raw value is the letter of the wire.
public enum BelaType: Character, Sendable, Hashable, CaseIterable {
  case float32 = "f"
  case int32 = "i"
  case uint32 = "j"
  case float64 = "d"
  case char = "c"

  package init?(letter: UInt8) {
    self.init(rawValue: Character(Unicode.Scalar(letter)))
  }

  package var letter: UInt8 { rawValue.asciiValue! }

  /// Bytes of one value.
  public var size: Int {
    switch self {
    case .float32, .int32, .uint32: 4
    case .float64: 8
    case .char: 1
    }
  }

  public var dataType: DataType {
    switch self {
    case .float32: .float32
    case .int32: .int32
    case .uint32: .uint32
    case .float64: .float64
    case .char: .uint8
    }
  }

  /// The names of the seed command protocol (section 16.2).
  package var word: String {
    switch self {
    case .float32: "float"
    case .int32: "int"
    case .uint32: "unsigned int"
    case .float64: "double"
    case .char: "char"
    }
  }

  package init?(word: String) {
    switch word {
    case "float": self = .float32
    case "int": self = .int32
    case "unsigned int", "uint": self = .uint32
    case "double": self = .float64
    case "char": self = .char
    default: return nil
    }
  }
}

/// Where values and time stamps lie in a stream block (section 6.2).
package struct BlockLayout: Sendable, Hashable {
  /// Always, for every type and mode, also the last one.
  package static let blockBytes = 4104
  package static let valuesOffset = 8

  package let type: BelaType
  package let mode: Channel.Mode
  /// Values of a full block.
  package let count: Int
  /// Where the relative time stamps of a sparse block begin; the block's end for a dense one.
  package let stampsOffset: Int

  package init(_ type: BelaType, _ mode: Channel.Mode) {
    self.type = type
    self.mode = mode
    let room = Self.blockBytes - Self.valuesOffset
    switch mode {
    case .dense:
      stampsOffset = Self.blockBytes
      count = room / type.size
    case .sparse:
      // The board rounds the offset of the stamps down to a multiple of four, which costs three of 819 chars.
      let fitting = room / (type.size + 4)
      stampsOffset = (fitting * type.size + Self.valuesOffset) & ~3
      count = (stampsOffset - Self.valuesOffset) / type.size
    }
  }
}
