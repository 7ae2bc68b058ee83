import Locks
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Opens WebSockets. No extension is ever offered, so peers send uncompressed.
public enum WebSocketClient {
  /// Connects and upgrades. The handler's `opened` has been called when this returns, and messages may have come.
  ///
  /// Throws `refused`, `unreachable`, `unknownHost`, `tls`, `timeout`, `handshake` (with `status` and `body` of the
  /// answer), `redirect` (with `location`), `protocol`, `invalid` or `cancelled`.
  public static func connect(
    to endpoint: Endpoint, headers: HTTPFields = [:], tls: TLSOptions = TLSOptions(),
    options: WebSocketOptions = WebSocketOptions(), group: TransportGroup = .shared, logger: Logger? = nil,
    handler: any WebSocketHandler
  ) async throws(TransportError) -> WebSocketConnection {
    try headers.check()
    let context = endpoint.isSecure ? try tls.makeContext() : nil
    let eventLoop = group.eventLoops.next()
    let promise = eventLoop.makePromise(of: WebSocketConnection.self)
    let channelBox = Guarded<(channel: (any Channel)?, isGivenUp: Bool)>((nil, false))
    // Ends an attempt from outside: for a deadline and for a cancelled task.
    @Sendable func giveUp(_ error: TransportError) {
      promise.fail(error)
      let channel = channelBox.withLock { box in
        box.isGivenUp = true
        return box.channel
      }
      channel?.close(promise: nil)
    }
    let total = endpoint.authority
    let timer = eventLoop.scheduleTask(in: (options.connectTimeout + options.handshakeTimeout).timeAmount) {
      giveUp(TransportError(.timeout, "\(total) did not answer in time"))
    }

    ClientBootstrap(group: eventLoop)
      .connectTimeout(options.connectTimeout.timeAmount)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: TransportLimits.readBytes)
      )
      .connect(host: endpoint.host, port: endpoint.port)
      .flatMapThrowing { channel in
        let isGivenUp = channelBox.withLock { box in
          box.channel = channel
          return box.isGivenUp
        }
        guard !isGivenUp else { return channel.close(promise: nil) }
        let pipeline = channel.pipeline.syncOperations
        do {
          if let context { try pipeline.addHandler(tls.makeHandler(context, host: endpoint.host)) }
          let encoder = HTTPRequestEncoder()
          let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
          let handshake = WebSocketClientHandshake(
            endpoint: endpoint, headers: headers, options: options, handler: handler, logger: logger,
            promise: promise)
          let upgrade = NIOHTTPClientUpgradeHandler(
            upgraders: [handshake], httpHandlers: [encoder, decoder, handshake],
            upgradeCompletionHandler: { _ in })
          try pipeline.addHandlers([encoder, decoder, upgrade, handshake])
        } catch {
          channel.close(promise: nil)
          throw error
        }
      }
      .whenFailure { promise.fail($0) }

    do {
      let connection = try await withTaskCancellationHandler {
        try await promise.futureResult.get()
      } onCancel: {
        giveUp(TransportError(.cancelled, "cancelled while connecting"))
      }
      timer.cancel()
      return connection
    } catch {
      timer.cancel()
      throw TransportError(mapping: error, peer: total)
    }
  }
}

