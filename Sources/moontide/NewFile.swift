import Glibc

/// Files that commands make: never over one that is there, unless told to, and then only when the new one is whole.
enum NewFile {
  /// Why nothing was written, in words.
  struct Failure: Error {
    let reason: String
  }

  static func write(_ bytes: [UInt8], to path: String, overwriting: Bool) throws(Failure) {
    if !overwriting, access(path, F_OK) == 0 {
      throw Failure(reason: "\(path) exists; --overwrite replaces it")
    }
    let partial = "\(path).part-\(UInt32.random(in: 0 ... .max))"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let failure = failure(path)
        close(descriptor)
        unlink(partial)
        throw failure
      }
      rest = rest.dropFirst(count)
    }
    // Some file systems tell only now that there is no room; and a name that came meanwhile is kept.
    guard close(descriptor) == 0, overwriting ? rename(partial, path) == 0 : link(partial, path) == 0 else {
      let failure = failure(path)
      unlink(partial)
      throw failure
    }
    if !overwriting { unlink(partial) }
  }

  static func makeFolder(_ path: String) throws(Failure) {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure(path) }
  }

  private static func failure(_ path: String) -> Failure {
    Failure(reason: "cannot write \(path): \(String(cString: strerror(errno)))")
  }
}
