import Bela
import Synnax
import Synchronization
import Telemetry
import Transport

/// What one connection brings: a burst of messages again and again, each time with later stamps.
protocol ReplayLine: AnyObject, Sendable {
  var channels: [Channel] { get }
  var framesInBurst: Int { get }
  /// Messages that did not take the short way.
  var stray: Int { get }
  func open(_ sink: any StreamSink)
  /// Called once the stream runs, before the first burst.
  func prepare() throws
  func feed()
}

/// A source with one line, which is always there.
final class ReplaySource: Source {
  private let line: any ReplayLine

  init(_ line: any ReplayLine) { self.line = line }

  var name: String { "replay" }
  var state: String { "open" }
  func channels() async throws -> [Channel] { line.channels }
  func close() async {}

  func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    line.open(sink)
    return ReplayFeed(channels: line.channels)
  }
}

private final class ReplayFeed: Feed {
  let channels: [Channel]
  init(channels: [Channel]) { self.channels = channels }
  func stop() async throws {}
  func update(_ names: [String]) async throws -> [Channel] { channels }
}

/// Time that passes because somebody asks.
final class ReplayClock: TelemetryClock {
  private let asked = Atomic<Int64>(0)
  private var next: Int64 { asked.wrappingAdd(1000, ordering: .relaxed).newValue }
  var monotonic: TimeSpan { TimeSpan(nanoseconds: next) }
  var now: TimeStamp { TimeStamp(nanoseconds: 1_700_000_000_000_000_000 + next) }
}

/// Messages as a WebSocket server sends them, and where in them are numbers that grow.
struct ReplayBytes {
  private(set) var bytes: [UInt8] = []
  private var stamps: [(at: Int, step: Int64)] = []

  var count: Int { bytes.count }

  mutating func add(_ message: [UInt8], stampAt: Int? = nil, step: Int64 = 0) {
    let size = WebSocketFrameWriter.headerBytes(payload: message.count, isMasked: false) + message.count
    var frame = [UInt8](repeating: 0, count: size)
    frame.withUnsafeMutableBytes { target in
      message.withUnsafeBytes {
        WebSocketFrameWriter.write(opcode: 2, payload: $0, mask: nil, into: target)
      }
    }
    if let stampAt { stamps.append((bytes.count + size - message.count + stampAt, step)) }
    bytes += frame
  }

  /// To the next burst.
  mutating func advance() {
    bytes.withUnsafeMutableBytes { bytes in
      for stamp in stamps {
        let old = bytes.loadUnaligned(fromByteOffset: stamp.at, as: Int64.self)
        bytes.storeBytes(of: old &+ stamp.step, toByteOffset: stamp.at, as: Int64.self)
      }
    }
  }
}

/// A core's frames: one index and its channels, or two whose frames take turns.
// Safety: of one thread; the task that starts the stream has ended before it goes on.
final class SynnaxReplay: ReplayLine, @unchecked Sendable {
  let channels: [Channel]
  let framesInBurst: Int
  private(set) var stray = 0
  private var bytes = ReplayBytes()
  private var parser = WebSocketFrameParser(role: .client, messageBytes: 1 << 28)
  private var machine: StreamStateMachine
  private var tracker = AlignmentTracker(isOn: true)
  private var sink: (any StreamSink)?

  init(channels count: Int, samples: Int, turns: Bool) throws {
    let groups = turns ? 2 : 1
    var channels: [Channel] = []
    for place in 0..<max(groups, count) {
      let group = place * groups / max(groups, count)
      let index = UInt32(group * 1_000_000 + 1)
      let isIndex = channels.last?.index != index
      let key = isIndex ? index : UInt32(group * 1_000_000 + 1 + place)
      channels.append(
        Channel(
          name: isIndex ? "time\(group)" : "c\(place)", type: isIndex ? .timestamp : .float64, key: key,
          index: index, isIndex: isIndex))
    }
    self.channels = channels
    let set = StreamChannels(visible: channels, hidden: [])
    machine = StreamStateMachine(channels: set, settings: .init())
    var core = FrameCodec()
    core.addState(set.entries)
    let storage = (
      SampleStorage((0..<samples).map { Double($0) + 0.5 }),
      SampleStorage((0..<samples).map { Int64($0) }, as: .timestamp)
    )
    func message(_ number: Int) throws -> [UInt8] {
      let wanted = channels.filter { !turns || ($0.index! > 1) == (number % 2 == 1) }
      let place = Alignment(UInt64(1) << 32 | UInt64(number / groups * samples))
      let series = wanted.map {
        WireSeries(key: $0.key, $0.isIndex ? storage.1 : storage.0, alignment: place)
      }
      return [Wire.framePrefix] + (try core.encode(series))
    }
    let size = try message(0).count
    framesInBurst = max(groups, min(1 << 16, (1 << 16) / size) / groups * groups)
    // Behind prefix, flags, sequence and the length that all have.
    for number in 0..<framesInBurst {
      bytes.add(try message(number), stampAt: 10, step: Int64(framesInBurst / groups * samples))
    }
  }

