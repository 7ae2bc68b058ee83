import Locks
import Foundation
public import Telemetry

/// Writes frames into a core (protocol, section 13).
///
/// A writer holds its channels with an authority; what it writes without holding them is dropped by the core, in
/// silence. Any task may call; commands wait for one another. After the first error a writer is useless: each later
/// call throws the same error.
public final class SynnaxWriter: Sendable {
  public enum Mode: Int, Sendable { case persistAndStream = 1, persist, stream }

  public struct Options: Sendable {
    /// First timestamp; it must not lie within stored data. Nil for now.
    public var start: TimeStamp?
    public var mode = Mode.persistAndStream
    /// One for all channels, or one for each; 255 cannot be topped.
    public var authorities: [UInt8] = [255]
    /// How others see who holds a channel.
    public var name = "moontide"
    /// Streams may leave a group out; 0 cannot be left out.
    public var group: UInt32 = 0
    /// Whether opening fails when somebody else holds a channel; else it waits in line.
    public var failsWhenHeld = false
    /// Whether the core commits each frame by itself.
    public var commitsItself = true
    /// Whether the core makes the timestamps of index channels that a frame leaves out.
    public var makesTimes = false

    public init() {}
  }

  /// As opened, and the index channels that were added, in that order.
  public let channels: [Channel]
  private let client: SynnaxClient
  private let connection: MessageConnection
  private let codec: FrameCodec
  private let makesTimes: Bool
  private let turn = Turn()
  private let inner = Guarded(Inner())

  private struct Inner {
    var failure: SynnaxError?
    var isClosed = false
    var samples: Int64 = 0
  }

  private init(
    _ client: SynnaxClient, _ channels: [Channel], _ connection: MessageConnection, makesTimes: Bool
  ) {
    self.makesTimes = makesTimes
    self.client = client
    self.channels = channels
    self.connection = connection
    codec = FrameCodec(channels.map { FrameCodec.Entry(key: $0.key, type: $0.type) })
  }

  /// Opens a writer. The index channels of the channels are opened with them.
  /// Errors: `unknown_channel`, `control` when held by somebody else, `validation` for a start within stored data.
  public static func open(
    _ client: SynnaxClient, channels names: [String], options: Options = Options()
  ) async throws(SynnaxError) -> SynnaxWriter {
    guard !names.isEmpty, names.count <= SynnaxLimits.streamChannels else {
      throw SynnaxError("argument", "a writer needs 1 to \(SynnaxLimits.streamChannels) channels")
    }
    guard options.authorities.count == 1 || options.authorities.count == names.count else {
      throw SynnaxError(
        "argument", "give one authority for all channels, or one for each of the \(names.count)")
    }
    return try await client.resolving(names) { channels throws(SynnaxError) in
      try await open(client, channels, options)
    }
  }

  private static func open(
    _ client: SynnaxClient, _ named: [Channel], _ options: Options
  ) async throws(SynnaxError) -> SynnaxWriter {
    let indexes = options.makesTimes ? [] : try await client.indexes(of: named).sorted { $0.key < $1.key }
    var authorities = options.authorities.map(UInt32.init)
    // An index that nobody named is held as firmly as the firmest of its channels.
    if authorities.count > 1 { authorities += indexes.map { _ in authorities.max() ?? 255 } }

    let channels = named + indexes
    var config = WriterConfigPayload(keys: channels.map(\.key), authorities: authorities)
    config.start = Wide((options.start ?? client.clock.now).nanoseconds)
    config.mode = options.mode.rawValue
    config.controlSubject = ControlSubjectPayload(
      key: UUID().uuidString.lowercased(), name: options.name, group: options.group)
    config.errOnUnauthorized = options.failsWhenHeld
    config.enableAutoCommit = options.commitsItself
    config.autoIndex = options.makesTimes
    config.autoIndexPersistInterval = 1_000_000_000

    let connection = try await MessageConnection.open(client, path: "/api/v1/frame/write")
    let writer = SynnaxWriter(client, channels, connection, makesTimes: options.makesTimes)
    do throws(SynnaxError) {
      _ = try await writer.command(WriterRequestPayload(.open, config: config))
    } catch {
      connection.cut()
      throw error
    }
    return writer
  }

