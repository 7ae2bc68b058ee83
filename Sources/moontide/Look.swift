import ArgumentParser
import Recording
import Signals
import Telemetry

/// `moontide look log.csv`
struct Look: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows what a file of samples holds: its first rows, what was decided about it, rates, gaps.",
    discussion: """
      Of a large table it reads the beginning only, and says so.

      Examples:
        moontide look log.csv
        moontide look --delimiter ';' --time-unit us log.csv
      """)

  @Option(help: ArgumentHelp("So many of the first rows.", valueName: "count"))
  var rows = 8

  @OptionGroup var loading: LoadOptionGroup

  @Argument(help: "A file of samples.", completion: .file())
  var file: String

  func validate() throws {
    guard (0...1000).contains(rows) else { throw ValidationError("--rows is a number from 0 to 1000") }
  }

  func run() -> Int32 {
    do throws(RecordingError) {
      let loaded = try Recording.open(file, loading.options(), head: Self.headBytes)
      StandardOutput.print(text(loaded))
      return ExitCode.success
    } catch {
      StandardError.write("moontide: \(error.message)\(error.hint.map { " (\($0))" } ?? "")\n")
      return Convert.exitCode(error.code)
    }
  }

  /// Of a table: enough for rates and pictures, read in a moment.
  private static let headBytes = 8 << 20
  private static let width = 120

  private func text(_ loaded: LoadedRecording) -> String {
    let frame = loaded.frame
    var parts: [String] = []
    if !loaded.notes.isEmpty {
      parts.append(loaded.notes.map { "  \(Self.plain($0))" }.joined(separator: "\n"))
    }
    if rows > 0, !frame.series.isEmpty { parts.append(firstRows(frame)) }
    parts.append(channels(frame))
    if let meta = frame.meta {
      parts.append(
        meta.values.map { "\(Self.plain($0.name)) = \(Self.text($0.value))" }.joined(separator: "\n"))
    }
    return ([Self.plain(file)] + [parts.joined(separator: "\n\n")]).joined(separator: "\n")
  }

  /// The samples of the first moments, a row each.
  private func firstRows(_ frame: Frame) -> String {
    let series = Array(frame.series.prefix(12))
    let hasTimes = series.contains { !$0.isEmpty && $0.time(0) != nil }
    var table = TextTable(
      (hasTimes ? ["time"] : []) + series.map { Self.plain($0.channel.name) }, numeric: [])
    guard hasTimes else {
      for row in 0..<min(rows, series.map(\.count).max() ?? 0) {
        table.add(series.map { row < $0.count ? Self.text($0[row]) : "" })
      }
      return table.text(width: Self.width)
    }
    var moments: Set<Int64> = []
    for one in series {
      for row in 0..<min(rows, one.count) { if let time = one.time(row) { moments.insert(time) } }
    }
    for moment in moments.sorted().prefix(rows) {
      let clock = series.first { !$0.isEmpty && $0.time(0) != nil }!.clock
      table.add(
        [Self.time(moment, clock)]
          + series.map { one in
            let place = (0..<min(rows, one.count)).first { one.time($0) == moment }
            return place.map { Self.text(one[$0]) } ?? ""
          })
    }
    let more = frame.series.count - series.count
    return table.text(width: Self.width) + (more > 0 ? "\n… and \(more) more columns" : "")
  }

  private func channels(_ frame: Frame) -> String {
    var table = TextTable(
      ["channel", "type", "unit", "samples", "rate", "gaps", "from", "to", "picture"], numeric: [3, 5])
    for one in frame.series.prefix(200) {
      let numbers = (try? one.numbersForLook()) ?? []
      let (low, high) = (numbers.min(), numbers.max())
      table.add([
        Self.plain(one.channel.name), one.type.shortName, Self.plain(one.channel.unit ?? ""),
        grouped(one.count),
        one.measuredRate.map { "\(Self.short($0)) Hz" } ?? "", grouped(one.gapsWithTimes.count),
        low.map(Self.short) ?? "", high.map(Self.short) ?? "", one.sparkline(width: 24),
      ])
    }
    let more = frame.series.count - 200
    return table.text(width: 200) + (more > 0 ? "\n… and \(more) more channels" : "")
  }

  private static func time(_ value: Int64, _ clock: ClockDomain) -> String {
    if clock == .unix { return TimeStamp(nanoseconds: value).text }
    guard clock.unitsPerSecond != nil, let seconds = clock.seconds(value) else { return "\(value)" }
    return short(seconds) + " s"
  }

  private static func text(_ value: Sample) -> String {
    switch value {
    case .float(let number): short(number)
    case .integer(let number): "\(number)"
    case .unsigned(let number): "\(number)"
    case .bool(let truth): "\(truth)"
    case .bytes(let bytes): String(plain(String(decoding: bytes.prefix(200), as: UTF8.self)).prefix(24))
    case .uuid(let high, let low): String(high, radix: 16) + String(low, radix: 16)
    }
  }

  /// What a file says moves no cursor.
  private static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
  }

  /// Six digits.
  private static func short(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
    guard value.isFinite, value != 0 else { return "\(value)" }
    var (scale, size) = (1.0, abs(value))
    while size < 100_000, scale < 1e12 {
      size *= 10
      scale *= 10
    }
    return "\((value * scale).rounded() / scale)"
  }
}

extension Series {
  /// Without what is no number.
  fileprivate func numbersForLook() throws -> [Double] {
    guard type.isNumeric || type == .bool else { return [] }
    return (0..<count).compactMap { self[$0].number }.filter { !$0.isNaN }
  }
}

extension TimeStamp {
  /// As ISO 8601, to the nanosecond.
  fileprivate var text: String { DateText.text(nanoseconds) }
}
