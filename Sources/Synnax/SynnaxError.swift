public import Telemetry

/// What can go wrong between this program and a core.
///
/// Codes: `unreachable`, `refused`, `tls`, `timeout`, `auth`, `access_denied`, `not_found`, `unknown_channel`,
/// `validation`, `control`, `license`, `protocol`, `too_large`, `closed`, `argument`, `unknown`.
public struct SynnaxError: CodedError, Hashable {
  public var code: String
  public var message: String
  public var hint: String?
  /// The core's name for it, `sy.query.not_found`; nil for what this side found.
  public var type: String?
  /// Where in a request the bad value was, for validation errors.
  public var path: [String]

  public init(
    _ code: String, _ message: String, hint: String? = nil, type: String? = nil, path: [String] = []
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.type = type
    self.path = path
  }

  /// What a caller may do after an error.
  package enum Remedy: Sendable { case none, logIn, reconnect }

  package var remedy: Remedy {
    switch type {
    case "sy.auth.invalid_token", "sy.auth.expired_token", "sy.auth.session_ended": return .logIn
    case .some(let type) where type.hasPrefix("freighter."): return .reconnect
    case .some: return .none
    case nil:
      return ["unreachable", "refused", "timeout", "closed", "protocol", "too_large"].contains(code)
        ? .reconnect : .none
    }
  }
}

extension SynnaxError: CustomStringConvertible {
  public var description: String { hint.map { "\(message) (\($0))" } ?? message }
}

extension SynnaxError {
  /// The decoder's word for bytes that break the protocol; `at` is an offset into the frame.
  static func malformed(_ what: String, at offset: Int) -> SynnaxError {
    SynnaxError("protocol", "malformed frame: \(what) at byte \(offset)")
  }
}
