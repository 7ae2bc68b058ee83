import CZlib
import Glibc

/// Text as others encode it.
enum Foreign {
  /// What Windows-1252 has where Latin-1 has control characters.
  private static let windows: [UInt32] = [
    0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D,
    0x17D, 0x8F,
    0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D,
    0x17E,
    0x178,
  ]

  static func isUTF8(_ bytes: some Sequence<UInt8>) -> Bool {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue: continue
      case .emptyInput: return true
      case .error: return false
      }
    }
  }

  /// UTF-8; what is none is Windows-1252, which Latin-1 is a part of.
  static func text(_ bytes: some Collection<UInt8>) -> String {
    if isUTF8(bytes) { return String(decoding: bytes, as: UTF8.self) }
    var text = String.UnicodeScalarView()
    for byte in bytes {
      let code = (0x80...0x9F).contains(byte) ? windows[Int(byte) - 0x80] : UInt32(byte)
      text.append(Unicode.Scalar(code) ?? "\u{FFFD}")
    }
    return String(text)
  }
}

/// Encodings that the C library knows.
enum Encoding {
  static func isUTF8(_ name: String) -> Bool { ["utf-8", "utf8", "ascii"].contains(name.lowercased()) }

  static func isKnown(_ name: String) -> Bool {
    guard let descriptor = open(name) else { return false }
    iconv_close(descriptor)
    return true
  }

  private static func open(_ name: String) -> iconv_t? {
    guard !name.isEmpty, !name.contains("/") else { return nil }
    let plain = ["cp1252": "WINDOWS-1252", "latin-1": "LATIN1"][name.lowercased()] ?? name
    let descriptor = iconv_open("UTF-8", plain)
    return Int(bitPattern: descriptor) == -1 ? nil : descriptor
  }

  /// All of it as UTF-8; what is no text in that encoding becomes U+FFFD and is counted.
  static func decode(_ bytes: UnsafeBufferPointer<UInt8>, as name: String) -> (bytes: [UInt8], bad: Int)? {
    guard let descriptor = open(name) else { return nil }
    defer { iconv_close(descriptor) }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var bad = 0
    var left = bytes.count
    guard let base = bytes.baseAddress else { return ([], 0) }
    var input: UnsafeMutablePointer<CChar>? = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(
      to: CChar.self)
    var chunk = [CChar](repeating: 0, count: 1 << 16)
    while left > 0 {
      let (made, error) = chunk.withUnsafeMutableBufferPointer { buffer -> (Int, Int32) in
        var output = buffer.baseAddress
        var room = buffer.count
        let outcome = iconv(descriptor, &input, &left, &output, &room)
        return (
          buffer.count - room,
          outcome == Int.max || Int(bitPattern: UInt(bitPattern: outcome)) == -1 ? errno : 0
        )
      }
      chunk.withUnsafeBytes { result.append(contentsOf: $0[..<made]) }
      if error == E2BIG { continue }
      if left > 0, error == EILSEQ || error == EINVAL {
        bad += 1
        result += Array("\u{FFFD}".utf8)
        input = input.map { $0 + 1 }
        left -= 1
      } else if error != 0 || made == 0 {
        break
      }
    }
    return (result, bad)
  }
}

/// Bytes that come one behind the other, from the start again when they are wanted twice.
protocol ByteSource: AnyObject {
  /// Bytes of the file, as far as that is known.
  var size: Int { get }
  /// Bytes of the file that were taken so far.
  var taken: Int { get }
  /// What has to be told of it.
  var note: String? { get }
  /// 0 at the end.
  func read(_ buffer: UnsafeMutableRawBufferPointer) throws(RecordingError) -> Int
  func rewind() throws(RecordingError)
}

/// A file as it is.
final class FileSource: ByteSource {
  private let path: String
  private let descriptor: Int32
  let size: Int
  private(set) var taken = 0
  var note: String? { nil }

  init(_ path: String) throws(RecordingError) {
    self.path = path
    // A pipe of that name must not be waited for.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      size = 0
      throw .input(path, errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      size = 0
      close(descriptor)
      throw RecordingError("no_file", "\(path) is no file")
    }
    size = Int(status.st_size)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func read(_ buffer: UnsafeMutableRawBufferPointer) throws(RecordingError) -> Int {
    while true {
      let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw .input(path, errno) }
      taken += got
      return got
    }
  }

  func rewind() throws(RecordingError) {
    guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw .input(path, errno) }
    taken = 0
  }
}

/// Bytes that are in memory already.
final class MemorySource: ByteSource {
  private let bytes: [UInt8]
  private(set) var taken = 0
  var size: Int { bytes.count }
  var note: String? { nil }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, bytes.count - taken)
    guard count > 0 else { return 0 }
    bytes.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[taken..<taken + count]))
    }
    taken += count
    return count
  }

  func rewind() { taken = 0 }
}

/// The beginning of another one, up to the last line end in it.
final class HeadSource: ByteSource {
  private let source: any ByteSource
  private let most: Int
  private var given = 0
  private(set) var note: String?
  var size: Int { source.size }
  var taken: Int { source.taken }

