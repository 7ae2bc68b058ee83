import Locks
import Telemetry
import Transport

/// A WebSocket where one side asks and the other answers: writers and iterators (protocol, sections 13 and 14).
final class MessageConnection: WebSocketHandler {
  private struct Inner {
    var socket: WebSocketConnection?
    var messages = MessageQueue()
    var end: SynnaxError?
    var waiter: OneShot<Void>?
  }

  private let inner = Guarded(Inner())
  private let clock: any TelemetryClock

  private init(clock: any TelemetryClock) { self.clock = clock }

  /// Connects, and waits for the core's `open`. A token that ended is replaced once.
  static func open(_ client: SynnaxClient, path: String) async throws(SynnaxError) -> MessageConnection {
    var authorization = try await client.authorization()
    do throws(SynnaxError) {
      return try await open(client, path, authorization)
    } catch  where error.remedy == .logIn {
      authorization = try await client.authorization(unless: String(authorization.dropFirst("Bearer ".count)))
      return try await open(client, path, authorization)
    }
  }

  private static func open(
    _ client: SynnaxClient, _ path: String, _ authorization: String
  ) async throws(SynnaxError) -> MessageConnection {
    let connection = MessageConnection(clock: client.clock)
    var options = WebSocketOptions()
    options.messageBytes = SynnaxLimits.receivedBytes
    options.outboundBytes = SynnaxLimits.writerBytes
    options.pingInterval = .seconds(5)
    options.connectTimeout = client.configuration.timeout.duration
    options.handshakeTimeout = client.configuration.timeout.duration
    do throws(TransportError) {
      _ = try await WebSocketClient.connect(
        to: client.endpoint(path),
        headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": authorization],
        tls: client.tls, options: options, handler: connection)
    } catch {
      throw SynnaxError(error)
    }
    do throws(SynnaxError) {
      let first = try await connection.next(within: client.configuration.timeout)
      guard first.first == Wire.jsonPrefix else {
        throw SynnaxError("protocol", "the core did not begin with an opening message")
      }
      let message = try Wire.decode(Envelope<Anything>.self, Array(first.dropFirst()))
      if message.kind == .close { throw SynnaxError(message.error ?? .endOfStream) }
      return connection
    } catch {
      connection.cut()
      throw error
    }
  }

  /// Sends; waits for room in the queue when the core reads slowly.
  func send(_ bytes: [UInt8], within timeout: TimeSpan) async throws(SynnaxError) {
    guard let socket = inner.withLock({ $0.socket }) else { throw endError }
    do throws(TransportError) {
      try await socket.send(.binary(bytes), deadline: timeout.duration)
    } catch {
      throw inner.withLock { $0.end } ?? SynnaxError(error)
    }
  }

  /// The next message, if one has come already.
  func poll() -> [UInt8]? {
    let (message, socket) = inner.withLock { inner -> ([UInt8]?, WebSocketConnection?) in
      guard let (message, resumes) = inner.messages.take() else { return (nil, nil) }
      return (message, resumes ? inner.socket : nil)
    }
    socket?.resumeReading()
    return message
  }

  /// Waits for the next message. One caller at a time.
  func next(within timeout: TimeSpan) async throws(SynnaxError) -> [UInt8] {
    let end = clock.monotonic + timeout
    while true {
      if let message = poll() { return message }
      if let error = inner.withLock({ $0.end }) { throw error }
      guard clock.monotonic < end else { throw SynnaxError("timeout", "the core did not answer in time") }
      if Task.isCancelled { throw SynnaxError("cancelled", "cancelled while waiting for the core") }
      await wait(until: end)
    }
  }

  private func wait(until end: TimeSpan) async {
    let waiter = OneShot<Void>()
    let isReady = inner.withLock { inner in
      inner.waiter = waiter
      return !inner.messages.isEmpty || inner.end != nil
    }
    if !isReady { _ = await waiter.wait((end - clock.monotonic).duration) }
  }

  private func wake() { inner.withLock { $0.waiter }?.fulfill(()) }

  private var endError: SynnaxError {
    inner.withLock { $0.end } ?? SynnaxError("closed", "the connection to the core is closed")
  }

  func cut() { inner.withLock { $0.socket }?.beginClose() }

  // MARK: - WebSocketHandler

  func opened(_ connection: WebSocketConnection) { inner.withLock { $0.socket = connection } }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    if inner.withLock({ $0.messages.put(message.array) }) { connection.pauseReading() }
    wake()
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
    let error: SynnaxError =
      switch reason {
      case .failed(let error): SynnaxError(error)
      case .remote(code: 1001, _):
        SynnaxError("closed", "the core shut down, or could not read what it was sent")
      default: SynnaxError("closed", "the connection to the core ended")
      }
    inner.withLock { inner in
      inner.end = error
      inner.socket = nil
    }
    wake()
  }
}
