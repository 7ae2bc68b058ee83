import Locks
package import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One open WebSocket, client or server side. Sending works from any thread and keeps the order of the calls;
/// frames gathered before the event loop runs leave in one write. Messages come in through a ``WebSocketHandler``.
///
/// The connection lives until it is closed by either side, not until the last reference goes.
public final class WebSocketConnection: Sendable {
  /// Address of the other side, for messages and logs.
  public let peer: String
  /// For simulations that put things on the wire that no WebSocket says.
  package let channel: any Channel
  let options: WebSocketOptions
  /// A client masks what it sends.
  private let masks: Bool
  private let ended: EventLoopPromise<CloseReason>
  private let outbox = Guarded(Outbox())

  private struct Waiter {
    var below: Int
    /// Comes when so little is queued, or the connection has ended.
    let isDue = OneShot<Void>()
  }

  private struct Outbox {
    /// Encoded, not yet given to the channel.
    var pending: [ByteBuffer] = []
    var pendingBytes = 0
    /// Given to the channel, not yet in the socket.
    var inFlightBytes = 0
    var isDrainScheduled = false
    /// A Close was sent or TCP is going down: no more sends.
    var isClosing = false
    /// The HTTP handlers are still in the way of what is sent.
    var isHeld = true
    var isPaused = false
    var reason: CloseReason?
    var isEnded = false
    var waiters: [Waiter] = []

    var queuedBytes: Int { pendingBytes + inFlightBytes }

    mutating func takeWaiters(all: Bool) -> [Waiter] {
      let queued = queuedBytes
      let ready = waiters.filter { all || queued <= $0.below }
      waiters.removeAll { all || queued <= $0.below }
      return ready
    }
  }

  init(channel: any Channel, options: WebSocketOptions, masks: Bool) {
    self.channel = channel
    self.options = options
    self.masks = masks
    peer =
      channel.remoteAddress.map { address in
        address.ipAddress.map { "\($0):\(address.port ?? 0)" } ?? "\(address)"
      } ?? "unknown"
    ended = channel.eventLoop.makePromise()
  }

  // MARK: Sending

  /// Sends a text message. Throws `backlog` when the queue is full (nothing was queued), `closed`, or `tooLarge`.
  /// With `flush` false it waits in the queue for the next flush.
  public func send(text: String, flush: Bool = true) throws(TransportError) {
    var text = text
    let queued = text.withUTF8 { enqueue(.text, UnsafeRawBufferPointer($0)) }
    if let error = queued { throw error }
    if flush { self.flush() }
  }

  /// Sends text that is UTF-8 already, for example encoded JSON.
  public func send(textBytes bytes: some Sequence<UInt8>, flush: Bool = true) throws(TransportError) {
    try send(.text, bytes, flush: flush)
  }

  /// Sends a binary message; else like ``send(text:flush:)``.
  public func send(binary bytes: some Sequence<UInt8>, flush: Bool = true) throws(TransportError) {
    try send(.binary, bytes, flush: flush)
  }

  /// As ``send(binary:flush:)`` for bytes that are only borrowed.
  public func send(binary bytes: UnsafeRawBufferPointer, flush: Bool = true) throws(TransportError) {
    if let error = enqueue(.binary, bytes) { throw error }
    if flush { self.flush() }
  }

  /// Sends all messages with one flush, or none of them.
  public func sendAll(_ messages: some Collection<WebSocketPayload>) throws(TransportError) {
    let sizes = messages.map { message in
      switch message {
      case .text(let text): text.utf8.count
      case .binary(let bytes): bytes.count
      }
    }
    let total = sizes.reduce(0) { $0 + frameBytes($1) }
    let error = outbox.withLock { outbox -> TransportError? in
      if let error = refusal(&outbox, total) { return error }
      for message in messages {
        switch message {
        case .text(var text): text.withUTF8 { append(&outbox, .text, UnsafeRawBufferPointer($0)) }
        case .binary(let bytes): bytes.withUnsafeBytes { append(&outbox, .binary, $0) }
        }
      }
      return nil
    }
    if let error { throw overflowed(error) }
    flush()
  }

  /// Sends, and waits for room at most until `deadline` has passed (then `timeout`).
  public func send(_ message: WebSocketPayload, deadline: Duration) async throws(TransportError) {
    let end = ContinuousClock.now + deadline
    while true {
      do {
        return try sendAll(CollectionOfOne(message))
      } catch  where error.code == .backlog && options.overflow == .refuse {
        try await drained(below: options.outboundBytes / 2, deadline: end - .now)
      }
    }
  }

  /// Hands everything queued to the socket. From any thread.
  public func flush() {
    let mustSchedule = outbox.withLock { outbox in
      guard !outbox.isDrainScheduled, !outbox.pending.isEmpty else { return false }
      outbox.isDrainScheduled = true
      return true
    }
    if mustSchedule { channel.eventLoop.execute { self.drain() } }
  }

  /// Bytes that are queued here and not yet in the socket.
  public var queuedBytes: Int { outbox.withLock { $0.queuedBytes } }

