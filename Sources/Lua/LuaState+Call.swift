import CShims

extension LuaState {
  /// Compiles text. Errors have the code `syntax`; `isIncomplete` tells that more lines may complete it.
  /// - Parameter chunkName: as in Lua: `=cell 3` or `@script.lua`.
  public func load(_ source: String, chunkName: String) throws(LuaError) -> LuaReference {
    try load(Array(source.utf8), chunkName: chunkName)
  }

  public func load(_ source: [UInt8], chunkName: String) throws(LuaError) -> LuaReference {
    try inside { () throws(LuaError) in
      let stack = stack
      stack.room()
      let status = source.withUnsafeBytes { bytes in
        // An empty array may have no address; its zero bytes are never read.
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        return start.map { mt_load(stack.lua, $0, bytes.count, chunkName) }
          ?? mt_load(stack.lua, "", 0, chunkName)
      }
      guard status == LUA_OK else {
        let isIncomplete =
          status == LUA_ERRSYNTAX && (stack.bytes(-1) ?? []).suffix(5).elementsEqual("<eof>".utf8)
        var error = stack.takeError(status: status)
        if status == LUA_ERRSYNTAX { error.code = "syntax" }
        error.isIncomplete = isIncomplete
        return try raise(error)
      }
      defer { stack.pop() }
      return stack.reference(-1)
    }
  }

  private func raise<Result>(_ error: LuaError) throws(LuaError) -> Result { throw error }

  /// Calls a function right here, on the thread's stack: waits inside block everything but native threads. To run
  /// what a user wrote, use `Scheduler.run`.
  @discardableResult
  public func call(_ function: LuaReference, _ arguments: [LuaValue] = []) throws(LuaError) -> [LuaValue] {
    try inside { () throws(LuaError) in
      let stack = stack
      guard stack.hasRoom(arguments.count + 8) else { throw LuaError("error", "stack overflow") }
      let base = stack.top
      stack.push(function)
      for argument in arguments { stack.push(argument) }
      let status = mt_pcall(stack.lua, Int32(arguments.count), LUA_MULTRET)
      guard status == LUA_OK else { throw stack.takeError(status: status) }
      return stack.take(stack.top - base)
    }
  }

  // MARK: Globals and tables

  /// Raw: a metatable of the globals is not asked.
  public func global(_ name: String) -> LuaValue {
    let stack = stack
    stack.room()
    mt_push_globals(stack.lua)
    stack.push(name)
    lua_rawget(stack.lua, -2)
    defer { stack.pop(2) }
    return stack.value(-1)
  }

  public func setGlobal(_ name: String, _ value: some LuaPushable) {
    let stack = stack
    stack.room()
    mt_push_globals(stack.lua)
    stack.push(value)
    stack.setField(name)
    stack.pop()
  }

  public func newTable() -> LuaReference {
    let stack = stack
    stack.pushTable()
    defer { stack.pop() }
    return stack.reference(-1)
  }

  /// `object[key]`, metamethods included.
  public func get(_ object: LuaValue, _ key: LuaValue) throws(LuaError) -> LuaValue {
    try inside { () throws(LuaError) in
      let stack = stack
      stack.push(object)
      stack.push(key)
      let status = mt_get(stack.lua)
      guard status == LUA_OK else { throw stack.takeError(status: status) }
      defer { stack.pop() }
      return stack.value(-1)
    }
  }

  /// `object[key] = value`, metamethods included.
  public func set(_ object: LuaValue, _ key: LuaValue, _ value: some LuaPushable) throws(LuaError) {
    try inside { () throws(LuaError) in
      let stack = stack
      stack.push(object)
      stack.push(key)
      stack.push(value)
      let status = mt_set(stack.lua)
      guard status == LUA_OK else { throw stack.takeError(status: status) }
    }
  }

  /// `table[key]` without metamethods; nil for a key that a table cannot have.
  public func rawGet(_ table: LuaReference, _ key: LuaValue) -> LuaValue {
    let stack = stack
    let base = stack.top
    defer { stack.pop(stack.top - base) }
    stack.push(table)
    guard stack.type(-1) == .table else { return .nil }
    stack.push(key)
    lua_rawget(stack.lua, -2)
    return stack.value(-1)
  }

  /// `table[key] = value` without metamethods; ignored for keys nil and NaN, which no table has.
  public func rawSet(_ table: LuaReference, _ key: LuaValue, _ value: some LuaPushable) {
    if key.isNil { return }
    if case .number(let number) = key, number.isNaN { return }
    let stack = stack
    let base = stack.top
    defer { stack.pop(stack.top - base) }
    stack.push(table)
    guard stack.type(-1) == .table else { return }
    stack.push(key)
    stack.push(value)
    lua_rawset(stack.lua, -3)
  }

  /// Gives a table a metatable. Not for one with `__gc`.
  public func setMetatable(of table: LuaReference, _ metatable: LuaReference) {
    let stack = stack
    stack.push(table)
    stack.push(metatable)
    lua_setmetatable(stack.lua, -2)
    stack.pop()
  }

  /// Length of the list part, no metamethods. Never more than the heap has room for: what Lua calls the length of a table
  /// with holes may be any number.
  public func rawCount(_ table: LuaReference) -> Int {
    let stack = stack
    stack.push(table)
    defer { stack.pop() }
    return min(Int(clamping: lua_rawlen(stack.lua, -1)), heapBytes / 8)
  }

  /// The pairs of a table in Lua's order, no metamethods; at most `limit` of them.
  public func pairs(of table: LuaReference, limit: Int = .max) -> [(key: LuaValue, value: LuaValue)] {
    let stack = stack
    stack.room(8)
    let base = stack.top
    defer { stack.pop(stack.top - base) }
    stack.push(table)
    guard stack.type(-1) == .table else { return [] }
    let index = Int32(stack.top)
    var found: [(key: LuaValue, value: LuaValue)] = []
    lua_pushnil(stack.lua)
    while found.count < limit, lua_next(stack.lua, index) != 0 {
      found.append((stack.value(-2), stack.value(-1)))
      stack.pop()
    }
    return found
  }

  /// `tostring(value)`, with a guard: an error in `__tostring` gives the type and address. Runs user code.
  public func describe(_ value: LuaValue) -> String {
    inside {
      let stack = stack
      stack.room(8)
      stack.push(value)
      mt_tostring(stack.lua, -1)
      defer { stack.pop(2) }
      return String(decoding: stack.bytes(-1) ?? [], as: UTF8.self)
    }
  }

  /// Lua's raw equality: `rawequal(a, b)`.
  public func areSame(_ a: LuaValue, _ b: LuaValue) -> Bool {
    let stack = stack
    stack.push(a)
    stack.push(b)
    defer { stack.pop(2) }
    return lua_rawequal(stack.lua, -1, -2) != 0
  }

  /// Address of a table, function, userdata or coroutine: for cycle detection.
  public func identity(of reference: LuaReference) -> Int {
    let stack = stack
    stack.push(reference)
    defer { stack.pop() }
    return Int(bitPattern: lua_topointer(stack.lua, -1))
  }

  /// The metatable's raw field of a value, e.g. `__name`.
  public func metafield(_ value: LuaValue, _ name: String) -> LuaValue {
    let stack = stack
    stack.room(8)
    stack.push(value)
    defer { stack.pop() }
    guard luaL_getmetafield(stack.lua, -1, name) != LUA_TNIL else { return .nil }
    defer { stack.pop() }
    return stack.value(-1)
  }
}
