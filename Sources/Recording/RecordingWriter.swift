import Glibc
public import Telemetry

/// Writes frames into one kind of file. Not for two threads; used once.
protocol RecordingWriter: AnyObject {
  /// The next samples of some channels; gaps are in the series.
  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError)
  /// Puts what is written so far where a crash of the program cannot take it.
  func flush(now: ContinuousClock.Instant) throws(RecordingError)
  /// Ends the file.
  func finish() throws(RecordingError)
  /// Gives up; what was in the file at the last `RecordingBook.settle` stays there, and nothing else.
  func abandon()
  /// Samples that had no place in the file.
  var strays: Int64 { get }
  /// Samples of a channel that were taken and are not in the file yet.
  func held(_ channel: String) -> Int64
}

extension RecordingWriter {
  var strays: Int64 { 0 }
  func held(_ channel: String) -> Int64 { 0 }
}

/// Saving and loading whole frames.
public enum Recording {
  /// Writes a frame into a new file, in the format of its extension, with a sidecar where that helps.
  ///
  /// Blocks for as long as the disk takes.
  /// - Throws: `output` when it cannot be written, `exists` when it is there and is not to be replaced, `argument` when
  ///   the format cannot hold these samples.
  public static func save(
    _ frame: Frame, to path: String, overwrite: Bool = false, origin: RecordingOrigin = RecordingOrigin(),
    clock: any TelemetryClock = SystemClock()
  ) throws(RecordingError) -> RecordingSummary {
    let format = try RecordingFormat.of(path)
    guard !frame.series.isEmpty else {
      throw .argument("there are no samples to save", hint: "start a stream first")
    }
    let book = RecordingBook(path, format, origin: origin, now: clock.now)
    book.dropped = frame.dropped
    if !overwrite { try check(path, format, frame.names) }
    let whole = Frame(frame.series.map { $0.isEmpty ? $0 : $0[0..<$0.count] }, dropped: frame.dropped)
    let writer = try writer(format, path, whole.series.map(\.channel), book, streaming: false, overwrite)
    do {
      for series in whole.series { book.sidecar.place(of: series.channel) }
      try writer.append(whole, received: clock.now)
      try writer.finish()
      try book.finish()
    } catch {
      writer.abandon()
      throw error
    }
    return book.summary
  }

  /// Reads a file that `save`, a recorder, pybela, numpy, or another program has written.
  /// - Throws: `no_file`, `format`, `too_large`, `argument` for an unknown extension or option.
  public static func load(_ path: String) throws(RecordingError) -> Frame {
    try open(path).frame
  }

  /// The same, with what was decided on the way. What `options` leave open is found out from the file.
  /// - Throws: as `load`; `cancelled` when `watch` says so.
  ///
  /// With `head` no more than so many bytes of a table are read.
  public static func open(
    _ path: String, _ options: LoadOptions = LoadOptions(), watch: LoadWatch? = nil, head: Int? = nil
  ) throws(RecordingError) -> LoadedRecording {
    switch try LoadFormat.of(path) {
    case .table: try CSVReader.read(path, options, watch, head: head)
    case .lines: try JSONLines.read(path, options)
    case .text:
      try PybelaText.isTable(path)
        ? CSVReader.read(path, options, watch, head: head) : LoadedRecording(frame: PybelaText.read(path))
    case .array: try NumPy.read(path, options)
    case .archive: try NumPyArchive.read(path, options)
    case .sound: try WaveFile.read(path)
    case .database: LoadedRecording(frame: try Database.read(path))
    }
  }

  /// A table that is in memory; `name` is for errors.
  public static func open(
    table bytes: [UInt8], name: String, _ options: LoadOptions = LoadOptions()
  ) throws(RecordingError) -> LoadedRecording {
    try CSVReader.read(bytes: bytes, name: name, options)
  }

  /// True for the names of files that `load` reads.
  public static func isLoadable(_ path: String) -> Bool { LoadFormat(path: path) != nil }

