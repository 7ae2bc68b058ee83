import Logging
import NIOCore

/// Between socket and ``WebSocketHandler``: reads frames without NIO's frame decoder, which costs more than ten
/// times as much for small messages. Lives on the event loop.
final class WebSocketChannelHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let connection: WebSocketConnection
  private let handler: any WebSocketHandler
  private let logger: Logger?
  private var parser: WebSocketFrameParser
  private var liveness: Liveness?
  private var timer: Scheduled<Void>?
  private var delivered = 0

  init(
    connection: WebSocketConnection, role: WebSocketFrameParser.Role, handler: any WebSocketHandler,
    logger: Logger?
  ) {
    self.connection = connection
    self.handler = handler
    self.logger = logger
    parser = WebSocketFrameParser(
      role: role, messageBytes: connection.options.messageBytes,
      acceptsFragments: connection.options.acceptsFragments)
  }

  /// Tells the handler that the upgrade is done, before bytes behind it are read.
  func open(context: ChannelHandlerContext) {
    if let interval = connection.options.pingInterval {
      let liveness = Liveness(
        interval: interval.timeAmount.nanoseconds, missesAllowed: connection.options.missedPings,
        now: Self.now)
      self.liveness = liveness
      checkLiveness(after: interval.timeAmount.nanoseconds, context)
    }
    handler.opened(connection)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    liveness?.heard(now: Self.now)
    guard !parser.isEnded else { return }
    let buffer = unwrapInboundIn(data)
    var violation: WebSocketFrameParser.Violation?
    delivered = 0
    handler.burst(connection) {
      buffer.withUnsafeReadableBytes { bytes in
        do throws(WebSocketFrameParser.Violation) {
          try parser.feed(bytes) { event in receive(event) }
        } catch {
          violation = error
        }
      }
    }
    if delivered > 0 { handler.burstEnded(connection) }
    if let violation { refuse(violation) }
  }

  /// Runs while the parser is being changed, so it must not touch it.
  private func receive(_ event: WebSocketFrameParser.Event) {
    switch event {
    case .binary(let bytes):
      delivered &+= 1
      handler.received(WebSocketMessage(kind: .binary, bytes: bytes), from: connection)
    case .text(let bytes):
      delivered &+= 1
      handler.received(WebSocketMessage(kind: .text, bytes: bytes), from: connection)
    case .ping(let bytes): connection.sendControl(.pong, bytes)
    case .pong: break
    case .close(let code, let reason): connection.peerClosed(code: code, reason: reason)
    }
  }

  private func refuse(_ violation: WebSocketFrameParser.Violation) {
    let isTooLarge = violation.closeCode == WebSocketCloseCode.tooLarge
    let error = TransportError(
      isTooLarge ? .tooLarge : .protocol, "\(connection.peer) sent \(violation.message)")
    logger?.warning("WebSocket rule broken", metadata: ["error": "\(error)"])
    if violation.isFragment {
      connection.cut(.failed(error))
    } else {
      connection.fail(error, code: violation.closeCode)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    connection.cut(.failed(TransportError(mapping: error, peer: connection.peer)))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { finish() }

  private func finish() {
    timer?.cancel()
    timer = nil
    guard let reason = connection.finish(.endOfFile) else { return }
    handler.closed(reason, connection)
    connection.announceEnd(reason)
  }

  private func checkLiveness(after nanoseconds: Int64, _ context: ChannelHandlerContext) {
    // Safety: made and opened on this event loop only; the box checks that.
    let me = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: .nanoseconds(max(0, nanoseconds))) {
      let (handler, context) = me.value
      handler.livenessDue(context)
    }
  }

  private func livenessDue(_ context: ChannelHandlerContext) {
    let now = Self.now
    // Silence of our own making does not count.
    if connection.isReadingPaused { liveness?.heard(now: now) }
    guard let (action, next) = liveness?.check(now: now) else { return }
    switch action {
    case .wait: break
    case .ping: connection.sendControl(.ping, UnsafeRawBufferPointer(start: nil, count: 0))
    case .dead:
      let error = TransportError(.deadPeer, "\(connection.peer) has been silent for too long")
      return connection.cut(.failed(error))
    }
    checkLiveness(after: next - now, context)
  }

  private static var now: Int64 { Int64(truncatingIfNeeded: NIODeadline.now().uptimeNanoseconds) }
}
