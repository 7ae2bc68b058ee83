import JSON
import Telemetry

/// Gathers one channel's samples while a file is read.
struct SeriesBuilder {
  private(set) var channel: Channel
  private(set) var count = 0
  private var packed: [UInt8] = []
  private var blobs: [[UInt8]] = []
  private var times: [Int64] = []
  private var hasTimes = true
  private(set) var gaps: [Gap] = []

  init(_ channel: Channel, gaps: [Gap] = []) {
    self.channel = FileNumbers.channel(channel)
    self.gaps = gaps
  }

  /// What its samples count for in a load.
  var weight: Int { channel.type.width == nil ? Limits.textWeight * count : count }

  mutating func append(_ gap: Gap) {
    if gaps.count >= 2 * Limits.gaps { gaps.removeFirst(Limits.gaps) }
    gaps.append(gap)
  }

  /// Nil for a time that is not known: then those of all the others do not count.
  mutating func append(time: Int64?) {
    if let time { times.append(time) } else { hasTimes = false }
  }

  /// One number or text as JSON has it; false when it does not fit the channel's type.
  mutating func append(_ value: JSON) -> Bool {
    switch channel.type {
    case .float32, .float64:
      let number: Double
      switch value {
      case .null: number = .nan
      case .string(let text):
        guard let named = Double(text) else { return false }
        number = named
      default:
        guard let plain = value.double else { return false }
        number = plain
      }
      if channel.type == .float32 { append(Float(number)) } else { append(number) }
    case .uint64:
      if case .unsigned(let large) = value {
        append(large)
      } else {
        guard let small = value.integer.flatMap(UInt64.init(exactly:)) else { return false }
        append(small)
      }
    case .int8, .int16, .int32, .int64, .timestamp, .uint8, .uint16, .uint32:
      guard let whole = value.integer else { return false }
      return append(integer: whole)
    case .bool:
      guard let truth = value.bool ?? value.integer.map({ $0 != 0 }) else { return false }
      append(UInt8(truth ? 1 : 0))
    case .uuid, .bytes:
      guard case .string(let text) = value else { return false }
      return append(text: Array(text.utf8))
    case .string, .json:
      guard case .string(let text) = value else { return false }
      blobs.append(Array(text.utf8))
      count += 1
    }
    return true
  }

  /// One cell of a table; false when it does not fit the channel's type.
  mutating func append(cell: UnsafeBufferPointer<UInt8>) -> Bool {
    switch channel.type {
    case .float32:
      guard let value = NumberText.float(cell) else { return false }
      append(value)
    case .float64:
      guard let value = NumberText.double(cell) else { return false }
      append(value)
    case .uint64:
      guard let value = NumberText.unsigned(cell) else { return false }
      append(value)
    case .int8, .int16, .int32, .int64, .timestamp, .uint8, .uint16, .uint32:
      guard let value = NumberText.integer(cell) else { return false }
      return append(integer: value)
    case .bool:
      switch String(decoding: cell, as: UTF8.self).lowercased() {
      case "true", "1": append(UInt8(1))
      case "false", "0": append(UInt8(0))
      default: return false
      }
    case .uuid, .bytes, .string, .json: return append(text: Array(cell))
    }
    return true
  }

  /// Text as it stands in a file: identifiers and bytes in hexadecimal.
  mutating func append(text: [UInt8]) -> Bool {
    switch channel.type {
    case .string, .json: blobs.append(text)
    case .bytes:
      guard let bytes = SampleText.bytes(hexadecimal: text) else { return false }
      blobs.append(bytes)
    case .uuid:
      guard let bytes = SampleText.bytes(hexadecimal: text), bytes.count == 16 else { return false }
      packed += bytes
    default: return text.withUnsafeBufferPointer { append(cell: $0) }
    }
    count += 1
    return true
  }

  private mutating func append(integer value: Int64) -> Bool {
    func fit<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> Bool {
      guard let small = T(exactly: value) else { return false }
      append(small)
      return true
    }
    switch channel.type {
    case .int8: return fit(Int8.self)
    case .int16: return fit(Int16.self)
    case .int32: return fit(Int32.self)
    case .uint8: return fit(UInt8.self)
    case .uint16: return fit(UInt16.self)
    case .uint32: return fit(UInt32.self)
    default: return fit(Int64.self)
    }
  }

