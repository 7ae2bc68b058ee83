public import Lua

/// One `check`, `check.equal` or `check.near` that a script made.
public struct Check: Equatable, Sendable {
  public var passed: Bool
  /// What the script said of it, or what was wrong; "check failed" when it said nothing.
  public var message: String
  /// The script's line; nil when the check was no Lua code's.
  public var place: LuaFrame?
  /// What a failed `s:within(…)` saw.
  public var signal: FailedSignal?
}
