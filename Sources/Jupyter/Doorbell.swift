import Glibc

/// A descriptor that is readable once somebody rang, until it is silenced. Any thread.
final class Doorbell: Sendable {
  let descriptor: Int32
  private let far: Int32

  init() throws(JupyterError) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw JupyterError("unavailable", "no descriptors are left") }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (descriptor, far) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(far)
  }

  func ring() {
    // A full pipe is readable, which is all that is wanted.
    var byte: UInt8 = 0
    _ = write(far, &byte, 1)
  }

  func silence() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(descriptor, &bytes, bytes.count) == bytes.count {}
  }
}