  func open(_ sink: any StreamSink) {
    self.sink = sink
    machine.upgraded(now: .zero)
    for kind in [Envelope<StreamResponsePayload>.Kind.open, .data] {
      let bytes = Wire.encode(
        Envelope(kind, payload: StreamResponsePayload(isKeepAlive: false), error: ErrorPayload.none),
        prefix: true)
      _ = bytes.withUnsafeBytes { machine.received($0, now: .zero) }
    }
  }

  func prepare() {}

  func feed() {
    _ = sink?.ingest { ingest in
      bytes.bytes.withUnsafeBytes { read in
        try? parser.feed(read) { event in
          guard case .binary(let message) = event,
            machine.ingest(message, now: .zero, &ingest, &tracker)
          else { return stray += 1 }
        }
      }
    }
    bytes.advance()
  }
}

/// A board's blocks of 512 doubles, of each variable in turn.
// Safety: as above.
final class BelaReplay: ReplayLine, @unchecked Sendable {
  static let samplesInBlock = 512
  let channels: [Channel]
  let framesInBurst: Int
  let stray = 0
  private var bytes = ReplayBytes()
  private var parser = WebSocketFrameParser(role: .client, messageBytes: 1 << 28)
  private var core = BelaCore(name: "replay")
  private var sink: (any StreamSink)?
  private let list: BelaList
  private var tick: Int64 = 0

  init(channels count: Int) throws {
    let entries = (0..<count).map {
      #"{"name":"v\#($0)","type":"d","timestampMode":0,"watched":false,"monitor":0}"#
    }
    let text =
      #"{"watcher":{"sampleRate":44100,"timestamp":0,"watchers":[\#(entries.joined(separator: ","))]}}"#
    guard case .list(let list) = BelaReply(text.utf8) else { preconditionFailure(text) }
    self.list = list
    channels = list.variables.map { $0.channel(rate: list.sampleRate) }
    framesInBurst = max(1, 16 / count)
    var values: [UInt8] = []
    for sample in 0..<Self.samplesInBlock {
      withUnsafeBytes(of: Double(sample) + 0.5) { values += $0 }
    }
    for frame in 0..<framesInBurst {
      for variable in 0..<count {
        bytes.add(BelaDecoder.header(id: variable, type: .float64))
        let stamp = withUnsafeBytes(of: Int64(1024 + frame * Self.samplesInBlock)) { Array($0) }
        bytes.add(stamp + values, stampAt: 0, step: Int64(framesInBurst * Self.samplesInBlock))
      }
    }
  }

  func open(_ sink: any StreamSink) {
    self.sink = sink
    core.take(list, now: .zero)
  }

  func prepare() throws {
    guard let sink else { return }
    let (feed, _, _) = try core.begin(
      StreamRequest(), BelaStreamOptions(), list.variables, asked: 0, list, ahead: 0.001, sink)
    core.release(feed, list)
  }

  func feed() {
    guard let (feed, sink) = core.feedForBurst else { return read() }
    let isTaken = sink.ingest { ingest in
      withUnsafeMutablePointer(to: &ingest) { ingest in
        core.beginBurst(feed, ingest)
        read()
        core.endBurst()
      }
    }
    if !isTaken { read() }
    deliver()
    bytes.advance()
  }

  private func read() {
    tick += Int64(framesInBurst * Self.samplesInBlock)
    let now = TimeSpan(nanoseconds: tick * 1_000_000_000 / 44_100)
    bytes.bytes.withUnsafeBytes { read in
      try? parser.feed(read) { event in
        if case .binary(let message) = event { core.receive(message, now: now) }
      }
    }
  }

  private func deliver() {
    core.flushAll()
    var continuing = false
    while let batch = core.takeDeliveries(continuing: continuing) {
      continuing = true
      for delivery in batch {
        switch delivery {
        case .frame(let sink, let frame): sink.receive(frame)
        case .event(let sink, let event): sink.handle(event)
        case .stopped: break
        }
      }
    }
  }
}
