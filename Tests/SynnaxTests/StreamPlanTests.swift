import Randomness
import Synnax
import Telemetry
import TestSupport
import Testing

/// Frames that go straight into the columns must be what they would be as frames of their own.
@Suite struct StreamPlanTests {
  static let schedules = 400

  @Test func theShortWayAndTheLongWayAreTheSame() async throws {
    for seed in 0..<Self.schedules { try await TwoWays(seed: UInt64(seed)).run() }
  }

  /// Any bytes: refused or taken, but alike by both ways, and what came before stays.
  @Test func brokenFramesAreRefusedByBothWays() async throws {
    for seed in 0..<Self.schedules { try await TwoWays(seed: UInt64(1_000_000 + seed), breaks: true).run() }
  }

  @Test func aStreamOfPlainColumnsTakesTheShortWay() async throws {
    let pair = try await TwoWays(seed: 1)
    #expect(try pair.takesShortWay())
  }

  /// Frames that all look alike, many in a burst: the shortest way of all. Now and then samples are lost between them, a
  /// channel is late, or the clock jumps back; the buffers hold samples, or a time.
  @Test func trainsOfEqualFramesAreTheSameByBothWays() async throws {
    for seed in 0..<Self.schedules / 4 {
      try await TwoWays(seed: UInt64(2_000_000 + seed), keepsSpan: seed % 3 == 0).runTrains()
    }
  }

  /// What an index's channels share is kept once: ten values and one stamp, and little else.
  @Test func timesOfAnIndexAreKeptOnce() async throws {
    let time = Channel(name: "time", type: .timestamp, key: 1, index: 1, isIndex: true)
    let data = (2...11).map { Channel(name: "c\($0)", type: .float64, key: $0, index: 1) }
    let pair = try await TwoWays([time] + data, seed: 3)
    for _ in 0..<2000 { try pair.send(counts: 10) }
    let stats = pair.short.stats
    #expect(stats.bufferedSamples == 11 * 20_000)
    #expect(Double(stats.bufferedBytes) / Double(stats.bufferedSamples) < 8.1)
    try pair.compare()
  }
}

/// One core, two clients of the same stream: one with columns, one with frames.
private final class TwoWays {
  let short: Streamer
  private let long: Streamer
  private let shortSource: ScriptedSource
  private let longSource: ScriptedSource
  private let readers: [StreamReader]
  private let channels: [Channel]
  private var machines: [StreamStateMachine]
  private var trackers = [AlignmentTracker(isOn: true), AlignmentTracker(isOn: true)]
  private var core = FrameCodec()
  private var dice: SplitMix
  private var sample: [UInt32: UInt32] = [:]
  private var clock: Int64 = 1_000_000_000
  private let breaks: Bool
  private let keepsSpan: Bool
  private let seed: UInt64
  private var taken = 0

  convenience init(seed: UInt64, breaks: Bool = false, keepsSpan: Bool = false) async throws {
    var dice = SplitMix(seed: seed)
    let types: [DataType] = [.float64, .float32, .int8, .uint16, .int64, .uint64, .uuid]
    var channels: [Channel] = []
    for index in 0..<UInt32.random(in: 1...3, using: &dice) {
      let key = index * 20 + 10
      channels.append(Channel(name: "t\(index)", type: .timestamp, key: key, index: key, isIndex: true))
      for number in 1...UInt32.random(in: 1...5, using: &dice) {
        let isText = seed % 5 == 0 && number == 2
        channels.append(
          Channel(
            name: "c\(index).\(number)", type: isText ? .string : types.randomElement(using: &dice)!,
            // Also before their index on the wire.
            key: Bool.random(using: &dice) ? key + number : key - number, index: key))
      }
    }
    if seed % 3 == 0 { channels.append(Channel(name: "virtual", type: .float64, key: 900, isVirtual: true)) }
    channels.shuffle(using: &dice)
    try await self.init(channels, seed: seed, breaks: breaks, keepsSpan: keepsSpan)
  }

