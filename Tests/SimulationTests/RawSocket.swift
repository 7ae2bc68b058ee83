import Glibc
import Foundation
import Synnax

/// A plain TCP connection to this machine: says what no client of ours would. Waits at most ten seconds for anything.
final class RawSocket {
  private let descriptor: Int32
  private var held: [UInt8] = []
  /// The other side has ended the connection, in whatever way.
  private var hasEnded = false
  private var isClosed = false

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var wait = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    let isOpen = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isOpen else { throw SynnaxError("unreachable", "nobody listens on port \(port)") }
  }

  deinit { hangUp() }

  func hangUp() {
    guard !isClosed else { return }
    isClosed = true
    close(descriptor)
  }

  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// A masked frame, the mask being zero.
  func send(frame payload: [UInt8], opcode: UInt8) {
    var bytes = [0x80 | opcode]
    if payload.count < 126 {
      bytes.append(0x80 | UInt8(payload.count))
    } else if payload.count < 65536 {
      bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    } else {
      bytes += [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    send(bytes + [0, 0, 0, 0] + payload)
  }

  private func more() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count > 0 { held += buffer[..<count] }
    if count == 0 || (count < 0 && errno != EAGAIN) { hasEnded = true }
    return count > 0
  }

  /// Everything up to the end of the connection, or nil when it does not end.
  func rest() -> String? {
    while more() {}
    return hasEnded ? String(decoding: held, as: UTF8.self) : nil
  }

  /// Up to an empty line.
  func head() -> String {
    while true {
      let text = String(decoding: held, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        held = Array(text[end.upperBound...].utf8)
        return String(text[..<end.lowerBound])
      }
      guard more() else { return text }
    }
  }

  /// Until a text of the other side holds this; false when it ends or says nothing for too long.
  func hears(_ text: String) -> Bool {
    while true {
      if String(decoding: held, as: UTF8.self).contains(text) {
        held = []
        return true
      }
      guard more() else { return false }
    }
  }

  /// Everything that came up to a text, and what came with it.
  func text(upTo end: String) -> String {
    while !String(decoding: held, as: UTF8.self).contains(end), more() {}
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// Upgrades; the answer's head.
  func upgrade(_ path: String, version: Int = 13) -> String {
    send(
      "GET \(path) HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: \(version)\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    return head()
  }
}
