import Synnax
import Telemetry
import Transport

/// One open `/frame/stream` of the core (protocol, section 12). Lives under the core's lock.
struct CoreStream {
  let connection: WebSocketConnection
  private var codec = FrameCodec()
  private(set) var keys: Set<UInt32> = []
  private(set) var isOpen = false
  private var downsampleFactor = 1
  private var excludedGroups: Set<UInt32> = []
  private var keepAlive = TimeSpan.zero
  private var nextKeepAlive: TimeSpan?
  private var period: TimeSpan?
  private var nextFlush: TimeSpan?
  private var held: [WireSeries] = []
  private var blockedSince: TimeSpan?
  /// How often channels were asked for.
  private(set) var requests = 0
  private(set) var keepAlives = 0
  /// Frames that its socket did not take.
  private(set) var dropped = 0

  init(_ connection: WebSocketConnection) { self.connection = connection }

  /// When it wants to be told the time.
  var due: TimeSpan? {
    switch (nextKeepAlive, nextFlush) {
    case (let a?, let b?): min(a, b)
    case (let a, let b): a ?? b
    }
  }

  /// A request: the first opens the stream and is acknowledged, later ones replace the channels.
  mutating func request(
    _ payload: StreamRequestPayload, _ channels: CoreChannels, now: TimeSpan
  ) throws(ErrorPayload) {
    let wanted = payload.keys ?? []
    let missing = wanted.filter { channels.byKey[$0] == nil }
    guard missing.isEmpty else { throw CoreChannels.notFound(missing) }
    if !isOpen { try configure(payload, now) }
    requests += 1
    keys = Set(wanted)
    // One state for each request with keys, changed or not.
    if !wanted.isEmpty { codec.addState(wanted.compactMap { channels.byKey[$0]?.entry }) }
    codec.keepNewest()
    if isOpen { return }
    isOpen = true
    send(
      Wire.encode(Envelope(.data, payload: StreamResponsePayload(), error: ErrorPayload.none), prefix: true),
      now)
  }

  private mutating func configure(_ payload: StreamRequestPayload, _ now: TimeSpan) throws(ErrorPayload) {
    downsampleFactor = payload.downsampleFactor ?? 1
    guard downsampleFactor >= 0 else {
      throw ErrorPayload(
        type: "sy.validation", data: "downsample factor must not be negative: validation error")
    }
    excludedGroups = Set(payload.excludeGroups ?? [])
    if let rate = payload.throttleRate, rate > 0, let span = TimeSpan(seconds: 1 / rate) { period = span }
    keepAlive = TimeSpan(nanoseconds: payload.keepAlive?.value ?? 0)
    guard keepAlive == .zero || keepAlive >= TimeSpan(nanoseconds: 2_000_000_000) else {
      throw .path(["keep_alive"], "unknown", "must be greater than or equal to 2s")
    }
    if keepAlive > .zero { nextKeepAlive = now + keepAlive }
  }

  /// Samples that somebody wrote.
  mutating func relay(_ series: [WireSeries], group: UInt32, now: TimeSpan) {
    guard isOpen, group == 0 || !excludedGroups.contains(group) else { return }
    let mine = series.filter { keys.contains($0.key) }.map { $0.downsampled(downsampleFactor) }
    guard !mine.isEmpty else { return }
    guard let period else { return send(mine, now) }
    held += mine
    if held.count >= CoreLimits.throttledSeries { flush(now) }
    if nextFlush == nil { nextFlush = now + period }
  }

  /// Keep-alives and held frames that are due.
  mutating func tick(now: TimeSpan) {
    if let at = nextFlush, now >= at { flush(now) }
    if let at = nextKeepAlive, now >= at {
      // A fixed cadence; after a long pause one is enough.
      nextKeepAlive = max(at + keepAlive, now)
      keepAlives += 1
      let payload = StreamResponsePayload(isKeepAlive: true)
      send(Wire.encode(Envelope(.data, payload: payload, error: ErrorPayload.none), prefix: true), now)
    }
    if let since = blockedSince, now - since > TimeSpan(nanoseconds: Int64(CoreLimits.stallMs) * 1_000_000) {
      connection.closeNow()
    }
  }

  private mutating func flush(_ now: TimeSpan) {
    nextFlush = nil
    let mine = held.filter { keys.contains($0.key) }
    held = []
    if !mine.isEmpty { send(mine.joined(), now) }
  }

  private mutating func send(_ series: [WireSeries], _ now: TimeSpan) {
    var bytes = [Wire.framePrefix]
    // Only channels of the newest state are in it, so this cannot fail.
    guard (try? codec.encode(series, into: &bytes)) != nil else { return }
    send(bytes, now)
  }

  /// As a real core: what the socket does not take is left out, silently; one that takes nothing for long is cut.
  private mutating func send(_ bytes: [UInt8], _ now: TimeSpan) {
    do throws(TransportError) {
      try connection.send(binary: bytes)
      blockedSince = nil
    } catch {
      dropped += 1
      if error.code == .backlog { blockedSince = blockedSince ?? now }
    }
  }
}

extension ChannelPayload {
  var entry: FrameCodec.Entry? { DataType(synnaxName: dataType).map { FrameCodec.Entry(key: key, type: $0) } }
}

extension WireSeries {
  /// Every n-th sample, beginning with the first.
  func downsampled(_ factor: Int) -> WireSeries {
    guard factor > 1, count > 1 else { return self }
    let picked = stride(from: range.lowerBound, to: range.upperBound, by: factor)
    let kept = SampleStorage(type: storage.type, capacity: (count + factor - 1) / factor)
    for position in picked { kept.append(run: storage, position..<position + 1) }
    var result = self
    result.storage = kept
    result.range = 0..<kept.used
    return result
  }
}

extension [WireSeries] {
  /// Neighbours of one channel that touch become one.
  func joined() -> [WireSeries] {
    var result: [WireSeries] = []
    let sorted = enumerated().sorted {
      ($0.element.key, $0.element.alignment.rawValue, $0.offset)
        < ($1.element.key, $1.element.alignment.rawValue, $1.offset)
    }.map(\.element)
    var from = 0
    while from < sorted.count {
      var to = from + 1
      while to < sorted.count, sorted[to].key == sorted[from].key,
        sorted[to].multiple == sorted[from].multiple,
        sorted[to].alignment == sorted[to - 1].nextAlignment
      {
        to += 1
      }
      result.append(to == from + 1 ? sorted[from] : Self.join(sorted[from..<to]))
      from = to
    }
    return result
  }

  private static func join(_ parts: ArraySlice<WireSeries>) -> WireSeries {
    var result = parts.first!
    let whole = SampleStorage(type: result.storage.type, capacity: parts.reduce(0) { $0 + $1.count })
    for part in parts { whole.append(run: part.storage, part.range) }
    result.storage = whole
    result.range = 0..<whole.used
    if let last = parts.last { result.timeRange.end = last.timeRange.end }
    return result
  }
}
