import CShims

/// The body of a function that Lua can call: runs on the interpreter's thread, must not block. Closures have to say what they throw:
/// `{ call throws(LuaError) in … }`.
public typealias LuaBody = (borrowing LuaCall) throws(LuaError) -> LuaResult

/// What a native function wants to happen when it returns.
public enum LuaResult {
  /// The top `n` values on the stack are the results.
  case values(Int)
  /// The call goes on when the wait is over; see `LuaWait`.
  case wait(LuaWait)
  /// Raises this very value, as Lua's `error` does: for handing on what another task threw.
  case raise(LuaValue)

  /// No results.
  public static var none: LuaResult { .values(0) }
}

/// A Swift closure on its way through the C trampoline.
final class NativeFunction {
  let name: String
  /// Arguments in front of the first that counts: 1 for methods.
  let skip: Int
  let declaration: LuaDeclaration
  private(set) var body: LuaBody?

  init(
    name: String, skip: Int, declaration: LuaDeclaration = LuaDeclaration(), body: @escaping LuaBody
  ) {
    self.name = name
    self.skip = skip
    self.declaration = declaration
    self.body = body
  }

  /// Drops what the closure holds; a call is an error from then on.
  func close() { body = nil }

  func invoke(_ lua: OpaquePointer) -> Int32 {
    let call = LuaCall(lua, function: self)
    do throws(LuaError) {
      guard let body else { throw LuaError("closed", "the interpreter is closing") }
      return try settle(body(call), lua)
    } catch {
      return Self.fail(error, lua)
    }
  }

  func settle(_ result: LuaResult, _ lua: OpaquePointer) throws(LuaError) -> Int32 {
    switch result {
    case .values(let count): return Int32(clamping: max(0, count))
    case .wait(let wait): return LuaState.of(lua).scheduler.begin(wait, for: self, lua)
    case .raise(let value):
      value.push(onto: LuaStack(lua))
      return Int32(MT_FAIL)
    }
  }

  /// Leaves the error for the trampoline to raise.
  static func fail(_ error: LuaError, _ lua: OpaquePointer) -> Int32 {
    let block = mt_block(lua)
    if error.isUnwinding {
      if error.code == "exit", block.pointee.unwinding != MT_EXIT {
        block.pointee.exit_code = error.exitCode
        mt_begin_unwinding(block, Int32(MT_EXIT))
        mt_record_traceback(lua, block, 0)
        return Int32(MT_UNWIND)
      }
      if block.pointee.unwinding != MT_NOT_UNWINDING { return Int32(MT_UNWIND) }
    }
    LuaStack(lua).push(error)
    return Int32(MT_FAIL)
  }

  /// Puts a function on the stack.
  func push(onto stack: LuaStack) {
    stack.room()
    // Safety: the box on the Lua side holds this reference and gives it back in its __gc.
    let context = Unmanaged.passRetained(self).toOpaque()
    mt_push_native(stack.lua, enterNative, context)
  }
}

/// The one C function behind all of them.
private let enterNative: mt_native = { lua, context in
  // Safety: the box that holds this reference is an upvalue of the function being called.
  Unmanaged<NativeFunction>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.invoke(lua) }
}
