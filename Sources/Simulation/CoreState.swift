import Synnax
import Telemetry
import Transport

/// Everything a simulated core knows, behind one lock. Sending only queues, so it happens under the lock too: that
/// keeps the order of frames on each stream the order in which they were written.
struct CoreState: Sendable {
  let configuration: CoreConfiguration
  let clusterKey = CoreSessions.identifier()
  var sessions: CoreSessions
  var channels: CoreChannels
  private(set) var store: any CoreStore
  private var control = CoreControl()
  private var streams: [Int: CoreStream] = [:]
  private var writers: [Int: CoreWriter] = [:]
  private var iterators: [Int: CoreIterator] = [:]
  private var lastID = 0
  private var nextLiveDomain = Alignment.firstLiveDomain

  init(_ configuration: CoreConfiguration, store: any CoreStore) throws {
    self.configuration = configuration
    self.store = store
    sessions = CoreSessions(
      login: configuration.login, user: configuration.user, password: configuration.password,
      idleTimeout: configuration.idleTimeout)
    channels = CoreChannels(try store.channels())
  }

  mutating func makeID() -> Int {
    lastID += 1
    return lastID
  }

  var counts: (streams: Int, writers: Int, dropped: Int) {
    (streams.count, writers.count, streams.values.reduce(0) { $0 + $1.dropped })
  }

  // MARK: - Channels

  mutating func createChannels(
    _ wanted: [ChannelPayload], retrieveIfNameExists: Bool = false
  ) throws -> [ChannelPayload] {
    let (answer, new) = try channels.create(wanted, retrieveIfNameExists: retrieveIfNameExists)
    if !new.isEmpty { try store.put(new) }
    return answer
  }

  mutating func deleteChannels(keys: [UInt32], names: [String]) throws {
    let gone = try channels.delete(keys: keys, names: names)
    try store.delete(gone)
  }

  mutating func renameChannels(keys: [UInt32], names: [String]) throws {
    try store.put(try channels.rename(keys: keys, names: names))
  }

  // MARK: - Streams

  mutating func openStream(_ id: Int, _ connection: WebSocketConnection) {
    streams[id] = CoreStream(connection)
  }

  mutating func request(_ id: Int, _ payload: StreamRequestPayload, now: TimeSpan) throws(ErrorPayload) {
    try streams[id]?.request(payload, channels, now: now)
  }

  func isStreaming(_ id: Int) -> Bool { streams[id]?.isOpen ?? false }

  var streamKeepAlives: Int { streams.values.reduce(0) { $0 + $1.keepAlives } }
  var streamRequests: Int { streams.values.reduce(0) { $0 + $1.requests } }
  var streamConnections: [WebSocketConnection] { streams.values.map(\.connection) }

  mutating func closeStream(_ id: Int) { streams[id] = nil }

  /// Keep-alives and throttled frames that are due. Returns when the next ones are.
  mutating func tick(now: TimeSpan) -> TimeSpan? {
    var next: TimeSpan?
    for id in streams.keys {
      streams[id]!.tick(now: now)
      if let due = streams[id]!.due { next = min(next ?? due, due) }
    }
    return next
  }

  // MARK: - Writers

