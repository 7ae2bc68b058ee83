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

  private struct Format {
    var code: Int
    var channels: Int
    var rate: Int
    /// Bytes of a sample, of which the upper bits count.
    var width: Int
    var bits: Int
  }

  static func read(_ path: String) throws(RecordingError) -> LoadedRecording {
    let input = try InputFile(path)
    func number(_ at: Int, _ bytes: Int) -> Int {
      guard at >= 0, at + bytes <= input.count else { return 0 }
      return (0..<bytes).reduce(0) { $0 | Int(input.bytes[at + $1]) << (8 * $1) }
    }
    // RIFF; RF64 and BW64 say the sizes in a part of their own.
    let kind = number(0, 4)
    let isLong = kind == 0x3436_4652 || kind == 0x3436_5742
    guard kind == 0x4646_4952 || isLong, number(8, 4) == 0x4556_4157 else {
      throw .format(path, "it is no .wav")
    }
    func isTag(_ at: Int) -> Bool {
      at + 8 <= input.count && (0..<4).allSatisfy { (0x20...0x7E).contains(input.bytes[at + $0]) }
    }
    var at = 12
    var format: Format?
    var longSize: Int?
    while at + 8 <= input.count {
      let (tag, size) = (number(at, 4), number(at + 4, 4))
      let body = at + 8
      if tag == 0x3436_7364 {
        longSize = number(body + 12, 4) == 0 ? number(body + 8, 4) : .max
      } else if tag == 0x2074_6D66 {
        let isExtensible = number(body, 2) == 0xFFFE
        let channels = number(body + 2, 2)
        let (align, bits) = (number(body + 12, 2), number(body + 14, 2))
        let width = channels > 0 && align > 0 && align % channels == 0 ? align / channels : (bits + 7) / 8
        format = Format(
          code: isExtensible ? number(body + 24, 2) : number(body, 2), channels: channels,
          rate: number(body + 4, 4),
          width: width, bits: bits)
      } else if tag == 0x6174_6164 {
        guard let format else { throw .format(path, "its samples come before it says what they are") }
        var notes: [String] = []
        var length = size == 0xFFFF_FFFF && isLong ? longSize ?? 0 : size
        let rest = input.count - body
        // The header of a recording that was not ended properly says nothing, or what it hoped for.
        let isUnfinished = length == 0 && rest > 0 && !(isTag(body) && number(body + 4, 4) <= rest - 8)
        if isUnfinished || size == 0xFFFF_FFFF && !isLong {
          notes.append("its header was never finished: all up to the end of the file is read")
          length = rest
        } else if length > rest {
          notes.append(
            "its header promises \(length == .max ? "more than" : "\(length)") bytes of samples, \(rest) are there"
          )
          length = rest
        }
        let frame = try frame(input, body..<body + length, format, Sidecar.of(path))
        if format.width == 3, Sidecar.of(path) == nil { notes.append("24 bits as int32, as they are") }
        return LoadedRecording(frame: frame, notes: notes)
      }
      guard size <= input.count - body else { break }
      at = body + size
      // Parts begin at even places; some writers forget that.
      if size % 2 == 1, isTag(at + 1) || !isTag(at) { at += 1 }
    }
    throw .format(path, "it has no samples")
  }

  private static func frame(
    _ input: InputFile, _ range: Range<Int>, _ format: Format, _ sidecar: Sidecar?
  ) throws(RecordingError) -> Frame {
    let type: DataType? =
      switch (format.code, format.width) {
      case (1, 1): .uint8
      case (1, 2): .int16
      case (1, 3), (1, 4): .int32
      case (3, 4): .float32
      case (3, 8): .float64
      default: nil
      }
    guard let type, format.channels > 0, format.channels <= 65_535 else {
      let names = [2: "ADPCM", 6: "A-law", 7: "µ-law", 0x11: "ADPCM", 0x55: "MP3"]
      let what = names[format.code] ?? "format \(format.code)"
      throw RecordingError(
        "format", "\(input.path): samples of \(format.bits) bits of \(what) are not read",
        hint: "ffmpeg -i in.wav -c:a pcm_s16le out.wav makes plain ones of them")
    }
    let row = format.width * format.channels
    let count = range.count / row
    guard count * format.channels <= Limits.loadSamples else { throw .tooManySamples(input.path) }
    let raw = UnsafeRawBufferPointer(input.bytes)
    var result: [Series] = []
    for lane in 0..<format.channels {
      let entry = sidecar.flatMap { lane < $0.entries.count ? $0.entries[lane] : nil }
      let known = entry.flatMap { $0.channel.type == type ? FileNumbers.channel($0.channel) : nil }
      let rate = FileNumbers.rate(Double(format.rate))
      let channel =
        known
        ?? Channel(
          name: format.channels == 1 ? "sound" : "channel\(lane + 1)", type: type, clock: .ticks(rate: rate),
          rate: rate)
      let storage = SampleStorage(type: type, capacity: count)
      let begin = range.lowerBound + lane * format.width
      switch format.width {
      case 1: for place in 0..<count { storage.append(raw[begin + place * row]) }
      case 2:
        for place in 0..<count {
          storage.append(raw.loadUnaligned(fromByteOffset: begin + place * row, as: Int16.self))
        }
      case 3:
        for place in 0..<count {
          let at = begin + place * row
          let bits = UInt32(raw[at]) << 8 | UInt32(raw[at + 1]) << 16 | UInt32(raw[at + 2]) << 24
          storage.append(Int32(bitPattern: bits) >> 8)
        }
      default:
        for place in 0..<count {
          let at = begin + place * row
          storage.append(packed: UnsafeRawBufferPointer(rebasing: raw[at..<at + format.width]))
        }
      }
      let gaps = known == nil ? [] : FileNumbers.gaps(entry?.gaps ?? [], samples: count)
      if known != nil, let entry {
        var builder = SeriesBuilder(channel, gaps: entry.gaps)
        builder.append(packed: storage.bytes(0..<count))
        builder.append(entry.runs ?? [])
        result.append(builder.series())
      } else {
        let step = Timing.steady(start: 0, step: Step(units: 1))
        result.append(Series(channel, storage, timing: step, gaps: gaps))
      }
    }
    return Frame(result, dropped: sidecar?.dropped ?? 0)
  }
}
