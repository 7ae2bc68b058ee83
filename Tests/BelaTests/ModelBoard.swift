import Bela
import Telemetry
import TestSupport

/// A board as section 7 of the protocol has it, in ticks: one program that watches counters, whose values are the ticks.
/// It keeps half-filled blocks, and hears commands at the beginning of its audio blocks.
struct ModelBoard {
  struct Variable {
    let name: String
    let mode: Channel.Mode
    /// Ticks between assignments.
    let interval: Int64
    var state = State.none
    var event: Int64?
    var end: Int64?
    var stamp: Int64 = 0
    var values: [UInt32] = []
    var relative: [UInt32] = []

    enum State { case none, starting, on, stopping, last }

    var isWatched: Bool { state == .on || state == .stopping || state == .last }
    var layout: BlockLayout { BlockLayout(.uint32, mode) }
  }

  enum Command {
    case watch(String, at: Int64, ticks: Int64)
    case unwatch(String, at: Int64)
  }

  var now: Int64
  var isActive = true
  var variables: [Variable]
  private var queued: [Command] = []

  init(_ variables: [(name: String, mode: Channel.Mode, interval: Int64)], now: Int64 = 10_000) {
    self.now = now
    self.variables = variables.map { Variable(name: $0.name, mode: $0.mode, interval: $0.interval) }
  }

  mutating func hear(_ commands: [BelaCommand]) {
    for command in commands {
      switch command {
      case .watch(let items): queued += items.map { .watch($0.name, at: $0.at, ticks: $0.ticks) }
      case .unwatch(let items): queued += items.map { .unwatch($0.name, at: $0.at) }
      default: break
      }
    }
  }

  mutating func hear(_ command: Command) { queued.append(command) }

  /// The last tick that has happened.
  var channels: [Channel] { list.variables.map { $0.channel(rate: list.sampleRate) } }

  var list: BelaList {
    let entries = variables.map {
      #"{"name":"\#($0.name)","type":"j","timestampMode":\#($0.mode == .sparse ? 1 : 0),"watched":\#($0.isWatched),"monitor":0}"#
    }
    let text =
      #"{"watcher":{"sampleRate":44100,"timestamp":\#(max(0, now - 1)),"watchers":[\#(entries.joined(separator: ","))]}}"#
    guard case .list(let list) = BelaReply(text.utf8) else { preconditionFailure(text) }
    return list
  }

  /// One audio block of 16 ticks; answers the messages of the data socket, header and payload in turn.
  mutating func advance() -> [[UInt8]] {
    for command in queued {
      switch command {
      case .watch(let name, let at, let ticks):
        guard let index = variables.firstIndex(where: { $0.name == name }) else { continue }
        let start = max(at, now)
        variables[index].state = .starting
        variables[index].event = start
        variables[index].end = ticks > 0 ? start + ticks : nil
      case .unwatch(let name, let at):
        guard let index = variables.firstIndex(where: { $0.name == name }), variables[index].state != .none
        else { continue }
        variables[index].state = .stopping
        variables[index].event = at
      }
    }
    queued = []
    var messages: [[UInt8]] = []
    for tick in now..<now + 16 {
      for index in variables.indices where tick % variables[index].interval == 0 {
        guard let block = variables[index].assign(tick, isActive: isActive) else { continue }
        messages += [BelaDecoder.header(id: index, type: .uint32), block]
      }
    }
    now += 16
    return messages
  }
}

