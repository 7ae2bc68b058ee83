import CShims

/// One call from Lua: its arguments, and the stack for its results. Positions are 1-based; in a method `self` does not
/// count. Valid during the call only, which the compiler sees to.
public struct LuaCall: ~Copyable {
  let lua: OpaquePointer
  // Safety: the function is an upvalue of what runs, so it outlives the call.
  unowned(unsafe) let native: NativeFunction
  /// Arguments that the caller gave, trailing nils included.
  public let count: Int

  init(_ lua: OpaquePointer, function: NativeFunction) {
    self.lua = lua
    native = function
    count = Int(lua_gettop(lua)) - function.skip
  }

  /// The name in error messages.
  public var name: String { native.name }
  public var state: LuaState { LuaState.of(lua) }
  public var stack: LuaStack { LuaStack(lua) }

  func index(_ position: Int) -> Int32 { Int32(truncatingIfNeeded: position + native.skip) }

  public func type(_ position: Int) -> LuaType {
    position > count ? .none : stack.type(index(position))
  }

  public func isNoneOrNil(_ position: Int) -> Bool {
    position > count || lua_type(lua, index(position)) <= LUA_TNIL
  }

  /// The innermost Lua code that led here, passing over native code and over an embedder's own chunk of this name.
  public func caller(besides chunk: String? = nil) -> LuaFrame? {
    var level: Int32 = 0
    var record = lua_Debug()
    while lua_getstack(lua, level, &record) != 0 {
      level += 1
      lua_getinfo(lua, "Sl", &record)
      guard record.currentline > 0 else { continue }
      let source = withUnsafeBytes(of: record.short_src) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if source != chunk { return LuaFrame(source: source, line: Int(record.currentline)) }
    }
    return nil
  }

  // MARK: Arguments

  /// Numbers and strings that are numbers, as everywhere in Lua.
  public func number(_ position: Int) throws(LuaError) -> Double {
    var isNumber: Int32 = 0
    let value = position > count ? 0 : lua_tonumberx(lua, index(position), &isNumber)
    guard isNumber != 0 else { throw mismatch(position, "number") }
    return value
  }

  /// An integer, or a float or string that is one exactly.
  public func integer(_ position: Int) throws(LuaError) -> Int {
    var isInteger: Int32 = 0
    let value = position > count ? 0 : lua_tointegerx(lua, index(position), &isInteger)
    if isInteger != 0 { return Int(value) }
    guard position <= count, lua_isnumber(lua, index(position)) != 0 else {
      throw mismatch(position, "number")
    }
    throw bad(position, "number has no integer representation")
  }

  /// Broken UTF-8 is repaired; numbers become their text.
  public func string(_ position: Int) throws(LuaError) -> String {
    String(decoding: try bytes(position), as: UTF8.self)
  }

  public func bytes(_ position: Int) throws(LuaError) -> [UInt8] {
    guard position <= count, lua_isstring(lua, index(position)) != 0,
      let bytes = stack.bytes(index(position))
    else { throw mismatch(position, "string") }
    return bytes
  }

  /// true or false and nothing else; see `isTrue`.
  public func boolean(_ position: Int) throws(LuaError) -> Bool {
    guard type(position) == .boolean else { throw mismatch(position, "boolean") }
    return lua_toboolean(lua, index(position)) != 0
  }

  /// As in a Lua condition: anything but nil, false and nothing.
  public func isTrue(_ position: Int) -> Bool {
    position <= count && lua_toboolean(lua, index(position)) != 0
  }

  public func function(_ position: Int) throws(LuaError) -> LuaReference {
    guard type(position) == .function else { throw mismatch(position, "function") }
    return stack.reference(index(position))
  }

  public func table(_ position: Int) throws(LuaError) -> LuaReference {
    guard type(position) == .table else { throw mismatch(position, "table") }
    return stack.reference(index(position))
  }

  /// Whatever is there; nil for nothing.
  public func value(_ position: Int) -> LuaValue {
    position > count ? .nil : stack.value(index(position))
  }

