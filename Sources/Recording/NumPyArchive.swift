import CZlib
import Telemetry

/// `.npz`: a zip of arrays, stored as they are. Each channel has one, and its times another: `pot1` and `pot1_time`, or
/// another name where a channel has that one; the sidecar says which.
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
    var names: [String] = []
    for series in frame.series {
      let name = try NumPyArchive.entryName(of: series.channel.name, taken: taken)
      guard taken.insert(name).inserted else {
        throw .argument(
          "two arrays of the .npz would be called \"\(name)\"", hint: "save the channels apart, or as .mtr")
      }
      names.append(name)
    }
    for (place, (series, header)) in zip(frame.series, headers).enumerated() {
      let (name, entry) = (names[place], book.note(series))
      if name != series.channel.name { book.sidecar.entries[entry].file = name + ".npy" }
      try add(name, header, to: &entries, file) { take throws(RecordingError) in
        for chunk in series.chunks { try take(chunk.storage.bytes(chunk.range)) }
      }
      guard !series.isEmpty, series.time(0) != nil else { continue }
      let times = try NumPy.header(.int64, count: series.count)
      let ownName = NumPyArchive.timesName(of: name, taken: taken)
      taken.insert(ownName)
      book.sidecar.entries[entry].timesFile = ownName + ".npy"
      try add(ownName, times, to: &entries, file) { take throws(RecordingError) in
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

  /// `pot1_time`, or the next that is free.
  static func timesName(of name: String, taken: Set<String>) -> String {
    (1...Limits.namesTried).lazy.map { $0 == 1 ? "\(name)_time" : "\(name)_time-\($0)" }.first {
      !taken.contains($0)
    } ?? "\(name)_time"
  }

  static func read(_ path: String, _ options: LoadOptions) throws(RecordingError) -> LoadedRecording {
    let input = try InputFile(path)
    let sidecar = Sidecar.of(path)
    let entries = try Zip.entries(input).filter { $0.name.hasSuffix(".npy") }
    var notes: [String] = []
    var own: [String: Sidecar.Entry] = [:]
    var ownTimes: [String: String] = [:]
    for entry in sidecar?.entries ?? [] {
      let name = entry.file.map { String($0.dropLast(4)) } ?? entry.channel.name
      own[name] = entry
      if let file = entry.timesFile { ownTimes[String(file.dropLast(4))] = name }
    }
    var names: Set<String> = []
    var samples = 0
    var parts: [(name: String, builder: SeriesBuilder?, columns: [NumPy.Column])] = []
    var times: [String: SampleStorage] = [:]
    var meta: [(name: String, value: Sample)] = []
    let budget = ArchiveBudget()
    for entry in entries {
      let name = String(entry.name.dropLast(4))
      guard names.insert(name).inserted else {
        throw .format(path, "two of its arrays are called \"\(name)\"")
      }
      do throws(NumPy.Unreadable) {
        let bytes = try Zip.member(input, entry, budget)
        let layout = try NumPy.parse(bytes.bytes)
        samples += layout.count * layout.fields.count
        // Several may lie in one place of the file.
        guard samples <= 2 * Limits.loadSamples else {
          throw NumPy.Unreadable(reason: "with it there are more samples than a load takes")
        }
        if let known = own[name], !layout.isStructured, layout.shape.count == 1,
          known.channel.type == layout.fields[0].scalar.type
        {
          parts.append((name, NumPy.own(bytes.bytes, layout, known), []))
        } else if layout.shape.isEmpty {
          for column in try NumPy.columns(bytes.bytes, layout, name: name, options) {
            meta.append(
              (layout.isStructured ? "\(name).\(column.name)" : column.name, column.storage.sample(0)))
          }
        } else if ownTimes[name] != nil, layout.shape.count == 1, layout.fields[0].scalar.type == .int64 {
          times[name] = try NumPy.columns(bytes.bytes, layout, name: name, options)[0].storage
        } else {
          parts.append((name, nil, try NumPy.columns(bytes.bytes, layout, name: name, options)))
          if let note = NumPy.shapeNote(layout, options, name) { notes.append(note) }
        }
      } catch {
        notes.append("\(name) left out: \(error.reason)")
      }
    }
    guard !entries.isEmpty else { throw .format(path, "it holds no array of numpy") }
    guard !parts.isEmpty || !meta.isEmpty else {
      throw .format(path, notes.joined(separator: "; "))
    }
    // What our own sidecar knows of comes with its times; the rest is looked at together.
    var columns = parts.flatMap { $0.builder == nil ? $0.columns : [] }
    var series: [Series] = []
    for part in parts {
      guard var builder = part.builder else { continue }
      let ownName = own[part.name]?.timesFile.map { String($0.dropLast(4)) } ?? part.name + "_time"
      let found = times[ownName] ?? columns.first { $0.name == ownName && $0.storage.type == .int64 }?.storage
      if let found, found.used == builder.count {
        found.withValues(0..<found.used, as: Int64.self) { builder.append(times: $0) }
        columns.removeAll { $0.name == ownName }
      }
      series.append(builder.series())
    }
    series += put(columns, options, &notes)
    if !meta.isEmpty, sidecar == nil {
      notes.append("single values in frame.meta: \(meta.prefix(8).map(\.name).joined(separator: ", "))")
    }
    let dropped = sidecar?.dropped ?? 0
    return LoadedRecording(
      frame: meta.isEmpty
        ? Frame(series, dropped: dropped) : Frame(series, dropped: dropped, meta: FrameMeta(meta)),
      notes: notes)
  }

  private static let timeNames = ["time", "times", "t", "timestamp", "timestamps", "ts"]

  /// Makes series of arrays: one called `time` gives all of its length their times, `x_time` those of `x`. None is lost:
  /// what gave no times is a channel.
  static func put(_ columns: [NumPy.Column], _ options: LoadOptions, _ notes: inout [String]) -> [Series] {
    var used: Set<Int> = []
    var common: Int?
    if case .named(let name) = options.time {
      common = columns.firstIndex { $0.name == name }
      if common == nil { notes.append("no array is called \"\(name)\"") }
    } else if options.time == nil {
      common = timeNames.lazy.compactMap { name in columns.firstIndex { $0.name.lowercased() == name } }.first
    }
    let place = Dictionary(
      columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var times: [Int: (clock: ClockDomain, stamps: [Int64], text: String)] = [:]
    func read(_ index: Int, isPlain: Bool) -> (clock: ClockDomain, stamps: [Int64], text: String)? {
      if let known = times[index] { return known }
      let made = Self.times(columns[index].storage, options.timeUnit, isPlain: isPlain)
      times[index] = made
      return made
    }
    var sources: [Int?] = columns.indices.map { index in
      if let own = place[columns[index].name + "_time"], own != index,
        columns[own].storage.used == columns[index].storage.used, read(own, isPlain: true) != nil
      {
        return own
      }
      guard let common, common != index, columns[common].storage.used == columns[index].storage.used,
        read(common, isPlain: false) != nil
      else { return nil }
      return common
    }
    for source in sources.compactMap(\.self) { used.insert(source) }
    // The times of times are not asked for.
    for index in used { sources[index] = nil }
    if let common, let found = times[common], used.contains(common) {
      notes.insert("time array \"\(columns[common].name)\" (\(found.text))", at: 0)
    }
    return columns.indices.filter { !used.contains($0) }.map { index in
      let storage = columns[index].storage
      let found = sources[index].flatMap { times[$0] }
      let channel = Channel(
        name: columns[index].name, type: storage.type, clock: found?.clock ?? .ticks(rate: nil))
      guard let found else { return Series(channel, storage) }
      return SeriesBuilder.series(channel, storage, times: found.stamps)
    }
  }

  /// Nil for what is no time.
  private static func times(_ storage: SampleStorage, _ unit: LoadOptions.TimeUnit?, isPlain: Bool)
    -> (clock: ClockDomain, stamps: [Int64], text: String)?
  {
    let scales: [(unit: LoadOptions.TimeUnit, scale: Int64, text: String)] = [
      (.seconds, 1_000_000_000, "seconds"), (.milliseconds, 1_000_000, "ms"), (.microseconds, 1000, "us"),
      (.nanoseconds, 1, "ns"),
    ]
    // Of the years 2001 to 2286.
    let unix: Range<Double> = 1e18..<9.3e18
    switch storage.type {
    case .timestamp:
      return (.unix, storage.withValues(0..<storage.used, as: Int64.self) { Array($0) }, "datetime64")
    case .float32, .float64:
      let values = (0..<storage.used).map { storage.sample($0).number ?? .nan }
      guard let first = values.first(where: { $0.isFinite }) else { return nil }
      let scale =
        scales.first { $0.unit == unit } ?? scales.first { unix.contains(first * Double($0.scale)) }
        ?? scales[0]
      let stamps = values.compactMap { Int64(exactly: ($0 * Double(scale.scale)).rounded()) }
      guard stamps.count == values.count else { return nil }
      let isUnix = unix.contains(first * Double(scale.scale))
      return (isUnix ? .unix : .ticks(rate: 1e9), stamps, scale.text + (isUnix ? " since 1970" : ""))
    case .int16, .int32, .int64, .uint16, .uint32, .uint64:
      let values = (0..<storage.used).compactMap { place -> Int64? in
        if case .integer(let value) = storage.sample(place) { value } else { nil }
      }
      guard values.count == storage.used, let first = values.first else { return nil }
      // Whole numbers that nothing says anything of count ticks.
      guard !isPlain || unit != nil,
        let scale = scales.first(where: { $0.unit == unit })
          ?? scales.first(where: { unix.contains(Double(first) * Double($0.scale)) }),
        unit != .ticks
      else {
        return (unit == .unix ? .unix : .ticks(rate: nil), values, unit == .unix ? "ns since 1970" : "ticks")
      }
      let isUnix = unix.contains(Double(first) * Double(scale.scale))
      let stamps = values.map { $0.multipliedReportingOverflow(by: scale.scale) }
      guard stamps.allSatisfy({ !$0.overflow }) else { return nil }
      return (
        isUnix ? .unix : .ticks(rate: 1e9), stamps.map(\.partialValue),
        scale.text + (isUnix ? " since 1970" : "")
      )
    default: return nil
    }
  }
}

/// How much memory the members of an archive may take together.
final class ArchiveBudget {
  private var left = Limits.loadBytes

  func take(_ bytes: Int) -> Bool {
    guard bytes <= left else { return false }
    left -= bytes
    return true
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

  struct Member {
    var name: String
    var range: Range<Int>
    var method: Int
    var size: Int
    var crc: UInt32
  }

  /// The bytes of a member, and what keeps them.
  struct Content {
    var bytes: UnsafeBufferPointer<UInt8>
    var owner: AnyObject
  }

  private final class Unpacked {
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: [UInt8]) {
      bytes = .allocate(capacity: text.count)
      _ = bytes.initialize(from: text)
    }

    deinit { bytes.deallocate() }
  }

  static func member(_ input: InputFile, _ member: Member, _ budget: ArchiveBudget) throws(NumPy.Unreadable)
    -> Content
  {
    let stored = UnsafeBufferPointer(rebasing: input.bytes[member.range])
    var content = Content(bytes: stored, owner: input)
    switch member.method {
    case 0:
      guard member.size == stored.count else { throw NumPy.Unreadable(reason: "its sizes do not agree") }
    case 8:
      // No data shrink more than that.
      guard member.size <= stored.count * 1032 + 1024, budget.take(member.size) else {
        throw NumPy.Unreadable(reason: "it is larger than a load takes")
      }
      guard let bytes = Inflater.inflate(UnsafeRawBufferPointer(stored), size: member.size) else {
        throw NumPy.Unreadable(reason: "its compressed data are damaged")
      }
      let unpacked = Unpacked(bytes)
      content = Content(bytes: UnsafeBufferPointer(unpacked.bytes), owner: unpacked)
    default:
      throw NumPy.Unreadable(reason: "it is packed in a way that is not read (method \(member.method))")
    }
    var sum = crc32(0, nil, 0)
    var place = 0
    while place < content.bytes.count {
      let count = min(1 << 30, content.bytes.count - place)
      sum = crc32(sum, content.bytes.baseAddress! + place, UInt32(count))
      place += count
    }
    guard UInt32(truncatingIfNeeded: sum) == member.crc else {
      throw NumPy.Unreadable(reason: "it is damaged: its checksum is another")
    }
    return content
  }

  /// The files of an archive.
  static func entries(_ input: InputFile) throws(RecordingError) -> [Member] {
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
    var result: [Member] = []
    for _ in 0..<number(end + 10, 2) {
      let (method, size, stored) = (number(at + 10, 2), number(at + 24, 4), number(at + 20, 4))
      let (name, extra, comment) = (number(at + 28, 2), number(at + 30, 2), number(at + 32, 2))
      let local = number(at + 42, 4)
      let body = local + 30 + number(local + 26, 2) + number(local + 28, 2)
      guard number(at, 4) == 0x0201_4B50, at + 46 + name <= input.count, number(local, 4) == 0x0403_4B50,
        body + stored <= input.count
      else { throw .format(input.path, "its directory is damaged") }
      let text = String(decoding: input.bytes[at + 46..<at + 46 + name], as: UTF8.self)
      result.append(
        Member(
          name: text, range: body..<body + stored, method: method, size: size, crc: UInt32(number(at + 16, 4))
        ))
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
