import Locks
import Dispatch
import Testing
import Transport

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps what a connection brought, and can answer.
final class Recorder: WebSocketHandler {
  struct Story {
    var messages: [WebSocketPayload] = []
    var bursts = 0
    var connection: WebSocketConnection?
    var reasons: [CloseReason] = []
  }

  private let box = Guarded(Story())
  private let onOpen: @Sendable (WebSocketConnection) -> Void
  private let onMessage: @Sendable (WebSocketPayload, WebSocketConnection) -> Void

  init(
    onOpen: @escaping @Sendable (WebSocketConnection) -> Void = { _ in },
    onMessage: @escaping @Sendable (WebSocketPayload, WebSocketConnection) -> Void = { _, _ in }
  ) {
    self.onOpen = onOpen
    self.onMessage = onMessage
  }

  var story: Story { box.withLock { $0 } }

  func opened(_ connection: WebSocketConnection) {
    box.withLock { $0.connection = connection }
    onOpen(connection)
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    let payload: WebSocketPayload = message.kind == .text ? .text(message.text) : .binary(message.array)
    box.withLock { $0.messages.append(payload) }
    onMessage(payload, connection)
  }

  func burstEnded(_ connection: WebSocketConnection) { box.withLock { $0.bursts += 1 } }
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
    box.withLock { $0.reasons.append(reason) }
  }

  /// Waits until the story is as wanted.
  func wait(
    _ deadline: Duration = .seconds(5), location: SourceLocation = #_sourceLocation,
    until isDone: (Story) -> Bool
  ) async throws {
    try await eventually(deadline, location: location) { isDone(story) }
  }
}

struct Late: Error {}

/// Asks again and again until the condition holds.
func eventually(
  _ deadline: Duration = .seconds(5), location: SourceLocation = #_sourceLocation, _ isDone: () -> Bool
) async throws {
  let end = ContinuousClock.now + deadline
  while !isDone() {
    if ContinuousClock.now > end {
      Issue.record("not within \(deadline)", sourceLocation: location)
      throw Late()
    }
    try await Task.sleep(for: .milliseconds(1))
  }
}

/// A server whose upgrades are all decided in one way, and a client of it.
func serve(
  _ options: HTTPServer.Options = .init(), upgrade: @escaping HTTPServer.Upgrade
) async throws -> HTTPServer {
  try await HTTPServer.start(options, upgrade: upgrade) { request in
    HTTPResponse(status: 404, text: "no \(request.path)")
  }
}

extension HTTPServer {
  func endpoint(_ path: String = "/", isSecure: Bool = false) throws -> Endpoint {
    try Endpoint(host: host, port: port, path: path, isSecure: isSecure)
  }
}

/// The error a call throws, or `nil`.
func failure<T>(_ body: () async throws -> T) async -> TransportError? {
  do {
    _ = try await body()
    return nil
  } catch { return error as? TransportError }
}

/// A plain TCP client whose reads give up after 5 s.
struct RawClient: ~Copyable {
  let socket: Int32

  init(port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result != 0 { throw Late() }
  }

  deinit { close(socket) }

  func send(_ text: String) { send(Array(text.utf8)) }
  func send(_ bytes: [UInt8]) { _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// Reads until the marker came, or to the end of file. Waits on a thread of its own: tasks have few.
  func read(until marker: String? = nil) async -> String {
    let socket = socket
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
          let count = recv(socket, &part, part.count, 0)
          if count <= 0 { break }
          all += part[..<count]
          if let marker, String(decoding: all, as: UTF8.self).contains(marker) { break }
        }
        continuation.resume(returning: String(decoding: all, as: UTF8.self))
      }
    }
  }

  static func upgrade(_ path: String = "/") -> String {
    "GET \(path) HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
      + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
  }
}
