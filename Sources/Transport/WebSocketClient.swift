public import Logging
import NIOConcurrencyHelpers
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
    let channelBox = NIOLockedValueBox<(channel: (any Channel)?, isGivenUp: Bool)>((nil, false))
    // Ends an attempt from outside: for a deadline and for a cancelled task.
    @Sendable func giveUp(_ error: TransportError) {
      promise.fail(error)
      let channel = channelBox.withLockedValue { box in
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
        let isGivenUp = channelBox.withLockedValue { box in
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
            promise: promise, encoder: encoder, decoder: decoder)
          try pipeline.addHandlers([encoder, decoder, handshake])
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

/// Sends the upgrade request, judges the answer, then makes way for the frames.
private final class WebSocketClientHandshake: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let endpoint: Endpoint
  private let headers: HTTPFields
  private let options: WebSocketOptions
  private let handler: any WebSocketHandler
  private let logger: Logger?
  private let promise: EventLoopPromise<WebSocketConnection>
  private let encoder: HTTPRequestEncoder
  private let decoder: ByteToMessageHandler<HTTPResponseDecoder>
  private let key = WebSocketHandshake.makeKey()
  private var timer: Scheduled<Void>?
  private var switching: HTTPResponseHead?
  private var refusal: TransportError?
  private var body: [UInt8] = []
  private var isDone = false

  init(
    endpoint: Endpoint, headers: HTTPFields, options: WebSocketOptions, handler: any WebSocketHandler,
    logger: Logger?, promise: EventLoopPromise<WebSocketConnection>, encoder: HTTPRequestEncoder,
    decoder: ByteToMessageHandler<HTTPResponseDecoder>
  ) {
    self.endpoint = endpoint
    self.headers = headers
    self.options = options
    self.handler = handler
    self.logger = logger
    self.promise = promise
    self.encoder = encoder
    self.decoder = decoder
  }

  func handlerAdded(context: ChannelHandlerContext) {
    var fields = HTTPHeaders([
      ("Host", endpoint.authority), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
      ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key),
    ])
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

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDone else { return context.fireChannelRead(data) }
    switch unwrapInboundIn(data) {
    case .head(let head):
      if head.status == .switchingProtocols { switching = head } else { refusal = refusal(head) }
    case .body(let part):
      let room = TransportLimits.refusalBodyBytes - body.count
      body.append(contentsOf: part.readableBytesView.prefix(room))
      if body.count >= TransportLimits.refusalBodyBytes, let refusal { fail(context, refusal) }
    case .end:
      // The decoder has stopped here, so what is behind comes to the frames as bytes.
      if let switching { upgrade(context, switching) } else if let refusal { fail(context, refusal) }
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

  private func upgrade(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
    let fields = HTTPFields(head.headers)
    func reject(_ message: String) {
      fail(context, TransportError(.handshake, "\(endpoint.authority) \(message)", status: 101))
    }
    guard fields.tokens("upgrade").contains("websocket"), fields.tokens("connection").contains("upgrade")
    else {
      return reject("switched to something else than WebSocket")
    }
    guard fields["sec-websocket-accept"] == WebSocketHandshake.accept(key) else {
      return reject("answered with a wrong key")
    }
    guard fields["sec-websocket-extensions"] == nil else { return reject("uses an extension nobody offered") }
    isDone = true
    timer?.cancel()
    let connection = WebSocketConnection(channel: context.channel, options: options, masks: true)
    let frames = WebSocketChannelHandler(
      connection: connection, role: .client, handler: handler, logger: logger)
    let pipeline = context.pipeline.syncOperations
    do {
      try pipeline.addHandler(frames)
      let framesContext = try pipeline.context(handler: frames)
      frames.open(context: framesContext)
      promise.succeed(connection)
      // The decoder leaves last and hands over the bytes behind the 101; it also looks at what is written.
      pipeline.removeHandler(encoder, promise: nil)
      pipeline.removeHandler(self, promise: nil)
      pipeline.removeHandler(decoder).whenComplete { _ in connection.release() }
    } catch {
      fail(context, TransportError(mapping: error, peer: endpoint.authority))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    let error = TransportError(.closed, "\(endpoint.authority) closed the connection during the handshake")
    fail(context, refusal ?? error)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(context, TransportError(mapping: error, peer: endpoint.authority))
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

extension HTTPFields {
  init(_ headers: HTTPHeaders) {
    self = [:]
    for field in headers { add(field.name, field.value) }
  }
}
