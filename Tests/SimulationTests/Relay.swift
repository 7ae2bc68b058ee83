import Locks
import Glibc
import Synnax

/// A stretch of cable between a client and a server on this machine: passes bytes on, until it is cut open without
/// either side being told.
final class Relay: Sendable {
  let port: Int
  private let target: UInt16
  private let listener: Int32
  private let inner = Guarded(Inner())

  private struct Inner {
    var isDead = false
    /// How often it died; a connection lives as long as this stays.
    var deaths = 0
    var isOver = false
    var accepted = 0
  }

  /// Connections that came so far.
  var accepted: Int { inner.withLock { $0.accepted } }

  init(to port: Int) throws {
    target = UInt16(port)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.address(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw SynnaxError("unreachable", "no port for the relay") }
    self.listener = listener
    self.port = Int(UInt16(bigEndian: address.sin_port))
    let me = self
    Self.thread { me.accept() }
  }

  /// From here on nothing passes, on connections that are and on those to come; nobody is told.
  func die() {
    inner.withLock { inner in
      inner.isDead = true
      inner.deaths += 1
    }
  }

  /// New connections pass again; those from before stay dead.
  func mend() { inner.withLock { $0.isDead = false } }

  func close() { inner.withLock { $0.isOver = true } }

  private static func thread(_ body: @escaping @Sendable () -> Void) {
    final class Work: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body))
    // Safety: the thread takes the one reference that was retained for it.
    pthread_create(
      &thread, nil,
      {
        Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body(); return nil
      }, work.toOpaque())
    pthread_detach(thread)
  }

  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    return address
  }

  private func accept() {
    defer { Glibc.close(listener) }
    while !inner.withLock({ $0.isOver }) {
      guard Self.isReadable(listener) else { continue }
      let near = Glibc.accept(listener, nil, nil)
      let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = Self.address(target)
      let isConnected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      guard near >= 0, isConnected else {
        Glibc.close(near)
        Glibc.close(far)
        continue
      }
      inner.withLock { $0.accepted += 1 }
      let me = self
      Self.thread { me.pump(near, far) }
    }
  }

  /// Both ways in one thread. A connection that saw the cut stays silent for ever, open on both sides.
  private func pump(_ near: Int32, _ far: Int32) {
    defer {
      Glibc.close(near)
      Glibc.close(far)
    }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let life = inner.withLock { $0.isDead ? -1 : $0.deaths }
    while !inner.withLock({ $0.isOver }) {
      for (from, to) in [(near, far), (far, near)] where Self.isReadable(from) {
        // Under the lock: once `die` has returned nothing passes any more.
        let passed = inner.withLock { inner -> Bool? in
          inner.deaths == life ? Self.pass(from, to, &bytes) : nil
        }
        if passed == false { return }
        if passed == nil { usleep(20_000) }
      }
    }
  }

  /// False at the end of the connection.
  private static func pass(_ from: Int32, _ to: Int32, _ bytes: inout [UInt8]) -> Bool {
    let count = read(from, &bytes, bytes.count)
    var sent = 0
    while sent < count {
      let written = bytes[sent..<count].withUnsafeBytes {
        send(to, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard written > 0 else { return false }
      sent += written
    }
    return count > 0
  }

  private static func isReadable(_ socket: Int32) -> Bool {
    var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, 10) > 0
  }
}
