/// What can go wrong on a connection. `code` is stable, `message` is for people.
public struct TransportError: Error, Equatable, Sendable {
  public enum Code: String, Sendable, CaseIterable {
    /// Nobody listens there.
    case refused
    /// No route to the host.
    case unreachable
    /// The name does not resolve.
    case unknownHost
    /// Certificate, key or TLS protocol.
    case tls
    /// The peer speaks HTTP but did not upgrade; `status` and `body` say more.
    case handshake
    /// A redirection that is not followed; `location` has the target.
    case redirect
    /// A deadline passed.
    case timeout
    /// The peer broke the rules of WebSocket or HTTP.
    case `protocol`
    /// A message or body beyond the limit, in either direction.
    case tooLarge
    /// Pings went unanswered.
    case deadPeer
    /// The connection is gone.
    case closed
    /// The outbound queue is full: the peer reads too slowly.
    case backlog
    /// The task that waited was cancelled.
    case cancelled
    /// An argument that cannot work: a malformed URL, a header with a line break.
    case invalid
    /// Any other failure of the operating system.
    case system
  }

  public var code: Code
  public var message: String
  /// What a user could do about it.
  public var hint: String?
  /// Status of the HTTP answer, when there was one.
  public var status: Int?
  /// The start of that answer's body (at most 4 KiB), as text.
  public var body: String
  /// Where a redirection points.
  public var location: String?

  public init(
    _ code: Code, _ message: String, hint: String? = nil, status: Int? = nil, body: String = "",
    location: String? = nil
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.status = status
    self.body = body
    self.location = location
  }
}

extension TransportError: CustomStringConvertible {
  public var description: String { "\(code.rawValue): \(message)" }
}
