import Locks
public import Telemetry

/// A source that does what a test says: opens at once or when told to, sends what it is given, fails where asked.
public final class ScriptedSource: Source {
  public struct Script: Sendable {
    public var channels: [Channel]
    /// `open`, `stop` and `channels` wait here until the test lets them pass.
    public var openGate: Gate?
    public var stopGate: Gate?
    public var channelsGate: Gate?
    public var openError: TelemetryError?
    public var stopError: TelemetryError?
    /// Sent before `open` returns, and while `stop` is under way.
    public var early: [Frame] = []
    public var last: [Frame] = []
    /// Told before `open` returns.
    public var earlyEvents: [StreamEvent] = []
  }

  private struct State {
    var script: Script
    var feeds: [ScriptedFeed] = []
    var requests: [StreamRequest] = []
  }

  public let name = "scripted"
  private let inner: Guarded<State>

  public init(_ channels: [Channel]) {
    inner = Guarded(State(script: Script(channels: channels)))
  }

  public convenience init(_ names: String..., type: DataType = .float64) {
    self.init(names.map { Channel(name: $0, type: type, clock: .ticks(rate: 1000)) })
  }

  public var state: String { "open" }
  public var script: Script {
    get { inner.withLock { $0.script } }
    set { inner.withLock { $0.script = newValue } }
  }
  /// Every stream that was opened, oldest first.
  public var feeds: [ScriptedFeed] { inner.withLock { $0.feeds } }
  public var requests: [StreamRequest] { inner.withLock { $0.requests } }

  public func channels() async throws -> [Channel] {
    await script.channelsGate?.pass()
    return script.channels
  }

  public func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    let wanted =
      request.channels.isEmpty
      ? script.channels : script.channels.filter { request.channels.contains($0.name) }
    let feed = ScriptedFeed(self, sink, wanted)
    inner.withLock {
      $0.requests.append(request)
      $0.feeds.append(feed)
    }
    for frame in script.early { sink.receive(frame) }
    for event in script.earlyEvents { sink.handle(event) }
    await script.openGate?.pass()
    if let error = script.openError { throw error }
    return feed
  }

  public func close() async {}

  /// Over the stream opened last.
  public func send(_ series: Series...) { feeds.last?.send(series) }
  public func tell(_ event: StreamEvent) { feeds.last?.sink.handle(event) }
}

public final class ScriptedFeed: Feed {
  private let source: ScriptedSource
  public let sink: any StreamSink
  private let inner: Guarded<(channels: [Channel], stops: Int)>

  init(_ source: ScriptedSource, _ sink: any StreamSink, _ channels: [Channel]) {
    self.source = source
    self.sink = sink
    inner = Guarded((channels, 0))
  }

  public var channels: [Channel] { inner.withLock { $0.channels } }
  /// How often it was told to stop.
  public var stops: Int { inner.withLock { $0.stops } }

  public func send(_ series: [Series]) { sink.receive(Frame(series)) }

  public func stop() async throws {
    inner.withLock { $0.stops += 1 }
    for frame in source.script.last { sink.receive(frame) }
    await source.script.stopGate?.pass()
    if let error = source.script.stopError { throw error }
  }

  public func update(_ names: [String]) async throws -> [Channel] {
    let known = source.script.channels
    let wanted = try names.map { name throws(TelemetryError) in
      guard let channel = known.first(where: { $0.name == name }) else {
        throw TelemetryError("unknown_channel", "no channel named \"\(name)\"")
      }
      return channel
    }
    sink.prepare(wanted)
    inner.withLock { $0.channels = wanted }
    return wanted
  }
}

/// Holds those who pass until it is opened; open for ever then.
public final class Gate: Sendable {
  private let way = OneShot<Void>()
  private let passing = Guarded(0)

  public init() {}

  /// How many wait now.
  public var waiting: Int { way.value == nil ? passing.withLock { $0 } : 0 }

  public func open() { way.fulfill(()) }

  public func pass() async {
    passing.withLock { $0 += 1 }
    _ = await way.wait()
    passing.withLock { $0 -= 1 }
  }
}
