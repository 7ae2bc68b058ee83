import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// A kept connection of ``HTTPClient``; one exchange at a time.
final class HTTPClientConnection: Sendable {
  let channel: any Channel
  let handler: NIOLoopBound<HTTPClientHandler>
  private let lastUse = NIOLockedValueBox(NIODeadline.now())

  init(channel: any Channel, handler: NIOLoopBound<HTTPClientHandler>) {
    self.channel = channel
    self.handler = handler
  }

  func touch() { lastUse.withLockedValue { $0 = .now() } }

  func isFresh(_ limit: Duration) -> Bool {
    lastUse.withLockedValue { NIODeadline.now() - $0 } < limit.timeAmount
  }
}

/// Sends one request and gathers its answer. Lives on the event loop.
final class HTTPClientHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  struct Answer: Sendable {
    var response: HTTPResponse
    var keepsAlive: Bool
  }

  private let authority: String
  private let responseBytes: Int
  private var promise: EventLoopPromise<Answer>?
  private var answer: Answer?
  /// Why the connection broke, when that was before a request was sent.
  private var failure: TransportError?

  init(authority: String, responseBytes: Int) {
    self.authority = authority
    self.responseBytes = responseBytes
  }

  func start(
    _ head: HTTPRequestHead, _ body: [UInt8], channel: any Channel, promise: EventLoopPromise<Answer>
  ) {
    guard self.promise == nil, channel.isActive else {
      return promise.fail(failure ?? TransportError(.closed, "\(authority) closed the connection"))
    }
    self.promise = promise
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if !body.isEmpty {
      channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      let response = HTTPResponse(status: Int(head.status.code), headers: HTTPFields(head.headers))
      answer = Answer(response: response, keepsAlive: head.isKeepAlive)
      if let length = response.headers["content-length"].flatMap({ Int($0) }), length > responseBytes {
        failTooLarge(context)
      }
    case .body(let bytes):
      guard let count = answer?.response.body.count else { return }
      guard bytes.readableBytes <= responseBytes - count else { return failTooLarge(context) }
      answer?.response.body.append(contentsOf: bytes.readableBytesView)
    case .end:
      guard let answer, let promise else { return }
      (self.answer, self.promise) = (nil, nil)
      promise.succeed(answer)
    }
  }

  private func failTooLarge(_ context: ChannelHandlerContext) {
    fail(context, TransportError(.tooLarge, "\(authority) answered with more than \(responseBytes) bytes"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(context, TransportError(mapping: error, peer: authority))
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(context, TransportError(.closed, "\(authority) closed the connection without an answer"))
    context.fireChannelInactive()
  }

  private func fail(_ context: ChannelHandlerContext, _ error: TransportError) {
    let promise = promise
    (self.answer, self.promise) = (nil, nil)
    if failure == nil { failure = error }
    promise?.fail(error)
    context.close(promise: nil)
  }
}