  init(_ source: any ByteSource, most: Int) { (self.source, self.most) = (source, most) }

  func read(_ buffer: UnsafeMutableRawBufferPointer) throws(RecordingError) -> Int {
    guard given < most else { return 0 }
    var got = try source.read(buffer)
    guard got > 0 else {
      note = source.note
      return 0
    }
    given += got
    if given >= most, source.taken < source.size {
      note = "only the first \(source.taken >> 20) MiB of \(source.size >> 20) are looked at"
      let end = buffer[..<got].lastIndex { $0 == 0x0A || $0 == 0x0D }
      if let end { got = end + 1 }
    }
    return got
  }

  func rewind() throws(RecordingError) {
    try source.rewind()
    (given, note) = (0, nil)
  }
}

/// What gzip packed, several packs one behind the other, too.
final class GzipSource: ByteSource {
  private let path: String
  private let source: any ByteSource
  private var inflater: Inflater
  private var input = [UInt8](repeating: 0, count: 1 << 16)
  private var begin = 0
  private var end = 0
  private var isOver = false
  private(set) var note: String?
  var size: Int { source.size }
  var taken: Int { source.taken }

  init(_ path: String, _ source: any ByteSource) throws(RecordingError) {
    self.path = path
    self.source = source
    inflater = Inflater(window: 31)
  }

  func read(_ buffer: UnsafeMutableRawBufferPointer) throws(RecordingError) -> Int {
    while !isOver {
      if begin == end {
        begin = 0
        end = try input.fill(from: source)
        if end == 0 {
          isOver = true
          if !inflater.isAtStart { note = "the compressed data end early: what was there is read" }
          return 0
        }
      }
      let outcome = input.withUnsafeBytes {
        inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[begin..<end]), into: buffer)
      }
      begin += outcome.used
      switch outcome.state {
      case .goesOn: if outcome.made > 0 { return outcome.made }
      case .ended:
        inflater = Inflater(window: 31)
        // Zeros behind the end are padding.
        while begin < end, input[begin] == 0 { begin += 1 }
        if outcome.made > 0 { return outcome.made }
      case .damaged:
        isOver = true
        guard inflater.made > 0 else {
          throw RecordingError(
            "format", "\(path): the compressed data are damaged", hint: "gunzip -t tells more")
        }
        note = "the compressed data are damaged from there on: what came before is read"
        return outcome.made
      }
    }
    return 0
  }

  func rewind() throws(RecordingError) {
    try source.rewind()
    inflater = Inflater(window: 31)
    (begin, end, isOver, note) = (0, 0, false, nil)
  }
}

/// zlib's inflate.
final class Inflater {
  enum State { case goesOn, ended, damaged }

  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var isReady: Bool
  private(set) var made = 0
  private var used = 0
  var isAtStart: Bool { used == 0 }

  /// - Parameter window: as zlib has it: 31 for gzip, -15 for the bare data of a zip.
  init(window: Int32) {
    stream.initialize(to: z_stream())
    isReady = inflateInit2_(stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  }

  deinit {
    if isReady { inflateEnd(stream) }
    stream.deallocate()
  }

  func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (
    used: Int, made: Int, state: State
  ) {
    guard isReady else { return (0, 0, .damaged) }
    let (taken, room) = (min(input.count, 1 << 30), min(output.count, 1 << 30))
    stream.pointee.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(
      to: UInt8.self)
    stream.pointee.avail_in = UInt32(taken)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let code = CZlib.inflate(stream, Z_NO_FLUSH)
    let used = taken - Int(stream.pointee.avail_in)
    let made = room - Int(stream.pointee.avail_out)
    self.used += used
    self.made += made
    switch code {
    case Z_STREAM_END: return (used, made, .ended)
    // No progress is possible without more of one of them.
    case Z_OK, Z_BUF_ERROR: return (used, made, .goesOn)
    default: return (used, made, .damaged)
    }
  }

  /// All of a part of a file at once, of a size that is known; nil where it is something else.
  static func inflate(_ input: UnsafeRawBufferPointer, size: Int) -> [UInt8]? {
    let inflater = Inflater(window: -15)
    let bytes = [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, count in
      count = 0
      var place = 0
      while place <= input.count {
        let outcome = inflater.inflate(
          UnsafeRawBufferPointer(rebasing: input[place...]),
          into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[count...])))
        place += outcome.used
        count += outcome.made
        if outcome.state != .goesOn || outcome.used == 0 && outcome.made == 0 { break }
      }
    }
    return bytes.count == size ? bytes : nil
  }
}

extension [UInt8] {
  /// As many bytes as there are, this many at most.
  mutating func fill(from source: any ByteSource) throws(RecordingError) -> Int {
    var failure: RecordingError?
    var done = 0
    withUnsafeMutableBytes { buffer in
      while done < buffer.count, failure == nil {
        do throws(RecordingError) {
          let got = try source.read(UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
          if got == 0 { return }
          done += got
        } catch {
          failure = error
        }
      }
    }
    if let failure { throw failure }
    return done
  }
}
