/// One message, borrowed: `bytes` are valid until the call that brought them returns.
public struct WebSocketMessage {
  public enum Kind: Sendable, Equatable {
    /// Checked to be UTF-8.
    case text
    case binary
  }

  public let kind: Kind
  public let bytes: UnsafeRawBufferPointer

  /// A copy as text; malformed UTF-8 (only possible in a binary message) is replaced.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
  /// A copy of the bytes.
  public var array: [UInt8] { Array(bytes) }
}

@available(*, unavailable)
extension WebSocketMessage: Sendable {}

/// A message to send, for batches.
public enum WebSocketPayload: Sendable, Equatable {
  case text(String)
  case binary([UInt8])
}

/// Why a connection ended.
public enum CloseReason: Sendable, Equatable {
  /// This side closed it.
  case local
  /// The peer sent a Close frame; `code` is missing when the frame was empty.
  case remote(code: UInt16?, reason: String)
  /// TCP ended without a Close frame ("1006"). With a Bela board this is an ordinary end.
  case endOfFile
  /// It broke: `deadPeer`, `protocol`, `tooLarge`, `backlog`, `tls`, `system`.
  case failed(TransportError)
}

/// Receives what one connection brings. All calls come on that connection's event-loop thread, in order, and must
/// not block; `opened` is first, `closed` is last and comes exactly once, alone where a server could not go on with an
/// upgrade that it had accepted.
public protocol WebSocketHandler: AnyObject, Sendable {
  /// The upgrade is done; sending works from here on.
  func opened(_ connection: WebSocketConnection)
  /// A whole message. Its bytes are only borrowed.
  func received(_ message: WebSocketMessage, from connection: WebSocketConnection)
  /// Messages of one read come within `body`, which is to be called once: for a handler that would rather take a lock
  /// for all of them than for each.
  func burst(_ connection: WebSocketConnection, _ body: () -> Void)
  /// All messages that arrived in one read were handed over: wake readers here, not for each message.
  func burstEnded(_ connection: WebSocketConnection)
  /// Nothing comes after this.
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection)
}

extension WebSocketHandler {
  public func opened(_ connection: WebSocketConnection) {}
  public func burst(_ connection: WebSocketConnection, _ body: () -> Void) { body() }
  public func burstEnded(_ connection: WebSocketConnection) {}
  public func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {}
}
