import JSON
import Glibc
import Telemetry

/// What a file of samples cannot say itself: types, units, clocks, gaps, where they come from. As `name.meta.json`
/// beside it, or inside where the format has a place for it.
struct Sidecar {
  struct Entry {
    var channel: Channel
    /// Where a format has a file for each channel.
    var file: String?
    /// Where a format has a place of its own for the times of a channel.
    var timesFile: String?
    var samples: Int64 = 0
    /// `at` counts from the file's first sample of the channel.
    var gaps: [Gap] = []
    /// Times in runs, where the format holds none.
    var runs: [TimeRun]?
  }

  /// Samples with even times.
  struct TimeRun {
    var count: Int
    var start: Int64
    var step: Step
  }

  var file: String
  var origin: RecordingOrigin
  var saved: TimeStamp
  var dropped: Int64 = 0
  var entries: [Entry] = []
  private var places: [String: Int] = [:]

  init(file: String, origin: RecordingOrigin, saved: TimeStamp) {
    self.file = file
    self.origin = origin
    self.saved = saved
  }

  subscript(_ name: String) -> Entry? { places[name].map { entries[$0] } }

  @discardableResult
  mutating func place(of channel: Channel) -> Int {
    if let place = places[channel.name] { return place }
    places[channel.name] = entries.count
    entries.append(Entry(channel: channel))
    return entries.count - 1
  }

  /// Counts a series and takes its gaps. Answers the channel's place.
  @discardableResult
  mutating func note(_ series: Series) -> Int {
    let place = place(of: series.channel)
    let shift = entries[place].samples - series.first
    for gap in series.gaps.sorted(by: { $0.at < $1.at }) {
      entries[place].gaps.append(Gap(at: gap.at + shift, samples: gap.samples, reason: gap.reason))
    }
    let excess = entries[place].gaps.count - Limits.gaps
    if excess > 0 { entries[place].gaps.removeFirst(excess) }
    entries[place].samples += Int64(series.count)
    return place
  }

  func summary(_ path: String, gaps: Int64) -> RecordingSummary {
    RecordingSummary(
      path: path, samples: entries.reduce(0) { $0 + $1.samples }, gaps: gaps, dropped: dropped)
  }

  // MARK: - Text

  /// A line for each channel.
  var text: [UInt8] { json.encoded(.indented(2, unfolds: 2)) + [0x0A] }

  private var json: JSON {
    .fields([
      ("program", .string(origin.program)), ("format", 1), ("file", .string(file)),
      ("source", .string(origin.source)), ("saved", .string(saved.iso8601)),
      ("monitor", .bool(origin.isMonitor)), ("dropped", .integer(dropped)),
      ("cell", origin.cell.map { .string($0) }), ("channels", .array(entries.map { Self.json($0) })),
    ])
  }

  private static func json(_ entry: Entry) -> JSON {
    .fields(
      fields(of: entry.channel) + [
        ("file", entry.file.map { .string($0) }), ("times_file", entry.timesFile.map { .string($0) }),
        ("samples", .integer(entry.samples)),
        ("gaps", .array(entry.gaps.map { json($0) })),
        (
          "times",
          entry.runs.map { runs in
            .array(
              runs.map {
                [
                  .integer(Int64($0.count)), .integer($0.start), .integer($0.step.units),
                  .integer($0.step.samples),
                ]
              })
          }
        ),
      ])
  }

  static func json(_ gap: Gap) -> JSON {
    .fields([
      ("after", .integer(gap.at)), ("samples", gap.samples.map { .integer($0) }),
      ("why", .string(gap.reason.rawValue)),
    ])
  }

  static func fields(of channel: Channel) -> [(String, JSON?)] {
    [
      ("name", .string(channel.name)), ("type", .string(channel.type.rawValue)),
      ("clock", .string(channel.clock.name)),
      ("ticks_per_second", channel.clock == .unix ? nil : channel.clock.unitsPerSecond.map { .number($0) }),
      ("mode", .string(channel.mode.rawValue)), ("key", .integer(Int64(channel.key))),
      ("unit", channel.unit.map { .string($0) }), ("rate", channel.rate.map { .number($0) }),
      ("index", channel.index.map { .integer(Int64($0)) }), ("is_index", channel.isIndex ? true : nil),
      ("virtual", channel.isVirtual ? true : nil),
    ]
  }

