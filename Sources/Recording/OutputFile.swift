import JSON
import Glibc

/// A file that is written from its start to its end. Not for two threads.
///
/// Either in place (`streaming`), so that what has been flushed survives everything, or beside it and then moved
/// there, so that a path never holds half a file.
final class OutputFile {
  let path: String
  private let temporary: String?
  private let replaces: Bool
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  /// Bytes written so far, those in the buffer included.
  private(set) var position = 0
  /// Bytes up to the last `mark`, of a file that is in its place.
  private var marked: Int?

  /// - Throws: `output`; `exists` when it is there and is not to be replaced.
  init(_ path: String, streaming: Bool, overwrite: Bool) throws(RecordingError) {
    self.path = path
    replaces = overwrite
    marked = streaming ? 0 : nil
    temporary = streaming ? nil : "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max))~"
    let exclusive = streaming && overwrite ? O_TRUNC : O_EXCL
    descriptor = open(temporary ?? path, O_WRONLY | O_CREAT | O_CLOEXEC | exclusive, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST { throw .exists(path, free: Path.free(path) { [$0] }) }
      throw .output(path, errno)
    }
    buffer.reserveCapacity(Limits.outputBytes + 4096)
  }

  deinit {
    if descriptor >= 0 { abandon() }
  }

  func write(_ bytes: some Collection<UInt8>) throws(RecordingError) {
    buffer.append(contentsOf: bytes)
    position += bytes.count
    if buffer.count >= Limits.outputBytes { try flush() }
  }

  func write(_ text: String) throws(RecordingError) { try write(text.utf8) }

  /// Hands everything to the system.
  func flush() throws(RecordingError) {
    let descriptor = descriptor
    let error = buffer.withUnsafeBytes { bytes -> Int32 in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 {
          if errno == EINTR { continue }
          return errno
        }
        done += count
      }
      return 0
    }
    buffer.removeAll(keepingCapacity: true)
    guard error == 0 else { throw .output(path, error) }
  }

  /// Hands everything to the system, and remembers that this much is whole: `abandon` keeps that and no more.
  func mark() throws(RecordingError) {
    try flush()
    marked = position
  }

  /// Writes the rest, and puts the file in its place. Nothing is left behind when that fails.
  func finish() throws(RecordingError) {
    try flush()
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw .output(path, errno) }
    close(descriptor)
    descriptor = -1
    guard let temporary else { return }
    defer { unlink(temporary) }
    if replaces {
      guard rename(temporary, path) == 0 else { throw .output(path, errno) }
      return
    }
    if link(temporary, path) == 0 { return }
    guard errno != EEXIST, !Path.exists(path) else { throw .exists(path, free: Path.free(path) { [$0] }) }
    // A file system without links.
    guard rename(temporary, path) == 0 else { throw .output(path, errno) }
  }

  /// Gives up: what is in place stays, up to the last mark where there is one; what was beside it goes.
  func abandon() {
    guard descriptor >= 0 else { return }
    // Half a line behind it would be taken for a sample.
    if let marked { ftruncate(descriptor, off_t(marked)) }
    close(descriptor)
    descriptor = -1
    if let temporary { unlink(temporary) }
  }
}

/// A whole file in memory, with a zero byte behind it for C's number parser. Pointers into it live as long as it does.
final class InputFile {
  let path: String
  let bytes: UnsafeBufferPointer<UInt8>
  /// Without the byte behind.
  let count: Int

  /// - Parameter most: bytes that it may have.
  /// - Throws: `no_file`, `too_large`.
  init(_ path: String, bytes most: Int = Limits.loadBytes) throws(RecordingError) {
    // A pipe of that name must not be waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .input(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .input(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw RecordingError("no_file", "\(path) is no file")
    }
    let size = Int(status.st_size)
    guard size <= most else {
      throw RecordingError(
        "too_large", "\(path) has \(size >> 20) MiB, and a load takes \(most >> 20) at most")
    }
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: size + 1)
    var done = 0
    while done < size {
      let got = read(descriptor, memory.baseAddress! + done, size - done)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else {
        let error = errno
        memory.deallocate()
        throw .input(path, error)
      }
      if got == 0 { break }
      done += got
    }
    memory[done] = 0
    self.path = path
    bytes = UnsafeBufferPointer(memory)
    count = done
  }

  deinit { bytes.deallocate() }

  /// One value of JSON that fills a part; nil for anything else.
  func json(_ range: Range<Int>) -> JSON? {
    let reading = JSON.Reading(depth: Limits.jsonDepth, values: Limits.loadSamples, takesNonFinite: true)
    return try? JSON(parsing: UnsafeBufferPointer(rebasing: bytes[range]), reading)
  }

  /// The parts between line ends, empty ones left out.
  func forEachLine(_ body: (Int, Range<Int>) throws(RecordingError) -> Void) throws(RecordingError) {
    // A byte order mark is no part of the text.
    var begin = count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
    var number = 0
    while begin < count {
      let found = memchr(bytes.baseAddress! + begin, 0x0A, count - begin)
      let end = found.map { UnsafeRawPointer($0) - UnsafeRawPointer(bytes.baseAddress!) } ?? count
      number += 1
      if end > begin { try body(number, begin..<end) }
      begin = end + 1
    }
  }
}
