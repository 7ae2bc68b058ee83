/// Bytes as Lua has them: any value, NUL included, UTF-8 by custom only.
public struct LuaString: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ string: String) { bytes = Array(string.utf8) }
  public init(stringLiteral value: String) { self.init(value) }

  /// Broken UTF-8 is repaired, so this may not be the same bytes.
  public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Any Lua value. What lives in Lua is held by reference.
public enum LuaValue: Equatable {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(LuaString)
  case table(LuaReference)
  case function(LuaReference)
  case userdata(LuaReference)
  case thread(LuaReference)

  public static func string(_ text: String) -> LuaValue { .string(LuaString(text)) }

  public var isNil: Bool { self == .nil }

  /// As in Lua: everything but nil and false.
  public var isTrue: Bool { self != .nil && self != .boolean(false) }

  /// An integer, or a float that is one.
  public var integer: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int64(exactly: value)
    default: nil
    }
  }

  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  public var string: String? {
    if case .string(let value) = self { value.description } else { nil }
  }

  /// A table, function, userdata or coroutine.
  public var reference: LuaReference? {
    switch self {
    case .table(let value), .function(let value), .userdata(let value), .thread(let value): value
    default: nil
    }
  }
}

/// Lua's types, named as Lua names them.
public enum LuaType: Int32, Sendable, CustomStringConvertible {
  case none = -1
  case `nil` = 0
  case boolean, lightUserdata, number, string, table, function, userdata, thread

  public var description: String {
    switch self {
    case .none: "no value"
    case .nil: "nil"
    case .boolean: "boolean"
    case .lightUserdata, .userdata: "userdata"
    case .number: "number"
    case .string: "string"
    case .table: "table"
    case .function: "function"
    case .thread: "thread"
    }
  }
}

extension LuaValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByStringLiteral
{
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(stringLiteral value: String) { self = .string(value) }
}
