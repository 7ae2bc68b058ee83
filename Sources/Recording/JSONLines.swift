import JSON
import Telemetry

/// One frame a line:
/// `{"received": 1732…, "dropped": 0, "series": [{"name": "pot1", "type": "float32", "time": 44100, "step": 1, "data": […]}]}`.
/// Uneven times stand in `times`, one for each value; gaps in `gaps`. Each line says everything about its frame.
final class JSONLinesWriter: RecordingWriter {
  private let file: OutputFile
  private let book: RecordingBook
  private let text = SampleText(style: .json)

  init(_ path: String, _ book: RecordingBook, streaming: Bool, overwrite: Bool) throws(RecordingError) {
    self.book = book
    file = try OutputFile(path, streaming: streaming, overwrite: overwrite)
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    var line = Array(
      "{\"received\": \(received.nanoseconds), \"dropped\": \(frame.dropped), \"series\": [".utf8)
    var isFirst = true
    for series in frame.series {
      book.note(series)
      // Chunks of different times are entries of their own.
      var begin = 0
      for chunk in series.chunks {
        if !isFirst { line += ", ".utf8 }
        isFirst = false
        append(series[begin..<begin + chunk.count], chunk, to: &line)
        begin += chunk.count
      }
    }
    line += "]}\n".utf8
    try file.write(line)
  }

  private func append(_ series: Series, _ chunk: Chunk, to line: inout [UInt8]) {
    var fields = Sidecar.fields(of: series.channel)
    let gaps = series.gaps.map { Gap(at: $0.at - series.first, samples: $0.samples, reason: $0.reason) }
    if !gaps.isEmpty {
      fields.append(("gaps", .array(gaps.map { Sidecar.json($0) })))
    }
    line += JSON.fields(fields).encoded(.spaced).dropLast()
    switch chunk.timing {
    case .none: break
    case .steady(_, let step):
      let start = chunk.time(0) ?? 0
      line += ", \"time\": \(start), \"step\": ".utf8
      line += (step.samples == 1 ? "\(step.units)" : "[\(step.units), \(step.samples)]").utf8
      // Where several samples share a unit, the first may not be the first of its unit.
      if step.samples > 1, !Self.isPlain(chunk, step, start) { append(times: chunk, to: &line) }
    case .stamped: append(times: chunk, to: &line)
    }
    line += ", \"data\": [".utf8
    for offset in 0..<chunk.count {
      if offset > 0 { line += ", ".utf8 }
      text.append(chunk.storage, chunk.range.lowerBound + offset, to: &line)
    }
    line += "]}".utf8
  }

  private func append(times chunk: Chunk, to line: inout [UInt8]) {
    line += ", \"times\": [".utf8
    for offset in 0..<chunk.count {
      if offset > 0 { line += ", ".utf8 }
      line += (chunk.time(offset) ?? 0).description.utf8
    }
    line += "]".utf8
  }

  private static func isPlain(_ chunk: Chunk, _ step: Step, _ start: Int64) -> Bool {
    (0..<chunk.count).allSatisfy {
      chunk.time($0)
        == start.addingSaturating(
          (Int64($0).multipliedReportingOverflow(by: step.units).partialValue) / step.samples)
    }
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {
    try file.mark()
    book.settle()
    try book.flush()
  }

  func finish() throws(RecordingError) { try file.finish() }
  func abandon() { file.abandon() }
}

enum JSONLines {
  static func read(_ path: String, _ options: LoadOptions) throws(RecordingError) -> LoadedRecording {
    let input = try InputFile(path)
    if try !JSONRows.isOwn(input) { return try JSONRows.read(input, options) }
    return LoadedRecording(frame: try read(input))
  }

  private static func read(_ input: InputFile) throws(RecordingError) -> Frame {
    let path = input.path
    let sidecar = Sidecar.of(path)
    var builders: [SeriesBuilder] = []
    var places: [String: Int] = [:]
    var dropped: Int64 = 0
    var weight = 0
    var end = input.count
    // A line that was cut off by a crash is no reason to refuse the others.
    while end > 0, input.bytes[end - 1] != 0x0A { end -= 1 }
    var lines = 0
    try input.forEachLine { (number, range) throws(RecordingError) in
      guard let json = input.json(range), let all = json["series"]?.array else {
        if range.upperBound > end, lines > 0 { return }
        throw .format(path, "line \(number) is no frame")
      }
      lines += 1
      dropped = FileNumbers.count(dropped + FileNumbers.count(json["dropped"]?.integer ?? 0))
      for one in all {
        guard let channel = Sidecar.channel(one), let data = one["data"]?.array else {
          throw .format(path, "line \(number) has a series without name, type or data")
        }
        let place = places[channel.name] ?? builders.count
        if place == builders.count {
          guard builders.count < Limits.channels else { throw .format(path, "it has too many channels") }
          places[channel.name] = place
          builders.append(SeriesBuilder(channel))
        }
        guard builders[place].channel.type == channel.type else {
          throw .format(path, "line \(number): \(channel.name) is of another type than before")
        }
        let before = Int64(builders[place].count)
        for gap in Sidecar.gaps(one["gaps"]) {
          builders[place].append(
            Gap(at: before + min(gap.at, Int64(data.count)), samples: gap.samples, reason: gap.reason))
        }
        weight += data.count * (channel.type.width == nil ? Limits.textWeight : 1)
        guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
        for value in data where !builders[place].append(value) {
          throw .format(path, "line \(number): a value of \(channel.name) is no \(channel.type.rawValue)")
        }
        builders[place].append(times: times(one, data.count))
      }
    }
    for (name, entry) in (sidecar?.entries ?? []).map({ ($0.channel.name, $0) }) where places[name] == nil {
      builders.append(SeriesBuilder(entry.channel))
    }
    guard lines > 0 || sidecar != nil else { throw .format(path, "it is empty") }
    return Frame(builders.map { $0.series() }, dropped: dropped)
  }

  /// Of each value of an entry; none when they are unknown.
  private static func times(_ entry: JSON, _ count: Int) -> [Int64] {
    if let times = entry["times"]?.array { return times.compactMap(\.integer) }
    guard let start = entry["time"]?.integer else { return [] }
    let parts = entry["step"]?.array?.compactMap(\.integer) ?? entry["step"]?.integer.map { [$0, 1] } ?? []
    guard parts.count == 2, parts[1] > 0 else { return [] }
    return (0..<Int64(count)).map { number in
      let (units, overflow) = number.multipliedReportingOverflow(by: parts[0])
      return start.addingSaturating(overflow ? 0 : units / parts[1])
    }
  }
}