  /// Samples handed to the core so far, all channels together.
  public var samples: Int64 { inner.withLock { $0.samples } }

  // MARK: - Writing

  /// Writes samples of the channels that they are named after, converted where that loses nothing. Each index group
  /// needs all of its channels, equally long. Waits while the core reads slowly.
  ///
  /// The core answers nothing to a good frame; an error may show at a later call only.
  public func write(_ series: [Series]) async throws(SynnaxError) {
    var wire: [WireSeries] = []
    for one in series where one.count > 0 {
      guard let channel = channels.first(where: { $0.name == one.channel.name }) else {
        throw SynnaxError("unknown_channel", "this writer was not opened with \"\(one.channel.name)\"")
      }
      wire.append(WireSeries(key: channel.key, try one.joined(as: channel.type)))
    }
    if let failure = inner.withLock({ $0.failure }) { throw failure }
    try check(wire)
    try await write(wire: wire)
  }

  /// What the core would say too, but only with the next command, and then the writer is useless.
  private func check(_ frame: [WireSeries]) throws(SynnaxError) {
    var counts: [UInt32: Int] = [:]
    for series in frame { counts[series.key, default: 0] += series.count }
    let groups = Dictionary(grouping: channels.filter { !$0.isVirtual }) { $0.isIndex ? $0.key : $0.index }
    for group in groups.values {
      guard let some = group.first(where: { counts[$0.key] != nil }), let count = counts[some.key] else {
        continue
      }
      for channel in group where counts[channel.key] != count {
        if channel.isIndex, makesTimes, counts[channel.key] == nil { continue }
        let what = channel.isIndex ? "\(channel.name), their index" : channel.name
        throw SynnaxError(
          "validation",
          counts[channel.key].map { "\(count) samples of \(some.name), but \($0) of \(what)" }
            ?? "samples of \(some.name) and none of \(what)",
          hint: "channels of one index are written together, with a timestamp for each sample")
      }
    }
    for series in frame where channels.contains(where: { $0.key == series.key && $0.isIndex }) {
      let falls = series.storage.withValues(series.range) { (times: UnsafeBufferPointer<Int64>) in
        times.indices.dropFirst().first { times[$0] < times[$0 - 1] }
      }
      guard let falls else { continue }
      throw SynnaxError(
        "validation", "timestamp \(falls + 1) is before the one before it", hint: "an index only ever rises")
    }
  }

  /// As `write(_:)`, of samples that have the channels' types. Large frames are sent in parts.
  package func write(wire series: [WireSeries]) async throws(SynnaxError) {
    guard !series.isEmpty else { return }
    try await turn.take()
    defer { turn.pass() }
    try check()
    var parts = [series]
    while let part = parts.popLast() {
      let bytes = part.reduce(0) { $0 + $1.wireByteCount }
      if bytes > SynnaxLimits.writtenFrameBytes, let most = part.map(\.count).max(), most > 1 {
        parts.append(part.compactMap { $0.half(second: true) })
        parts.append(part.compactMap { $0.half(second: false) })
        continue
      }
      var message = [Wire.framePrefix]
      try codec.encode(part, into: &message)
      try await connection.send(message, within: client.configuration.timeout)
      inner.withLock { $0.samples += Int64(part.reduce(0) { $0 + $1.count }) }
    }
    try check()
  }

  /// Throws what the core has said meanwhile.
  private func check() throws(SynnaxError) {
    while let message = connection.poll() {
      if let response = try response(message), let error = response.err, !error.isNone {
        fail(SynnaxError(error))
      }
    }
    let (failure, isClosed) = inner.withLock { ($0.failure, $0.isClosed) }
    if let failure { throw failure }
    if isClosed { throw SynnaxError("closed", "this writer is closed") }
  }