extension ModelBoard.Variable {
  /// The value of a tick is the tick; a block when it is full or flushed.
  mutating func assign(_ tick: Int64, isActive: Bool) -> [UInt8]? {
    var becameLast = false
    if let due = event, due <= tick {
      event = nil
      if state == .starting {
        state = .on
        (values, relative) = ([], [])
        if let end { (state, event, self.end) = (.stopping, end, nil) }
      } else if state == .stopping {
        state = .last
        becameLast = true
      }
    }
    guard isWatched, isActive else { return nil }
    if values.isEmpty { stamp = tick }
    values.append(UInt32(truncatingIfNeeded: tick))
    relative.append(UInt32(truncatingIfNeeded: tick - stamp))
    guard values.count == layout.count || becameLast else { return nil }
    var bytes: [UInt8] = []
    withUnsafeBytes(of: stamp.littleEndian) { bytes += $0 }
    let padding = [UInt32](repeating: 0, count: layout.count - values.count)
    for value in values + padding { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    if mode == .sparse {
      for value in relative + padding { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    }
    bytes += [UInt8](repeating: 0, count: BlockLayout.blockBytes - bytes.count)
    if state == .last { state = .none }
    (values, relative) = ([], [])
    return bytes
  }
}

/// Keeps what comes, and knows what should have.
final class Account: StreamSink {
  /// A stream whose columns are lent; what came there is kept as what comes in frames.
  private let lent: (streamer: Streamer, sink: any StreamSink, reader: StreamReader)?
  // Safety: these tests have one thread.
  nonisolated(unsafe) private(set) var lentFrames = 0

  init(lent: (streamer: Streamer, sink: any StreamSink, reader: StreamReader)? = nil) { self.lent = lent }

  static func lending(_ channels: [Channel]) async throws -> Account {
    let source = ScriptedSource(channels)
    let streamer = try Streamer(source: source, channels: channels)
    try await streamer.start(StreamRequest())
    return Account(lent: (streamer, source.feeds[0].sink, try streamer.makeReader()))
  }

  func ingest(_ body: (inout Ingest) -> Void) -> Bool {
    guard let lent else { return false }
    let isTaken = lent.sink.ingest(body)
    while case .frame(let frame) = lent.reader.take() {
      lentFrames += 1
      receive(frame)
    }
    return isTaken
  }

  // Safety: these tests have one thread.
  nonisolated(unsafe) var series: [String: [Series]] = [:]
  // Safety: as above.
  nonisolated(unsafe) var gaps: [String: [(gap: Gap, count: Int)]] = [:]
  // Safety: as above.
  nonisolated(unsafe) var events: [StreamEvent] = []

  func receive(_ frame: Frame) {
    for one in frame.series {
      let before = count(one.channel.name)
      for gap in one.gaps {
        gaps[one.channel.name, default: []].append((gap, before + Int(gap.at - one.first)))
      }
      series[one.channel.name, default: []].append(one)
    }
  }

  func handle(_ event: StreamEvent) {
    events.append(event)
    guard case .gap(let reason, let samples, let names) = event else { return }
    for name in names {
      gaps[name, default: []].append((Gap(at: 0, samples: samples, reason: reason), count(name)))
    }
  }

  func count(_ name: String) -> Int { series[name]?.reduce(0) { $0 + $1.count } ?? 0 }

  func samples(_ name: String) -> [(tick: Int64, value: Sample)] {
    (series[name] ?? []).flatMap { one in (0..<one.count).map { (one.time($0) ?? -1, one[$0]) } }
  }

  /// Missing samples, as far as somebody counted; nil where one gap has no number.
  func missing(_ name: String) -> Int64? {
    (gaps[name] ?? []).reduce(Int64?(0)) { sum, one in sum.flatMap { a in one.gap.samples.map { a + $0 } } }
  }

  /// What is wrong with it: values at wrong ticks, steps without a gap or with a wrong number.
  func faults(_ name: String, step: Int64) -> [String] {
    let samples = samples(name)
    var found: [String] = []
    for (position, sample) in samples.enumerated() {
      if sample.value != .integer(Int64(UInt32(truncatingIfNeeded: sample.tick))) {
        found.append("\(name)[\(position)] at \(sample.tick) is \(sample.value)")
      }
      guard position > 0 else { continue }
      let distance = sample.tick - samples[position - 1].tick
      let told = (gaps[name] ?? []).filter { $0.count == position }
      if distance != step, told.isEmpty {
        found.append("\(name)[\(position)] is \(distance) behind, unmarked")
      }
      if !told.isEmpty, !told.contains(where: { $0.gap.reason == .restart }),
        told.reduce(0, { $0 + ($1.gap.samples ?? 0) }) != distance / step - 1
      {
        found.append("\(name)[\(position)] is \(distance) behind, told \(told.map(\.gap))")
      }
    }
    return Array(found.prefix(5))
  }
}
