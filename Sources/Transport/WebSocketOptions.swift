/// Limits, deadlines and manners of one WebSocket connection. The defaults are RFC 6455 with bounds.
public struct WebSocketOptions: Sendable, Equatable {
  /// What happens when the outbound queue would pass ``outboundBytes``.
  public enum Overflow: Sendable, Equatable {
    /// The send throws `backlog`, the connection lives on.
    case refuse
    /// The connection is cut at once, as a Bela board does with a slow reader.
    case disconnect
  }

  /// Largest message accepted, fragments joined; a larger one closes the connection with 1009.
  public var messageBytes = TransportLimits.messageBytes
  /// Bytes that may wait to be sent.
  public var outboundBytes = TransportLimits.outboundBytes
  public var overflow = Overflow.refuse
  /// A ping is sent after each such time of silence; `nil` sends none and never finds a dead peer.
  public var pingInterval: Duration? = .seconds(3)
  /// So many silent intervals in a row mean the peer is dead: 9 s with the defaults.
  public var missedPings = 3
  /// For the name, the TCP connection and TLS (client only).
  public var connectTimeout = Duration.seconds(5)
  /// From the TCP connection to the answer 101 (client only).
  public var handshakeTimeout = Duration.seconds(5)
  /// How long a close waits for the peer's Close; then TCP is closed.
  public var closeTimeout = Duration.seconds(1)
  /// Versions of the protocol that are taken (server only; 8 was a draft with the same frames as 13).
  public var versions: Set<Int> = [13]
  /// Whether an unmasked frame is accepted from a client (server only; the RFC says no, Bela's server says yes).
  public var acceptsUnmasked = false
  /// Whether a fragmented message is accepted; if not, the first fragment ends the connection without a word.
  public var acceptsFragments = true
  /// Whether a Close is answered by a Close; if not, it ends the connection without a word.
  public var answersClose = true

  public init() {}

  /// The manners of a Bela board's server: no pings, no Close, no fragments, masks optional, 32 KiB a frame with its
  /// header, versions 8 and 13, a reader more than 16 MiB behind is cut off.
  public static var belaBoard: WebSocketOptions {
    var options = WebSocketOptions()
    options.messageBytes = 32_760
    options.versions = [8, 13]
    options.overflow = .disconnect
    options.pingInterval = nil
    options.acceptsUnmasked = true
    options.acceptsFragments = false
    options.answersClose = false
    return options
  }
}
