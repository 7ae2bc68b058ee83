import Locks
import Telemetry

/// A source whose frames this program makes itself, of other streams: computed channels, joined streams. One stream
/// at a time.
final class RelaySource: Source {
  private struct State {
    var channels: [Channel]
    var feed: RelayFeed?
    var isClosed = false
  }

  let name: String
  private let origin: (any Source)?
  private let inner: Guarded<State>
  /// Called when a stream of it begins, and when somebody ends one; any thread.
  private let began: @Sendable (RelaySource) -> Void
  private let stopped: @Sendable () -> Void

  /// - Parameter origin: the source whose clock its samples are on; nil when they have one of their own.
  init(
    name: String, channels: [Channel], origin: (any Source)? = nil,
    began: @escaping @Sendable (RelaySource) -> Void = { _ in },
    stopped: @escaping @Sendable () -> Void
  ) {
    self.name = name
    self.origin = origin
    self.began = began
    self.stopped = stopped
    inner = Guarded(State(channels: channels))
  }

  var timekeeper: any Source { origin?.timekeeper ?? self }

  var state: String { inner.withLock { $0.isClosed ? "closed" : "open" } }

  func channels() async throws -> [Channel] { inner.withLock { $0.channels } }

  func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    try request.refuseOptions(of: self)
    let feed = try inner.withLock { inner throws(TelemetryError) in
      guard !inner.isClosed else { throw TelemetryError("closed", "\(name) is closed") }
      let wanted = try Self.channels(request.channels, of: inner.channels)
      let feed = RelayFeed(self, sink, wanted)
      inner.feed = feed
      return feed
    }
    began(self)
    return feed
  }

  fileprivate func update(_ names: [String]) throws(TelemetryError) -> [Channel] {
    try inner.withLock { inner throws(TelemetryError) in try Self.channels(names, of: inner.channels) }
  }

  private static func channels(_ names: [String], of known: [Channel]) throws(TelemetryError) -> [Channel] {
    guard !names.isEmpty else { return known }
    return try names.map { name throws(TelemetryError) in
      guard let channel = known.first(where: { $0.name == name }) else {
        throw TelemetryError("unknown_channel", "no channel named \"\(name)\"")
      }
      return channel
    }
  }

  /// To the stream that is running, if one is. Never two calls at once.
  func send(_ frame: Frame) { inner.withLock { $0.feed }?.send(frame) }

  func tell(_ event: StreamEvent) {
    let feed = inner.withLock { inner in
      defer {
        switch event {
        case .finished, .interrupted, .lost: inner.feed = nil
        case .reconnecting, .resumed, .gap: break
        }
      }
      return inner.feed
    }
    feed?.sink.handle(event)
  }

  fileprivate func ended(_ feed: RelayFeed) {
    let isOurs = inner.withLock { inner in
      guard inner.feed === feed else { return false }
      inner.feed = nil
      return true
    }
    if isOurs { stopped() }
  }

  func close() async {
    let feed = inner.withLock { inner in
      inner.isClosed = true
      return inner.feed
    }
    if let feed { ended(feed) }
  }
}

/// The stream of a `RelaySource`.
final class RelayFeed: Feed {
  private let source: RelaySource
  fileprivate let sink: any StreamSink
  private let inner: Guarded<[Channel]>

  fileprivate init(_ source: RelaySource, _ sink: any StreamSink, _ channels: [Channel]) {
    self.source = source
    self.sink = sink
    inner = Guarded(channels)
  }

  var channels: [Channel] { inner.withLock { $0 } }

  fileprivate func send(_ frame: Frame) {
    let names = Set(channels.map(\.name))
    let wanted = frame.series.filter { names.contains($0.channel.name) }
    if !wanted.isEmpty { sink.receive(Frame(wanted)) }
  }

  func stop() async throws { source.ended(self) }

  func update(_ names: [String]) async throws -> [Channel] {
    let wanted = try source.update(names)
    sink.prepare(wanted)
    inner.withLock { $0 = wanted }
    return wanted
  }
}
