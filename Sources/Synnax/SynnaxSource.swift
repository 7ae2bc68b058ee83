import Locks
public import Telemetry

/// A cluster as a source of streams.
public final class SynnaxSource: Source {
  public let client: SynnaxClient
  public let name: String
  private let inner = Guarded(Inner())

  private struct Inner {
    var feeds: [SynnaxFeed] = []
    var ticker: Task<Void, Never>?
    var isClosed = false
  }

  public init(_ client: SynnaxClient) {
    self.client = client
    name = client.configuration.name
  }

  /// Logs in, and checks that it is a core. Errors: see `SynnaxError`.
  public static func connect(
    _ configuration: SynnaxConfiguration, clock: any TelemetryClock = SystemClock()
  ) async throws(SynnaxError) -> SynnaxSource {
    SynnaxSource(try await SynnaxClient.connect(configuration, clock: clock))
  }

  public var state: String {
    let (isClosed, feeds) = inner.withLock { ($0.isClosed, $0.feeds) }
    if isClosed { return "closed" }
    if feeds.contains(where: \.isReconnecting) { return "reconnecting" }
    return feeds.contains(where: \.isLost) ? "lost" : "open"
  }

  /// All channels that can be streamed but the core's own.
  public func channels() async throws -> [Channel] { try await client.channels() }

  public func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    try await openFeed(request, try request.options(as: SynnaxStreamOptions.self, of: self), sink: sink)
  }

  /// Opens a stream; no names mean all channels. The index channels of what is streamed come with it, hidden.
  private func openFeed(
    _ request: StreamRequest, _ options: SynnaxStreamOptions, sink: any StreamSink
  ) async throws(SynnaxError) -> SynnaxFeed {
    guard options.downsampleFactor >= 0, options.downsampleFactor <= Int(UInt32.max) else {
      throw SynnaxError("argument", "downsample_factor is \(options.downsampleFactor), it must be 0 or more")
    }
    guard options.throttleRate.isFinite, options.throttleRate >= 0 else {
      throw SynnaxError("argument", "throttle_rate is \(options.throttleRate), it must be 0 Hz or more")
    }
    let visible =
      request.channels.isEmpty
      ? try await client.channels() : try await client.channels(named: request.channels)
    guard visible.count <= SynnaxLimits.streamChannels else {
      throw SynnaxError("too_large", "\(visible.count) channels are too many for one stream")
    }
    let channels = StreamChannels(visible: visible, hidden: try await client.indexes(of: visible))
    var settings = StreamStateMachine.Settings()
    settings.downsampleFactor = options.downsampleFactor
    settings.throttleRate = options.throttleRate
    settings.excludeGroups = options.excludeGroups
    settings.keepAlive = client.configuration.keepAlive
    settings.openTimeout = request.timeout
    let feed = SynnaxFeed(client, channels, settings, sink: sink)
    guard add(feed) else { throw SynnaxError("closed", "\(name) was closed") }
    do throws(SynnaxError) {
      try await feed.open(span: request.span)
    } catch {
      inner.withLock { inner in inner.feeds.removeAll { $0 === feed } }
      throw error
    }
    return feed
  }

  /// Ends all streams and the calls.
  public func close() async {
    let (feeds, ticker) = inner.withLock { inner in
      inner.isClosed = true
      defer { (inner.feeds, inner.ticker) = ([], nil) }
      return (inner.feeds, inner.ticker)
    }
    ticker?.cancel()
    await withTaskGroup(of: Void.self) { group in
      for feed in feeds { group.addTask { try? await feed.stop() } }
    }
    client.close()
  }

  /// One ticker for all streams, as long as there are any.
  private func add(_ feed: SynnaxFeed) -> Bool {
    inner.withLock { inner in
      guard !inner.isClosed else { return false }
      // One that was lost counts until a new one is opened.
      inner.feeds.removeAll(where: \.isOver)
      inner.feeds.append(feed)
      if inner.ticker == nil {
        let me: @Sendable () -> SynnaxSource? = { [weak self] in self }
        inner.ticker = Task { await Self.tick(me) }
      }
      return true
    }
  }

  private static func tick(_ source: @Sendable () -> SynnaxSource?) async {
    var sinceRenewal = TimeSpan.zero
    let step = TimeSpan(nanoseconds: 200_000_000)
    while !Task.isCancelled {
      try? await Task.sleep(for: step.duration)
      guard let source = source() else { return }
      guard source.tickFeeds() else { return }
      sinceRenewal = sinceRenewal + step
      guard sinceRenewal >= source.client.configuration.renewInterval else { continue }
      sinceRenewal = .zero
      // A core that cannot be asked will be noticed by the streams themselves; an older one has no such call.
      try? await source.client.renew()
    }
  }

  /// - Returns: false when there is nothing left to look after.
  private func tickFeeds() -> Bool {
    let feeds = inner.withLock { inner -> [SynnaxFeed] in
      inner.feeds.removeAll { $0.isOver && !$0.isLost }
      if inner.feeds.allSatisfy(\.isLost) {
        inner.ticker = nil
        return []
      }
      return inner.feeds
    }
    for feed in feeds { feed.tick() }
    return !feeds.isEmpty
  }
}
