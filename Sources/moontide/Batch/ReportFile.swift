import Glibc

/// A file that is made before a run and written after it, so that a place where it cannot be is known at once.
struct ReportFile {
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(FileText.Failure) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw FileText.Failure(reason: "\(path): \(String(cString: strerror(errno)))")
    }
  }

  /// All of it; closes the file.
  func write(_ bytes: [UInt8]) throws(FileText.Failure) {
    var rest = bytes[...]
    var failure: Int32 = 0
    while !rest.isEmpty, failure == 0 {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { failure = errno }
    }
    // Some file systems tell only now that there is no room.
    if close(descriptor) < 0, failure == 0 { failure = errno }
    if failure != 0 { throw FileText.Failure(reason: "\(path): \(String(cString: strerror(failure)))") }
  }
}