  /// Returns once at most `below` bytes are queued. Throws `timeout`, `closed`, or `cancelled`.
  public func drained(below: Int = 0, deadline: Duration) async throws(TransportError) {
    flush()
    let waiter = Waiter(below: below)
    let isReady = outbox.withLock { outbox in
      guard !outbox.isEnded, outbox.queuedBytes > below else { return true }
      outbox.waiters.append(waiter)
      return false
    }
    let isInTime: Bool = if isReady { true } else { await waiter.isDue.wait(deadline) != nil }
    if !isInTime { outbox.withLock { $0.waiters.removeAll { $0.isDue === waiter.isDue } } }
    if Task.isCancelled { throw TransportError(.cancelled, "cancelled while waiting to send") }
    guard isInTime else { throw TransportError(.timeout, "\(peer) did not read in time") }
    if outbox.withLock({ $0.isEnded }) { throw closedError }
  }

  // MARK: Reading

  /// Stops reading from the socket, so that the peer feels back-pressure. What is already in memory still comes.
  public func pauseReading() { setReading(false) }

  /// Reads on after ``pauseReading()``.
  public func resumeReading() { setReading(true) }

  private func setReading(_ isOn: Bool) {
    outbox.withLock { $0.isPaused = !isOn }
    channel.setOption(ChannelOptions.autoRead, value: isOn).whenFailure { _ in }
  }

  var isReadingPaused: Bool { outbox.withLock { $0.isPaused } }

  // MARK: Closing

  /// Sends a Close frame and returns when the connection is gone: after the peer's Close or end of file, at the
  /// latest after `deadline` (default: the option `closeTimeout`).
  @discardableResult
  public func close(
    code: UInt16 = WebSocketCloseCode.normal, reason: String = "", deadline: Duration? = nil
  ) async -> CloseReason {
    beginClose(code: code, reason: reason, deadline: deadline)
    return await waitUntilClosed()
  }

  /// As ``close(code:reason:deadline:)`` without waiting; for handlers.
  public func beginClose(
    code: UInt16 = WebSocketCloseCode.normal, reason: String = "", deadline: Duration? = nil
  ) {
    startClosing(.local, code: code, reason: reason, deadline: deadline)
  }

  /// Ends TCP at once, without a Close frame; what is queued is lost.
  public func closeNow() { cut(.local) }

  /// Returns when the connection has ended, with the reason.
  @discardableResult
  public func waitUntilClosed() async -> CloseReason {
    (try? await ended.futureResult.get()) ?? .endOfFile
  }

  /// Whether sending can still work.
  public var isOpen: Bool { outbox.withLock { !$0.isClosing && !$0.isEnded } }

