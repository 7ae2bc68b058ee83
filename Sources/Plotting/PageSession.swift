import Locks
import Transport

/// One page that looks at a plot. It answers each question with one frame and keeps nothing else, so a page that
/// stops asking costs nothing.
final class PageSession: WebSocketHandler {
  private let plot: Plot
  private let ended: @Sendable (PageSession) -> Void
  private let connection = Guarded<WebSocketConnection?>(nil)
  private let answered = Guarded<Answered?>(nil)

  /// The last answer: the same question gets "unchanged" while the data are the same.
  private struct Answered {
    var request: ViewRequest
    var version: UInt64
  }

  init(plot: Plot, ended: @escaping @Sendable (PageSession) -> Void) {
    self.plot = plot
    self.ended = ended
  }

  static var options: WebSocketOptions {
    var options = WebSocketOptions()
    options.messageBytes = PlotLimits.viewBytesMax
    options.outboundBytes = PlotLimits.pageOutboundBytes
    options.overflow = .disconnect
    // A page on a suspended machine or behind a sleeping tunnel comes back by itself.
    options.pingInterval = .seconds(10)
    return options
  }

  func opened(_ connection: WebSocketConnection) {
    self.connection.withLock { $0 = connection }
    if plot.isClosed { connection.beginClose(code: WebSocketCloseCode.normal, reason: "closed") }
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    guard message.kind == .binary, let request = ViewRequest(message.bytes) else {
      connection.beginClose(code: WebSocketCloseCode.protocolError, reason: "not a view")
      return
    }
    let known = answered.withLock { last in last?.request == request ? last?.version : nil }
    let found = plot.picture(request.view, columns: request.pixels, unless: known) { !request.isHidden($0) }
    guard let found else {
      try? connection.send(binary: PageFrame.unchanged(revision: request.revision))
      return
    }
    var messages: [WebSocketPayload] = []
    if request.revision != found.revision {
      messages.append(.text(PageNews.json(found.picture, revision: found.revision, window: found.window)))
    }
    messages.append(
      .binary(PageFrame.encode(found.picture, revision: found.revision, bufferedBytes: found.bufferedBytes)))
    var next = request
    next.revision = found.revision
    let now = Answered(request: next, version: found.version)
    answered.withLock { $0 = now }
    // Refused only when the page does not read; it is cut off then, and comes back.
    try? connection.sendAll(messages)
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { ended(self) }

  func close() {
    connection.withLock { $0 }?.beginClose(code: WebSocketCloseCode.normal, reason: "closed")
  }
}
