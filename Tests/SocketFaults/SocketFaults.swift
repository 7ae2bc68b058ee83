package import Transport

import NIOCore

/// What a peer does that knows no WebSocket, or has died. For tests: the program has no such switches.
extension WebSocketConnection {
  /// Puts bytes on the wire as they are, behind what has left: half frames, forbidden frames.
  package func sendRaw(_ bytes: [UInt8]) {
    let channel = channel
    channel.eventLoop.execute { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
  }

  /// From now on nothing is read and nothing leaves, not even a pong; TCP stays.
  package func fallSilent() {
    let channel = channel
    pauseReading()
    channel.eventLoop.execute { try? channel.pipeline.syncOperations.addHandler(Mute(), position: .first) }
  }
}

/// Next to the socket: what is written there stays, until the end.
private final class Mute: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  private var promises: [EventLoopPromise<Void>] = []

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if let promise { promises.append(promise) }
  }

  func flush(context: ChannelHandlerContext) {}

  func handlerRemoved(context: ChannelHandlerContext) {
    for promise in promises { promise.fail(ChannelError.alreadyClosed) }
    promises = []
  }
}

@available(*, unavailable)
extension Mute: Sendable {}