  // MARK: - Files

  /// Where it goes: `run.meta.json`, or `run.csv.meta.json` when that one is of another file.
  static func path(for path: String) -> String {
    let short = Path.stem(of: path) + ".meta.json"
    guard let other = try? Sidecar(reading: short), other.file != Path.name(of: path) else { return short }
    return path + ".meta.json"
  }

  /// The one of a file; nil when there is none.
  static func of(_ path: String) -> Sidecar? {
    for candidate in [path + ".meta.json", Path.stem(of: path) + ".meta.json"] {
      if let found = try? Sidecar(reading: candidate), found.file == Path.name(of: path) { return found }
    }
    return nil
  }

  /// Replaces the one that is there, as a whole.
  func write(_ path: String) throws(RecordingError) {
    let file = try OutputFile(path, streaming: false, overwrite: true)
    try file.write(text)
    try file.finish()
  }

  init(reading path: String) throws(RecordingError) {
    let input = try InputFile(path, bytes: Limits.sidecarBytes)
    guard let json = input.json(0..<input.count), let file = json["file"]?.string,
      let channels = json["channels"]?.array, channels.count <= Limits.channels
    else { throw .format(path, "it does not describe a recording") }
    let origin = RecordingOrigin(
      source: json["source"]?.string ?? "", program: json["program"]?.string ?? "",
      cell: json["cell"]?.string,
      isMonitor: json["monitor"]?.bool ?? false)
    self.init(file: file, origin: origin, saved: TimeStamp(nanoseconds: 0))
    dropped = FileNumbers.count(json["dropped"]?.integer ?? 0)
    for one in channels {
      guard let channel = Self.channel(one) else {
        throw .format(path, "it has a channel without name or type")
      }
      let place = place(of: channel)
      entries[place].file = one["file"]?.string
      entries[place].timesFile = one["times_file"]?.string
      entries[place].samples = FileNumbers.count(one["samples"]?.integer ?? 0)
      entries[place].gaps = Self.gaps(one["gaps"])
      entries[place].runs = one["times"]?.array?.compactMap { run in
        guard let parts = run.array?.compactMap(\.integer), parts.count == 4, parts[0] >= 0, parts[3] > 0
        else {
          return nil
        }
        return TimeRun(count: Int(parts[0]), start: parts[1], step: Step(units: parts[2], samples: parts[3]))
      }
    }
  }

  static func gaps(_ json: JSON?) -> [Gap] {
    (json?.array ?? []).compactMap { gap in
      guard let at = gap["after"]?.integer, at >= 0,
        let reason = gap["why"]?.string.flatMap(Gap.Reason.init(rawValue:))
      else { return nil }
      return Gap(at: at, samples: FileNumbers.missing(gap["samples"]?.integer), reason: reason)
    }
  }

  static func channel(_ json: JSON) -> Channel? {
    guard let name = json["name"]?.string, let type = json["type"]?.string.flatMap(DataType.init(rawValue:))
    else {
      return nil
    }
    let isUnix = json["clock"]?.string != "ticks"
    let channel = Channel(
      name: name, type: type, clock: isUnix ? .unix : .ticks(rate: json["ticks_per_second"]?.double),
      mode: json["mode"]?.string.flatMap(Channel.Mode.init(rawValue:)) ?? .dense,
      key: json["key"]?.integer.flatMap(UInt32.init(exactly:)) ?? 0, unit: json["unit"]?.string,
      rate: json["rate"]?.double, index: json["index"]?.integer.flatMap(UInt32.init(exactly:)),
      isIndex: json["is_index"]?.bool ?? false, isVirtual: json["virtual"]?.bool ?? false)
    return FileNumbers.channel(channel)
  }
}

extension JSON {
  /// An object without the fields that have no value.
  static func fields(_ fields: [(String, JSON?)]) -> JSON {
    .object(fields.compactMap { name, value in value.map { Member(name, $0) } })
  }
}
