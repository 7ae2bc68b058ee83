import CShims

/// What calling a function for each sample came to.
public enum LuaMapped {
  case numbers([Double])
  /// What the function gave at this position, counted from 1, instead of a number.
  case other(LuaType, Int)
  /// C cannot read these samples.
  case unreadable
}

extension LuaCall {
  /// Calls the function at `position` with each sample of the object that the method was called on and its place, all in
  /// one protected call; waits inside block everything but native threads.
  public func map(_ position: Int) throws(LuaError) -> LuaMapped {
    let lua = lua
    let function = index(position)
    return try state.inside { () throws(LuaError) in
      let stack = LuaStack(lua)
      stack.room(8)
      let status = mt_map(lua, 1, function)
      guard status == LUA_OK else { throw stack.takeError(status: status) }
      defer { stack.pop(2) }
      let place = lua_tointegerx(lua, -1, nil)
      if place > 0 { return .other(stack.value(-2).type, Int(place)) }
      guard place == 0, let numbers = mt_mapped(lua, -2) else { return .unreadable }
      let count = (Int(lua_rawlen(lua, -2)) - MemoryLayout<mt_view>.size) / MemoryLayout<Double>.size
      return .numbers([Double](UnsafeBufferPointer(start: numbers, count: count)))
    }
  }
}