  /// True where `load` finds something at a path.
  public static func exists(_ path: String) -> Bool {
    LoadFormat(path: path) == .text ? PybelaText.exists(path) : Path.exists(path)
  }

  /// Files that a path stands for: pybela's layout has one for each channel.
  static func files(_ path: String, _ format: RecordingFormat, _ names: [String]) -> [String] {
    format == .txt ? PybelaText.paths(path, channels: names) : [path]
  }

  static func check(_ path: String, _ format: RecordingFormat, _ names: [String]) throws(RecordingError) {
    guard let taken = files(path, format, names).first(where: Path.exists) else { return }
    throw .exists(taken, free: Path.free(path) { files($0, format, names) })
  }

  static func writer(
    _ format: RecordingFormat, _ path: String, _ channels: [Channel], _ book: RecordingBook, streaming: Bool,
    _ overwrite: Bool
  ) throws(RecordingError) -> any RecordingWriter {
    switch format {
    case .csv: try CSVWriter(path, channels, book, streaming: streaming, overwrite: overwrite)
    case .jsonl: try JSONLinesWriter(path, book, streaming: streaming, overwrite: overwrite)
    case .txt: try PybelaTextWriter(path, channels, book, streaming: streaming, overwrite: overwrite)
    case .npy: try NumPyWriter(path, book, overwrite: overwrite)
    case .npz: try NumPyArchiveWriter(path, book, overwrite: overwrite)
    case .wav: try WaveWriter(path, book, overwrite: overwrite)
    case .mtr: try DatabaseWriter(path, channels, book, overwrite: overwrite)
    }
  }
}

/// What is known of a file while it is written, and its sidecar.
final class RecordingBook {
  let path: String
  let format: RecordingFormat
  var sidecar: Sidecar
  var dropped: Int64 = 0
  private let sidecarPath: String
  private var gaps: Int64 = 0
  private var written: (gaps: Int64, channels: Int)?
  /// What is surely in the file: samples of each channel, in the sidecar's order.
  private var settled: (samples: [Int64], gaps: Int64) = ([], 0)

  init(_ path: String, _ format: RecordingFormat, origin: RecordingOrigin, now: TimeStamp) {
    self.path = path
    self.format = format
    sidecar = Sidecar(file: Path.name(of: path), origin: origin, saved: now)
    sidecarPath = Sidecar.path(for: path)
  }

  /// Counts a series, and answers its channel's place.
  @discardableResult
  func note(_ series: Series) -> Int {
    gaps += Int64(series.gaps.count { $0.reason != .paused })
    return sidecar.note(series)
  }

  /// Everything that was noted is in the file, but for what the writer still holds.
  func settle(held: (String) -> Int64 = { _ in 0 }) {
    settled = (sidecar.entries.map { $0.samples - held($0.channel.name) }, gaps)
  }

  /// The file ends where it was settled last; so does what is told of it.
  func rollBack() {
    for place in sidecar.entries.indices {
      let samples = place < settled.samples.count ? settled.samples[place] : 0
      sidecar.entries[place].samples = samples
      sidecar.entries[place].gaps.removeAll { $0.at > samples }
    }
    gaps = settled.gaps
  }

  /// Writes the sidecar when there is something new that a loader must know.
  func flush() throws(RecordingError) {
    guard written == nil || written! != (gaps, sidecar.entries.count) else { return }
    try write()
  }

  func finish() throws(RecordingError) { try write() }

  /// Of a recording that holds nothing.
  func removeFiles() {
    let names = sidecar.entries.map(\.channel.name)
    let own = sidecar.entries.compactMap(\.file).map { Path.folder(of: path) + $0 }
    for file in format == .txt ? own : Recording.files(path, format, names) { unlink(file) }
    if format != .mtr { unlink(sidecarPath) }
  }

  private func write() throws(RecordingError) {
    guard format != .mtr else { return }
    sidecar.dropped = dropped
    try sidecar.write(sidecarPath)
    written = (gaps, sidecar.entries.count)
  }

  var summary: RecordingSummary {
    sidecar.dropped = dropped
    return sidecar.summary(path, gaps: gaps)
  }
}
