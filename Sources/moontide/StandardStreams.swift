import Locks
import Glibc

/// The three descriptors that every program is given, or is not.
enum StandardStreams {
  /// Before anything else opens a file: who started the program may have closed some of them, and the next file, pipe or
  /// socket would become standard output. In place of each comes one that can do nothing, as a closed one: reading
  /// standard input and writing standard output fail.
  static func hold() {
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      // The lowest free descriptor is this one. The wrong direction on purpose.
      let made = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
      if made >= 0, made != descriptor {
        dup2(made, descriptor)
        close(made)
      }
    }
  }

  /// Why output could not be written, as a person is told.
  static func reason(_ error: Int32) -> String {
    error == EBADF
      ? "cannot write: standard output is closed" : "cannot write: \(String(cString: strerror(error)))"
  }

  /// All of it, to a descriptor that may be slow; the errno when that does not work.
  static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waiting, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return nil
  }
}

/// What commands without an interpreter print. The first failure is kept for the end of the program, and what comes
/// after it is dropped.
enum StandardOutput {
  private static let failed = Guarded<Int32?>(nil)

  static func print(_ text: String, terminator: String = "\n") {
    guard failure == nil, let error = StandardStreams.write(text + terminator, to: 1) else { return }
    failed.withLock { $0 = error }
  }

  /// The errno of the first write that failed.
  static var failure: Int32? { failed.withLock { $0 } }

  /// It could not be written, and not because a reader has had enough.
  static var isLost: Bool { failure.map { $0 != EPIPE } ?? false }

  /// What becomes of an exit code: a reader who has had enough changes nothing, a full disk does.
  static func exitCode(_ code: Int32) -> Int32 {
    guard let failure, isLost else { return code }
    StandardError.write("moontide: \(StandardStreams.reason(failure))\n")
    return ExitCode.cannotCreate
  }
}

/// For what goes wrong before there is a writer. Where it cannot be written nobody is left to be told.
enum StandardError {
  static func write(_ text: String) { _ = StandardStreams.write(text, to: 2) }
}