/// Sends the request that NIO's upgrade handler completes, judges an acceptance, and gathers a refusal with its body.
/// On the event loop.
private final class WebSocketClientHandshake: ChannelInboundHandler, RemovableChannelHandler,
  NIOHTTPClientProtocolUpgrader
{
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  let supportedProtocol = "websocket"
  let requiredUpgradeHeaders: [String] = []
  private let endpoint: Endpoint
  private let headers: HTTPFields
  private let options: WebSocketOptions
  private let handler: any WebSocketHandler
  private let logger: Logger?
  private let promise: EventLoopPromise<WebSocketConnection>
  private let key = WebSocketHandshake.makeKey()
  private var timer: Scheduled<Void>?
  private var refusal: TransportError?
  private var body: [UInt8] = []
  private var isDone = false

  init(
    endpoint: Endpoint, headers: HTTPFields, options: WebSocketOptions, handler: any WebSocketHandler,
    logger: Logger?, promise: EventLoopPromise<WebSocketConnection>
  ) {
    self.endpoint = endpoint
    self.headers = headers
    self.options = options
    self.handler = handler
    self.logger = logger
    self.promise = promise
  }

  func handlerAdded(context: ChannelHandlerContext) {
    var fields = HTTPHeaders([("Host", endpoint.authority)])
    for field in headers.all { fields.add(name: field.name, value: field.value) }
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: fields)
    // Safety: used on this event loop only; the box checks that.
    let me = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: options.handshakeTimeout.timeAmount) {
      let (handshake, context) = me.value
      let error = TransportError(
        .timeout, "\(handshake.endpoint.authority) did not answer the upgrade in time")
      handshake.fail(context, handshake.refusal ?? error)
    }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  // MARK: What the upgrade handler asks

  func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
    upgradeRequestHeaders.add(name: "Sec-WebSocket-Version", value: "13")
    upgradeRequestHeaders.add(name: "Sec-WebSocket-Key", value: key)
  }

  func shouldAllowUpgrade(upgradeResponse head: HTTPResponseHead) -> Bool {
    let fields = HTTPFields(head.headers)
    let denial: String? =
      if !fields.tokens("connection").contains("upgrade") {
        "switched to something else than WebSocket"
      } else if fields["sec-websocket-accept"] != WebSocketHandshake.accept(key) {
        "answered with a wrong key"
      } else if fields["sec-websocket-extensions"] != nil {
        "uses an extension nobody offered"
      } else {
        nil
      }
    refusal = denial.map(denied)
    return denial == nil
  }

  /// The HTTP handlers are gone; the bytes behind the 101 come next.
  func upgrade(context: ChannelHandlerContext, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<Void> {
    isDone = true
    let connection = WebSocketConnection(channel: context.channel, options: options, masks: true)
    let frames = WebSocketChannelHandler(
      connection: connection, role: .client, handler: handler, logger: logger)
    let pipeline = context.pipeline.syncOperations
    do {
      try pipeline.addHandler(frames)
      frames.open(context: try pipeline.context(handler: frames))
      promise.succeed(connection)
      connection.release()
    } catch {
      promise.fail(error)
      context.close(promise: nil)
    }
    return context.eventLoop.makeSucceededVoidFuture()
  }

  // MARK: What else may come

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): if refusal == nil { refusal = refusal(head) }
    case .body(let part):
      let room = TransportLimits.refusalBodyBytes - body.count
      body.append(contentsOf: part.readableBytesView.prefix(room))
      if body.count >= TransportLimits.refusalBodyBytes, let refusal { fail(context, refusal) }
    case .end: if let refusal { fail(context, refusal) }
    }
  }

  private func refusal(_ head: HTTPResponseHead) -> TransportError {
    let status = Int(head.status.code)
    if let location = head.headers.first(name: "location"), (300..<400).contains(status) {
      return TransportError(
        .redirect, "\(endpoint.authority) answered \(status), pointing to \(location)",
        hint: "connect there", status: status, location: location)
    }
    return TransportError(
      .handshake, "\(endpoint.authority)\(endpoint.path) answered \(status) \(head.status.reasonPhrase)",
      hint: status == 404 ? "is the path right?" : nil, status: status)
  }

  private func denied(_ message: String) -> TransportError {
    TransportError(.handshake, "\(endpoint.authority) \(message)", status: 101)
  }

  func channelInactive(context: ChannelHandlerContext) {
    let error = TransportError(.closed, "\(endpoint.authority) closed the connection during the handshake")
    fail(context, refusal ?? error)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is NIOHTTPClientUpgradeError else {
      return fail(context, TransportError(mapping: error, peer: endpoint.authority))
    }
    fail(context, refusal ?? denied("switched to something else than WebSocket"))
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  private func fail(_ context: ChannelHandlerContext, _ error: TransportError) {
    guard !isDone else { return }
    isDone = true
    timer?.cancel()
    var error = error
    error.body = String(decoding: body, as: UTF8.self)
    promise.fail(error)
    context.close(promise: nil)
  }
}
