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

  /// One array: of what, of which shape, and where its samples are.
  struct Layout {
    struct Field {
      var name: String
      var scalar: Scalar
      var offset: Int
    }

    var fields: [Field]
    /// True where the fields have names of their own.
    var isStructured: Bool
    /// Bytes from one element to the next.
    var stride: Int
    var shape: [Int]
    var isFortran: Bool
    /// Where the elements begin.
    var body: Int
    var count: Int { shape.reduce(1, *) }
  }

  /// One number as numpy has it in a file.
  struct Scalar {
    enum Kind: Hashable { case signed, unsigned, float, bool, moment, text, wide }
    var kind: Kind
    var width: Int
    var isBig: Bool
    /// Of moments: nanoseconds in one of their units.
    var unit: Int64 = 1

    /// Nil for what is not read.
    init?(_ descriptor: some StringProtocol) {
      var rest = Substring(descriptor)
      isBig = rest.first == ">"
      if let first = rest.first, "<>|=".contains(first) { rest.removeFirst() }
      guard let letter = rest.popFirst() else { return nil }
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let size = digits.isEmpty ? (letter == "?" ? 1 : nil) : Int(digits), size > 0, size <= 1 << 20
      else {
        return nil
      }
      width = size
      let after = rest.dropFirst(digits.count)
      switch letter {
      case "i" where [1, 2, 4, 8].contains(size): kind = .signed
      case "u" where [1, 2, 4, 8].contains(size): kind = .unsigned
      case "f" where [2, 4, 8].contains(size): kind = .float
      case "b", "?": (kind, width) = (size == 1 ? .bool : .wide, 1)
      case "M" where size == 8, "m" where size == 8:
        kind = letter == "M" ? .moment : .signed
        let units: [String: Int64] = [
          "[ns]": 1, "[us]": 1000, "[ms]": 1_000_000, "[s]": 1_000_000_000, "[m]": 60_000_000_000,
          "[h]": 3_600_000_000_000, "[D]": 86_400_000_000_000,
        ]
        if letter == "M" {
          guard let unit = units[String(after)] else { return nil }
          self.unit = unit
        }
      case "S": kind = .text
      case "U":
        (kind, width) = (.wide, size * 4)
      default: return nil
      }
      if kind == .wide, letter == "b" { return nil }
    }

    var type: DataType {
      switch (kind, width) {
      case (.signed, 1): .int8
      case (.signed, 2): .int16
      case (.signed, 4): .int32
      case (.signed, _): .int64
      case (.unsigned, 1): .uint8
      case (.unsigned, 2): .uint16
      case (.unsigned, 4): .uint32
      case (.unsigned, _): .uint64
      case (.float, 8): .float64
      // Halves are floats here: the same numbers.
      case (.float, _): .float32
      case (.bool, _): .bool
      case (.moment, _): .timestamp
      case (.text, _), (.wide, _): .string
      }
    }
  }

  /// What was wrong with one array; others of its file may be well.
  struct Unreadable: Error {
    var reason: String
  }

  static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(Unreadable) -> Layout {
    guard bytes.count >= 12, bytes[0] == 0x93, bytes[1..<6].elementsEqual("NUMPY".utf8) else {
      throw Unreadable(reason: "it holds no array of numpy")
    }
    let isLong = bytes[6] > 1
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if isLong { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    let head = isLong ? 12 : 10
    guard length <= bytes.count - head else { throw Unreadable(reason: "it is cut off") }
    let text = String(decoding: bytes[head..<head + length], as: UTF8.self)
    guard let shape = text.firstMatch(of: /'shape': *\(([^)]*)\)/) else {
      throw Unreadable(reason: "it has no shape")
    }
    let parts = shape.1.split(separator: ",").map { $0.filter { $0 != " " && $0 != "L" } }.filter {
      !$0.isEmpty
    }
    let sizes = parts.compactMap { Int($0) }
    guard sizes.count == parts.count, sizes.allSatisfy({ $0 >= 0 }) else {
      throw Unreadable(reason: "it has no shape")
    }
    var fields: [Layout.Field] = []
    var stride = 0
    var isStructured = false
    if let plain = text.firstMatch(of: /'descr': *'([^']*)'/) {
      guard let scalar = Scalar(plain.1) else {
        throw Unreadable(
          reason: plain.1.hasSuffix("O")
            ? "arrays of Python's objects are not read" : "arrays of \"\(plain.1)\" are not read")
      }
      fields = [Layout.Field(name: "", scalar: scalar, offset: 0)]
      stride = scalar.width
    } else if let list = text.firstMatch(of: /'descr': *\[(.*?)\], *'/) {
      isStructured = true
      // Fields of fields, and those of several elements, are not read.
      for match in list.1.matches(of: /\( *'([^']*)' *, *'([^']*)' *(,[^)]*\)?)?\)/) {
        guard match.3 == nil, let scalar = Scalar(match.2) else {
          throw Unreadable(reason: "its field \"\(match.1)\" is not read")
        }
        // Padding has no name.
        if !match.1.isEmpty {
          fields.append(Layout.Field(name: String(match.1), scalar: scalar, offset: stride))
        }
        stride += scalar.width
      }
      let written = list.1.count { $0 == "(" }
      guard !fields.isEmpty, written == list.1.matches(of: /\( *'/).count else {
        throw Unreadable(reason: "its fields are not read")
      }
    } else {
      throw Unreadable(reason: "it does not say what it holds")
    }
    var count = 1
    for size in sizes {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, product <= Limits.loadSamples else {
        throw Unreadable(reason: "it holds more samples than a load takes")
      }
      count = product
    }
    let body = head + length
    guard count <= (bytes.count - body) / stride else { throw Unreadable(reason: "it is cut off") }
    return Layout(
      fields: fields, isStructured: isStructured, stride: stride, shape: sizes,
      isFortran: text.contains("'fortran_order': True"), body: body)
  }

  static func read(_ path: String, _ options: LoadOptions) throws(RecordingError) -> LoadedRecording {
    let input = try InputFile(path)
    let sidecar = Sidecar.of(path)
    let name = Path.name(of: Path.stem(of: path))
    let bytes = UnsafeBufferPointer(rebasing: input.bytes[..<input.count])
    do throws(Unreadable) {
      let layout = try parse(bytes)
      if let entry = sidecar?.entries.first, !layout.isStructured, layout.shape.count == 1,
        entry.channel.type == layout.fields[0].scalar.type
      {
        let builder = own(bytes, layout, entry)
        return LoadedRecording(frame: Frame([builder.series()], dropped: sidecar?.dropped ?? 0))
      }
      let arrays = try columns(bytes, layout, name: name, options)
      var notes: [String] = []
      if layout.shape.isEmpty, !layout.isStructured {
        return LoadedRecording(frame: Frame([], meta: FrameMeta([(name, arrays[0].storage.sample(0))])))
      }
      let series = NumPyArchive.put(arrays, options, &notes)
      if let note = shapeNote(layout, options, name) { notes.append(note) }
      return LoadedRecording(frame: Frame(series), notes: notes)
    } catch {
      throw RecordingError(
        "format", "\(path): \(error.reason)", hint: "np.save(path, array) writes what is read here")
    }
  }

  static func shapeNote(_ layout: Layout, _ options: LoadOptions, _ name: String) -> String? {
    guard layout.shape.count == 2 else { return nil }
    let text = "\(name): \(layout.shape[0]) x \(layout.shape[1])"
    if layout.shape.contains(1) { return nil }
    return axis(layout, options) == 0
      ? "\(text), a channel a row (axis = 1 makes one of each column)"
      : "\(text), a channel a column (axis = 0 makes one of each row)"
  }

  /// The shorter side are the channels, where nobody says.
  private static func axis(_ layout: Layout, _ options: LoadOptions) -> Int {
    options.axis ?? (layout.shape[0] <= layout.shape[1] ? 0 : 1)
  }

  /// An array of one dimension with what the sidecar knows of it.
  static func own(_ bytes: UnsafeBufferPointer<UInt8>, _ layout: Layout, _ entry: Sidecar.Entry?)
    -> SeriesBuilder
  {
    var builder = SeriesBuilder(entry!.channel, gaps: entry!.gaps)
    let storage = gather(bytes, layout, layout.fields[0], first: 0, step: 1, count: layout.count)
    builder.append(packed: storage.bytes(0..<storage.used))
    builder.append(entry!.runs ?? [])
    return builder
  }

  /// A channel to be.
  struct Column {
    var name: String
    var storage: SampleStorage
  }

  /// One of each row or column, and of each field.
  static func columns(
    _ bytes: UnsafeBufferPointer<UInt8>, _ layout: Layout, name: String, _ options: LoadOptions
  ) throws(Unreadable) -> [Column] {
    guard layout.shape.count <= 2 else {
      throw Unreadable(reason: "it has \(layout.shape.count) dimensions; two are read at most")
    }
    var result: [Column] = []
    for field in layout.fields {
      let title = layout.isStructured ? field.name : name
      guard layout.shape.count == 2 else {
        result.append(
          Column(name: title, storage: gather(bytes, layout, field, first: 0, step: 1, count: layout.count)))
        continue
      }
      let (rows, columns) = (layout.shape[0], layout.shape[1])
      let byRow = rows == 1 || columns == 1 ? rows == 1 : axis(layout, options) == 0
      let (lanes, length) = byRow ? (rows, columns) : (columns, rows)
      guard lanes <= Limits.channels else {
        throw Unreadable(reason: "it has too many channels; axis says which they are")
      }
      // Elements of a row are neighbours, or those of a column.
      let near = byRow != layout.isFortran
      for lane in 0..<lanes {
        result.append(
          Column(
            name: lanes == 1 ? title : "\(title)_\(lane + 1)",
            storage: gather(
              bytes, layout, field, first: near ? lane * length : lane, step: near ? 1 : lanes, count: length)
          ))
      }
    }
    return result
  }

  private static func gather(
    _ bytes: UnsafeBufferPointer<UInt8>, _ layout: Layout, _ field: Layout.Field, first: Int, step: Int,
    count: Int
  ) -> SampleStorage {
    let raw = UnsafeRawBufferPointer(bytes)
    let scalar = field.scalar
    let begin = layout.body + first * layout.stride + field.offset
    let stride = step * layout.stride
    func number<T: FixedWidthInteger>(_: T.Type, _ place: Int) -> T {
      let value = raw.loadUnaligned(fromByteOffset: begin + place * stride, as: T.self)
      return scalar.isBig ? value.byteSwapped : value
    }
    func all<T: FixedWidthInteger & FixedWidthSample>(_ type: T.Type) -> SampleStorage {
      let storage = SampleStorage(type: scalar.type, capacity: count)
      for place in 0..<count { storage.append(number(type, place)) }
      return storage
    }
    switch (scalar.kind, scalar.width) {
    case (.signed, 1), (.unsigned, 1):
      let storage = SampleStorage(type: scalar.type, capacity: count)
      for place in 0..<count {
        storage.append(packed: UnsafeRawBufferPointer(rebasing: raw[(begin + place * stride)...].prefix(1)))
      }
      return storage
    case (.bool, _):
      let storage = SampleStorage(type: .bool, capacity: count)
      for place in 0..<count { storage.append(raw[begin + place * stride] == 0 ? 0 as UInt8 : 1) }
      return storage
    case (.float, 2):
      let storage = SampleStorage(type: .float32, capacity: count)
      for place in 0..<count { storage.append(single(half: number(UInt16.self, place))) }
      return storage
    case (.float, 4):
      let storage = SampleStorage(type: .float32, capacity: count)
      for place in 0..<count { storage.append(Float(bitPattern: number(UInt32.self, place))) }
      return storage
    case (.float, _):
      let storage = SampleStorage(type: .float64, capacity: count)
      for place in 0..<count { storage.append(Double(bitPattern: number(UInt64.self, place))) }
      return storage
    case (.moment, _):
      let storage = SampleStorage(type: .timestamp, capacity: count)
      for place in 0..<count {
        let value = number(Int64.self, place)
        let (product, overflow) = value.multipliedReportingOverflow(by: scalar.unit)
        storage.append(overflow ? (value < 0 ? Int64.min : .max) : product)
      }
      return storage
    case (.signed, 2): return all(Int16.self)
    case (.signed, 4): return all(Int32.self)
    case (.signed, _): return all(Int64.self)
    case (.unsigned, 2): return all(UInt16.self)
    case (.unsigned, 4): return all(UInt32.self)
    case (.unsigned, _): return all(UInt64.self)
    case (.text, _):
      return SampleStorage(
        type: .string,
        blobs: (0..<count).map { place in
          let text = raw[(begin + place * stride)...].prefix(scalar.width)
          let end = text.lastIndex { $0 != 0 }.map { $0 + 1 } ?? text.startIndex
          return Array(text[text.startIndex..<end])
        })
    case (.wide, _):
      return SampleStorage(
        type: .string,
        blobs: (0..<count).map { place in
          var text = String.UnicodeScalarView()
          for letter in 0..<scalar.width / 4 {
            let code = raw.loadUnaligned(fromByteOffset: begin + place * stride + 4 * letter, as: UInt32.self)
            let value = scalar.isBig ? code.byteSwapped : code
            if value == 0 { break }
            text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
          }
          return Array(String(text).utf8)
        })
    }
  }

  /// IEEE 754's halves, which this machine may not know.
  static func single(half: UInt16) -> Float {
    let sign = UInt32(half >> 15) << 31
    let exponent = UInt32(half >> 10) & 0x1F
    let fraction = UInt32(half) & 0x3FF
    if exponent == 0x1F { return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13) }
    if exponent > 0 { return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13) }
    let tiny = Float(fraction) * 0x1p-24
    return sign == 0 ? tiny : -tiny
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
