import Randomness
import Foundation
import Telemetry
import TestSupport
import Testing

/// Random schedules of everything that can happen to a stream, against a model that only counts.
///
/// Each channel's values count its samples, so that a value says which sample it is, and its time follows from it.
/// What must hold for every reader, at any moment: what was sent since it began is what it was given, what it was
/// told it missed, what it still has to read, and what its user cleared; in order, nothing twice, at the right times.
@Suite struct StreamPropertyTests {
  /// `MOONTIDE_SCHEDULES` asks for more.
  static let schedules = ProcessInfo.processInfo.environment["MOONTIDE_SCHEDULES"].flatMap(Int.init) ?? 2_000

  @Test func everySampleIsDeliveredDroppedOrBufferedExactlyOnce() async throws {
    for seed in 0..<Self.schedules {
      try await Schedule(seed: UInt64(seed)).run()
    }
  }

  /// Threads for socket, readers and snapshots, over one stream that is resized, updated and restarted meanwhile.
  @Test func theSameHoldsWithThreads() async throws {
    let names = ["a", "b", "c"]
    let channels = names.map { Channel(name: $0, type: .float64, clock: .ticks(rate: 1000)) }
    let source = ScriptedSource(channels)
    let streamer = try Streamer(source: source, channels: channels, capacity: .samples(5000))
    try await streamer.start(StreamRequest())
    let readers = try (0..<3).map { _ in try streamer.makeReader() }
    let frames = 20_000
    let done = Gate()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        var dice = SplitMix(seed: 7)
        var next = [Int](repeating: 0, count: 3)
        for _ in 0..<frames {
          var series: [Series] = []
          for place in 0..<3 where Bool.random(using: &dice) {
            let count = Int.random(in: 1...20, using: &dice)
            series.append(.ramp(next[place]..<next[place] + count, channels[place]))
            next[place] += count
          }
          source.feeds.last?.send(series)
        }
        try await streamer.stop()
        done.open()
      }
      for (number, reader) in readers.enumerated() {
        group.addTask {
          var last = [String: Double]()
          var (given, dropped): (Int64, Int64) = (0, 0)
          reading: while true {
            switch reader.take() {
            case .frame(let frame):
              dropped += frame.dropped
              for series in frame.series {
                let values = series.values
                #expect(values.first! > last[series.channel.name] ?? -1)
                #expect(zip(values, values.dropFirst()).allSatisfy { $0 + 1 == $1 })
                #expect(series.time(0) == Int64(values[0]))
                last[series.channel.name] = values.last!
                given += Int64(values.count)
              }
            case .pending:
              if number == 0 { try? await Task.sleep(for: .microseconds(50)) } else { await Task.yield() }
            case .ended, .lost: break reading
            }
          }
          let lag = reader.lag
          #expect(given + lag.dropped == streamer.stats.samples && lag.dropped == dropped)
        }
      }
      group.addTask {
        var dice = SplitMix(seed: 8)
        while done.waiting == 0, streamer.isLive {
          let snapshot = streamer.snapshot()
          let before = snapshot.series.map(\.values)
          try streamer.setCapacity(.samples(Int.random(in: 2000...9000, using: &dice)))
          await Task.yield()
          #expect(snapshot.series.map(\.values) == before)
        }
      }
      try await group.waitForAll()
    }
  }
}

/// One schedule: a stream, its model, and dice.
private final class Schedule {
  private struct Lane {
    var channel: Channel
    var sent: Int64 = 0
    /// The time of value v is `v * step + offset`; an own stamp for each where it is not even.
    var offset: Int64 = 0
    var isStamped: Bool
  }

  private final class ReaderModel {
    let reader: StreamReader
    /// What had been sent of everything when it began.
    let before: Int64
    var given: Int64 = 0
    var told: Int64 = 0
    var cleared: Int64 = 0
    var last: [String: Int64] = [:]

    init(_ reader: StreamReader, before: Int64) {
      self.reader = reader
      self.before = before
    }
  }

  private let seed: UInt64
  private var dice: SplitMix
  private let source: ScriptedSource
  private let streamer: Streamer
  private var lanes: [Lane]
  private var on: [Int]
  private var readers: [ReaderModel] = []
  private var snapshots: [(frame: Frame, values: [[Double]], stamps: [[Int64?]])] = []
  private var sent: Int64 = 0

  init(seed: UInt64) throws {
    self.seed = seed
    dice = SplitMix(seed: seed)
    let count = Int.random(in: 1...5, using: &dice)
    lanes = (0..<count).map { number in
      let isStamped = number % 2 == 1
      return Lane(
        channel: Channel(
          name: "c\(number)", type: .float64, clock: .ticks(rate: 1000), mode: isStamped ? .sparse : .dense,
          key: UInt32(number)),
        isStamped: isStamped)
    }
    on = Array(lanes.indices)
    source = ScriptedSource(lanes.map(\.channel))
    streamer = try Streamer(
      source: source, channels: lanes.map(\.channel),
      capacity: .samples(Int.random(in: 1...400, using: &dice)))
  }

