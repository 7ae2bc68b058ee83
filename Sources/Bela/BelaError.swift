public import Telemetry
import Transport

/// What can go wrong with a board, in words a person can act on.
public struct BelaError: CodedError, Hashable {
  public var code: String
  public var message: String
  public var hint: String?

  public init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }

  static let projectHint = "is a project running on the board?"

  static func argument(_ message: String, hint: String? = nil) -> BelaError {
    BelaError("argument", message, hint: hint)
  }

  static func closed(_ name: String) -> BelaError {
    BelaError("closed", "\(name) is closed", hint: "connect again")
  }

  static func away(_ name: String, _ why: String?) -> BelaError {
    BelaError(
      "lost", "\(name) is not connected" + (why.map { ": \($0)" } ?? ""), hint: projectHint)
  }

  static func unknown(_ name: String, among names: [String]) -> BelaError {
    let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
    return BelaError(
      "unknown_channel", "the board has no variable named \"\(name)\"",
      hint: names.isEmpty ? "the program on the board watches no variables" : "it has: \(shown)")
  }

  /// What a failed connection means to somebody who wants to reach a board.
  init(_ error: TransportError, board: String) {
    switch error.code {
    case .refused:
      self.init("refused", "nobody listens at \(board)", hint: Self.projectHint)
    case .unreachable, .unknownHost:
      self.init(
        "unreachable", "\(board) cannot be reached: \(error.message)",
        hint: "is the board connected and switched on? Its usual address is 192.168.7.2 or bela.local")
    case .timeout:
      self.init(
        "unreachable", "\(board) did not answer in time",
        hint: "is the board connected and switched on, and is a project running on it?")
    case .handshake where error.status == 404:
      self.init(
        "protocol", "\(board) answered 404: it has no watcher",
        hint: "does the program on the board use the Watcher library, and is the port right?")
    case .handshake, .redirect, .protocol, .tooLarge:
      self.init(
        "protocol", "\(board) does not speak as a Bela board: \(error.message)",
        hint: "is this the address of a board? \(Self.projectHint)")
    case .deadPeer:
      self.init("lost", "\(board) stopped answering", hint: "is the board still switched on?")
    case .closed:
      self.init("lost", "the connection to \(board) ended: \(error.message)", hint: Self.projectHint)
    case .backlog:
      self.init("busy", "\(board) does not take what it is sent", hint: "send less, or wait")
    case .cancelled:
      self.init("cancelled", error.message)
    case .invalid:
      self.init("argument", error.message, hint: error.hint)
    case .tls, .system:
      self.init("unreachable", "\(board): \(error.message)", hint: error.hint)
    }
  }
}
