import Telemetry

/// Arrays as numpy has them in files: a header in its own words, then packed samples.
enum NumPy {
  /// How numpy names a type; nil for what is no number there.
  static func descriptor(of type: DataType) -> String? {
    switch type {
    case .float32: "<f4"
    case .float64: "<f8"
    case .int8: "|i1"
    case .int16: "<i2"
    case .int32: "<i4"
    case .int64: "<i8"
    case .uint8: "|u1"
    case .uint16: "<u2"
    case .uint32: "<u4"
    case .uint64: "<u8"
    case .timestamp: "<M8[ns]"
    case .bool: "|b1"
    case .uuid, .string, .json, .bytes: nil
    }
  }

  static func header(_ type: DataType, count: Int) throws(RecordingError) -> [UInt8] {
    guard let descriptor = descriptor(of: type) else {
      throw .argument(
        "numpy's files hold numbers, and this is \(type.rawValue)", hint: "save it as .mtr or .jsonl")
    }
    var text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(count),), }"
    // Ten bytes before it, one line end behind it, on a boundary of 64.
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    let length = text.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
  }

  /// One array in a part of a file.
  struct Array1D {
    var type: DataType
    var count: Int
    /// Where its samples are.
    var range: Range<Int>
  }

  static func parse(_ input: InputFile, _ range: Range<Int>) throws(RecordingError) -> Array1D {
    let bytes = input.bytes[range]
    let start = range.lowerBound
    guard range.count >= 12, bytes[start] == 0x93, bytes[start + 1..<start + 6].elementsEqual("NUMPY".utf8)
    else {
      throw .format(input.path, "it holds no array of numpy")
    }
    let isLong = bytes[start + 6] > 1
    var length = Int(bytes[start + 8]) | Int(bytes[start + 9]) << 8
    if isLong { length |= Int(bytes[start + 10]) << 16 | Int(bytes[start + 11]) << 24 }
    let head = start + (isLong ? 12 : 10)
    guard length <= range.upperBound - head else { throw .format(input.path, "it is cut off") }
    let text = String(decoding: bytes[head..<head + length], as: UTF8.self)
    guard let match = text.firstMatch(of: /'descr': *'([^']*)'/),
      let shape = text.firstMatch(of: /'shape': *\(([^)]*)\)/)
    else { throw .format(input.path, "its array has fields, or no shape") }
    let sizes = shape.1.split(separator: ",").compactMap { Int($0.filter { $0 != " " }) }
    let name = match.1.hasPrefix("=") ? "<" + match.1.dropFirst() : String(match.1)
    guard let type = DataType.allCases.first(where: { descriptor(of: $0) == name }) else {
      throw .format(input.path, "arrays of \"\(match.1)\" are not read")
    }
    guard sizes.count == 1, let count = sizes.first, count >= 0 else {
      throw .format(input.path, "its array has \(sizes.count) dimensions; one is read")
    }
    guard count <= Limits.loadSamples else { throw .tooManySamples(input.path) }
    let body = head + length
    guard count * type.width! <= range.upperBound - body else { throw .format(input.path, "it is cut off") }
    return Array1D(type: type, count: count, range: body..<body + count * type.width!)
  }

  static func read(_ path: String) throws(RecordingError) -> Frame {
    let input = try InputFile(path)
    let array = try parse(input, 0..<input.count)
    let sidecar = Sidecar.of(path)
    let name = Path.name(of: Path.stem(of: path))
    return Frame(
      [builder(array, input, sidecar?.entries.first, name: name).series()], dropped: sidecar?.dropped ?? 0)
  }

  /// The samples of an array, with what the sidecar knows of them.
  static func builder(_ array: Array1D, _ input: InputFile, _ entry: Sidecar.Entry?, name: String)
    -> SeriesBuilder
  {
    let fits = entry.map { $0.channel.type == array.type } ?? false
    var builder = SeriesBuilder(
      fits ? entry!.channel : Channel(name: name, type: array.type, clock: .ticks(rate: nil)),
      gaps: fits ? entry!.gaps : [])
    builder.append(packed: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: input.bytes[array.range])))
    if fits { builder.append(entry?.runs ?? []) }
    return builder
  }
}

/// One channel as one array. Its times go into the sidecar, where they are even.
final class NumPyWriter: RecordingWriter {
  private let path: String
  private let book: RecordingBook
  private let overwrite: Bool
  private var file: OutputFile?

  init(_ path: String, _ book: RecordingBook, overwrite: Bool) throws(RecordingError) {
    (self.path, self.book, self.overwrite) = (path, book, overwrite)
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    guard frame.series.count == 1, let series = frame.series.first else {
      throw .argument("a .npy holds one channel, not \(frame.series.count)", hint: "a .npz holds several")
    }
    let header = try NumPy.header(series.type, count: series.count)
    let file = try OutputFile(path, streaming: false, overwrite: overwrite)
    self.file = file
    let place = book.note(series)
    book.sidecar.entries[place].runs = series.timeRuns
    try file.write(header)
    try series.writePacked(to: file)
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {}
  func finish() throws(RecordingError) { try file?.finish() }
  func abandon() { file?.abandon() }
}

extension Series {
  /// The samples as they are in memory: little-endian, packed.
  func writePacked(to file: OutputFile) throws(RecordingError) {
    for chunk in chunks { try file.write(chunk.storage.bytes(chunk.range)) }
  }

  /// Times as few runs of even steps; nil where they are unknown or too uneven for that.
  var timeRuns: [Sidecar.TimeRun]? {
    var runs: [Sidecar.TimeRun] = []
    for chunk in chunks {
      switch chunk.timing {
      case .none: return nil
      case .steady(_, let step) where step.samples == 1:
        guard let start = chunk.time(0) else { return nil }
        if let last = runs.last, last.step == step,
          last.start.addingSaturating(step.offset(Int64(last.count))) == start
        {
          runs[runs.count - 1].count += chunk.count
        } else {
          runs.append(Sidecar.TimeRun(count: chunk.count, start: start, step: step))
        }
      case .steady, .stamped:
        let times = (0..<chunk.count).compactMap { chunk.time($0) }
        for run in SeriesBuilder.runs(times) {
          runs.append(
            Sidecar.TimeRun(count: run.range.count, start: times[run.range.lowerBound], step: run.step))
        }
      }
      guard runs.count <= Limits.timeRuns else { return nil }
    }
    return runs
  }
}
