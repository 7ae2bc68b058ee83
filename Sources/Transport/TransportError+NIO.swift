import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension TransportError {
  /// What an error of the platform means here.
  init(mapping error: any Error, peer: String) {
    switch error {
    case let error as TransportError: self = error
    case let error as NIOConnectionError: self.init(connecting: error, peer)
    case let error as IOError: self.init(error, peer)
    case ChannelError.connectTimeout: self.init(.timeout, "\(peer) did not answer in time")
    case is ChannelError: self.init(.closed, "the connection to \(peer) is closed")
    case is HTTPParserError, is NIOHTTPDecoderError:
      self.init(.protocol, "\(peer) does not speak HTTP: \(error)")
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: self.init(tls: error, peer)
    case is CancellationError: self.init(.cancelled, "cancelled")
    default: self.init(.system, "\(peer): \(error)")
    }
  }

  private init(connecting error: NIOConnectionError, _ peer: String) {
    // Several addresses were tried; the most telling failure is the answer.
    let failures = error.connectionErrors.map { TransportError(mapping: $0.error, peer: peer) }
    let telling: [Code] = [.refused, .unreachable, .timeout]
    for code in telling {
      if let failure = failures.first(where: { $0.code == code }) {
        self = failure
        return
      }
    }
    if let failure = failures.first {
      self = failure
    } else {
      self.init(.unknownHost, "the name “\(error.host)” does not resolve", hint: "check the spelling")
    }
  }

  private init(_ error: IOError, _ peer: String) {
    switch error.errnoCode {
    case ECONNREFUSED:
      self.init(.refused, "nobody listens at \(peer)", hint: "is it switched on, and is the port right?")
    case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN:
      self.init(.unreachable, "no route to \(peer)", hint: "is it plugged in?")
    case ETIMEDOUT: self.init(.timeout, "\(peer) did not answer in time")
    case ECONNRESET, EPIPE, ENOTCONN: self.init(.closed, "\(peer) dropped the connection")
    default: self.init(.system, "\(peer): \(error)")
    }
  }

  private init(tls error: any Error, _ peer: String) {
    let text = "\(error)"
    let isCertificate = text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("ailedToValidateHostname")
    self.init(
      .tls, isCertificate ? "the certificate of \(peer) is not trusted" : "TLS with \(peer) failed: \(text)",
      hint: isCertificate ? "give ca_file, or skip the verification" : "does it speak TLS?")
  }
}

extension Duration {
  /// Rounded down to nanoseconds, clamped to what NIO can express.
  var timeAmount: TimeAmount {
    let (seconds, attoseconds) = components
    let limit: Int64 = 1 << 31
    if seconds >= limit { return .seconds(limit) }
    if seconds < 0 { return .nanoseconds(0) }
    return .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
