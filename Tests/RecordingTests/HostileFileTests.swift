import Foundation
import GRDB
import Recording
import Telemetry
import Testing

/// Files whose numbers and names make no sense: read as far as they do, or refused, and never more.
@Suite struct HostileFileTests {
  private static let rates = [
    "0", "-44100", "NaN", "Infinity", "-Infinity", "1e308", "4e-320", "1e-30", "\"x\"", "null",
  ]

  /// Calculates with everything that a series knows, as plots and echoes do.
  private func use(_ frame: Frame) {
    #expect(frame.dropped >= 0)
    for series in frame.series {
      if case .ticks(let rate?) = series.clock { #expect(rate.isFinite && rate >= 1e-9 && rate <= 1e12) }
      if let rate = series.channel.rate { #expect(rate.isFinite && rate > 0) }
      #expect(series.gaps.map(\.at) == series.gaps.map(\.at).sorted())
      #expect(series.gaps.allSatisfy { $0.at >= 0 && $0.at <= series.count && ($0.samples ?? 0) >= 0 })
      _ = series.gaps.reduce(Int64(0)) { $0 + ($1.samples ?? 0) }
      _ = (0..<series.count).map { series.time($0) }
      _ = series.measuredRate
      _ = series.last(units: .max)
      _ = series.clock.seconds(series.isEmpty ? 0 : series.time(0) ?? 0)
      var buffer = SampleBuffer(channel: series.channel, capacity: .samples(2))
      buffer.append(series)
    }
    _ = frame.bounds
  }

  @Test(arguments: rates) func ratesOfLinesAreRatesOrUnknown(_ rate: String) throws {
    let folder = try Folder()
    let path = try folder.write(
      "x.jsonl",
      """
      {"dropped": -5, "series": [{"name": "x", "type": "int8", "clock": "ticks", "ticks_per_second": \(rate), \
      "rate": \(rate), "gaps": [{"after": 3, "samples": -7, "why": "lost"}, \
      {"after": 1, "samples": 9223372036854775807, "why": "lost"}, {"after": 1, "samples": 9223372036854775807, "why": "lost"}, \
      {"after": 9223372036854775807, "why": "lost"}, {"after": -1, "why": "lost"}], \
      "time": 9223372036854775807, "step": [-9223372036854775808, 1], "data": [1, 2, 3, 4]}]}
      {"dropped": 9223372036854775807, "series": [{"name": "x", "type": "int8", "time": -9223372036854775808, \
      "step": [9223372036854775807, 1], "data": [1, 2, 3, 4]}]}
      {"dropped": 9223372036854775807, "series": []}

      """)
    let frame = try Recording.load(path)
    use(frame)
    #expect(frame["x"]?.count == 8)
    #expect(frame["x"]?.gaps.map(\.at) == [1, 3, 4])
    #expect(frame["x"]?.gaps.map { $0.samples == nil } == [false, true, true])
  }

  @Test(arguments: rates) func ratesOfSidecarsAreRatesOrUnknown(_ rate: String) throws {
    for ending in ["npy", "wav", "csv", "npz"] {
      let folder = try Folder()
      let path = folder("x.\(ending)")
      _ = try Recording.save(
        Frame([Samples.steady("x", (0..<8).map { Float($0) })]), to: path, overwrite: true)
      let file = try JSONSerialization.data(withJSONObject: "x.\(ending)", options: .fragmentsAllowed)
      for times in [
        "[[4, 9223372036854775807, 9223372036854775807, 1], [4, -9223372036854775808, -9223372036854775808, 1]]",
        "[[9223372036854775807, 0, 1, 1]]", "[[-1, 0, 1, 1]]", "[[8, 0, 1, 0]]", "[[8, 0, 1, -1]]",
        "[[8, 0, 0, 9223372036854775807]]",
        "[" + Array(repeating: "[8, 0, 1, 1]", count: 5000).joined(separator: ",") + "]",
      ] {
        _ = try folder.write(
          "x.meta.json",
          """
          {"file": \(String(decoding: file, as: UTF8.self)), "dropped": -9223372036854775808, "channels": [
            {"name": "x", "type": "float32", "clock": "ticks", "ticks_per_second": \(rate), "rate": \(rate), "samples": -1,
             "gaps": [{"after": 7, "samples": -1, "why": "lost"}, {"after": 2, "samples": 1e300, "why": "hole"}],
             "times": \(times)}]}
          """)
        let frame = try Recording.load(path)
        use(frame)
        #expect(frame["x"]?.gaps.map(\.at) == [2, 7])
      }
    }
  }

  @Test func aSoundWithoutARateIsReadWithoutTimesOfDay() throws {
    let folder = try Folder()
    let path = folder("x.wav")
    _ = try Recording.save(Frame([Samples.steady("x", (0..<8).map { Int16($0) })]), to: path)
    try FileManager.default.removeItem(atPath: folder("x.meta.json"))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes.replaceSubrange(24..<28, with: [0, 0, 0, 0])
    try bytes.write(to: URL(fileURLWithPath: path))
    let frame = try Recording.load(path)
    use(frame)
    #expect(frame.series[0].count == 8 && frame.series[0].clock == .ticks(rate: nil))
  }

  /// A recording, changed by hand.
  private func recording(_ folder: Folder, _ sql: String) throws -> String {
    let path = folder("x.mtr")
    let gaps = [Gap(at: 3, samples: 5, reason: .lost)]
    _ = try Recording.save(
      Frame([Samples.steady("x", (0..<8).map { Float($0) }, gaps: gaps)]), to: path, overwrite: true)
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.write { try $0.execute(sql: sql) }
    try queue.close()
    return path
  }

  @Test(arguments: [
    "UPDATE channels SET ticks_per_second = 0, rate = 0",
    "UPDATE channels SET ticks_per_second = -1, rate = -1",
    "UPDATE channels SET ticks_per_second = 9e999, rate = -9e999",
    "UPDATE channels SET key = -9223372036854775808, index_key = 9223372036854775807",
    "UPDATE gaps SET after = -9223372036854775808, samples = -9223372036854775808",
    "INSERT INTO gaps VALUES (1, 9223372036854775807, 9223372036854775807, 'lost'), (1, 1, -1, 'hole'), (7, 1, 1, 'lost')",
    "UPDATE frames SET dropped = -9223372036854775808", "UPDATE frames SET dropped = 9e999",
    "UPDATE meta SET value = '-9223372036854775808' WHERE name = 'dropped'",
    "UPDATE meta SET value = '9223372036854775807' WHERE name = 'dropped'",
    "UPDATE chunks SET start = 9223372036854775807, step_units = 9223372036854775807, step_samples = 1",
    "UPDATE chunks SET start = -9223372036854775808, step_units = -9223372036854775808, step_samples = 3",
    "UPDATE chunks SET step_samples = 0", "UPDATE chunks SET step_samples = -1",
    "UPDATE chunks SET count = -5",
    "UPDATE chunks SET count = 9223372036854775807", "UPDATE chunks SET stamps = zeroblob(64)",
    "UPDATE chunks SET samples = ''", "UPDATE chunks SET samples = 'ten bytes ü'",
    "UPDATE chunks SET samples = 12",
    "UPDATE channels SET type = 'string'", "UPDATE channels SET type = 'uint8'",
    "UPDATE channels SET type = 'none'",
    "UPDATE channels SET mode = 'none', clock = 7", "UPDATE channels SET name = ''", "DELETE FROM channels",
    "DROP TABLE gaps", "DROP TABLE frames", "DELETE FROM meta",
    "UPDATE meta SET value = '1e9' WHERE name = 'format'",
    "ALTER TABLE chunks RENAME TO old; CREATE VIEW chunks AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, 1 AS frame, 1 AS channel, 1 AS count, NULL AS start, NULL AS step_units, NULL AS step_samples, NULL AS stamps, zeroblob(4) AS samples FROM n",
    "ALTER TABLE gaps RENAME TO old; CREATE VIEW gaps AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 AS channel, i AS after, 1 AS samples, 'lost' AS why FROM n",
  ])
  func aRecordingThatWasTamperedWithIsReadOrRefused(_ sql: String) throws {
    let folder = try Folder()
    let path = try recording(folder, sql)
    do {
      let frame = try Recording.load(path)
      use(frame)
    } catch {
      #expect(["format", "no_file"].contains(error.code), "\(error)")
    }
  }

  /// Times take memory as samples do.
  @Test func aRecordingIsMeasuredWithItsTimes() throws {
    let folder = try Folder()
    // Times that are long only when somebody asks.
    let path = try recording(
      folder,
      """
      ALTER TABLE chunks RENAME TO old;
      CREATE TABLE chunks (id INTEGER PRIMARY KEY, frame, channel, count, start, step_units, step_samples,
        stamps BLOB AS (zeroblob(900000000)) VIRTUAL, samples BLOB);
      INSERT INTO chunks (frame, channel, count, samples) SELECT frame, channel, count, samples FROM old;
      INSERT INTO chunks (frame, channel, count, samples) SELECT frame, channel, count, samples FROM old;
      """)
    let error = #expect(throws: RecordingError.self) { try Recording.load(path) }
    #expect(error?.code == "too_large" && error?.message.contains("samples and times") == true)
  }

  @Test func blocksOfPybelaWithFarTimesAreRead() throws {
    let folder = try Folder()
    let values = (0..<40_000).map { "\($0)" }.joined(separator: ",")
    let step = (Int64(1) << 40) - 1
    let text = (0..<3).map { "{\"ref_timestamp\": \(Int64($0) * step), \"data\": [\(values)]}\n" }.joined()
    let frame = try Recording.load(try folder.write("a_run.txt", text))
    use(frame)
    #expect(frame.series[0].time(39_999) == 39_999 * (step / 40_000) + 39_999 * (step % 40_000) / 40_000)
    let far =
      "{\"ref_timestamp\": -9223372036854775808, \"data\": [1]}\n{\"ref_timestamp\": 9223372036854775807, \"data\": [2, 3]}\n"
    use(try Recording.load(try folder.write("b_run.txt", far)))
  }

  @Test func twoArraysOfOneNameAreRefused() throws {
    let folder = try Folder()
    _ = try Recording.save(
      Frame([Samples.steady("aa", [1.0, 2]), Samples.steady("ab", [1.0, 2])]), to: folder("x.npz"))
    let url = URL(fileURLWithPath: folder("x.npz"))
    var bytes = try Data(contentsOf: url)
    while let range = bytes.range(of: Data("ab.npy".utf8)) {
      bytes.replaceSubrange(range, with: Data("aa.npy".utf8))
    }
    try bytes.write(to: url)
    #expect(throws: RecordingError.self) { try Recording.load(folder("x.npz")) }
    // Nor is such a file written: where a channel is called so, times have another name.
    let times = ["time", "a", "a_time", "a_time_time"].map { Samples.steady($0, [1.0, 2], from: 5) }
    _ = try Recording.save(Frame(times), to: folder("y.npz"))
    let back = try Recording.load(folder("y.npz"))
    #expect(back.names == times.map(\.channel.name))
    for one in times { Samples.expectSame(one, back[one.channel.name], "npz") }
  }

  // MARK: - Names

  private static let names = [
    "../../up", "a/b", "a_b", "-rf", ".hidden", "zero\u{0}byte", "line\nend", "..", ".", "", "~root", "$(id)",
    "a;b", "ü 日",
    "/absolute", "con\u{1b}[31m",
  ]

  private var frame: Frame {
    Frame(Self.names.enumerated().map { Samples.steady($1, [Double($0), 1, 2]) })
  }

  /// A device that calls its channels so must not choose where files go.
  @Test func filesOfChannelsStayInTheirFolder() async throws {
    let outer = try Folder()
    try FileManager.default.createDirectory(atPath: outer("in"), withIntermediateDirectories: true)
    let path = outer("in/run.txt")
    _ = try Recording.save(frame, to: path)
    let recorder = try StreamRecorder(path: outer("in/live.txt"), channels: frame.series.map(\.channel))
    recorder.receive(frame)
    let outcome = await recorder.finish()
    #expect(outcome.error == nil && outcome.summary.samples == Int64(3 * Self.names.count))
    #expect(outer.names == ["in"])
    let files = try FileManager.default.contentsOfDirectory(atPath: outer("in"))
    #expect(files.count == 2 * (Self.names.count + 1))
    for file in files {
      #expect(
        file.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "\(file.debugDescription)")
      #expect(!file.hasPrefix("-") && !file.hasPrefix(".") && !file.hasPrefix("~"), "\(file)")
    }
    for path in [path, outer("in/live.txt")] {
      let loaded = try Recording.load(path)
      #expect(loaded.names == Self.names)
      #expect(loaded.series.enumerated().allSatisfy { $1[0] == .float(Double($0)) })
    }
    // The same names again: what is there is not written over.
    #expect(throws: RecordingError.self) { try Recording.save(frame, to: path) }
  }

  @Test func arraysOfChannelsStayInTheirArchive() throws {
    let folder = try Folder()
    _ = try Recording.save(frame, to: folder("x.npz"))
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("x.npz"))))
    // The directory at the end has a name behind each mark and 42 bytes more.
    var names: [String] = []
    for place in bytes.indices.dropLast(46) where bytes[place..<place + 4] == [0x50, 0x4B, 1, 2] {
      let count = Int(bytes[place + 28]) | Int(bytes[place + 29]) << 8
      names.append(String(decoding: bytes[place + 46..<place + 46 + count], as: UTF8.self))
    }
    #expect(names.count == 2 * Self.names.count)
    for name in names {
      #expect(!name.hasPrefix("/") && !name.split(separator: "/").contains(".."), "\(name)")
      #expect(name.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "\(name.debugDescription)")
    }
    #expect(try Recording.load(folder("x.npz")).names == Self.names)
  }

  @Test(arguments: ["../secret.txt", "/etc/passwd", "in/secret.txt", "..", "", "a\\u0000b"])
  func aSidecarLeadsToNoOtherFolder(_ file: String) throws {
    let outer = try Folder()
    try FileManager.default.createDirectory(atPath: outer("in/in"), withIntermediateDirectories: true)
    for place in ["secret.txt", "in/in/secret.txt"] {
      _ = try outer.write(place, "{\"ref_timestamp\": 0, \"data\": [42]}\n")
    }
    _ = try outer.write(
      "in/run.meta.json",
      "{\"file\": \"run.txt\", \"channels\": [{\"name\": \"x\", \"type\": \"int64\", \"clock\": \"ticks\", \"file\": \"\(file)\"}]}"
    )
    let error = #expect(throws: RecordingError.self) { try Recording.load(outer("in/run.txt")) }
    #expect(error?.code == "format", "\(String(describing: error))")
  }

  @Test func aNameWithAZeroByteIsRefused() throws {
    let folder = try Folder()
    let path = folder("a\u{0}.csv")
    #expect(throws: RecordingError.self) { try Recording.save(frame, to: path) }
    #expect(throws: RecordingError.self) { try Recording.load(path) }
    #expect(throws: RecordingError.self) { try StreamRecorder(path: path, channels: []) }
    #expect(folder.names == [])
  }

  /// Nobody writes into it: a load must not wait for that.
  @Test func aPipeIsNoFile() throws {
    let folder = try Folder()
    for name in ["x.csv", "x.mtr", "y.meta.json"] { #expect(mkfifo(folder(name), 0o600) == 0) }
    for name in ["x.csv", "x.mtr"] {
      let error = #expect(throws: RecordingError.self) { try Recording.load(folder(name)) }
      #expect(error?.code == "no_file")
    }
    #expect(try Recording.load(try folder.write("y.csv", "a\n1\n")).names == ["a"])
  }
}