  private mutating func append<T: BitwiseCopyable>(_ value: T) {
    withUnsafeBytes(of: value) { packed.append(contentsOf: $0) }
    count += 1
  }

  /// Packed little-endian samples, or texts, at once.
  mutating func append(packed bytes: UnsafeRawBufferPointer) {
    packed.append(contentsOf: bytes)
    count += bytes.count / channel.type.width!
  }

  mutating func append(blob: [UInt8]) {
    blobs.append(blob)
    count += 1
  }

  mutating func append(times more: some Sequence<Int64>) { times.append(contentsOf: more) }

  /// Times in runs, as far as there are samples for them.
  mutating func append(_ runs: [Sidecar.TimeRun]) {
    for run in runs where run.count <= count - times.count {
      for number in 0..<Int64(run.count) { times.append(run.start.addingSaturating(run.step.offset(number))) }
    }
  }

  mutating func forgetTimes() { hasTimes = false }

  /// The samples with their times, even runs as such.
  func series() -> Series {
    let storage =
      channel.type.width == nil
      ? SampleStorage(type: channel.type, blobs: blobs)
      : packed.withUnsafeBytes { SampleStorage(type: channel.type, copying: $0) }
    let gaps = FileNumbers.gaps(gaps, samples: storage.used)
    guard hasTimes, times.count == storage.used, !times.isEmpty else {
      return Series(channel, storage, gaps: gaps)
    }
    let runs = Self.runs(times)
    if runs.count <= 1 + times.count / 64 {
      return Series(
        channel,
        chunks: runs.map {
          Chunk(storage, $0.range, timing: .steady(start: times[$0.range.lowerBound], step: $0.step))
        },
        gaps: gaps)
    }
    let stamps = SampleStorage(times, as: .timestamp)
    return Series(channel, storage, timing: .stamped(stamps, offset: 0), gaps: gaps)
  }

  /// Samples with a time each, even runs as such.
  static func series(_ channel: Channel, _ storage: SampleStorage, times: [Int64]) -> Series {
    guard times.count == storage.used, !times.isEmpty else { return Series(channel, storage) }
    guard let runs = times.withUnsafeBufferPointer({ fewRuns($0) }) else {
      return Series(
        channel, storage, timing: .stamped(SampleStorage(times, as: .timestamp), offset: 0))
    }
    return Series(
      channel,
      chunks: runs.map {
        Chunk(storage, $0.range, timing: .steady(start: times[$0.range.lowerBound], step: $0.step))
      })
  }

  /// As `runs`; nil where they are more than stamps would be worth.
  static func fewRuns(_ times: UnsafeBufferPointer<Int64>) -> [(range: Range<Int>, step: Step)]? {
    var result: [(range: Range<Int>, step: Step)] = []
    let most = 1 + times.count / 64
    var begin = 0
    while begin < times.count {
      guard result.count < most else { return nil }
      var end = begin + 1
      var units: Int64 = 1
      if end < times.count {
        let (first, overflow) = times[end].subtractingReportingOverflow(times[begin])
        if !overflow, first > 0 {
          units = first
          while end < times.count, times[end].subtractingReportingOverflow(times[end - 1]) == (units, false) {
            end += 1
          }
        }
      }
      result.append((begin..<end, Step(units: units)))
      begin = end
    }
    return result
  }

  /// Parts with even steps between their samples.
  static func runs(_ times: [Int64]) -> [(range: Range<Int>, step: Step)] {
    var result: [(range: Range<Int>, step: Step)] = []
    var begin = 0
    while begin < times.count {
      var end = begin + 1
      var units: Int64 = 1
      if end < times.count {
        let (first, overflow) = times[end].subtractingReportingOverflow(times[begin])
        // Steps back are new beginnings.
        if !overflow, first > 0 {
          units = first
          while end < times.count, times[end].subtractingReportingOverflow(times[end - 1]) == (units, false) {
            end += 1
          }
        }
      }
      result.append((begin..<end, Step(units: units)))
      begin = end
    }
    return result
  }
}
