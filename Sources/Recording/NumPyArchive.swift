import Telemetry

/// `.npz`: a zip of arrays, stored as they are. Each channel has one, and its times another: `pot1` and `pot1_time`.
final class NumPyArchiveWriter: RecordingWriter {
  private let path: String
  private let book: RecordingBook
  private let overwrite: Bool
  private var file: OutputFile?

  private struct Entry {
    var name: String
    var crc: UInt32
    var size: Int
    var offset: Int
  }

  init(_ path: String, _ book: RecordingBook, overwrite: Bool) throws(RecordingError) {
    (self.path, self.book, self.overwrite) = (path, book, overwrite)
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    let headers = try frame.series.map { series throws(RecordingError) in
      try NumPy.header(series.type, count: series.count)
    }
    let bytes = frame.series.reduce(0) { $0 + $1.count * (($1.type.width ?? 8) + 8) + 1024 }
    guard bytes < Int(UInt32.max) else {
      throw .argument("a .npz holds 4 GiB at most", hint: "save a part, or as .mtr")
    }
    let file = try OutputFile(path, streaming: false, overwrite: overwrite)
    self.file = file
    var entries: [Entry] = []
    var taken: Set<String> = []
    for (series, header) in zip(frame.series, headers) {
      let place = book.note(series)
      let name = try NumPyArchive.entryName(of: series.channel.name, taken: taken)
      taken.insert(name)
      if name != series.channel.name { book.sidecar.entries[place].file = name + ".npy" }
      try add(name, header, to: &entries, file) { take throws(RecordingError) in
        for chunk in series.chunks { try take(chunk.storage.bytes(chunk.range)) }
      }
      guard !series.isEmpty, series.time(0) != nil else { continue }
      let times = try NumPy.header(.int64, count: series.count)
      try add(name + "_time", times, to: &entries, file) { take throws(RecordingError) in
        for chunk in series.chunks {
          let stamps = (0..<chunk.count).map { chunk.time($0) ?? 0 }
          let copy = SampleStorage(stamps)
          try take(copy.bytes(0..<stamps.count))
        }
      }
    }
    guard entries.count <= Int(UInt16.max) else {
      throw .argument("a .npz holds 65535 arrays at most", hint: "save fewer channels, or as .mtr")
    }
    try writeDirectory(entries, file)
  }

  /// Twice over the data: the checksum stands in front of them.
  private func add(
    _ name: String, _ header: [UInt8], to entries: inout [Entry], _ file: OutputFile,
    _ data: ((UnsafeRawBufferPointer) throws(RecordingError) -> Void) throws(RecordingError) -> Void
  ) throws(RecordingError) {
    var sum = Checksum()
    var size = header.count
    header.withUnsafeBytes { sum.add($0) }
    try data { bytes throws(RecordingError) in
      sum.add(bytes)
      size += bytes.count
    }
    guard !entries.contains(where: { $0.name == name + ".npy" }) else {
      throw .argument(
        "two arrays of the .npz would be called \"\(name)\"", hint: "save the channels apart, or as .mtr")
    }
    let entry = Entry(name: name + ".npy", crc: sum.value, size: size, offset: file.position)
    entries.append(entry)
    try file.write(Zip.local(entry.name, entry.crc, entry.size))
    try file.write(header)
    try data { bytes throws(RecordingError) in try file.write(bytes) }
  }

  private func writeDirectory(_ entries: [Entry], _ file: OutputFile) throws(RecordingError) {
    let begin = file.position
    for entry in entries {
      try file.write(Zip.central(entry.name, entry.crc, entry.size, offset: entry.offset))
    }
    try file.write(Zip.end(entries: entries.count, size: file.position - begin, offset: begin))
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {}
  func finish() throws(RecordingError) { try file?.finish() }
  func abandon() { file?.abandon() }
}

enum NumPyArchive {
  /// A channel's name as that of a file in an archive, which others may unpack: never outside of where they do.
  static func entryName(of channel: String, taken: Set<String>) throws(RecordingError) -> String {
    guard channel.utf8.count <= 1 << 15 else {
      throw .argument("the name of a channel is too long for a .npz", hint: "save it as .mtr")
    }
    let parts = channel.split(separator: "/", omittingEmptySubsequences: false).enumerated().map {
      place, part in
      part == ".." || part == "." || part.isEmpty && place == 0
        ? String(repeating: "_", count: max(1, part.count)) : Path.plain(part)
    }
    let name = parts.joined(separator: "/")
    // Only a name that was changed can be another channel's.
    guard name != channel else { return name }
    return (1...Limits.namesTried).lazy.map { $0 == 1 ? name : "\(name)-\($0)" }.first { !taken.contains($0) }
      ?? name
  }

