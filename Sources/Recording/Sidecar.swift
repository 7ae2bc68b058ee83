import Glibc
import Telemetry

/// What a file of samples cannot say itself: types, units, clocks, gaps, where they come from. As `name.meta.json`
/// beside it, or inside where the format has a place for it.
struct Sidecar {
  struct Entry {
    var channel: Channel
    /// Where a format has a file for each channel.
    var file: String?
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

  var json: String {
    let channels = entries.map { "    " + Self.text($0) }.joined(separator: ",\n")
    let head: [(String, String)] = [
      ("program", JSONText.quoted(origin.program)), ("format", "1"), ("file", JSONText.quoted(file)),
      ("source", JSONText.quoted(origin.source)), ("saved", JSONText.quoted(saved.iso8601)),
      ("monitor", "\(origin.isMonitor)"), ("dropped", "\(dropped)"),
    ]
    var lines = head.map { "  \(JSONText.quoted($0)): \($1)" }
    if let cell = origin.cell { lines.append("  \"cell\": \(JSONText.quoted(cell))") }
    lines.append("  \"channels\": [\n\(channels)\n  ]")
    return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
  }

  private static func text(_ entry: Entry) -> String {
    var fields = text(of: entry.channel)
    fields += [
      ("file", entry.file.map { JSONText.quoted($0) }), ("samples", "\(entry.samples)"),
      ("gaps", "[" + entry.gaps.map { text($0) }.joined(separator: ", ") + "]"),
      (
        "times",
        entry.runs.map { runs in
          let parts = runs.map { "[\($0.count), \($0.start), \($0.step.units), \($0.step.samples)]" }
          return "[" + parts.joined(separator: ", ") + "]"
        }
      ),
    ]
    return JSONText.object(fields)
  }

  static func text(_ gap: Gap) -> String {
    JSONText.object([
      ("after", "\(gap.at)"), ("samples", gap.samples.map { "\($0)" }),
      ("why", JSONText.quoted(gap.reason.rawValue)),
    ])
  }

  static func text(of channel: Channel) -> [(String, String?)] {
    [
      ("name", JSONText.quoted(channel.name)), ("type", JSONText.quoted(channel.type.rawValue)),
      ("clock", JSONText.quoted(channel.clock.name)),
      ("ticks_per_second", channel.clock == .unix ? nil : channel.clock.unitsPerSecond.map { "\($0)" }),
      ("mode", JSONText.quoted(channel.mode.rawValue)), ("key", "\(channel.key)"),
      ("unit", channel.unit.map { JSONText.quoted($0) }), ("rate", channel.rate.map { "\($0)" }),
      ("index", channel.index.map { "\($0)" }), ("is_index", channel.isIndex ? "true" : nil),
      ("virtual", channel.isVirtual ? "true" : nil),
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
    try file.write(json)
    try file.finish()
  }

  init(reading path: String) throws(RecordingError) {
    let input = try InputFile(path, bytes: Limits.sidecarBytes)
    guard let json = input.json(0..<input.count), let file = json["file"]?.text,
      let channels = json["channels"]?.array, channels.count <= Limits.channels
    else { throw .format(path, "it does not describe a recording") }
    let origin = RecordingOrigin(
      source: json["source"]?.text ?? "", program: json["program"]?.text ?? "", cell: json["cell"]?.text,
      isMonitor: json["monitor"]?.bool ?? false)
    self.init(file: file, origin: origin, saved: TimeStamp(nanoseconds: 0))
    dropped = FileNumbers.count(json["dropped"]?.integer ?? 0)
    for one in channels {
      guard let channel = Self.channel(one) else {
        throw .format(path, "it has a channel without name or type")
      }
      let place = place(of: channel)
      entries[place].file = one["file"]?.text
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

  static func gaps(_ json: JSONValue?) -> [Gap] {
    (json?.array ?? []).compactMap { gap in
      guard let at = gap["after"]?.integer, at >= 0,
        let reason = gap["why"]?.text.flatMap(Gap.Reason.init(rawValue:))
      else { return nil }
      return Gap(at: at, samples: FileNumbers.missing(gap["samples"]?.integer), reason: reason)
    }
  }

  static func channel(_ json: JSONValue) -> Channel? {
    guard let name = json["name"]?.text, let type = json["type"]?.text.flatMap(DataType.init(rawValue:))
    else {
      return nil
    }
    let isUnix = json["clock"]?.text != "ticks"
    let channel = Channel(
      name: name, type: type, clock: isUnix ? .unix : .ticks(rate: json["ticks_per_second"]?.double),
      mode: json["mode"]?.text.flatMap(Channel.Mode.init(rawValue:)) ?? .dense,
      key: json["key"]?.integer.flatMap(UInt32.init(exactly:)) ?? 0, unit: json["unit"]?.text,
      rate: json["rate"]?.double, index: json["index"]?.integer.flatMap(UInt32.init(exactly:)),
      isIndex: json["is_index"]?.bool ?? false, isVirtual: json["virtual"]?.bool ?? false)
    return FileNumbers.channel(channel)
  }
}
