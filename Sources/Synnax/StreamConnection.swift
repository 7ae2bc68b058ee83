import Locks
import Telemetry
import Transport

/// One WebSocket of a stream: feeds its state machine and does what that says.
///
/// Frames and the end are delivered on the connection's event loop, in order.
final class StreamConnection: WebSocketHandler {
  /// What becomes of it, for its feed.
  struct Callbacks: Sendable {
    /// The core took the request; comes before the first frame.
    var acknowledged: @Sendable () -> Void
    /// Where the frames go.
    var sink: any StreamSink
    /// Once, after everything else; not when opening failed.
    var ended: @Sendable (StreamStateMachine.End) -> Void
  }

  private struct Inner {
    var machine: StreamStateMachine
    var tracker: AlignmentTracker
    var socket: WebSocketConnection?
    var isAcknowledged = false
    var end: StreamStateMachine.End?
  }

  /// What is left to do outside the lock.
  private enum Errand {
    case acknowledged
    case frame(Frame)
    case ended(StreamStateMachine.End)
  }

  /// The read that is just being handed over: the lock is held, and mostly the stream's, too.
  private struct Burst {
    let inner: UnsafeMutablePointer<Inner>
    let now: TimeSpan
    let ingest: UnsafeMutablePointer<Ingest>?
    var tasks: [Errand] = []
  }

  // Safety: touched within `burst` only, which the event loop of this connection runs, and no other thread. In memory
  // of its own: it is looked at for each message.
  nonisolated(unsafe) private let burst = UnsafeMutablePointer<Burst?>.allocate(capacity: 1)
  private let callbacks: Callbacks
  private let clock: any TelemetryClock
  private let inner: Guarded<Inner>
  /// Nil for a stream that the core took; comes with the end at the latest.
  private let opening = OneShot<SynnaxError?>()
  /// Comes when everything was told.
  private let over = OneShot<Void>()

  init(
    _ channels: StreamChannels, _ settings: StreamStateMachine.Settings, clock: any TelemetryClock,
    callbacks: Callbacks
  ) {
    self.callbacks = callbacks
    self.clock = clock
    inner = Guarded(
      Inner(
        machine: StreamStateMachine(channels: channels, settings: settings),
        tracker: AlignmentTracker(isOn: settings.downsampleFactor <= 1)))
    burst.initialize(to: nil)
  }

  deinit {
    burst.deinitialize(count: 1)
    burst.deallocate()
  }

  /// Connects; returns once the core has acknowledged the stream.
  func open(_ client: SynnaxClient, authorization: String) async throws(SynnaxError) {
    var options = WebSocketOptions()
    options.messageBytes = SynnaxLimits.receivedBytes
    options.pingInterval = .seconds(5)
    options.connectTimeout = client.configuration.timeout.duration
    options.handshakeTimeout = client.configuration.timeout.duration
    do throws(TransportError) {
      _ = try await WebSocketClient.connect(
        to: client.endpoint("/api/v1/frame/stream"),
        headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": authorization],
        tls: client.tls, options: options, handler: self)
    } catch {
      throw SynnaxError(error)
    }
    let error = await withTaskCancellationHandler {
      await opening.wait()
    } onCancel: {
      self.socket?.closeNow()
    }
    if let error = error ?? nil { throw error }
  }

  private var socket: WebSocketConnection? { inner.withLock { $0.socket } }

  /// Requests with channels that no frame has answered yet.
  var pendingStates: Int { inner.withLock { $0.machine.pendingStates } }

  func update(_ channels: StreamChannels, without removed: some Sequence<UInt32>) {
    change { inner, _ in
      inner.tracker.pause(removed, after: inner.machine.sequence)
      return inner.machine.update(channels)
    }
  }

  /// To be called a few times a second: deadlines, and a core that fell silent.
  func tick() { change { $0.machine.checked(now: $1) } }

  /// Asks the core to end the stream; returns when it has, with all frames delivered, or when it takes too long.
  func close() async {
    change { $0.machine.close(now: $1) }
    // Nobody else looks at the time any more: whoever closes has let go of the stream.
    let watch = Task {
      while let wait = self.untilDeadline, !Task.isCancelled {
        try? await Task.sleep(for: wait)
        self.tick()
      }
    }
    defer { watch.cancel() }
    _ = await over.wait()
  }

