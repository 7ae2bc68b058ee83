import Telemetry

/// Feeds broken frames and control messages to the decoders, for tests and `scripts/fuzz`. Reproducible from a seed.
package enum SynnaxFuzz {
  package struct Outcome: Sendable {
    package var accepted = 0
    package var refused = 0
  }

  /// Mutates well-formed input `iterations` times and decodes it. A decoder that traps ends the process; one that
  /// throws anything but a `SynnaxError` ends the run with it.
  package static func run(iterations: Int, seed: UInt64) throws -> Outcome {
    var generator = SplitMix(state: seed)
    var outcome = Outcome()
    var corpus = Corpus(&generator)
    let messages = messages
    for round in 0..<iterations {
      if round % 1000 == 999 { corpus = Corpus(&generator) }
      if round % 16 == 15 {
        var bytes = messages.randomElement(using: &generator)!
        mutate(&bytes, &generator)
        if read(bytes) { outcome.accepted += 1 } else { outcome.refused += 1 }
        continue
      }
      var bytes = corpus.frames.randomElement(using: &generator)!
      mutate(&bytes, &generator)
      var codec = corpus.codec
      do throws(SynnaxError) {
        let frame = try codec.decode(bytes)
        if !frame.series.isEmpty { _ = try codec.encode(frame.series) }
        outcome.accepted += 1
      } catch {
        outcome.refused += 1
      }
    }
    return outcome
  }

  /// What a core says on its three kinds of stream.
  private static var messages: [[UInt8]] {
    let path = ErrorPayload.path(["[0]", "name"], "sy.validation", "taken")
    return [
      Wire.encode(Envelope(.open, payload: StreamResponsePayload(), error: ErrorPayload.none), prefix: true),
      Wire.encode(
        Envelope(.data, payload: StreamResponsePayload(isKeepAlive: true), error: path), prefix: true),
      Wire.encode(Envelope(.close, payload: StreamResponsePayload(), error: path), prefix: true),
      Wire.encode(
        Envelope(.data, payload: WriterResponsePayload(.commit, err: .nothing, end: .max, authorized: true)),
        prefix: true),
      Wire.encode(Envelope(.data, payload: IteratorResponsePayload(1, ack: true)), prefix: true),
      Wire.encode(ChannelsPayload([ChannelPayload(key: 1, name: "a", dataType: "int8")]), prefix: true),
    ]
  }

  private static let opening = Wire.encode(
    Envelope(.open, payload: StreamResponsePayload(), error: ErrorPayload.none), prefix: true)

  /// True when it could be read as one of the messages.
  private static func read(_ bytes: [UInt8]) -> Bool {
    let channels = StreamChannels(
      visible: [Channel(name: "a", type: .int8, key: 1)], hidden: [])
    var machine = StreamStateMachine(channels: channels, settings: .init())
    machine.upgraded(now: .zero)
    for message in [Self.opening, bytes] {
      _ = message.withUnsafeBytes { machine.received($0, now: .zero) }
    }
    _ = machine.checked(now: .minute)
    let body = Array(bytes.dropFirst())
    let writer = try? Wire.decode(Envelope<WriterResponsePayload>.self, body)
    let iterator = try? Wire.decode(Envelope<IteratorResponsePayload>.self, body)
    let list = try? Wire.decode(ChannelsPayload.self, body)
    if let error = writer?.error { _ = SynnaxError(error).remedy }
    return writer != nil || iterator != nil || list?.channels != nil
  }

  /// Frames of every type, flag, and number of series, as an encoder makes them.
  private struct Corpus {
    var codec: FrameCodec
    var frames: [[UInt8]] = []

    init(_ generator: inout SplitMix) {
      let entries = (1...UInt32.random(in: 1...6, using: &generator)).map {
        FrameCodec.Entry(key: $0 * 3, type: DataType.allCases.randomElement(using: &generator)!)
      }
      codec = FrameCodec(entries)
      for _ in 0..<16 {
        let common = Int.random(in: 0...9, using: &generator)
        let series = entries.filter { _ in Bool.random(using: &generator) || entries.count == 1 }.map {
          SynnaxFuzz.series($0, common, &generator)
        }
        if let bytes = try? codec.encode(series) { frames.append(bytes) }
      }
      if frames.isEmpty { frames = [[0x36, 1, 0, 0, 0]] }
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
      switch generator.next() & 7 {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.remove(at: at)
      case 4: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
      case 5: bytes[at] = 0xFF
      case 6: bytes += bytes[at...]
      default: bytes.swapAt(at, Int.random(in: 0..<bytes.count, using: &generator))
      }
    }
  }
}

/// A small generator with a seed (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
