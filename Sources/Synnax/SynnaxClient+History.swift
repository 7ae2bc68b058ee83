public import Telemetry

extension SynnaxClient {
  /// All samples of some channels within a span of time, start included, end excluded; with their times. Channels
  /// without samples are left out. Throws `too_large` beyond `SynnaxLimits.historyBytes`.
  public func read(_ range: TimeRange, channels names: [String]) async throws(SynnaxError) -> Frame {
    guard range.start < range.end else {
      throw SynnaxError("argument", "the range ends before it begins")
    }
    return try await iterate(range, names, chunk: SynnaxLimits.readSamples) { iterator throws(SynnaxError) in
      var series: [WireSeries] = []
      var bytes = 0
      guard try await iterator.command(.seekFirst, into: &series) else { return series }
      while try await iterator.command(.next, into: &series) {
        bytes = series.reduce(0) { $0 + $1.wireByteCount }
        guard bytes <= SynnaxLimits.historyBytes else {
          throw SynnaxError(
            "too_large", "more than \(SynnaxLimits.historyBytes >> 20) MiB of history",
            hint: "read a shorter range, or fewer channels")
        }
      }
      return series
    }
  }

  /// The newest `count` samples of each channel.
  public func readLatest(_ names: [String], count: Int = 1) async throws(SynnaxError) -> Frame {
    guard count > 0, count <= SynnaxLimits.historyBytes / 8 else {
      throw SynnaxError("argument", "the number of samples must be at least 1, not \(count)")
    }
    return try await iterate(.all, names, chunk: count) { iterator throws(SynnaxError) in
      var series: [WireSeries] = []
      if try await iterator.command(.seekLast, into: &series) {
        _ = try await iterator.command(.previous, into: &series)
      }
      return series
    }
  }

  private func iterate(
    _ range: TimeRange, _ names: [String], chunk: Int,
    _ body: (HistoryIterator) async throws(SynnaxError) -> [WireSeries]
  ) async throws(SynnaxError) -> Frame {
    guard !names.isEmpty else { throw SynnaxError("argument", "say which channels to read") }
    return try await resolving(names) { visible throws(SynnaxError) in
      try await iterate(range, visible, chunk: chunk, body)
    }
  }

  private func iterate(
    _ range: TimeRange, _ visible: [Channel], chunk: Int,
    _ body: (HistoryIterator) async throws(SynnaxError) -> [WireSeries]
  ) async throws(SynnaxError) -> Frame {
    if let live = visible.first(where: \.isVirtual) {
      throw SynnaxError("argument", "\"\(live.name)\" is virtual: it is streamed, and not stored")
    }
    let channels = StreamChannels(visible: visible, hidden: try await indexes(of: visible))
    let iterator = try await HistoryIterator(self, channels, range, chunk: chunk)
    defer { iterator.connection.cut() }
    let series = try await body(iterator)
    await iterator.close()
    var tracker = AlignmentTracker(isOn: false)
    return channels.frame(WireFrame(sequence: 1, series: series.sorted(by: Self.inTime)), &tracker)
      ?? Frame([])
  }

  private static func inTime(_ a: WireSeries, _ b: WireSeries) -> Bool {
    (a.timeRange.start, a.alignment.rawValue) < (b.timeRange.start, b.alignment.rawValue)
  }
}

/// The client's side of `/frame/iterate`.
private final class HistoryIterator: Sendable {
  let connection: MessageConnection
  private let entries: [FrameCodec.Entry]
  private let timeout: TimeSpan

  init(
    _ client: SynnaxClient, _ channels: StreamChannels, _ range: TimeRange, chunk: Int
  ) async throws(SynnaxError) {
    entries = channels.entries
    timeout = client.configuration.timeout
    connection = try await MessageConnection.open(client, path: "/api/v1/frame/iterate")
    var request = IteratorRequestPayload(.open)
    request.bounds = BoundsPayload(range)
    request.keys = entries.map(\.key)
    request.chunkSize = Int64(chunk)
    var none: [WireSeries] = []
    _ = try await send(request, into: &none)
  }

  /// Sends a command and gathers the frames that come before its acknowledgement.
  func command(_ command: IteratorCommand, into series: inout [WireSeries]) async throws(SynnaxError) -> Bool
  {
    var request = IteratorRequestPayload(command)
    if command == .next || command == .previous { request.span = -1 }
    return try await send(request, into: &series)
  }

  private func send(
    _ request: IteratorRequestPayload, into series: inout [WireSeries]
  ) async throws(SynnaxError) -> Bool {
    // One request with keys is ever sent, so there is one state.
    var codec = FrameCodec(entries)
    try await connection.send(Wire.encode(Envelope(.data, payload: request)), within: timeout)
    while true {
      let message = try await connection.next(within: timeout)
      switch message.first {
      case Wire.framePrefix: series += try codec.decode(Array(message.dropFirst())).series
      case Wire.jsonPrefix:
        let envelope = try Wire.decode(Envelope<IteratorResponsePayload>.self, Array(message.dropFirst()))
        if envelope.kind == .close { throw SynnaxError(envelope.error ?? .endOfStream) }
        guard let payload = envelope.payload, payload.variant == 1 else { continue }
        if let error = payload.error, !error.isNone { throw SynnaxError(error) }
        return payload.ack ?? false
      default: throw SynnaxError("protocol", "a message that begins with \(message.first ?? 0)")
      }
    }
  }

  func close() async {
    let message = Wire.encode(Envelope<IteratorRequestPayload>(.close))
    guard (try? await connection.send(message, within: timeout)) != nil else { return }
    // The core's close, or the end of the connection; neither changes what was read.
    _ = try? await connection.next(within: timeout)
  }
}
