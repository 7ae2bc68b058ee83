import Locks
import Foundation
import Glibc

/// A slow cable between clients and a server on this machine: every byte takes a while each way, and `cut` resets all
/// connections at once.
package final class SlowLink: Sendable {
  package let port: Int
  private let target: UInt16
  private let listener: Int32
  private let delay: Duration
  private let inner = Guarded((isOver: false, cuts: 0))

  package init(to port: Int, delay: Duration) throws {
    target = UInt16(port)
    self.delay = delay
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.address(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw PseudoTerminal.Failure(description: "no port for the link") }
    self.listener = listener
    self.port = Int(UInt16(bigEndian: address.sin_port))
    let me = self
    let thread = Thread { me.run() }
    thread.start()
  }

  /// Resets every connection; new ones are taken at once.
  package func cut() { inner.withLock { $0.cuts += 1 } }

  package func close() { inner.withLock { $0.isOver = true } }

  /// One way of one connection.
  private struct Way {
    let from: Int32
    let to: Int32
    var bytes: [(due: ContinuousClock.Instant, rest: ArraySlice<UInt8>)] = []
    var isAtEnd = false
  }

  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    return address
  }

  private func run() {
    var ways: [Way] = []
    var cuts = 0
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let state = inner.withLock { $0 }
      if state.isOver || state.cuts != cuts {
        for way in ways { Self.reset(way.from) }
        ways = []
        cuts = state.cuts
      }
      if state.isOver { break }
      var waiting = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
      waiting += ways.map { pollfd(fd: $0.isAtEnd ? -1 : $0.from, events: Int16(POLLIN), revents: 0) }
      poll(&waiting, nfds_t(waiting.count), 1)
      let now = ContinuousClock.now
      for index in ways.indices where waiting[index + 1].revents != 0 {
        let count = read(ways[index].from, &buffer, buffer.count)
        if count > 0 {
          ways[index].bytes.append((now + delay, buffer[..<count]))
        } else {
          ways[index].isAtEnd = true
        }
      }
      for index in ways.indices { Self.pass(&ways[index], now) }
      // A connection is over when one side has ended it and all that it said has been passed on.
      for way in ways where way.isAtEnd && way.bytes.isEmpty {
        for one in [way.from, way.to] where ways.contains(where: { $0.from == one }) {
          ways.removeAll { $0.from == one }
          Glibc.close(one)
        }
      }
      if waiting[0].revents != 0 { accept(&ways) }
    }
    Glibc.close(listener)
  }

  private func accept(_ ways: inout [Way]) {
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
      return
    }
    var yes: Int32 = 1
    for one in [near, far] {
      setsockopt(one, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }
    ways += [Way(from: near, to: far), Way(from: far, to: near)]
  }

  private static func pass(_ way: inout Way, _ now: ContinuousClock.Instant) {
    while let first = way.bytes.first, first.due <= now {
      let sent = first.rest.withUnsafeBytes {
        send(way.to, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      guard sent > 0 else {
        if sent < 0, errno != EAGAIN { (way.bytes, way.isAtEnd) = ([], true) }
        return
      }
      if sent == first.rest.count {
        way.bytes.removeFirst()
      } else {
        way.bytes[0].rest = first.rest.dropFirst(sent)
      }
    }
  }

  /// Ends it without a word that could still be on its way.
  private static func reset(_ socket: Int32) {
    var hard = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
    Glibc.close(socket)
  }
}