  /// How long nothing is due; nil once it has ended.
  private var untilDeadline: Duration? {
    let (deadline, hasEnded) = inner.withLock { ($0.machine.deadline, $0.end != nil) }
    guard !hasEnded else { return nil }
    let left = deadline.map { $0 - clock.monotonic } ?? .second
    return max(.milliseconds(1), min(.milliseconds(200), left.duration))
  }

  // MARK: - WebSocketHandler

  func opened(_ connection: WebSocketConnection) {
    change { inner, now in
      inner.socket = connection
      inner.machine.upgraded(now: now)
      return []
    }
    // It was given up meanwhile.
    if inner.withLock({ $0.end != nil }) { connection.beginClose() }
  }

  /// One lock for all messages of a read, the stream's with it; what they set off follows outside.
  func burst(_ connection: WebSocketConnection, _ body: () -> Void) {
    let now = clock.monotonic
    let tasks = inner.withLock { inner in
      withUnsafeMutablePointer(to: &inner) { inner -> [Errand] in
        let isTaken = callbacks.sink.ingest { ingest in
          withUnsafeMutablePointer(to: &ingest) { ingest in
            burst.pointee = Burst(inner: inner, now: now, ingest: ingest)
            body()
          }
        }
        if !isTaken {
          burst.pointee = Burst(inner: inner, now: now, ingest: nil)
          body()
        }
        defer { burst.pointee = nil }
        return burst.pointee?.tasks ?? []
      }
    }
    run(tasks)
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    guard let inner = burst.pointee?.inner, let now = burst.pointee?.now else {
      return change { $0.machine.received(message.bytes, now: $1) }
    }
    let ingest = burst.pointee?.ingest
    if let ingest,
      inner.pointee.machine.ingest(message.bytes, now: now, &ingest.pointee, &inner.pointee.tracker)
    {
      return
    }
    for action in inner.pointee.machine.received(message.bytes, now: now) {
      guard let task = act(action, &inner.pointee) else { continue }
      if case .frame(let frame) = task, let ingest {
        ingest.pointee.receive(frame)
      } else {
        burst.pointee?.tasks.append(task)
      }
    }
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
    let error: SynnaxError? =
      switch reason {
      case .local, .remote(code: 1000, _), .remote(code: nil, _): nil
      case .remote(code: 1001, _):
        SynnaxError("closed", "the core shut down, or could not read what it was sent")
      case .remote(let code?, let text):
        SynnaxError("closed", "the core closed the connection with \(code)\(text.isEmpty ? "" : ": " + text)")
      case .endOfFile: SynnaxError("closed", "the connection to the core was lost")
      case .failed(let error): SynnaxError(error)
      }
    change { inner, _ in inner.machine.disconnected(error) }
  }

  /// Lets the machine act. Sending happens under the lock, where it only queues: the order of requests on the wire
  /// must be the order in which their states were counted.
  private func change(_ body: (inout Inner, TimeSpan) -> [StreamStateMachine.Action]) {
    let now = clock.monotonic
    run(inner.withLock { inner in body(&inner, now).compactMap { act($0, &inner) } })
  }

  private func act(_ action: StreamStateMachine.Action, _ inner: inout Inner) -> Errand? {
    switch action {
    case .send(let bytes):
      // One that cannot be sent any more ends by itself.
      try? inner.socket?.send(binary: bytes)
      return nil
    case .acknowledged:
      inner.isAcknowledged = true
      return .acknowledged
    case .deliver(let wire, let channels):
      return channels.frame(wire, &inner.tracker).map { .frame($0) }
    case .end(let end):
      inner.end = end
      return .ended(end)
    }
  }

  private func run(_ tasks: [Errand]) {
    for task in tasks {
      switch task {
      case .acknowledged:
        callbacks.acknowledged()
        opening.fulfill(nil)
      case .frame(let frame): callbacks.sink.receive(frame)
      case .ended(let end): finish(end)
      }
    }
  }

  private func finish(_ end: StreamStateMachine.End) {
    let (socket, wasOpen) = inner.withLock { ($0.socket, $0.isAcknowledged) }
    socket?.beginClose()
    if wasOpen { callbacks.ended(end) } else { opening.fulfill(Self.error(end)) }
    over.fulfill(())
  }

  private static func error(_ end: StreamStateMachine.End) -> SynnaxError {
    switch end {
    case .failed(let error): error
    case .closed, .endedByCore: SynnaxError("closed", "the core closed the stream while it was opened")
    }
  }
}
