import CShims

/// The Lua stack of the running coroutine, for pushing values. Nothing here can raise: tables are accessed raw.
public struct LuaStack {
  let lua: OpaquePointer

  init(_ lua: OpaquePointer) { self.lua = lua }

  /// Number of values in the current function's part of the stack.
  public var top: Int { Int(lua_gettop(lua)) }

  public func push(_ value: some LuaPushable) { value.push(onto: self) }

  /// A new table on top; fill it with `setField` and `setElement`.
  public func pushTable(elements: Int = 0, fields: Int = 0) {
    room()
    lua_createtable(lua, Int32(clamping: elements), Int32(clamping: fields))
  }

  /// Takes the top value into the table below it; nil is nothing.
  public func setField(_ name: String) {
    room()
    pushText(name)
    lua_rotate(lua, -2, 1)
    lua_rawset(lua, -3)
  }

  /// Takes the top value into the table below it, at a 1-based position.
  public func setElement(_ position: Int) { lua_rawseti(lua, -2, lua_Integer(position)) }

  public func pushBytes(_ bytes: UnsafeRawBufferPointer) {
    room()
    guard let start = bytes.baseAddress else {
      lua_pushlstring(lua, "", 0)
      return
    }
    lua_pushlstring(lua, start.assumingMemoryBound(to: CChar.self), bytes.count)
  }

  public func pushNil() {
    room()
    lua_pushnil(lua)
  }

  func push(integer: Int64) {
    room()
    lua_pushinteger(lua, integer)
  }

  func push(number: Double) {
    room()
    lua_pushnumber(lua, number)
  }

  func push(boolean: Bool) {
    room()
    lua_pushboolean(lua, boolean ? 1 : 0)
  }

  func pushText(_ text: String) {
    room()
    var text = text
    text.withUTF8 { pushBytes(UnsafeRawBufferPointer($0)) }
  }

  func push(slot: Int32) {
    room()
    lua_rawgeti(lua, mt_registry_index(), lua_Integer(slot))
  }

  func pop(_ count: Int = 1) { mt_pop(lua, Int32(count)) }

  /// The trampoline has seen to it that a native function finds 40 slots, or has raised "stack overflow" in its place. Who
  /// pushes more than a few values at a time asks `hasRoom` before.
  func room(_ count: Int32 = 4) {
    precondition(lua_checkstack(lua, count) != 0, "Lua stack overflow")
  }

  /// False where the stack of a coroutine, a million values, is full.
  func hasRoom(_ count: Int) -> Bool {
    Int32(exactly: count).map { $0 <= 1_000_000 && lua_checkstack(lua, $0) != 0 } ?? false
  }
}

/// What Swift can hand to Lua.
public protocol LuaPushable {
  func push(onto stack: LuaStack)
}

extension Bool: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(boolean: self) }
}

extension Int: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: Int64(self)) }
}

extension Int64: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: self) }
}

extension Int32: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: Int64(self)) }
}

extension UInt32: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: Int64(self)) }
}

extension UInt16: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: Int64(self)) }
}

extension UInt8: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(integer: Int64(self)) }
}

extension Double: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(number: self) }
}

extension Float: LuaPushable {
  public func push(onto stack: LuaStack) { stack.push(number: Double(self)) }
}

extension String: LuaPushable {
  public func push(onto stack: LuaStack) { stack.pushText(self) }
}

extension Substring: LuaPushable {
  public func push(onto stack: LuaStack) { stack.pushText(String(self)) }
}

extension LuaString: LuaPushable {
  public func push(onto stack: LuaStack) { bytes.withUnsafeBytes { stack.pushBytes($0) } }
}

extension Optional: LuaPushable where Wrapped: LuaPushable {
  public func push(onto stack: LuaStack) {
    if let self { self.push(onto: stack) } else { stack.pushNil() }
  }
}

extension Array: LuaPushable where Element: LuaPushable {
  public func push(onto stack: LuaStack) {
    stack.pushTable(elements: count)
    for (index, element) in enumerated() {
      element.push(onto: stack)
      stack.setElement(index + 1)
    }
  }
}

extension Dictionary: LuaPushable where Key == String, Value: LuaPushable {
  public func push(onto stack: LuaStack) {
    stack.pushTable(fields: count)
    for (name, value) in self {
      value.push(onto: stack)
      stack.setField(name)
    }
  }
}

extension LuaReference: LuaPushable {
  public func push(onto stack: LuaStack) {
    let state = LuaState.of(stack.lua)
    if belongs(to: state.releases) { stack.push(slot: slot) } else { stack.pushNil() }
  }
}

extension LuaValue: LuaPushable {
  public func push(onto stack: LuaStack) {
    switch self {
    case .nil: stack.pushNil()
    case .boolean(let value): stack.push(boolean: value)
    case .integer(let value): stack.push(integer: value)
    case .number(let value): stack.push(number: value)
    case .string(let value): value.push(onto: stack)
    case .table(let value), .function(let value), .userdata(let value), .thread(let value):
      value.push(onto: stack)
    }
  }
}