  static func read(_ path: String) throws(RecordingError) -> Frame {
    let input = try InputFile(path)
    let sidecar = Sidecar.of(path)
    let entries = try Zip.entries(input)
    var arrays: [String: NumPy.Array1D] = [:]
    var names: [String] = []
    var samples = 0
    for (file, range) in entries where file.hasSuffix(".npy") {
      let name = String(file.dropLast(4))
      let array = try NumPy.parse(input, range)
      guard arrays.updateValue(array, forKey: name) == nil else {
        throw .format(path, "two of its arrays are called \"\(name)\"")
      }
      names.append(name)
      // Several may lie in one place of the file.
      samples += array.count
      guard samples <= 2 * Limits.loadSamples else { throw .tooManySamples(path) }
    }
    var channels: [String: Sidecar.Entry] = [:]
    for entry in sidecar?.entries ?? [] {
      channels[entry.file.map { String($0.dropLast(4)) } ?? entry.channel.name] = entry
    }
    guard !names.isEmpty else { throw .format(path, "it holds no array of numpy") }
    var series: [Series] = []
    for name in names where name != "time" && !isTimes(name, arrays) {
      let array = arrays[name]!
      var builder = NumPy.builder(array, input, channels[name], name: name)
      if let times = arrays[name + "_time"] ?? arrays["time"], times.type.width == 8, times.type != .float64,
        times.type != .uint64, times.count == array.count
      {
        let bytes = UnsafeBufferPointer(rebasing: input.bytes[times.range])
        builder.append(
          times: (0..<times.count).lazy.map {
            UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)
          })
      }
      series.append(builder.series())
    }
    return Frame(series, dropped: sidecar?.dropped ?? 0)
  }

  private static func isTimes(_ name: String, _ arrays: [String: NumPy.Array1D]) -> Bool {
    name.hasSuffix("_time") && arrays[String(name.dropLast(5))] != nil
  }
}

/// The few records of a zip whose files are stored as they are.
enum Zip {
  private static func little(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Version, flags (names are UTF-8), method, time, date (1980-01-01), checksum, sizes.
  private static func common(_ name: String, _ crc: UInt32, _ size: Int) -> [UInt8] {
    little(20, 2) + little(0x800, 2) + little(0, 2) + little(0, 2) + little(0x21, 2) + little(Int(crc), 4)
      + little(size, 4) + little(size, 4) + little(name.utf8.count, 2) + little(0, 2)
  }

  static func local(_ name: String, _ crc: UInt32, _ size: Int) -> [UInt8] {
    little(0x0403_4B50, 4) + common(name, crc, size) + Array(name.utf8)
  }

  static func central(_ name: String, _ crc: UInt32, _ size: Int, offset: Int) -> [UInt8] {
    little(0x0201_4B50, 4) + little(20, 2) + common(name, crc, size) + little(0, 2) + little(0, 2)
      + little(0, 2)
      + little(0, 4) + little(offset, 4) + Array(name.utf8)
  }

  static func end(entries: Int, size: Int, offset: Int) -> [UInt8] {
    little(0x0605_4B50, 4) + little(0, 2) + little(0, 2) + little(entries, 2) + little(entries, 2)
      + little(size, 4) + little(offset, 4) + little(0, 2)
  }

  /// Names and places of the files.
  static func entries(_ input: InputFile) throws(RecordingError) -> [(name: String, range: Range<Int>)] {
    func number(_ at: Int, _ bytes: Int) -> Int {
      guard at >= 0, at + bytes <= input.count else { return 0 }
      return (0..<bytes).reduce(0) { $0 | Int(input.bytes[at + $1]) << (8 * $1) }
    }
    // The last record has at most 64 KiB of comment behind it.
    let lowest = max(0, input.count - 22 - 65_536)
    guard
      let end = (lowest...max(lowest, input.count - 22)).reversed().first(where: {
        number($0, 4) == 0x0605_4B50
      })
    else { throw .format(input.path, "it is no archive") }
    var at = number(end + 16, 4)
    var result: [(name: String, range: Range<Int>)] = []
    for _ in 0..<number(end + 10, 2) {
      let (method, size, stored) = (number(at + 10, 2), number(at + 24, 4), number(at + 20, 4))
      let (name, extra, comment) = (number(at + 28, 2), number(at + 30, 2), number(at + 32, 2))
      let local = number(at + 42, 4)
      let body = local + 30 + number(local + 26, 2) + number(local + 28, 2)
      guard number(at, 4) == 0x0201_4B50, at + 46 + name <= input.count, number(local, 4) == 0x0403_4B50,
        body + stored <= input.count
      else { throw .format(input.path, "its directory is damaged") }
      guard method == 0, size == stored else {
        throw .format(input.path, "its arrays are compressed; np.savez writes them as they can be read")
      }
      let text = String(decoding: input.bytes[at + 46..<at + 46 + name], as: UTF8.self)
      result.append((text, body..<body + size))
      at += 46 + name + extra + comment
    }
    return result
  }
}

/// CRC-32 as zip has it.
struct Checksum {
  private var state: UInt32 = 0xFFFF_FFFF

  private static let table: [UInt32] = (0..<256).map { number in
    (0..<8).reduce(UInt32(number)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var value = state
    Self.table.withUnsafeBufferPointer { table in
      for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8) }
    }
    state = value
  }

  var value: UInt32 { ~state }
}
