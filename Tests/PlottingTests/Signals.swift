import Locks
import Plotting
import Telemetry

/// Series and streams made of formulas.
enum Signal {
  static let start: Int64 = 1_750_000_000_000_000_000

  static func channel(
    _ name: String, _ type: DataType = .float32, unit: String? = nil, rate: Double = 1000,
    clock: ClockDomain = .unix
  ) -> Channel {
    Channel(name: name, type: type, clock: clock, unit: unit, rate: rate)
  }

  /// Samples in even steps of `1 / rate` seconds from `start` on.
  static func series(
    _ channel: Channel, from first: Int = 0, count: Int, gaps: [Gap] = [], _ value: (Int) -> Double
  ) -> Series {
    let values = (first..<first + count).map(value)
    let storage: SampleStorage
    switch channel.type {
    case .int32: storage = SampleStorage(values.map { Int32($0) })
    case .float64: storage = SampleStorage(values)
    default: storage = SampleStorage(values.map { Float($0) })
    }
    let step: Int64
    let begin: Int64
    if case .unix = channel.clock {
      step = Int64(1e9 / (channel.rate ?? 1000))
      begin = start
    } else {
      step = 1
      begin = 0
    }
    return Series(
      channel, storage, timing: .steady(start: begin + Int64(first) * step, step: Step(units: step)),
      gaps: gaps)
  }
}

/// A source whose samples a test sends by hand.
final class HandSource: Source, Feed {
  let name: String
  let channels: [Channel]
  private let sink = Guarded<(any StreamSink)?>(nil)

  init(_ channels: [Channel], name: String = "hand") {
    self.channels = channels
    self.name = name
  }

  var state: String { "open" }
  func channels() async throws -> [Channel] { channels }
  func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    self.sink.withLock { $0 = sink }
    return self
  }
  func close() async {}
  func stop() async throws {}
  func update(_ names: [String]) async throws -> [Channel] {
    names.compactMap { name in channels.first { $0.name == name } }
  }

  func send(_ series: Series...) { sink.withLock { $0 }?.receive(Frame(series)) }
  func send(_ series: [Series]) { sink.withLock { $0 }?.receive(Frame(series)) }
  func tell(_ event: StreamEvent) { sink.withLock { $0 }?.handle(event) }
}

struct HandStream {
  let source: HandSource
  let streamer: Streamer

  init(_ channels: [Channel], capacity: BufferCapacity = .samples(1_000_000), name: String = "hand")
    async throws
  {
    source = HandSource(channels, name: name)
    streamer = try Streamer(source: source, channels: channels, capacity: capacity)
    try await streamer.start(StreamRequest())
  }
}
