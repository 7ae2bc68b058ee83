import Logging
import NIOCore
import NIOHTTP1

/// One client of an ``HTTPServer``: gathers a request, answers it, keeps the connection or upgrades it.
/// Lives on the event loop.
final class HTTPServerConnection: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let options: HTTPServer.Options
  private let isOverLimit: Bool
  private let children: HTTPServer.Children
  private let logger: Logger?
  private let encoder: HTTPResponseEncoder
  private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
  private let upgrade: HTTPServer.Upgrade
  private let handler: HTTPServer.Handler

  private var request: HTTPRequest?
  private var isUpgrade = false
  private var keepsAlive = false
  /// Requests that came while one is being answered.
  private var waiting: [HTTPServerRequestPart] = []
  private var isAnswering = false
  private var isDone = false
  private var timer: Scheduled<Void>?
  private var task: Task<Void, Never>?

  init(
    options: HTTPServer.Options, isOverLimit: Bool, children: HTTPServer.Children, logger: Logger?,
    encoder: HTTPResponseEncoder, decoder: ByteToMessageHandler<HTTPRequestDecoder>,
    upgrade: @escaping HTTPServer.Upgrade, handler: @escaping HTTPServer.Handler
  ) {
    self.options = options
    self.isOverLimit = isOverLimit
    self.children = children
    self.logger = logger
    self.encoder = encoder
    self.decoder = decoder
    self.upgrade = upgrade
    self.handler = handler
  }

  func handlerAdded(context: ChannelHandlerContext) { arm(context, options.requestTimeout) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDone else { return }
    let part = unwrapInboundIn(data)
    guard isAnswering else { return read(context, part) }
    waiting.append(part)
    if waiting.count > TransportLimits.pipelinedParts { end(context) }
  }

  private func read(_ context: ChannelHandlerContext, _ part: HTTPServerRequestPart) {
    switch part {
    case .head(let head): begin(context, head)
    case .body(let bytes):
      guard request != nil else { return }
      let total = (request?.body.count ?? 0) + bytes.readableBytes
      guard total <= options.bodyBytes else { return refuse(context, 413, "the body is too large") }
      request?.body.append(contentsOf: bytes.readableBytesView)
    case .end:
      guard let request else { return }
      self.request = nil
      timer?.cancel()
      isAnswering = true
      if isUpgrade { decide(context, request) } else { answer(context, request) }
    }
  }

  private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    // An idle connection becomes one that owes us the rest of a request.
    arm(context, options.requestTimeout)
    if isOverLimit { return refuse(context, 503, "too many connections") }
    let target = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let fields = HTTPFields(head.headers)
    let size = fields.all.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
    guard size <= TransportLimits.headerBytes else { return refuse(context, 431, "the header is too large") }
    if let length = fields["content-length"].flatMap({ Int($0) }), length > options.bodyBytes {
      return refuse(context, 413, "the body is too large")
    }
    let isNew = head.version == .http1_1
    request = HTTPRequest(
      method: head.method.rawValue, path: String(target.first ?? ""),
      query: target.count > 1 ? String(target[1]) : "",
      version: "\(head.version.major).\(head.version.minor)", headers: fields)
    keepsAlive = isNew && head.isKeepAlive
    isUpgrade =
      isNew && fields.tokens("upgrade").contains("websocket")
      && fields.tokens("connection").contains("upgrade")
    if isNew, fields.tokens("expect").contains("100-continue") {
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
  }

  // MARK: Plain requests

  private func answer(_ context: ChannelHandlerContext, _ request: HTTPRequest) {
    // Safety: used on this event loop only; the box checks that.
    let me = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let handler = handler
    task = Task {
      let response = await handler(request)
      eventLoop.execute {
        let (connection, context) = me.value
        connection.respond(context, response, isHead: request.method == "HEAD")
      }
    }
  }

  private func respond(_ context: ChannelHandlerContext, _ response: HTTPResponse, isHead: Bool = false) {
    guard !isDone else { return }
    task = nil
    var response = response
    if (try? response.headers.check()) == nil || !(200...599).contains(response.status) {
      logger?.error("a handler gave an answer that cannot be sent")
      response = HTTPResponse(status: 500, text: "internal error")
    }
    response.headers["Content-Length"] =
      response.status == 204 || response.status == 304 ? nil : String(response.body.count)
    response.headers["Transfer-Encoding"] = nil
    if response.headers.tokens("connection").contains("close") { keepsAlive = false }
    response.headers["Connection"] = keepsAlive ? nil : "close"
    var fields = HTTPHeaders()
    for field in response.headers.all { fields.add(name: field.name, value: field.value) }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: fields)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !isHead, !response.body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
    }
    guard keepsAlive else {
      isDone = true
      timer?.cancel()
      // Safety: used on this event loop only; the box checks that.
      let me = NIOLoopBound(context, eventLoop: context.eventLoop)
      return context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
        Self.closeGently(me.value)
      }
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    isAnswering = false
    arm(context, options.idleTimeout)
    readWaiting(context)
  }

  /// First our direction only: closing with unread bytes would reset the connection and lose the answer.
  private static func closeGently(_ context: ChannelHandlerContext) {
    let channel = context.channel
    channel.close(mode: .output).whenFailure { _ in channel.close(promise: nil) }
    let timer = channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in timer.cancel() }
  }

  private func readWaiting(_ context: ChannelHandlerContext) {
    while !isAnswering, !isDone, !waiting.isEmpty { read(context, waiting.removeFirst()) }
  }

  private func refuse(_ context: ChannelHandlerContext, _ status: Int, _ text: String) {
    request = nil
    keepsAlive = false
    isAnswering = true
    respond(context, HTTPResponse(status: status, text: text))
  }

  // MARK: Upgrade

  private func decide(_ context: ChannelHandlerContext, _ request: HTTPRequest) {
    keepsAlive = false
    let key = request.headers["sec-websocket-key"] ?? ""
    // First what can be refused here: who decides to accept takes the connection into its books.
    guard request.method == "GET", request.body.isEmpty, WebSocketHandshake.isKey(key) else {
      return respond(context, HTTPResponse(status: 400, text: "not a WebSocket request"))
    }
    switch upgrade(request).kind {
    case .refuse(let response): respond(context, response)
    case .silence: isDone = true
    case .raw(let bytes, let isClosing): putRaw(context, bytes, key: key, isClosing: isClosing)
    case .accept(let handler, let headers, let options):
      guard let version = request.headers["sec-websocket-version"].flatMap({ Int($0) }),
        options.versions.contains(version)
      else {
        handler.closed(.local, WebSocketConnection(channel: context.channel, options: options, masks: false))
        let response = HTTPResponse(
          status: 426, headers: ["Sec-WebSocket-Version": "13", "Content-Type": "text/plain"],
          body: Array("only WebSocket version 13".utf8))
        return respond(context, response)
      }
      accept(context, key: key, handler: handler, headers: headers, options: options)
    }
  }

  private func accept(
    _ context: ChannelHandlerContext, key: String, handler: any WebSocketHandler, headers: HTTPFields,
    options: WebSocketOptions
  ) {
    var fields = HTTPHeaders([
      ("Upgrade", "websocket"), ("Connection", "Upgrade"),
      ("Sec-WebSocket-Accept", WebSocketHandshake.accept(key)),
    ])
    let connection = WebSocketConnection(channel: context.channel, options: options, masks: false)
    guard (try? headers.check()) != nil else {
      handler.closed(.local, connection)
      return respond(context, HTTPResponse(status: 500, text: "internal error"))
    }
    for field in headers.all { fields.add(name: field.name, value: field.value) }
    let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: fields)
    // Not flushed: what `opened` sends leaves in the same segment.
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.end(nil)), promise: nil)
    isDone = true
    children.upgraded(connection)
    let frames = WebSocketChannelHandler(
      connection: connection, role: .server(acceptsUnmasked: options.acceptsUnmasked), handler: handler,
      logger: logger)
    let pipeline = context.pipeline.syncOperations
    do {
      try pipeline.addHandler(frames)
      let framesContext = try pipeline.context(handler: frames)
      pipeline.removeHandler(encoder, promise: nil)
      frames.open(context: framesContext)
      connection.release()
      context.flush()
      pipeline.removeHandler(self, promise: nil)
      // Leaves last and hands over the bytes behind the request.
      pipeline.removeHandler(decoder, promise: nil)
    } catch {
      // Nothing of the above throws but for a channel that is gone: nobody else will say that it ended.
      handler.closed(.endOfFile, connection)
      context.close(promise: nil)
    }
  }

  private func putRaw(_ context: ChannelHandlerContext, _ bytes: [UInt8], key: String, isClosing: Bool) {
    isDone = true
    // The encoder passes nothing but HTTP parts, so it must go first.
    // Safety: used on this event loop only; the box checks that.
    let me = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.pipeline.syncOperations.removeHandler(encoder).whenComplete { _ in
      let mark = Array("$ACCEPT".utf8)
      var buffer = ByteBuffer()
      var rest = bytes[...]
      while !rest.isEmpty {
        if rest.starts(with: mark) {
          buffer.writeString(WebSocketHandshake.accept(key))
          rest = rest.dropFirst(mark.count)
        } else if let byte = rest.popFirst() {
          buffer.writeInteger(byte)
        }
      }
      let channel = me.value.channel
      channel.writeAndFlush(buffer).whenComplete { _ in if isClosing { channel.close(promise: nil) } }
    }
  }

  // MARK: Ends

  private func arm(_ context: ChannelHandlerContext, _ time: Duration) {
    timer?.cancel()
    // Safety: used on this event loop only; the box checks that.
    let me = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: time.timeAmount) {
      let (connection, context) = me.value
      guard !connection.isDone else { return }
      // A client that is slow with its request is told; one that is idle is not.
      if connection.request == nil {
        connection.end(context)
      } else {
        connection.refuse(context, 408, "too slow")
      }
    }
  }

  private func end(_ context: ChannelHandlerContext) {
    isDone = true
    timer?.cancel()
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !isDone else { return context.close(promise: nil) }
    logger?.debug("a client's request is broken", metadata: ["error": "\(error)"])
    guard error is HTTPParserError, !isAnswering else { return end(context) }
    let isOverflow = if case HTTPParserError.headerOverflow = error { true } else { false }
    refuse(context, isOverflow ? 431 : 400, isOverflow ? "the header is too large" : "not a valid request")
  }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { stop() }

  private func stop() {
    isDone = true
    timer?.cancel()
    task?.cancel()
    waiting = []
  }
}
