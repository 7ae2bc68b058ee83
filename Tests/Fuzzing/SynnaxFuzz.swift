import Signals
import Synnax
import Randomness
import Telemetry

/// Feeds broken frames and control messages to everything that reads them: codec, stream, times and gaps, answers to
/// calls. For tests and `scripts/fuzz`; reproducible from a seed.
package enum SynnaxFuzz {
  package struct Outcome: Sendable {
    package var accepted = 0
    package var refused = 0
    /// Most bytes of samples in memory for one byte received. A boolean is a bit on the wire, so 8 is right.
    package var expansion = 0

    /// What a run of random rejections would look like: nothing got through, or everything did.
    package var isBlind: Bool { accepted == 0 || refused == 0 }
  }

  /// Decodes `iterations` messages that were changed at random, or are random. A decoder that traps ends the process;
  /// one that throws anything but a `SynnaxError` ends the run with it.
  package static func run(iterations: Int, seed: UInt64) throws -> Outcome {
    var generator = SplitMix(seed: seed)
    var outcome = Outcome()
    var corpus = Corpus(&generator)
    let messages = messages
    for round in 0..<iterations {
      if round % 1000 == 999 { corpus = Corpus(&generator) }
      let isMessage = round % 16 == 15
      var bytes = (isMessage ? messages : corpus.frames).randomElement(using: &generator)!
      if generator.next() & 15 == 0 {
        bytes = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
          UInt8(truncatingIfNeeded: generator.next())
        }
      } else {
        mutate(&bytes, &generator)
      }
      let isAccepted =
        isMessage ? read(message: bytes) : read(frame: bytes, corpus, &outcome.expansion)
      if isAccepted { outcome.accepted += 1 } else { outcome.refused += 1 }
    }
    return outcome
  }

  // MARK: - Frames

  /// On a stream that has changed its channels, as a reader would get it; and back onto the wire.
  private static func read(frame bytes: [UInt8], _ corpus: Corpus, _ expansion: inout Int) -> Bool {
    var machine = corpus.machine
    var tracker = corpus.tracker
    var isAccepted = false
    for _ in 0..<2 {
      for action in ([Wire.framePrefix] + bytes).withUnsafeBytes({ machine.received($0, now: .second) }) {
        guard case .deliver(let wire, let channels) = action else { continue }
        isAccepted = true
        let held = wire.series.reduce(0) { $0 + $1.storage.used * ($1.storage.type.width ?? 1) }
        expansion = max(expansion, held / max(1, bytes.count))
        if let frame = channels.frame(wire, &tracker) { look(at: frame) }
        let codec = FrameCodec(channels.entries)
        var again = FrameCodec(channels.entries)
        if let sent = try? codec.encode(wire.series) { _ = try? again.decode(sent) }
      }
    }
    _ = machine.checked(now: .minute)
    return isAccepted
  }

  /// What every reader looks at: times, gaps, ends.
  private static func look(at frame: Frame) {
    for series in frame.series {
      _ = (series.time(0), series.time(series.count - 1), series.gaps.count, series.dropped)
      if series.count > 0 {
        _ = (series[0], series[series.count - 1], series[series.count / 2..<series.count].count)
      }
      _ = series.measuredRate
    }
    _ = (frame.bounds, frame.startTime)
  }

  // MARK: - Control messages

  /// What a core says on its three kinds of stream and in answers, and what it is asked.
  private static var messages: [[UInt8]] {
    let path = ErrorPayload.path(["[0]", "name"], "sy.validation", "taken")
    let deep = ErrorPayload.path(["a"], path.type, path.data)
    var config = WriterConfigPayload(keys: [1, 2], authorities: [255])
    (config.start, config.mode) = (Wide(.max), 1)
    var iterator = IteratorRequestPayload(.open)
    (iterator.bounds, iterator.keys, iterator.chunkSize) = (BoundsPayload(.all), [1], Int64(5))
    iterator.reduction = try? Wire.decode(
      ReductionPayload.self, Array(#"{"variant":"stride","factor":2}"#.utf8))
    let stream = StreamRequestPayload(
      keys: [1, 2], downsampleFactor: 2, throttleRate: 0.5, excludeGroups: [7], keepAlive: 5_000_000_000)
    return [
      opening,
      Wire.encode(
        Envelope(.data, payload: StreamResponsePayload(isKeepAlive: true), error: path), prefix: true),
      Wire.encode(Envelope(.close, payload: StreamResponsePayload(), error: deep), prefix: true),
      Wire.encode(
        Envelope(.data, payload: WriterResponsePayload(.commit, err: .nothing, end: .max, authorized: true)),
        prefix: true),
      Wire.encode(Envelope(.data, payload: IteratorResponsePayload(1, ack: true)), prefix: true),
      Wire.encode(ChannelsPayload([ChannelPayload(key: 1, name: "a", dataType: "int8")]), prefix: true),
      Wire.encode(Envelope(.data, payload: stream), prefix: true),
      Wire.encode(Envelope(.data, payload: WriterRequestPayload(.open, config: config)), prefix: true),
      Wire.encode(Envelope(.data, payload: iterator), prefix: true),
      Wire.encode(LoginAnswerPayload(token: "t", user: UserPayload(key: "k", username: "u")), prefix: true),
      Wire.encode(ReadRequestPayload(keys: [1], bounds: .all), prefix: true),
      Wire.encode(deep, prefix: true),
    ]
  }

  private static let opening = Wire.encode(
    Envelope(.open, payload: StreamResponsePayload(), error: ErrorPayload.none), prefix: true)
  private static let acknowledgement = Wire.encode(
    Envelope(.data, payload: StreamResponsePayload(), error: ErrorPayload.none), prefix: true)

  /// True when it could be read as one of the messages.
  private static func read(message bytes: [UInt8]) -> Bool {
    let channels = StreamChannels(visible: [Channel(name: "a", type: .int8, key: 1)], hidden: [])
    var machine = StreamStateMachine(channels: channels, settings: .init())
    machine.upgraded(now: .zero)
    for message in [bytes, opening, bytes, acknowledgement, bytes] {
      _ = message.withUnsafeBytes { machine.received($0, now: .zero) }
    }
    _ = machine.update(channels)
    _ = machine.checked(now: .minute)
    _ = machine.close(now: .minute)
    let body = Array(bytes.dropFirst())
    func reads(_ type: (some Codable & Sendable).Type) -> Bool { (try? Wire.decode(type, body)) != nil }
    let writer = try? Wire.decode(Envelope<WriterResponsePayload>.self, body)
    for error in [writer?.error, writer?.payload?.err, try? Wire.decode(ErrorPayload.self, body)] {
      if let error { _ = SynnaxError(error).remedy }
    }
    if let list = try? Wire.decode(ChannelsPayload.self, body).channels { _ = list.map(\.channel) }
    return writer != nil || reads(Envelope<IteratorResponsePayload>.self)
      || reads(Envelope<StreamRequestPayload>.self) || reads(Envelope<WriterRequestPayload>.self)
      || reads(Envelope<IteratorRequestPayload>.self) || reads(LoginAnswerPayload.self)
      || reads(ClusterPayload.self) || reads(ReadRequestPayload.self) || reads(ChannelQueryPayload.self)
  }

  // MARK: - Good frames

  /// Frames of every type, flag, and number of series, as an encoder makes them, for a stream that had another set of
  /// channels before.
  private struct Corpus {
    var machine: StreamStateMachine
    var tracker = AlignmentTracker(isOn: true)
    var frames: [[UInt8]] = []

    init(_ generator: inout SplitMix) {
      let index = Channel(name: "time", type: .timestamp, key: 1, index: 1, isIndex: true)
      let data = (1...UInt32.random(in: 1...6, using: &generator)).map {
        Channel(
          name: "c\($0)", type: DataType.allCases.randomElement(using: &generator)!, key: $0 * 3, index: 1)
      }
      let isHidden = Bool.random(using: &generator)
      let channels = StreamChannels(visible: isHidden ? data : data + [index], hidden: [index])
      machine = StreamStateMachine(
        channels: StreamChannels(visible: [index], hidden: []), settings: .init())
      machine.upgraded(now: .zero)
      for message in [SynnaxFuzz.opening, SynnaxFuzz.acknowledgement] {
        _ = message.withUnsafeBytes { machine.received($0, now: .zero) }
      }
      _ = machine.update(channels)
      var codec = FrameCodec([FrameCodec.Entry(key: index.key, type: index.type)])
      codec.addState(channels.entries)
      codec.keepNewest()
      for _ in 0..<16 {
        let common = Int.random(in: 0...9, using: &generator)
        let series = channels.entries.filter { _ in Bool.random(using: &generator) }.map {
          SynnaxFuzz.series($0, common, &generator)
        }
        if let bytes = try? codec.encode(series) { frames.append(bytes) }
      }
      if frames.isEmpty { frames = [[0x36, 2, 0, 0, 0]] }
    }
  }

  private static func series(
    _ entry: FrameCodec.Entry, _ common: Int, _ generator: inout SplitMix
  ) -> WireSeries {
    let count = Bool.random(using: &generator) ? common : Int.random(in: 0...9, using: &generator)
    let storage = SampleStorage(type: entry.type, capacity: count)
    if let width = entry.type.width {
      let bytes = (0..<count * width).map { _ in UInt8.random(in: 0...1, using: &generator) }
      bytes.withUnsafeBytes { storage.append(packed: $0) }
    } else {
      for length in 0..<count { storage.append(blob: Array(repeating: 0x31, count: length)) }
    }
    var series = WireSeries(key: entry.key, storage)
    if Bool.random(using: &generator) { series.timeRange = TimeRange(start: -1, end: 1) }
    if Bool.random(using: &generator) { series.alignment = Alignment(domain: 1, sample: .max) }
    if Bool.random(using: &generator) { series.multiple = 3 }
    return series
  }

  private static func mutate(_ bytes: inout [UInt8], _ generator: inout SplitMix) {
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      guard !bytes.isEmpty else { return }
      let at = Int.random(in: 0..<bytes.count, using: &generator)
      switch generator.next() % 10 {
      // A run of one byte: of brackets it is deep nesting, of 0xFF huge lengths.
      case 8:
        let byte = [0x5B, 0x7B, 0xFF, 0].randomElement(using: &generator)! as UInt8
        bytes.insert(
          contentsOf: repeatElement(byte, count: Int.random(in: 1...600, using: &generator)), at: at)
      case 9:
        for place in at..<min(at + 4, bytes.count) {
          bytes[place] = UInt8.random(in: 0...255, using: &generator)
        }
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.remove(at: at)
      case 4: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
      case 5: bytes[at] = 0xFF
      case 6 where bytes.count < 65_536: bytes += bytes[at...]
      default: bytes.swapAt(at, Int.random(in: 0..<bytes.count, using: &generator))
      }
    }
  }
}