  init(_ all: [Channel], seed: UInt64, breaks: Bool = false, keepsSpan: Bool = false) async throws {
    self.seed = seed
    self.breaks = breaks
    self.keepsSpan = keepsSpan
    dice = SplitMix(seed: seed &+ 99)
    // Some index channels nobody asked for.
    let hidden = seed % 4 == 0 ? all.filter { $0.isIndex && $0.key != 10 } : []
    let visible = all.filter { channel in !hidden.contains { $0.key == channel.key } }
    channels = all
    let set = StreamChannels(visible: visible, hidden: hidden)
    let machine = StreamStateMachine(channels: set, settings: .init())
    machines = [machine, machine]
    let capacity: BufferCapacity =
      keepsSpan ? .span(TimeSpan(nanoseconds: 60_000)) : .samples(seed % 7 == 0 ? 50 : 100_000)
    (shortSource, longSource) = (ScriptedSource(visible), ScriptedSource(visible))
    short = try Streamer(source: shortSource, channels: visible, capacity: capacity)
    long = try Streamer(source: longSource, channels: visible, capacity: capacity)
    try await short.start(StreamRequest())
    try await long.start(StreamRequest())
    readers = try [short.makeReader(), long.makeReader()]
    core.addState(set.entries)
    for place in 0..<2 {
      machines[place].upgraded(now: .zero)
      for kind in [Envelope<StreamResponsePayload>.Kind.open, .data] {
        let bytes = Wire.encode(
          Envelope(kind, payload: StreamResponsePayload(isKeepAlive: false), error: ErrorPayload.none),
          prefix: true)
        _ = bytes.withUnsafeBytes { machines[place].received($0, now: .zero) }
      }
    }
  }

  func run() throws {
    for _ in 0..<Int.random(in: 5...40, using: &dice) {
      try send()
      if Int.random(in: 0..<4, using: &dice) == 0 { try compare() }
    }
    try compare()
  }

  /// Bursts of frames of all channels with as many samples each.
  func runTrains() throws {
    for _ in 0..<Int.random(in: 3...8, using: &dice) {
      let count = Int.random(in: 1...4, using: &dice)
      var messages: [[UInt8]] = []
      for _ in 0..<Int.random(in: 1...8, using: &dice) {
        if Int.random(in: 0..<12, using: &dice) == 0 {
          // One index and its channels missed something; or all did.
          let groups = Set(channels.map { $0.index ?? 0 })
          let one = groups.sorted().randomElement(using: &dice)!
          for group in groups where group == one || Bool.random(using: &dice) {
            sample[group, default: 0] += 3
          }
        }
        if Int.random(in: 0..<15, using: &dice) == 0 {
          clock -= Int64.random(in: 1...500, using: &dice) * 1000
        }
        messages.append(try message(counts: count))
      }
      // A time is kept as of each burst's end: where the clock jumps within one, that is not as of each frame's.
      if keepsSpan { for message in messages { deliver([message]) } } else { deliver(messages) }
      if Int.random(in: 0..<5, using: &dice) == 0 { try send() }
      if Int.random(in: 0..<3, using: &dice) == 0 { try compare() }
    }
    try compare()
  }

  func takesShortWay() throws -> Bool {
    try send(counts: 3)
    return taken == 1
  }

  /// A frame of all channels with so many samples, or a random one.
  func send(counts: Int? = nil) throws {
    deliver([try message(counts: counts)])
  }

