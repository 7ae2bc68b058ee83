import Telemetry

/// Sound: all channels at one rate, with one number of samples, as float or integer samples, whatever they are.
final class WaveWriter: RecordingWriter {
  private let path: String
  private let book: RecordingBook
  private let overwrite: Bool
  private var file: OutputFile?

  init(_ path: String, _ book: RecordingBook, overwrite: Bool) throws(RecordingError) {
    (self.path, self.book, self.overwrite) = (path, book, overwrite)
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    let series = frame.series
    let first = series[0]
    guard let code = WaveFile.code(of: first.type), series.allSatisfy({ $0.type == first.type }) else {
      throw .argument(
        "a .wav holds channels of one type, float32, float64, int16, int32 or uint8",
        hint: "x * 1.0 makes floats; .npz takes all")
    }
    guard series.allSatisfy({ $0.count == first.count }) else {
      throw .argument(
        "a .wav holds channels of one length", hint: "save the channels apart, or a slice of each")
    }
    guard let rate = first.measuredRate ?? first.channel.rate, rate >= 1, rate < 1e9 else {
      throw .argument("nobody knows how many samples a second this is", hint: ".npz needs no rate")
    }
    let width = first.type.width!
    let bytes = first.count * width * series.count
    guard bytes < Int(UInt32.max) - 1024, series.count < 65_536 / width else {
      throw .argument("a .wav holds 4 GiB at most", hint: "save a part")
    }
    let file = try OutputFile(path, streaming: false, overwrite: overwrite)
    self.file = file
    for one in series {
      let place = book.note(one)
      book.sidecar.entries[place].runs = one.timeRuns
    }
    try file.write(
      WaveFile.header(
        code: code, width: width, channels: series.count, rate: Int(rate.rounded()), bytes: bytes))
    let chunks = series.map(\.chunks)
    try interleave(chunks, first.count, width, file)
    if bytes % 2 == 1 { try file.write([0]) }
  }

  private func interleave(_ chunks: [[Chunk]], _ count: Int, _ width: Int, _ file: OutputFile)
    throws(RecordingError)
  {
    var places = [(chunk: Int, offset: Int)](repeating: (0, 0), count: chunks.count)
    var row: [UInt8] = []
    for _ in 0..<count {
      row.removeAll(keepingCapacity: true)
      for lane in chunks.indices {
        let chunk = chunks[lane][places[lane].chunk]
        let at = chunk.range.lowerBound + places[lane].offset
        row.append(contentsOf: chunk.storage.bytes(at..<at + 1))
        places[lane].offset += 1
        if places[lane].offset == chunk.count { places[lane] = (places[lane].chunk + 1, 0) }
      }
      try file.write(row)
    }
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {}
  func finish() throws(RecordingError) { try file?.finish() }
  func abandon() { file?.abandon() }
}

enum WaveFile {
  /// 1 for integers, 3 for floats; nil for what players do not know.
  static func code(of type: DataType) -> Int? {
    switch type {
    case .uint8, .int16, .int32: 1
    case .float32, .float64: 3
    default: nil
    }
  }

  private static func little(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static func header(code: Int, width: Int, channels: Int, rate: Int, bytes: Int) -> [UInt8] {
    let isFloat = code == 3
    let format =
      little(code, 2) + little(channels, 2) + little(rate, 4) + little(rate * channels * width, 4)
      + little(channels * width, 2) + little(width * 8, 2) + (isFloat ? little(0, 2) : [])
    // Formats beyond plain integers say how many samples there are.
    let fact = isFloat ? Array("fact".utf8) + little(4, 4) + little(bytes / (channels * width), 4) : []
    let size = 4 + 8 + format.count + fact.count + 8 + bytes + bytes % 2
    return Array("RIFF".utf8) + little(size, 4) + Array("WAVEfmt ".utf8) + little(format.count, 4) + format
      + fact
      + Array("data".utf8) + little(bytes, 4)
  }

  static func read(_ path: String) throws(RecordingError) -> Frame {
    let input = try InputFile(path)
    func number(_ at: Int, _ bytes: Int) -> Int {
      guard at >= 0, at + bytes <= input.count else { return 0 }
      return (0..<bytes).reduce(0) { $0 | Int(input.bytes[at + $1]) << (8 * $1) }
    }
    guard number(0, 4) == 0x4646_4952, number(8, 4) == 0x4556_4157 else {
      throw .format(path, "it is no .wav")
    }
    var at = 12
    var format: (code: Int, channels: Int, rate: Int, width: Int)?
    while at + 8 <= input.count {
      let (tag, size) = (number(at, 4), number(at + 4, 4))
      let body = at + 8
      if tag == 0x2074_6D66 {
        let code = number(body, 2) == 0xFFFE ? number(body + 24, 2) : number(body, 2)
        format = (code, number(body + 2, 2), number(body + 4, 4), number(body + 14, 2) / 8)
      } else if tag == 0x6174_6164, let format {
        let end = min(input.count, body + size)
        return try frame(input, body..<end, format, Sidecar.of(path))
      }
      at = body + size + size % 2
    }
    throw .format(path, "it has no samples")
  }

  private static func frame(
    _ input: InputFile, _ range: Range<Int>, _ format: (code: Int, channels: Int, rate: Int, width: Int),
    _ sidecar: Sidecar?
  ) throws(RecordingError) -> Frame {
    let types: [DataType] = [.uint8, .int16, .int32, .float32, .float64]
    guard let type = types.first(where: { code(of: $0) == format.code && $0.width == format.width }),
      format.channels > 0, format.channels <= 65_535
    else {
      throw .format(input.path, "samples of \(format.width * 8) bits of format \(format.code) are not read")
    }
    let count = range.count / (format.width * format.channels)
    guard count * format.channels <= Limits.loadSamples else { throw .tooManySamples(input.path) }
    var result: [Series] = []
    for lane in 0..<format.channels {
      let entry = sidecar.flatMap { lane < $0.entries.count ? $0.entries[lane] : nil }
      let channel =
        entry.flatMap { $0.channel.type == type ? $0.channel : nil }
        ?? Channel(
          name: format.channels == 1 ? "sound" : "channel\(lane + 1)", type: type,
          clock: .ticks(rate: Double(format.rate)), rate: Double(format.rate))
      var builder = SeriesBuilder(channel, gaps: entry?.gaps ?? [])
      for row in 0..<count {
        let at = range.lowerBound + (row * format.channels + lane) * format.width
        builder.append(
          packed: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: input.bytes[at..<at + format.width])))
      }
      if let runs = entry?.runs {
        builder.append(runs)
      } else if entry == nil {
        builder.append(times: (0..<Int64(count)).lazy.map { $0 })
      }
      result.append(builder.series())
    }
    return Frame(result, dropped: sidecar?.dropped ?? 0)
  }
}
