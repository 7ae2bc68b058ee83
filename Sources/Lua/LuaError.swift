/// Everything that goes wrong in Lua or in what Lua calls.
///
/// A native function throws one; Lua sees a table `{ code, message, hint, position }` that prints as its message. An
/// error that leaves Lua becomes one: such tables keep their fields, any other value its `tostring`.
public struct LuaError: Error, Equatable, Sendable {
  /// What programs test: `"argument" "syntax" "memory" "interrupted" "cancelled" "exit" "timeout" "error"` or what the
  /// thrower says.
  public var code: String
  /// What people read. Errors of native functions have no position in it (the traceback has it); messages that
  /// Lua's `error` made start with one, as always: see `bareMessage`.
  public var message: String
  /// What to do about it.
  public var hint: String?
  /// Innermost first; empty when the error never passed through Lua or was a memory error.
  public var traceback: [LuaFrame]
  /// The source ended too early: with more lines it may become right.
  public var isIncomplete: Bool
  /// What `os.exit` was given, for code `"exit"`.
  public var exitCode: Int32

  public init(
    _ code: String, _ message: String, hint: String? = nil, traceback: [LuaFrame] = [],
    isIncomplete: Bool = false, exitCode: Int32 = 0
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.traceback = traceback
    self.isIncomplete = isIncomplete
    self.exitCode = exitCode
  }

  /// Leaves: thrown by a native function, it unwinds everything like `os.exit(code)`.
  public static func exit(_ code: Int32) -> LuaError { LuaError("exit", "exit", exitCode: code) }

  /// Where Lua code was, innermost: `("cell 3", 2)`.
  public var position: LuaFrame? { traceback.first { $0.line > 0 } }

  /// The message without the `chunk:line:` that Lua puts in front of it.
  public var bareMessage: String {
    for frame in traceback where frame.line > 0 {
      let prefix = "\(frame.source):\(frame.line): "
      if message.hasPrefix(prefix) { return String(message.dropFirst(prefix.count)) }
    }
    return message
  }

  /// Errors that no `pcall` stops.
  package var isUnwinding: Bool { code == "interrupted" || code == "exit" || code == "cancelled" }
}

extension LuaError: CustomStringConvertible {
  public var description: String { hint.map { "\(message) (\($0))" } ?? message }
}

/// One level of a traceback.
public struct LuaFrame: Equatable, Sendable {
  /// The chunk's name without its `=` or `@`, at most 59 bytes: `cell 3`, `script.lua`, `[C]` for native code.
  public var source: String
  /// -1 in native code.
  public var line: Int
  /// As far as Lua knows it: `main chunk`, the name it was called by, or nil.
  public var function: String?

  public init(source: String, line: Int, function: String? = nil) {
    self.source = source
    self.line = line
    self.function = function
  }

  public var isNative: Bool { line < 0 }
}

/// An error of another layer that knows how Lua should see it. Errors that `LuaWait.async` meets are converted by this.
public protocol LuaErrorConvertible: Error {
  var luaError: LuaError { get }
}

extension LuaError: LuaErrorConvertible {
  public var luaError: LuaError { self }

  /// Any error as Lua should see it; unknown ones get the code `"error"`.
  public init(_ error: any Error) {
    if let known = error as? any LuaErrorConvertible {
      self = known.luaError
    } else if error is CancellationError {
      self.init("cancelled", "cancelled")
    } else {
      self.init("error", "\(error)")
    }
  }
}
