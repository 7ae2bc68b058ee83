/// Errors that a person can act on: every target's error type has these three, and scripts see them as they are.
public protocol CodedError: Error, Sendable {
  /// A short word that programs compare: `unreachable`, `unknown_channel`.
  var code: String { get }
  /// One sentence that says what happened.
  var message: String { get }
  /// What to do about it, if anything is known.
  var hint: String? { get }
}

/// What can go wrong with streams and buffers themselves.
public struct TelemetryError: CodedError, Hashable {
  public var code: String
  public var message: String
  public var hint: String?

  public init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}