  mutating func openWriter(_ id: Int, _ config: WriterConfigPayload) throws {
    let keys = config.keys ?? []
    guard !keys.isEmpty else { throw ErrorPayload.path(["keys"], "unknown", "required") }
    let missing = keys.filter { channels.byKey[$0] == nil }
    guard missing.isEmpty else { throw CoreChannels.notFound(missing) }
    guard let mode = CoreWriter.Mode(rawValue: config.mode ?? 1) else {
      throw ErrorPayload.path(["mode"], "sy.validation", "unknown writer mode \(config.mode ?? 0)")
    }
    var wanted = Set(keys)
    if config.autoIndex ?? false {
      wanted.formUnion(keys.compactMap { channels.byKey[$0]?.index }.filter { $0 != 0 })
    }
    let opened = wanted.sorted().compactMap { channels.byKey[$0] }

    let authorities = config.authorities ?? [255]
    guard authorities.count <= 1 || authorities.count == keys.count, authorities.allSatisfy({ $0 <= 255 })
    else {
      throw ErrorPayload.path(["authorities"], "sy.validation", "one authority for all keys, or one for each")
    }
    let name = config.controlSubject?.name ?? ""
    if config.errOnUnauthorized ?? false {
      for (position, key) in keys.enumerated() {
        let own = authorities.count > 1 ? authorities[position] : authorities.first ?? 255
        guard let holder = control.holder(key), holder.authority >= own else { continue }
        throw ErrorPayload(
          type: "sy.control.unauthorized",
          data:
            "\(name) has no control authority - it is currently held by \(holder.name): unauthorized: control"
        )
      }
    }
    if mode != .stream, let start = config.start?.value {
      for channel in opened where !channel.virtual {
        guard try store.covers(channel.key, start) else { continue }
        throw ErrorPayload(
          type: "sy.validation",
          data: "cannot open writer: start \(start) overlaps with existing data of channel \(channel.name): "
            + "validation error")
      }
    }
    for channel in opened {
      let place = keys.firstIndex(of: channel.key)
      let own = authorities.count > 1 ? place.map { authorities[$0] } : authorities.first
      control.open(id, channel.key, authority: own ?? 255, name: name)
    }
    writers[id] = CoreWriter(
      id: id, config, channels: opened, mode: mode, liveDomain: nextLiveDomain,
      storedDomain: mode == .stream ? 0 : store.nextDomain())
    nextLiveDomain = nextLiveDomain == .max ? Alignment.firstLiveDomain : nextLiveDomain + 1
  }

  /// A frame as it came. Nothing is answered on success; the first failure is, and then no more.
  /// - Throws: `SynnaxError` for bytes that are not a frame of this writer.
  mutating func write(
    _ id: Int, _ bytes: UnsafeRawBufferPointer, now: TimeStamp, monotonic: TimeSpan
  ) throws -> ErrorPayload? {
    guard var writer = writers[id], writer.failure == nil else { return nil }
    let series = try writer.decode(bytes)
    writers[id] = writer
    return write(id, series, now: now, monotonic: monotonic)
  }

  mutating func write(
    _ id: Int, _ series: [WireSeries], now: TimeStamp, monotonic: TimeSpan
  ) -> ErrorPayload? {
    guard var writer = writers[id], writer.failure == nil else { return nil }
    do {
      let accepted = try writer.write(series, now: now) { channel in
        control.controls(id, channel.key, isShared: channel.concurrency == 1)
      } stored: { index, from, count in
        try store.pieces(index, TimeRange(start: from, end: .max)).limited(to: count, fromEnd: false)
      }
      writers[id] = writer
      if !accepted.stored.isEmpty { try store.append(accepted.stored) }
      if writer.streams, !accepted.live.isEmpty {
        for stream in streams.keys {
          streams[stream]!.relay(accepted.live, group: writer.group, now: monotonic)
        }
      }
      return nil
    } catch {
      let payload = error as? ErrorPayload ?? ErrorPayload(type: "unknown", data: "\(error)")
      writer.fail(payload)
      writers[id] = writer
      return payload
    }
  }

  /// Answers a command.
  mutating func command(_ id: Int, _ payload: WriterRequestPayload) throws -> WriterResponsePayload? {
    guard let command = WriterCommand(rawValue: payload.command) else {
      throw ErrorPayload(type: "sy.validation", data: "unknown command \(payload.command): validation error")
    }
    if command == .open {
      guard writers[id] == nil else {
        throw ErrorPayload(type: "sy.validation", data: "the writer is open already")
      }
      try openWriter(id, payload.config ?? WriterConfigPayload(keys: [], authorities: []))
      return WriterResponsePayload(.open, err: .nothing)
    }
    guard var writer = writers[id] else {
      throw ErrorPayload(type: "sy.validation", data: "the writer is not open: validation error")
    }
    if let failure = writer.failure { return WriterResponsePayload(command, err: failure, authorized: true) }
    switch command {
    case .commit:
      let (pieces, end) = writer.commit()
      writers[id] = writer
      try store.append(pieces)
      return WriterResponsePayload(.commit, err: .nothing, end: end, authorized: true)
    case .setAuthority:
      setAuthority(writer, payload.config ?? WriterConfigPayload(keys: [], authorities: []))
      return WriterResponsePayload(.setAuthority, err: .nothing, authorized: true)
    case .open, .write: return nil
    }
  }