  private func fail(_ error: SynnaxError) { inner.withLock { $0.failure = $0.failure ?? error } }

  // MARK: - Commands

  /// Makes what was written permanent. Returns the end of it: the last committed timestamp and a nanosecond.
  @discardableResult
  public func commit() async throws(SynnaxError) -> TimeStamp {
    try await turn.take()
    defer { turn.pass() }
    try check()
    let answer = try await command(WriterRequestPayload(.commit))
    return TimeStamp(nanoseconds: answer.end?.value ?? 0)
  }

  /// Changes how firmly channels are held; all of them when none are named.
  public func setAuthority(_ authority: UInt8, channels names: [String] = []) async throws(SynnaxError) {
    try await turn.take()
    defer { turn.pass() }
    try check()
    var keys: [UInt32] = []
    for name in names {
      guard let channel = channels.first(where: { $0.name == name }) else {
        throw SynnaxError("unknown_channel", "this writer was not opened with \"\(name)\"")
      }
      keys.append(channel.key)
    }
    let config = WriterConfigPayload(keys: keys, authorities: [UInt32(authority)])
    _ = try await command(WriterRequestPayload(.setAuthority, config: config))
  }

  /// Ends the writer; all that was written before has been taken when it returns. Throws the error that made it
  /// useless, if any, the first time; later calls do nothing.
  public func close() async throws(SynnaxError) {
    try await turn.take()
    defer { turn.pass() }
    let wasClosed = inner.withLock { inner in
      defer { inner.isClosed = true }
      return inner.isClosed
    }
    guard !wasClosed else { return }
    defer { connection.cut() }
    try await connection.send(
      Wire.encode(Envelope<WriterRequestPayload>(.close), prefix: true), within: client.configuration.timeout)
    // Ends with the core's close, which `response` throws or answers with nil.
    while let response = try response(await connection.next(within: client.configuration.timeout)) {
      if let error = response.err, !error.isNone { fail(SynnaxError(error)) }
    }
    if let failure = inner.withLock({ $0.failure }) { throw failure }
  }

  /// Sends a command and waits for its answer; errors of frames come in between.
  private func command(_ payload: WriterRequestPayload) async throws(SynnaxError) -> WriterResponsePayload {
    let timeout = client.configuration.timeout
    try await connection.send(Wire.encode(Envelope(.data, payload: payload), prefix: true), within: timeout)
    while true {
      guard let response = try response(await connection.next(within: timeout)) else {
        throw SynnaxError("closed", "the core closed the writer")
      }
      if let error = response.err, !error.isNone { fail(SynnaxError(error)) }
      if let failure = inner.withLock({ $0.failure }) { throw failure }
      if response.command == payload.command { return response }
    }
  }

  /// - Returns: nil for an orderly close.
  private func response(_ message: [UInt8]) throws(SynnaxError) -> WriterResponsePayload? {
    guard message.first == Wire.jsonPrefix else {
      throw SynnaxError("protocol", "a writer's answer begins with \(message.first ?? 0)")
    }
    let envelope = try Wire.decode(Envelope<WriterResponsePayload>.self, Array(message.dropFirst()))
    guard envelope.kind == .close else { return envelope.payload ?? WriterResponsePayload() }
    inner.withLock { $0.isClosed = true }
    let error = envelope.error ?? .none
    guard !error.isNone, !error.isEndOfStream else { return nil }
    fail(SynnaxError(error))
    throw SynnaxError(error)
  }
}

extension WireSeries {
  /// One half of the samples; nil when there are none in it.
  fileprivate func half(second: Bool) -> WireSeries? {
    var part = self
    let middle = range.lowerBound + count / 2
    part.range = second ? middle..<range.upperBound : range.lowerBound..<middle
    return part.range.isEmpty ? nil : part
  }
}