  /// The arguments from a position on.
  public func values(from position: Int) -> [LuaValue] {
    position > count ? [] : (position...count).map { value($0) }
  }

  public func optionalNumber(_ position: Int) throws(LuaError) -> Double? {
    isNoneOrNil(position) ? nil : try number(position)
  }

  public func optionalInteger(_ position: Int) throws(LuaError) -> Int? {
    isNoneOrNil(position) ? nil : try integer(position)
  }

  public func optionalString(_ position: Int) throws(LuaError) -> String? {
    isNoneOrNil(position) ? nil : try string(position)
  }

  public func optionalFunction(_ position: Int) throws(LuaError) -> LuaReference? {
    isNoneOrNil(position) ? nil : try function(position)
  }

  /// A native object of this class.
  public func object<T>(_ position: Int, _ class: LuaClass<T>) throws(LuaError) -> T {
    guard let object = `class`.object(lua, index(position)) else {
      throw mismatch(position, `class`.name)
    }
    return object
  }

  /// A native object of this class, or nil for anything else: for arguments of several types.
  public func ifObject<T>(_ position: Int, _ class: LuaClass<T>) -> T? {
    position > count ? nil : `class`.object(lua, index(position))
  }

  /// As above, the class found by the Swift type; about 30 ns more.
  public func object<T: AnyObject>(_ position: Int, as type: T.Type) throws(LuaError) -> T {
    guard let found = state.class(for: type) else { throw mismatch(position, "\(type)") }
    return try object(position, found)
  }

  public func ifObject<T: AnyObject>(_ position: Int, as type: T.Type) -> T? {
    state.class(for: type).flatMap { ifObject(position, $0) }
  }

  // MARK: Errors

  /// "bad argument #1 to 'read' (…)"
  public func bad(_ position: Int, _ reason: String, hint: String? = nil) -> LuaError {
    LuaError("argument", "bad argument #\(position) to '\(name)' (\(reason))", hint: hint)
  }

  /// "bad argument #1 to 'read' (number expected, got string)"
  public func mismatch(_ position: Int, _ expected: String) -> LuaError {
    bad(position, "\(expected) expected, got \(typeName(position))")
  }

  /// A class's name for native objects, else Lua's type.
  public func typeName(_ position: Int) -> String {
    position > count ? "no value" : typeName(at: index(position))
  }

  func typeName(at index: Int32) -> String {
    if stack.type(index) == .userdata, luaL_getmetafield(lua, index, "__name") != LUA_TNIL {
      defer { stack.pop() }
      return stack.text(-1) ?? "userdata"
    }
    return stack.type(index).description
  }

  // MARK: Results

  public func push(_ value: some LuaPushable) { value.push(onto: stack) }

  /// - Parameter sharedBytes: those of the external bytes that are counted for another object, too: they count against the
  ///   limit, but no collection is due for them.
  public func push<T>(_ object: T, _ class: LuaClass<T>, externalBytes: Int = 0, sharedBytes: Int = 0) {
    `class`.push(object, onto: stack, externalBytes: externalBytes, sharedBytes: sharedBytes)
  }

  /// Room for that many results. Throws where the stack cannot take them; few need no room of their own.
  public func reserve(_ count: Int) throws(LuaError) {
    guard stack.hasRoom(count) else { throw LuaError("error", "stack overflow (too many results)") }
  }

  /// Pushes all of them and returns them.
  public func results<each Value: LuaPushable>(_ values: repeat each Value) -> LuaResult {
    var count = 0
    for value in repeat each values {
      value.push(onto: stack)
      count += 1
    }
    return .values(count)
  }

  /// Pushes a native object and returns it.
  public func result<T>(_ object: T, _ class: LuaClass<T>, externalBytes: Int = 0) -> LuaResult {
    push(object, `class`, externalBytes: externalBytes)
    return .values(1)
  }

  /// Returns arguments as they are: `s:start()` returns its self (position 0).
  public func argument(_ position: Int) -> LuaResult {
    stack.room()
    lua_pushvalue(lua, index(position))
    return .values(1)
  }
}
