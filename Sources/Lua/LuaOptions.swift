import CShims

extension LuaCall {
  /// The options table at a position, with the keys that the function's declaration has there.
  public func options(at position: Int) throws(LuaError) -> LuaOptions {
    try options(at: position, allowed: native.declaration.options(at: position))
  }

  /// The options table at a position: string keys, each of which must be allowed, and a list part. Nothing or nil counts
  /// as an empty one. The table's metatable is not asked.
  public func options(at position: Int, allowed: [String]) throws(LuaError) -> LuaOptions {
    if isNoneOrNil(position) { return LuaOptions(function: name, allowed: allowed, list: [], fields: [:]) }
    guard type(position) == .table else { throw mismatch(position, "table") }
    let stack = stack
    stack.room(8)
    var fields: [String: LuaValue] = [:]
    let table = index(position)
    lua_pushnil(lua)
    while lua_next(lua, table) != 0 {
      if let key = stack.text(-2) {
        guard allowed.contains(key) else {
          stack.pop(2)
          throw unknown(option: key, allowed: allowed)
        }
        fields[key] = stack.value(-1)
      } else if lua_isinteger(lua, -2) == 0 {
        let type = typeName(at: -2)
        stack.pop(2)
        throw LuaError("argument", "'\(name)' has no option whose key is a \(type)")
      }
      stack.pop()
    }
    var list: [LuaValue] = []
    for position in 1...max(1, Int(clamping: lua_rawlen(lua, table))) {
      lua_rawgeti(lua, table, lua_Integer(position))
      let value = stack.value(-1)
      stack.pop()
      if value.isNil { break }
      list.append(value)
    }
    return LuaOptions(function: name, allowed: allowed, list: list, fields: fields)
  }

  private func unknown(option: String, allowed: [String]) -> LuaError {
    let nearest = Suggestion.nearest(to: option, among: allowed)
    return LuaError(
      "argument", "'\(name)' has no option '\(option)'",
      hint: nearest.map { "did you mean '\($0)'?" }
        ?? (allowed.isEmpty ? nil : "options: \(allowed.joined(separator: ", "))"))
  }
}

/// What an options table said. Errors name the option and the function.
public struct LuaOptions {
  let function: String
  let allowed: [String]
  /// The values at 1, 2, 3…
  public let list: [LuaValue]
  /// The values of the string keys.
  let fields: [String: LuaValue]

  public func has(_ name: String) -> Bool { field(name) != nil }
  public func value(_ name: String) -> LuaValue { field(name) ?? .nil }

  private func field(_ name: String) -> LuaValue? {
    assert(allowed.contains(name), "'\(function)' asks for '\(name)', which no script may give")
    return fields[name]
  }

  public func number(_ name: String) throws(LuaError) -> Double? {
    guard let value = field(name) else { return nil }
    guard let number = value.number else { throw mismatch(name, "number", value) }
    return number
  }

  public func integer(_ name: String) throws(LuaError) -> Int? {
    guard let value = field(name) else { return nil }
    guard let integer = value.integer else {
      guard value.number == nil else { throw bad(name, "number has no integer representation") }
      throw mismatch(name, "number", value)
    }
    return Int(integer)
  }

  public func string(_ name: String) throws(LuaError) -> String? {
    guard let value = field(name) else { return nil }
    guard let string = value.string else { throw mismatch(name, "string", value) }
    return string
  }

  public func boolean(_ name: String) throws(LuaError) -> Bool? {
    guard let value = field(name) else { return nil }
    guard case .boolean(let boolean) = value else { throw mismatch(name, "boolean", value) }
    return boolean
  }

  public func function(_ name: String) throws(LuaError) -> LuaReference? {
    guard let value = field(name) else { return nil }
    guard case .function(let reference) = value else { throw mismatch(name, "function", value) }
    return reference
  }

  public func table(_ name: String) throws(LuaError) -> LuaReference? {
    guard let value = field(name) else { return nil }
    guard case .table(let reference) = value else { throw mismatch(name, "table", value) }
    return reference
  }

  /// The list part as strings.
  public func strings() throws(LuaError) -> [String] {
    var strings: [String] = []
    for (index, value) in list.enumerated() {
      guard let string = value.string else { throw mismatch("\(index + 1)", "string", value) }
      strings.append(string)
    }
    return strings
  }

  /// "bad option 'span' to 'start' (…)"
  public func bad(_ name: String, _ reason: String, hint: String? = nil) -> LuaError {
    LuaError("argument", "bad option '\(name)' to '\(function)' (\(reason))", hint: hint)
  }

  private func mismatch(_ name: String, _ expected: String, _ value: LuaValue) -> LuaError {
    bad(name, "\(expected) expected, got \(value.type)")
  }
}

extension LuaValue {
  public var type: LuaType {
    switch self {
    case .nil: .nil
    case .boolean: .boolean
    case .integer, .number: .number
    case .string: .string
    case .table: .table
    case .function: .function
    case .userdata: .userdata
    case .thread: .thread
    }
  }
}
