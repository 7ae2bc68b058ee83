import Locks
import Synnax
import Telemetry
import Transport

/// One WebSocket of the core: reads messages, answers them (protocol, sections 9, 12 to 14).
final class CoreSocket: WebSocketHandler {
  enum Endpoint: String { case stream, write, iterate }

  private let core: SimulatedCore
  private let endpoint: Endpoint
  private let id: Int
  /// Why the token was refused: said in the first message, not by refusing the upgrade.
  private let refusal: ErrorPayload?
  private let isClosing = Guarded(false)

  init(_ core: SimulatedCore, _ endpoint: Endpoint, id: Int, refusal: ErrorPayload?) {
    self.core = core
    self.endpoint = endpoint
    self.id = id
    self.refusal = refusal
  }

  func opened(_ connection: WebSocketConnection) {
    if let refusal { return close(connection, refusal) }
    if endpoint == .stream { core.withState { $0.openStream(id, connection) } }
    send(.open, .none, connection)
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    guard !isClosing.withLock({ $0 }) else { return }
    do {
      switch endpoint {
      case .stream: try stream(message.bytes, connection)
      case .write: try write(message.bytes, connection)
      case .iterate: try iterate(message.bytes, connection)
      }
    } catch let error as ErrorPayload {
      close(connection, error)
    } catch {
      // What it cannot read ends the stream without a word.
      isClosing.withLock { $0 = true }
      release()
      connection.beginClose(code: 1001)
    }
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { release() }

  private func release() {
    core.withState { state in
      switch endpoint {
      case .stream: state.closeStream(id)
      case .write: _ = state.closeWriter(id)
      case .iterate: state.closeIterator(id)
      }
    }
  }

  // MARK: - Messages

  private func stream(_ bytes: UnsafeRawBufferPointer, _ connection: WebSocketConnection) throws {
    let message = try CoreMessage.decode(
      Envelope<StreamRequestPayload>.self, bytes, as: CoreMessage.envelope(CoreMessage.stream))
    guard message.kind == .data, let payload = message.payload else { return close(connection, .endOfStream) }
    let wasOpen = core.withState { $0.isStreaming(id) }
    do throws(ErrorPayload) {
      try core.withState { state throws(ErrorPayload) in
        try state.request(id, payload, now: core.clock.monotonic)
      }
    } catch {
      // Once open, a core has no words for a request it cannot take.
      if wasOpen { throw SynnaxError("protocol", error.data) }
      throw error
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, _ connection: WebSocketConnection) throws {
    guard let prefix = bytes.first else { throw SynnaxError("protocol", "an empty message") }
    let body = UnsafeRawBufferPointer(rebasing: bytes[1...])
    if prefix == Wire.framePrefix {
      let failure = try core.withState {
        try $0.write(id, body, now: core.clock.now, monotonic: core.clock.monotonic)
      }
      if let failure { answer(WriterResponsePayload(.write, err: failure, authorized: true), connection) }
      return
    }
    guard prefix == Wire.jsonPrefix else {
      throw SynnaxError("protocol", "a message that begins with \(prefix)")
    }
    let message = try CoreMessage.decode(
      Envelope<WriterRequestPayload>.self, body, as: CoreMessage.envelope(CoreMessage.write))
    guard message.kind == .data, let payload = message.payload else {
      let failure = core.withState { $0.closeWriter(id) }
      return close(connection, failure ?? .endOfStream)
    }
    if let response = try core.withState({ try $0.command(id, payload) }) { answer(response, connection) }
  }

  private func iterate(_ bytes: UnsafeRawBufferPointer, _ connection: WebSocketConnection) throws {
    let message = try CoreMessage.decode(
      Envelope<IteratorRequestPayload>.self, bytes, as: CoreMessage.envelope(CoreMessage.iterate))
    guard message.kind == .data, let payload = message.payload else { return close(connection, .endOfStream) }
    let (frames, ack) = try core.withState { try $0.iterate(id, payload) }
    for frame in frames { try connection.send(binary: [Wire.framePrefix] + frame) }
    answer(IteratorResponsePayload(payload.command, ack: ack), connection)
  }

  // MARK: - Answers

  private func answer(_ payload: some Codable & Sendable, _ connection: WebSocketConnection) {
    let bytes = Wire.encode(Envelope(.data, payload: payload, error: ErrorPayload.none), prefix: true)
    // A connection that is gone, or whose peer does not read, has nobody to tell.
    try? connection.send(binary: bytes)
  }

  /// `open` and `close` carry the zero value of the endpoint's answer.
  private func send(
    _ kind: Envelope<EmptyPayload>.Kind, _ error: ErrorPayload, _ connection: WebSocketConnection
  ) {
    let isOpen = kind == .open
    func message(_ payload: some Codable & Sendable) -> [UInt8] {
      Wire.encode(Envelope(isOpen ? .open : .close, payload: payload, error: error), prefix: true)
    }
    let bytes =
      switch endpoint {
      case .stream: message(StreamResponsePayload())
      case .write: message(WriterResponsePayload())
      case .iterate: message(IteratorResponsePayload())
      }
    try? connection.send(binary: bytes)
  }

  private func close(_ connection: WebSocketConnection, _ error: ErrorPayload) {
    guard
      isClosing.withLock({ closing in
        defer { closing = true }
        return !closing
      })
    else { return }
    release()
    send(.close, error, connection)
    connection.beginClose(code: 1000, deadline: .milliseconds(500))
  }
}