  func startClosing(_ why: CloseReason, code: UInt16?, reason: String, deadline: Duration?) {
    let mayClose = outbox.withLock { outbox in
      if outbox.reason == nil { outbox.reason = why }
      guard !outbox.isClosing, !outbox.isEnded else { return false }
      let payload = code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] + Self.closeText(reason) } ?? []
      payload.withUnsafeBytes { append(&outbox, .close, $0) }
      outbox.isClosing = true
      return true
    }
    guard mayClose else { return }
    flush()
    let timeout = (deadline ?? options.closeTimeout).timeAmount
    let timer = channel.eventLoop.scheduleTask(in: timeout) { self.channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in timer.cancel() }
  }

  /// A Close came: answered if it is not itself an answer, then TCP ends.
  func peerClosed(code: UInt16?, reason: String) {
    let mustAnswer = outbox.withLock { outbox in
      if outbox.reason == nil { outbox.reason = .remote(code: code, reason: reason) }
      return !outbox.isClosing && !outbox.isEnded
    }
    guard mustAnswer, options.answersClose else { return cut(.remote(code: code, reason: reason)) }
    startClosing(.remote(code: code, reason: reason), code: code, reason: "", deadline: nil)
    closeAfterDrain()
  }

  /// Broken by the peer: says so in a Close frame and ends TCP as soon as that has left.
  func fail(_ error: TransportError, code: UInt16) {
    startClosing(.failed(error), code: code, reason: error.message, deadline: nil)
    // Our direction only: with bytes unread a full close would be a reset, and the Close frame be lost.
    closeAfterDrain(mode: .output)
  }

  func cut(_ why: CloseReason) {
    outbox.withLock { outbox in
      if outbox.reason == nil { outbox.reason = why }
      outbox.isClosing = true
    }
    // Later, so that no handler is removed while it is working.
    channel.eventLoop.execute { self.channel.close(promise: nil) }
  }

  private func closeAfterDrain(mode: CloseMode = .all) {
    channel.eventLoop.execute {
      self.drain()
      self.channel.writeAndFlush(ByteBuffer()).whenComplete { _ in
        self.channel.close(mode: mode).whenFailure { _ in self.channel.close(promise: nil) }
      }
    }
  }

  /// Called once by the channel's handler, on the event loop. Answers the reason to report.
  func finish(_ fallback: CloseReason) -> CloseReason? {
    let (reason, waiters) = outbox.withLock { outbox -> (CloseReason?, [Waiter]) in
      guard !outbox.isEnded else { return (nil, []) }
      outbox.isEnded = true
      outbox.isClosing = true
      outbox.pending = []
      outbox.pendingBytes = 0
      return (outbox.reason ?? fallback, outbox.takeWaiters(all: true))
    }
    for waiter in waiters { waiter.isDue.fulfill(()) }
    return reason
  }

  func announceEnd(_ reason: CloseReason) { ended.succeed(reason) }

  private var closedError: TransportError { TransportError(.closed, "the connection to \(peer) is closed") }

  /// A Close reason has room for 123 bytes; cut between characters.
  private static func closeText(_ reason: String) -> [UInt8] {
    var text = reason
    while text.utf8.count > TransportLimits.controlBytes - 2 { text.removeLast() }
    return Array(text.utf8)
  }

  /// Ends TCP with a reset, as a peer that has no more to do with us.
  package func reset() {
    guard let socket = channel as? any SocketOptionProvider else { return cut(.local) }
    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in self.cut(.local) }
  }

  // MARK: The queue

  private func frameBytes(_ payload: Int) -> Int {
    payload + WebSocketFrameWriter.headerBytes(payload: payload, isMasked: masks)
  }

  private func send(
    _ opcode: WebSocketOpcode, _ bytes: some Sequence<UInt8>, flush: Bool
  ) throws(TransportError) {
    let queued =
      bytes.withContiguousStorageIfAvailable { enqueue(opcode, UnsafeRawBufferPointer($0)) }
      ?? Array(bytes).withUnsafeBytes { enqueue(opcode, $0) }
    if let error = queued { throw error }
    if flush { self.flush() }
  }

  private func enqueue(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) -> TransportError? {
    let size = frameBytes(payload.count)
    let error = outbox.withLock { outbox -> TransportError? in
      if let error = refusal(&outbox, size) { return error }
      append(&outbox, opcode, payload)
      return nil
    }
    return error.map(overflowed)
  }

  private func refusal(_ outbox: inout Outbox, _ size: Int) -> TransportError? {
    if outbox.isClosing || outbox.isEnded { return closedError }
    if size > options.outboundBytes {
      return TransportError(.tooLarge, "\(size) bytes do not fit the queue of \(options.outboundBytes)")
    }
    guard size > options.outboundBytes - outbox.queuedBytes else { return nil }
    return TransportError(
      .backlog, "\(peer) reads too slowly: \(outbox.queuedBytes) bytes are waiting",
      hint: "send less, or wait until the queue has drained")
  }

  /// The other overflow policy: the slow reader is cut off.
  private func overflowed(_ error: TransportError) -> TransportError {
    if error.code == .backlog, options.overflow == .disconnect { cut(.failed(error)) }
    return error
  }

  private func append(
    _ outbox: inout Outbox, _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer
  ) {
    let size = frameBytes(payload.count)
    if outbox.pending.last.map({ $0.readableBytes + size > TransportLimits.writeBytes }) ?? true {
      outbox.pending.append(ByteBuffer())
    }
    let last = outbox.pending.count - 1
    let mask = masks ? UInt32.random(in: 0...UInt32.max) : nil
    outbox.pending[last].writeWithUnsafeMutableBytes(minimumWritableBytes: size) { room in
      WebSocketFrameWriter.write(
        opcode: opcode.rawValue, payload: payload, mask: mask,
        into: UnsafeMutableRawBufferPointer(rebasing: room[..<size]))
      return size
    }
    outbox.pendingBytes += size
  }

  /// Ping and Pong pass the limit (there is at most one ping an interval), but a pong is left out when the peer
  /// floods and does not read: the RFC lets an answer stand for several pings.
  func sendControl(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
    outbox.withLock { outbox in
      guard !outbox.isClosing, !outbox.isEnded, outbox.queuedBytes < options.outboundBytes else { return }
      append(&outbox, opcode, payload)
    }
    flush()
  }

  /// From now on what is sent leaves. On the event loop, once the pipeline takes bytes.
  func release() {
    outbox.withLock { $0.isHeld = false }
    drain()
  }

  /// On the event loop: one write for each buffer, one flush for all.
  func drain() {
    let buffers = outbox.withLock { outbox in
      outbox.isDrainScheduled = false
      guard !outbox.isHeld else { return [ByteBuffer]() }
      defer { outbox.pending = [] }
      outbox.inFlightBytes += outbox.pendingBytes
      outbox.pendingBytes = 0
      return outbox.pending
    }
    guard !buffers.isEmpty else { return }
    for buffer in buffers {
      let size = buffer.readableBytes
      channel.write(buffer).whenComplete { _ in self.written(size) }
    }
    channel.flush()
  }

  private func written(_ size: Int) {
    let waiters = outbox.withLock { outbox in
      outbox.inFlightBytes -= size
      return outbox.waiters.isEmpty ? [] : outbox.takeWaiters(all: false)
    }
    for waiter in waiters { waiter.isDue.fulfill(()) }
  }
}
