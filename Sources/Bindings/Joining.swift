import Locks
import Bela
import Dispatch
import Lua
import Synchronization
import Synnax
import Telemetry

/// Hands on what a reader gets as it comes, on a queue, until its stream ends or it is stopped.
final class StreamPump: Sendable {
  private let reader: StreamReader
  private let queue: DispatchQueue
  private let isStopped = Atomic(false)
  private let deliver: @Sendable (Frame) -> Void
  private let end: @Sendable (_ lost: String?) -> Void

  init(
    _ reader: StreamReader, on queue: DispatchQueue, deliver: @escaping @Sendable (Frame) -> Void,
    end: @escaping @Sendable (_ lost: String?) -> Void
  ) {
    self.reader = reader
    self.queue = queue
    self.deliver = deliver
    self.end = end
  }

  func start() { queue.async { self.drain() } }

  /// Nothing is handed on afterwards, but for a frame that is under way.
  func stop() {
    isStopped.store(true, ordering: .releasing)
    reader.disarm()
  }

  private func drain() {
    while !isStopped.load(ordering: .acquiring) {
      switch reader.take() {
      case .frame(let frame): deliver(frame)
      case .ended: return end(nil)
      case .lost(let why): return end(why)
      case .pending:
        if reader.arm({ [weak self] in self?.start() }) != .ready { return }
      }
    }
  }
}

/// Two streams as one, their times on one clock. Works on a queue of its own: a busy script holds nothing up.
final class Joining: Sendable {
  /// One of the streams: what its channels are called, and how its times become nanoseconds since the epoch.
  struct Part: Sendable {
    let streamer: Streamer
    var names: [String: String] = [:]
    /// Nil where its times stay as they are.
    var clock: ClockReference?

    var channels: [Channel] {
      streamer.channels.map { channel in
        var own = channel
        own.name = names[channel.name] ?? channel.name
        if clock != nil { own.clock = .unix }
        return own
      }
    }

    func converted(_ frame: Frame) -> Frame {
      Frame(
        frame.series.map { series in
          let timed = clock.map { series.onWallClock(rate: $0.rate, $0.nanoseconds) } ?? series
          var channel = timed.channel
          channel.name = names[channel.name] ?? channel.name
          return timed.renamed(channel)
        }, dropped: frame.dropped)
    }
  }

  private let parts: [Part]
  private let queue = DispatchQueue(label: "moontide.join")
  private let pumps = Guarded<[StreamPump]>([])

  /// Channels of the second that are called as one of the first get `_2` behind their name.
  init(_ first: Part, _ second: Part) {
    var second = second
    let taken = Set(first.channels.map(\.name))
    for name in second.streamer.channels.map(\.name) where taken.contains(name) {
      second.names[name] = name + "_2"
    }
    parts = [first, second]
  }

  var channels: [Channel] { parts.flatMap(\.channels) }

  /// From now on, until both streams have ended.
  func begin(_ relay: RelaySource) {
    let whole = Counter(parts.count)
    let new = parts.compactMap { part in
      (try? part.streamer.makeReader()).map { reader in
        StreamPump(reader, on: queue) { [weak relay] frame in
          relay?.send(part.converted(frame))
        } end: { [weak relay] lost in
          if let lost {
            relay?.tell(.lost(lost))
          } else if whole.countDown() {
            relay?.tell(.finished)
          }
        }
      }
    }
    let old = pumps.withLock { pumps in
      defer { pumps = new }
      return pumps
    }
    for pump in old { pump.stop() }
    for pump in new { pump.start() }
  }

  func end() {
    let old = pumps.withLock { pumps in
      defer { pumps = [] }
      return pumps
    }
    for pump in old { pump.stop() }
  }

  private final class Counter: Sendable {
    private let left: Atomic<Int>
    init(_ count: Int) { left = Atomic(count) }
    /// True at zero.
    func countDown() -> Bool { left.subtract(1, ordering: .relaxed).newValue == 0 }
  }
}

/// How the time of a source relates to the wall clock of this machine, as far as one can find out.
struct ClockEstimate: Sendable {
  var reference: ClockReference?
  /// What is assumed, for a person to read.
  var text: String

  private static let rounds = 5

  static func measure(_ source: any Source, _ clock: any TelemetryClock) async throws -> ClockEstimate {
    if let core = source as? SynnaxSource {
      let skew = try await core.client.checkConnectivity().skew
      let side = skew < .zero ? "behind" : "ahead of"
      return ClockEstimate(
        text:
          "times of \(source.name) stay as they are; its clock is \(skew < .zero ? .zero - skew : skew) \(side) this machine's"
      )
    }
    guard let board = source as? BelaSource else {
      return ClockEstimate(text: "times of \(source.name) stay as they are")
    }
    guard let rate = board.sampleRate, rate > 0 else {
      throw LuaError("no_time", "\(source.name) does not say how many ticks a second has")
    }
    // Half way between asking and the answer; the quickest answer of several says it best.
    var best: (tick: Int64, at: TimeStamp, width: TimeSpan)?
    for _ in 0..<rounds {
      let before = clock.now
      let tick = try await board.now()
      let width = clock.now - before
      if width < best?.width ?? TimeSpan(nanoseconds: .max) {
        best = (tick, before + TimeSpan(nanoseconds: width.nanoseconds / 2), width)
      }
    }
    guard let best else { throw LuaError("no_time", "\(source.name) does not say its time") }
    let reference = ClockReference(tick: best.tick, at: best.at, rate: rate)
    let zero = TimeStamp(nanoseconds: reference.nanoseconds(0))
    let half = TimeSpan(nanoseconds: max(1000, best.width.nanoseconds / 2 / 1000 * 1000))
    return ClockEstimate(
      reference: reference, text: "tick 0 of \(source.name) is \(zero.iso8601), ± \(half)")
  }
}
