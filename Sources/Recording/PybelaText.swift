import Glibc
import Telemetry

/// pybela's files, one for each variable: `run.txt` stands for `pot1_run.txt`, `pot2_run.txt`. A line for each block:
/// `{"ref_timestamp": 44100, "data": […]}`, sparse ones with `rel_timestamps`; of a monitor
/// `{"timestamp": 44100, "value": 0.5}`. pybela's own `load_data_from_file` reads them.
final class PybelaTextWriter: RecordingWriter {
  private let path: String
  private let book: RecordingBook
  private let streaming: Bool
  private let overwrite: Bool
  private let text = SampleText(style: .python)
  private var files: [String: OutputFile] = [:]
  private var taken: Set<String> = []

  init(
    _ path: String, _ channels: [Channel], _ book: RecordingBook, streaming: Bool, overwrite: Bool
  ) throws(RecordingError) {
    (self.path, self.book, self.streaming, self.overwrite) = (path, book, streaming, overwrite)
    for channel in channels { _ = try file(channel) }
  }

  /// Its own file for each; a channel that comes later gets one too.
  private func file(_ channel: Channel) throws(RecordingError) -> OutputFile {
    if let file = files[channel.name] { return file }
    let path = PybelaText.path(self.path, channel: channel.name, taken: taken)
    let file = try OutputFile(path, streaming: streaming, overwrite: overwrite)
    files[channel.name] = file
    taken.insert(path)
    let place = book.sidecar.place(of: channel)
    book.sidecar.entries[place].file = Path.name(of: path)
    return file
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    for series in frame.series where !series.isEmpty {
      book.note(series)
      let file = try file(series.channel)
      var line: [UInt8] = []
      let breaks = Set(series.gaps.map { Int($0.at - series.first) })
      var begin = 0
      for chunk in series.chunks {
        if book.sidecar.origin.isMonitor {
          for offset in 0..<chunk.count { append(chunk, value: offset, to: &line) }
        } else {
          append(chunk, begin, breaks, series.channel, to: &line)
        }
        begin += chunk.count
      }
      try file.write(line)
    }
  }

  private func append(_ chunk: Chunk, value offset: Int, to line: inout [UInt8]) {
    line += "{\"timestamp\": \(chunk.time(offset) ?? 0), \"value\": ".utf8
    text.append(chunk.storage, chunk.range.lowerBound + offset, to: &line)
    line += "}\n".utf8
  }

  /// In blocks of the length that a board sends, new ones at gaps.
  private func append(
    _ chunk: Chunk, _ first: Int, _ breaks: Set<Int>, _ channel: Channel, to line: inout [UInt8]
  ) {
    var isDense = channel.mode == .dense
    if isDense, case .steady(_, let step) = chunk.timing { isDense = step == Step(units: 1) }
    if case .stamped = chunk.timing { isDense = false }
    let length = PybelaText.blockLength(channel.type, isDense: isDense)
    var begin = 0
    while begin < chunk.count {
      var end = min(chunk.count, begin + length)
      if !breaks.isEmpty,
        let next = (begin + 1..<max(begin + 1, end)).first(where: { breaks.contains(first + $0) })
      {
        end = next
      }
      let start = chunk.time(begin) ?? 0
      line += "{\"ref_timestamp\": \(start), \"data\": [".utf8
      for offset in begin..<end {
        if offset > begin { line += ", ".utf8 }
        text.append(chunk.storage, chunk.range.lowerBound + offset, to: &line)
      }
      line += "]".utf8
      if !isDense {
        line += ", \"rel_timestamps\": [".utf8
        for offset in begin..<end {
          if offset > begin { line += ", ".utf8 }
          line += (chunk.time(offset) ?? 0).subtractingSaturating(start).description.utf8
        }
        line += "]".utf8
      }
      line += "}\n".utf8
      begin = end
    }
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {
    for file in files.values { try file.flush() }
    // All of them hold the same moments.
    for file in files.values { try file.mark() }
    book.settle()
    try book.flush()
  }

  func finish() throws(RecordingError) {
    for file in files.values { try file.finish() }
  }

  func abandon() {
    for file in files.values { file.abandon() }
  }
}

enum PybelaText {
  /// `runs/run.txt` of `pot1` is `runs/pot1_run.txt`. Names come from devices: a slash would be a folder, a dash in front
  /// an option of whatever is called with `*`. Two channels never share a file.
  static func path(_ path: String, channel: String, taken: Set<String> = []) -> String {
    var name = Path.plain(channel)
    if let first = name.first, ".-~".contains(first) { name = "_" + name.dropFirst() }
    for number in 1...Limits.namesTried {
      let mark = number == 1 ? "" : "-\(number)"
      let file = "\(Path.folder(of: path))\(name)\(mark)_\(Path.name(of: path))"
      if !taken.contains(file) { return file }
    }
    return "\(Path.folder(of: path))\(name)-\(UInt32.random(in: 0 ... .max))_\(Path.name(of: path))"
  }