/// Reading; indices are Lua's.
extension LuaStack {
  func type(_ index: Int32) -> LuaType { LuaType(rawValue: lua_type(lua, index)) ?? .none }

  func bytes(_ index: Int32) -> [UInt8]? {
    var count = 0
    guard let start = lua_tolstring(lua, index, &count) else { return nil }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Strings only, no numbers: those would be changed in place.
  func text(_ index: Int32) -> String? {
    guard lua_type(lua, index) == LUA_TSTRING else { return nil }
    var count = 0
    guard let start = lua_tolstring(lua, index, &count) else { return nil }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
  }

  func value(_ index: Int32) -> LuaValue {
    switch type(index) {
    case .none, .nil, .lightUserdata: return .nil
    case .boolean: return .boolean(lua_toboolean(lua, index) != 0)
    case .number:
      return lua_isinteger(lua, index) != 0
        ? .integer(lua_tointegerx(lua, index, nil)) : .number(lua_tonumberx(lua, index, nil))
    case .string: return .string(LuaString(bytes(index) ?? []))
    case .table: return .table(reference(index))
    case .function: return .function(reference(index))
    case .userdata: return .userdata(reference(index))
    case .thread: return .thread(reference(index))
    }
  }

  func reference(_ index: Int32) -> LuaReference {
    let state = LuaState.of(lua)
    state.releaseDropped()
    // Results may fill a stack to its last slot. This takes three of the five that Lua keeps behind it for such calls.
    lua_pushvalue(lua, index)
    return LuaReference(slot: luaL_ref(lua, mt_registry_index()), releases: state.releases)
  }

  /// The top `count` values, taken off.
  func take(_ count: Int) -> [LuaValue] {
    guard count > 0 else { return [] }
    var values: [LuaValue] = []
    values.reserveCapacity(count)
    // From the top down, so that even a full stack has room for what making a reference takes.
    for _ in 0..<count {
      values.append(value(-1))
      pop()
    }
    return values.reversed()
  }

  func push(_ error: LuaError) {
    room(8)
    var (code, message, hint) = (error.code, error.message, error.hint ?? "")
    code.withUTF8 { code in
      message.withUTF8 { message in
        hint.withUTF8 { hint in
          mt_push_error(
            lua, chars(code), code.count, chars(message), message.count,
            error.hint == nil ? nil : chars(hint), hint.count)
        }
      }
    }
  }

  private func chars(_ text: UnsafeBufferPointer<UInt8>) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.baseAddress ?? emptyText).assumingMemoryBound(to: CChar.self)
  }

  /// The value on top, taken off, as an error; the traceback is the last one recorded.
  func takeError(status: Int32) -> LuaError {
    room(8)
    let state = LuaState.of(lua)
    let traceback = status == LUA_ERRMEM ? [] : state.recordedTraceback
    defer { pop() }
    if status == LUA_ERRMEM { return LuaError("memory", "not enough memory") }
    if type(-1) == .table, let message = rawText("message") {
      let code = rawText("code") ?? "error"
      return LuaError(
        code, message, hint: rawText("hint"), traceback: traceback,
        exitCode: code == "exit" ? state.block.pointee.exit_code : 0)
    }
    describeTop(state)
    let message = (bytes(-1) ?? []).prefix(Limits.messageBytes)
    pop()
    return LuaError("error", String(decoding: message, as: UTF8.self), traceback: traceback)
  }

  /// Pushes the `tostring` of the top value. What a user wrote for that gets a moment, and its interrupt is nobody
  /// else's.
  private func describeTop(_ state: LuaState) {
    guard luaL_getmetafield(lua, -1, "__tostring") != LUA_TNIL else { return mt_tostring(lua, -1) }
    let isNative = lua_iscfunction(lua, -1) != 0
    pop()
    guard !isNative else { return mt_tostring(lua, -1) }
    let block = state.block!
    let (unwinding, since, sparing) = (
      block.pointee.unwinding, block.pointee.unwinding_since, block.pointee.sparing
    )
    block.pointee.sparing = false
    let alarm = Alarm(state.interrupter)
    alarm.set(after: Limits.messageTime)
    mt_tostring(lua, -1)
    if alarm.cancel() { _ = state.interrupter.take() }
    (block.pointee.unwinding, block.pointee.unwinding_since, block.pointee.sparing) = (
      unwinding, since, sparing
    )
  }

  /// A string field of the table on top.
  private func rawText(_ name: String) -> String? {
    pushText(name)
    lua_rawget(lua, -2)
    defer { pop() }
    return text(-1)
  }
}

/// Stands in for the address of an empty string's bytes.
// Safety: one byte that is never written nor freed.
private nonisolated(unsafe) let emptyText = UnsafePointer<UInt8>(
  UnsafeMutablePointer<UInt8>.allocate(capacity: 1))