  /// That of a data channel also covers its index.
  private mutating func setAuthority(_ writer: CoreWriter, _ config: WriterConfigPayload) {
    let authorities = config.authorities ?? []
    let keys = config.keys.flatMap { $0.isEmpty ? nil : $0 } ?? writer.channels.keys.sorted()
    for (position, key) in keys.enumerated() {
      guard let authority = authorities.count > 1 ? authorities.dropFirst(position).first : authorities.first,
        let channel = writer.channels[key]
      else { continue }
      control.set(writer.id, key, authority: authority)
      if channel.index != 0, channel.index != key {
        control.set(writer.id, channel.index, authority: authority)
      }
    }
  }

  /// - Returns: what made the writer useless, for the last message.
  mutating func closeWriter(_ id: Int) -> ErrorPayload? {
    guard let writer = writers.removeValue(forKey: id) else { return nil }
    control.close(id, writer.channels.keys)
    return writer.failure
  }

  // MARK: - History

  mutating func iterate(
    _ id: Int, _ payload: IteratorRequestPayload
  ) throws -> (frames: [[UInt8]], ack: Bool) {
    guard var iterator = iterators[id] else {
      guard payload.command == IteratorCommand.open.rawValue else {
        throw ErrorPayload(type: "sy.validation", data: "the iterator is not open: validation error")
      }
      iterators[id] = try CoreIterator(payload, channels)
      return ([], true)
    }
    defer { iterators[id] = iterator }
    return try iterator.run(payload, store)
  }

  mutating func closeIterator(_ id: Int) { iterators[id] = nil }

  /// `/frame/read`: frames of a span, against the state of the keys.
  func read(_ keys: [UInt32], _ time: TimeRange, _ reduction: CoreReduction) throws -> [[UInt8]] {
    let missing = keys.filter { channels.byKey[$0] == nil }
    guard missing.isEmpty else { throw CoreChannels.notFound(missing) }
    let codec = FrameCodec(keys.compactMap { channels.byKey[$0]?.entry })
    var pieces: [StoredPiece] = []
    for key in Set(keys).sorted() { pieces += try store.pieces(key, time) }
    return try CoreIterator.frames(pieces, codec, reduction) { key in
      let index = channels.byKey[key]?.index ?? 0
      return try store.count(index == 0 ? key : index, time)
    }
  }

  /// Removes samples, of all channels or of none (protocol, section 15.2).
  mutating func deleteFrames(keys: [UInt32], names: [String], _ time: TimeRange) throws {
    let missing = keys.filter { channels.byKey[$0] == nil }
    guard missing.isEmpty else { throw CoreChannels.notFound(missing) }
    for name in names where channels[name] == nil {
      throw ErrorPayload(
        type: "sy.query.not_found", data: "Channels with names [\(name)] not found: not found: query")
    }
    let doomed = Set(keys + names.compactMap { channels[$0]?.key })
    for writer in writers.values where writer.persists && writer.start < time.end {
      guard let held = doomed.sorted().first(where: { writer.channels[$0] != nil }) else { continue }
      throw ErrorPayload(
        type: "sy.control.unauthorized",
        data: "cannot delete from channel \(held): a writer has it open: unauthorized: control")
    }
    for channel in channels.all where doomed.contains(channel.index) && !doomed.contains(channel.key) {
      guard try store.pieces(channel.key, time).isEmpty else {
        throw ErrorPayload(
          type: "unknown",
          data: "cannot delete index data: channel \(channel.name) depends on it in this time range")
      }
    }
    try store.deleteSamples(doomed.sorted(), time)
  }
}