  /// The files of several channels, in their order.
  static func paths(_ path: String, channels: [String]) -> [String] {
    var taken: Set<String> = []
    return channels.map { channel in
      let file = self.path(path, channel: channel, taken: taken)
      taken.insert(file)
      return file
    }
  }

  /// Values of one block, as a board lays them out (protocol section 6.2).
  static func blockLength(_ type: DataType, isDense: Bool) -> Int {
    let size = type.width ?? 8
    if isDense { return 4096 / size }
    return max(1, ((4096 / (size + 4) * size + 8) / 4 * 4 - 8) / size)
  }

  // MARK: - Reading

  static func read(_ path: String) throws(RecordingError) -> Frame {
    if Path.exists(path) { return Frame([try series(path, sidecar(of: path))]) }
    // The name that stands for a file of each variable.
    let sidecar = Sidecar.of(path)
    var files = sidecar?.entries.compactMap(\.file) ?? []
    if files.isEmpty { files = family(of: path) }
    guard !files.isEmpty else { throw .input(path, ENOENT) }
    var all: [Series] = []
    var names: Set<String> = []
    var samples = 0
    for file in files {
      guard Path.isName(file), names.insert(file).inserted else {
        throw .format(Sidecar.path(for: path), "it names \"\(Path.plain(file))\", which is no file beside it")
      }
      all.append(try series(Path.folder(of: path) + file, sidecar))
      samples += all[all.count - 1].count
      guard samples <= Limits.loadSamples else { throw .tooManySamples(path) }
    }
    return Frame(all, dropped: sidecar?.dropped ?? 0)
  }

  /// True for a file that others wrote: pybela's lines begin with a brace.
  static func isTable(_ path: String) throws(RecordingError) -> Bool {
    guard Path.exists(path), Sidecar.of(path) == nil, sidecar(of: path) == nil else { return false }
    let source = try FileSource(path)
    var bytes = [UInt8](repeating: 0, count: 256)
    let got = try bytes.fill(from: source)
    let text = bytes[..<got].drop { [0xEF, 0xBB, 0xBF, 0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return !text.isEmpty && text.first != 0x7B
  }

  /// True for a path that `read` finds something at.
  static func exists(_ path: String) -> Bool {
    Path.exists(path) || Sidecar.of(path) != nil || !family(of: path).isEmpty
  }

  /// `pot1_run.txt`, `pot2_run.txt` beside a `run.txt` that is not there.
  private static func family(of path: String) -> [String] {
    let folder = Path.folder(of: path)
    guard let handle = opendir(folder.isEmpty ? "." : folder) else { return [] }
    defer { closedir(handle) }
    let ending = "_" + Path.name(of: path)
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(ending), name.count > ending.count { names.append(name) }
    }
    return names.sorted()
  }

  /// The sidecar of all the files that were saved together with this one.
  private static func sidecar(of path: String) -> Sidecar? {
    let (folder, name) = (Path.folder(of: path), Path.name(of: path))
    var rest = Substring(name)
    while let cut = rest.firstIndex(of: "_") {
      rest = rest[rest.index(after: cut)...]
      if let found = Sidecar.of(folder + rest), found.entries.contains(where: { $0.file == name }) {
        return found
      }
    }
    return nil
  }
}