  private func message(counts: Int?) throws -> [UInt8] {
    var series: [WireSeries] = []
    let isPartial = counts == nil && Bool.random(using: &dice)
    let groups = Set(channels.map { $0.index ?? 0 }).sorted()
    for group in groups where !isPartial || Bool.random(using: &dice) {
      let count = counts ?? Int.random(in: 0...6, using: &dice)
      var at = sample[group, default: 0]
      // Sometimes samples are lost.
      if counts == nil, Int.random(in: 0..<10, using: &dice) == 0 {
        at += UInt32.random(in: 1...5, using: &dice)
      }
      for channel in channels where (channel.index ?? 0) == group {
        if counts == nil, Int.random(in: 0..<12, using: &dice) == 0 { continue }
        let isShifted = counts == nil && Int.random(in: 0..<20, using: &dice) == 0
        series.append(
          WireSeries(
            key: channel.key, storage(channel.type, at, count),
            alignment: channel.isVirtual
              ? Alignment(0) : Alignment(domain: 4_293_967_295, sample: at + (isShifted ? 1 : 0)),
            multiple: counts == nil && Int.random(in: 0..<40, using: &dice) == 0 ? 2 : 1))
      }
      sample[group] = at + UInt32(count)
    }
    var message = [Wire.framePrefix] + (try core.encode(series))
    if breaks, Int.random(in: 0..<3, using: &dice) == 0 {
      switch Int.random(in: 0..<3, using: &dice) {
      case 0: message.removeLast(Int.random(in: 1..<message.count, using: &dice))
      case 1:
        message[Int.random(in: 1..<message.count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
      default: message += [1, 2, 3]
      }
    }
    return message
  }

  private func storage(_ type: DataType, _ from: UInt32, _ count: Int) -> SampleStorage {
    let values = (0..<count).map { from &+ UInt32($0) }
    switch type {
    case .timestamp: return SampleStorage(values.map { Int64($0) * 1000 + clock }, as: .timestamp)
    case .string: return SampleStorage(type: .string, blobs: values.map { Array("v\($0)".utf8) })
    default:
      let bytes = values.flatMap { value in
        (0..<type.width!).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * ($0 % 4))) }
      }
      return bytes.withUnsafeBytes { SampleStorage(type: type, copying: $0) }
    }
  }

  private func deliver(_ messages: [[UInt8]]) {
    _ = shortSource.feeds[0].sink.ingest { ingest in
      for message in messages {
        message.withUnsafeBytes { bytes in
          if machines[0].ingest(bytes, now: .zero, &ingest, &trackers[0]) {
            taken += 1
            return
          }
          for case .deliver(let wire, let channels) in machines[0].received(bytes, now: .zero) {
            if let frame = channels.frame(wire, &trackers[0]) { ingest.receive(frame) }
          }
        }
      }
    }
    for message in messages {
      message.withUnsafeBytes { bytes in
        for case .deliver(let wire, let channels) in machines[1].received(bytes, now: .zero) {
          if let frame = channels.frame(wire, &trackers[1]) { longSource.feeds[0].sink.receive(frame) }
        }
      }
    }
    #expect(machines[0].state == machines[1].state, "seed \(seed)")
  }

  func compare() throws {
    var frames = [[Frame](), []]
    for place in 0..<2 {
      while case .frame(let frame) = readers[place].take() { frames[place].append(frame) }
    }
    for (taken, made) in zip(frames[0], frames[1]) { expectSame(taken, made) }
    #expect(frames[0].count == frames[1].count, "seed \(seed)")
    expectSame(short.snapshot(), long.snapshot())
    let (a, b) = (short.stats, long.stats)
    #expect(
      a.samples == b.samples && a.frames == b.frames && a.gaps == b.gaps && a.lost == b.lost, "seed \(seed)")
    #expect(a.dropped == b.dropped && a.bufferedSamples == b.bufferedSamples, "seed \(seed)")
  }

  private func expectSame(_ a: Frame, _ b: Frame) {
    let isSame =
      a.dropped == b.dropped
      && a.series.elementsEqual(b.series) { a, b in
        a.channel.name == b.channel.name && a.count == b.count && a.gaps == b.gaps
          && (0..<a.count).allSatisfy { a[$0] == b[$0] && a.time($0) == b.time($0) }
      }
    // Texts of every sample only where something differs, if only that no number equals itself.
    #expect(isSame || Self.text(a) == Self.text(b), "seed \(seed)")
  }

  private static func text(_ frame: Frame) -> String {
    frame.series.map { series in
      let samples = (0..<series.count).map { "\(series[$0])@\(series.time($0).map(String.init) ?? "-")" }
      let gaps = series.gaps.map { "\($0.at):\($0.samples ?? -1):\($0.reason)" }
      return "\(series.channel.name) \(samples) \(gaps)"
    }.joined(separator: "; ") + " \(frame.dropped)"
  }
}
