import Locks
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a server does with a request to upgrade to WebSocket.
public struct UpgradeDecision: Sendable {
  enum Kind: Sendable {
    case accept(any WebSocketHandler, HTTPFields, WebSocketOptions)
    case refuse(HTTPResponse)
    case raw([UInt8], isClosing: Bool)
    case silence
  }

  let kind: Kind

  /// Upgrades. `headers` go into the 101, for example `Sec-WebSocket-Protocol`.
  public static func accept(
    _ handler: any WebSocketHandler, headers: HTTPFields = [:], options: WebSocketOptions = WebSocketOptions()
  ) -> Self {
    Self(kind: .accept(handler, headers, options))
  }

  /// Answers and closes the connection.
  public static func refuse(_ status: Int, _ body: String = "", headers: HTTPFields = [:]) -> Self {
    var response = HTTPResponse(status: status, text: body)
    for field in headers.all { response.headers[field.name] = field.value }
    return Self(kind: .refuse(response))
  }

  /// A fault: these bytes instead of an answer. `$ACCEPT` in them becomes the key that the client expects.
  package static func raw(_ bytes: [UInt8], isClosing: Bool = false) -> Self {
    Self(kind: .raw(bytes, isClosing: isClosing))
  }

  /// A fault: no answer at all.
  package static var silence: Self { Self(kind: .silence) }
}

/// An HTTP/1 server that also speaks WebSocket: for the plot page, the simulated board and the simulated core.
public final class HTTPServer: Sendable {
  public struct Options: Sendable {
    /// Address to bind; only this machine by default.
    public var host = "127.0.0.1"
    /// 0 lets the system choose, see ``HTTPServer/port``.
    public var port = 0
    public var tls: TLSServerOptions?
    /// A larger body is answered with 413.
    public var bodyBytes = TransportLimits.requestBodyBytes
    /// Connections beyond are answered with 503 and closed.
    public var connections = TransportLimits.serverConnections
    /// Time for a client to send one whole request, from its connection or the answer before.
    public var requestTimeout = Duration.seconds(10)
    /// How long a kept-alive connection may stay idle.
    public var idleTimeout = Duration.seconds(30)

    public init() {}
  }

  /// Answers one plain request. Cancelled when the client goes away.
  public typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse
  /// Decides about one upgrade request (its body is empty). Runs on the event loop and must not block.
  public typealias Upgrade = @Sendable (HTTPRequest) -> UpgradeDecision

  public let host: String
  /// The port that was bound.
  public let port: Int
  private let channel: any Channel
  private let children: Children

  private init(host: String, channel: any Channel, children: Children) {
    self.host = host
    self.channel = channel
    self.children = children
    port = channel.localAddress?.port ?? 0
  }

  /// Binds and serves until ``stop(deadline:)``. Throws `system` when the address is taken, `tls` for bad files.
  public static func start(
    _ options: Options = Options(), group: TransportGroup = .shared, logger: Logger? = nil,
    upgrade: @escaping Upgrade = { _ in .refuse(404, "no such stream") }, handler: @escaping Handler
  ) async throws(TransportError) -> HTTPServer {
    let context = try options.tls?.makeContext()
    let children = Children(limit: options.connections)
    do {
      let channel = try await ServerBootstrap(group: group.eventLoops)
        .serverChannelOption(.backlog, value: 128)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
        .childChannelOption(
          .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: TransportLimits.readBytes)
        )
        .childChannelInitializer { child in
          child.eventLoop.makeCompletedFuture {
            let pipeline = child.pipeline.syncOperations
            if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = TransportLimits.headerBytes
            limits.maxHeaderListSize = TransportLimits.headerBytes
            limits.maxHeaderFieldCount = TransportLimits.headerCount
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
              HTTPRequestDecoder(
                leftOverBytesStrategy: .forwardBytes, informationalResponseStrategy: .drop,
                limitConfiguration: limits))
            let connection = HTTPServerConnection(
              options: options, isOverLimit: !children.add(child), children: children, logger: logger,
              encoder: encoder, decoder: decoder, upgrade: upgrade, handler: handler)
            try pipeline.addHandlers([encoder, decoder, connection])
          }
        }
        .bind(host: options.host, port: options.port).get()
      return HTTPServer(host: options.host, channel: channel, children: children)
    } catch {
      throw TransportError(mapping: error, peer: "\(options.host):\(options.port)")
    }
  }

  /// `http://host:port`, or `https` or, for WebSockets, `ws` and `wss`.
  public func url(scheme: String = "http", path: String = "/") -> String {
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return "\(scheme)://\(name):\(port)\(path)"
  }

  /// Open connections, upgraded ones included.
  public var connectionCount: Int { children.count }

  /// Stops listening, closes WebSockets with 1001 and drops all else; returns when every connection is gone, at
  /// the latest after `deadline`, which then are cut. Harmless when repeated.
  public func stop(deadline: Duration = .seconds(1)) async {
    try? await channel.close().get()
    let all = children.all
    for child in all {
      if let socket = child.socket {
        socket.beginClose(code: WebSocketCloseCode.goingAway, deadline: deadline)
      } else {
        child.channel.close(promise: nil)
      }
    }
    for child in all { try? await child.channel.closeFuture.get() }
  }

  /// Ends every connection at once without a word; the server listens on. For simulations of a lost link.
  package func cutConnections() {
    for child in children.all {
      if let socket = child.socket { socket.closeNow() } else { child.channel.close(promise: nil) }
    }
  }

  /// The open connections of one server.
  final class Children: Sendable {
    struct Child: Sendable {
      var channel: any Channel
      var socket: WebSocketConnection?
    }

    private let limit: Int
    private let open = Guarded<[ObjectIdentifier: Child]>([:])

    init(limit: Int) { self.limit = limit }

    var count: Int { open.withLock { $0.count } }
    var all: [Child] { open.withLock { Array($0.values) } }

    /// Whether there was room; counted in any case, until it closes.
    func add(_ channel: any Channel) -> Bool {
      let id = ObjectIdentifier(channel)
      let hasRoom = open.withLock { open in
        open[id] = Child(channel: channel)
        return open.count <= limit
      }
      channel.closeFuture.whenComplete { _ in
        self.open.withLock { _ = $0.removeValue(forKey: id) }
      }
      return hasRoom
    }

    func upgraded(_ socket: WebSocketConnection) {
      open.withLock { $0[ObjectIdentifier(socket.channel)]?.socket = socket }
    }
  }
}
