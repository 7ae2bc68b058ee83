import Randomness
import Synnax
import Telemetry

/// What a simulated core writes by itself: rows that are due, in even steps of time. A plain value.
struct CorePlayer {
  /// One group of channels with an index of its own, or one virtual channel.
  struct Track {
    var writer: Int
    var index: UInt32?
    var period: TimeSpan
    /// The series of row `number`, without the index.
    var row: @Sendable (_ number: Int64) -> [WireSeries]
    var next: Int64 = 0
  }

  private var tracks: [Track]
  private let startMonotonic: TimeSpan
  private let start: TimeStamp
  /// Rows of one track that one call hands out: after a long pause the rest comes with the next calls.
  private static let rowsMax = 1000

  init(_ tracks: [Track], start: TimeStamp, monotonic: TimeSpan) {
    self.tracks = tracks
    self.start = start
    startMonotonic = monotonic
  }

  /// Frames to write now, each with its writer.
  mutating func due(now: TimeSpan) -> [(writer: Int, series: [WireSeries])] {
    var frames: [(writer: Int, series: [WireSeries])] = []
    for place in tracks.indices {
      var rows = 0
      while rows < Self.rowsMax {
        let offset = TimeSpan(nanoseconds: tracks[place].period.nanoseconds * tracks[place].next)
        guard startMonotonic + offset <= now else { break }
        var series = tracks[place].row(tracks[place].next)
        if let index = tracks[place].index {
          series.append(WireSeries(key: index, SampleStorage([(start + offset).nanoseconds], as: .timestamp)))
        }
        frames.append((tracks[place].writer, series))
        tracks[place].next += 1
        rows += 1
      }
    }
    return frames
  }

  /// When the next row is due.
  var next: TimeSpan? {
    tracks.map { startMonotonic + TimeSpan(nanoseconds: $0.period.nanoseconds * $0.next) }.min()
  }
}

extension CorePlayer {
  /// Creates the channels that a core plays, and opens a writer for each group.
  init(_ configuration: CoreConfiguration, _ state: inout CoreState, clock: any TelemetryClock) throws {
    let table = try CoreRecording.load(configuration.recording)
    let now = clock.now
    var tracks: [Track] = []

    let motionPeriod = configuration.playRate.flatMap { TimeSpan(seconds: 1 / $0) } ?? table.period
    tracks.append(
      try state.openTrack(
        index: table.name + "_time", table.columns.map { ($0.name, $0.type) }, period: motionPeriod, now: now
      ) { keys in
        { number in
          let row = Int(number % Int64(table.rowCount))
          return zip(keys, table.columns).map { WireSeries(key: $0, $1.samples, row..<row + 1) }
        }
      })

    let seed = configuration.seed
    for (name, period, base, swing) in [
      ("temperature", TimeSpan(nanoseconds: 500_000_000), 21.0, 1.5),
      ("pressure", TimeSpan(nanoseconds: 200_000_000), 1013.0, 4.0),
    ] {
      tracks.append(
        try state.openTrack(index: name + "_time", [(name, .float32)], period: period, now: now) { keys in
          { number in
            let value = base + swing * Self.wave(number, period) + swing * 0.02 * Self.noise(seed, number)
            return [WireSeries(key: keys[0], SampleStorage([Float(value)]))]
          }
        })
    }
    tracks.append(
      try state.openTrack(index: nil, [("counter", .uint32)], period: .second, now: now) { keys in
        { number in [WireSeries(key: keys[0], SampleStorage([UInt32(truncatingIfNeeded: number)]))] }
      })
    self.init(tracks, start: now, monotonic: clock.monotonic)
  }

  /// A slow triangle between -1 and 1, a minute long.
  private static func wave(_ number: Int64, _ period: TimeSpan) -> Double {
    let phase = Double(number) * period.seconds / 60
    let part = phase - phase.rounded(.down)
    return part < 0.5 ? 4 * part - 1 : 3 - 4 * part
  }

  /// Between -1 and 1, the same for the same seed and number.
  private static func noise(_ seed: UInt64, _ number: Int64) -> Double {
    var generator = SplitMix(seed: seed &+ UInt64(bitPattern: number) &* 0x9E37_79B9_7F4A_7C15)
    return Double.random(in: -1...1, using: &generator)
  }
}

extension CoreState {
  /// A writer for channels that are there afterwards, whether or not a store had them already.
  fileprivate mutating func openTrack(
    index: String?, _ data: [(String, DataType)], period: TimeSpan, now: TimeStamp,
    rows: ([UInt32]) -> @Sendable (Int64) -> [WireSeries]
  ) throws -> CorePlayer.Track {
    var indexKey: UInt32?
    if let index {
      indexKey = try createChannels(
        [ChannelPayload(name: index, dataType: "timestamp", isIndex: true)], retrieveIfNameExists: true)[0]
        .key
    }
    let made = try createChannels(
      data.map {
        ChannelPayload(name: $0.0, dataType: $0.1.synnaxName, index: indexKey ?? 0, virtual: indexKey == nil)
      }, retrieveIfNameExists: true)
    let id = makeID()
    var config = WriterConfigPayload(keys: made.map(\.key) + (indexKey.map { [$0] } ?? []), authorities: [1])
    config.start = Wide(now.nanoseconds)
    config.enableAutoCommit = true
    config.controlSubject = ControlSubjectPayload(key: "player-\(id)", name: "player", group: 0)
    try openWriter(id, config)
    return CorePlayer.Track(writer: id, index: indexKey, period: period, row: rows(made.map(\.key)))
  }
}