  func run() async throws {
    try await streamer.start(StreamRequest())
    for _ in 0..<Int.random(in: 20...80, using: &dice) { try await step() }
    check()
    if Bool.random(using: &dice) { try await streamer.stop() }
    for reader in readers { drain(reader) }
    check()
    for reader in readers {
      #expect(
        sent - reader.before == reader.given + reader.told + reader.cleared + reader.reader.lag.dropped
          - reader.told,
        "seed \(seed)")
    }
    await streamer.close()
    for snapshot in snapshots {
      #expect(snapshot.frame.series.map(\.values) == snapshot.values, "seed \(seed)")
      #expect(snapshot.frame.series.map(\.stamps) == snapshot.stamps, "seed \(seed)")
    }
  }

  private func step() async throws {
    switch Int.random(in: 0..<100, using: &dice) {
    case 0..<55: send()
    case 55..<70: readers.randomElement(using: &dice).map { read($0) }
    case 70..<76:
      if readers.count < 4 { readers.append(ReaderModel(try streamer.makeReader(), before: sent)) }
    case 76..<80: if !readers.isEmpty { readers.remove(at: Int.random(in: 0..<readers.count, using: &dice)) }
    case 80..<84: _ = try streamer.setCapacity(.samples(Int.random(in: 1...500, using: &dice)))
    case 84..<87: clear()
    case 87..<91: try await update()
    case 91..<93: try await restart()
    case 93..<95:
      source.tell(.reconnecting("away"))
      source.tell(.resumed)
    case 95..<97: source.tell(.gap(.lost, samples: 3, channels: []))
    default: snapshot()
    }
  }

  /// Some of the channels, with different numbers of samples, some without any.
  private func send() {
    guard streamer.isLive else { return }
    let isEqual = Bool.random(using: &dice)
    let common = Int.random(in: 1...30, using: &dice)
    var series: [Series] = []
    for place in on where isEqual || Int.random(in: 0..<3, using: &dice) > 0 {
      let count = isEqual ? common : Int.random(in: 0...40, using: &dice)
      let values = (0..<count).map { lanes[place].sent + Int64($0) }
      if count > 0, Int.random(in: 0..<20, using: &dice) == 0 { lanes[place].offset += 5 }
      let offset = lanes[place].offset
      let storage = SampleStorage(values.map(Double.init))
      let timing: Timing =
        lanes[place].isStamped
        ? .stamped(SampleStorage(values.map { $0 * 7 + offset }, as: .timestamp), offset: 0)
        : .steady(start: (values.first ?? 0) + offset, step: Step(units: 1))
      series.append(Series(lanes[place].channel, storage, timing: timing))
      lanes[place].sent += Int64(count)
      sent += Int64(count)
    }
    source.feeds.last?.send(series)
  }

  private func read(_ model: ReaderModel) {
    for _ in 0..<Int.random(in: 1...6, using: &dice) { guard take(model) else { return } }
  }

  private func drain(_ model: ReaderModel) { while take(model) {} }

  private func take(_ model: ReaderModel) -> Bool {
    guard case .frame(let frame) = model.reader.take() else { return false }
    model.told += frame.dropped
    #expect(!frame.series.isEmpty && frame.series.allSatisfy { !$0.isEmpty }, "seed \(seed)")
    #expect(Set(frame.names).count == frame.names.count, "seed \(seed): a channel twice in a frame")
    for series in frame.series {
      let name = series.channel.name
      for (value, stamp) in zip(series.values, series.stamps) {
        let number = Int64(value)
        #expect(
          number > model.last[name] ?? -1, "seed \(seed): \(name) \(number) behind \(model.last[name] ?? -1)")
        model.last[name] = number
        checkTime(stamp, number, series.channel)
      }
      model.given += Int64(series.count)
    }
    return true
  }

  private func checkTime(_ stamp: Int64?, _ number: Int64, _ channel: Channel) {
    let base = channel.mode == .sparse ? number * 7 : number
    // The offset only grows, by steps of 5.
    let off = (stamp ?? -1) - base
    #expect(
      off >= 0 && off % 5 == 0 && off <= lanes[Int(channel.key)].offset, "seed \(seed): \(channel.name)")
  }

  private func clear() {
    let before = readers.map { sent - $0.before - $0.given - $0.cleared }
    streamer.clear()
    for (model, unread) in zip(readers, before) { model.cleared += unread - model.reader.lag.dropped }
  }

  private func update() async throws {
    guard streamer.isLive else { return }
    var names = lanes.indices.filter { _ in Bool.random(using: &dice) }
    if names.isEmpty { names = [0] }
    names.shuffle(using: &dice)
    try await streamer.update(names.map { lanes[$0].channel.name })
    on = names
  }

  private func restart() async throws {
    try await streamer.stop()
    try await streamer.start(StreamRequest(channels: on.map { lanes[$0].channel.name }))
  }

  private func snapshot() {
    let frame = streamer.snapshot()
    snapshots.append((frame, frame.series.map(\.values), frame.series.map(\.stamps)))
  }

  /// What is buffered is the newest of each channel; what the stream counts is what was sent.
  private func check() {
    #expect(streamer.stats.samples == sent && streamer.stats.stray == 0, "seed \(seed)")
    for series in streamer.snapshot().series where !series.isEmpty {
      let lane = lanes[Int(series.channel.key)]
      #expect(Int64(series.values.last!) == lane.sent - 1, "seed \(seed)")
      #expect(zip(series.values, series.values.dropFirst()).allSatisfy { $0 + 1 == $1 }, "seed \(seed)")
    }
    for model in readers {
      let unread = sent - model.before - model.given - model.cleared - model.reader.lag.dropped
      #expect(unread >= 0, "seed \(seed): \(unread)")
    }
  }
}
