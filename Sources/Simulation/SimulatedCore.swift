import Locks
public import Logging
public import Synnax
public import Telemetry
package import Transport

/// A Synnax core on loopback: sessions, channels, streams, writers, iterators, as far as a streaming client can see
/// them. For users without one, and for tests. The official Python client works with it.
public final class SimulatedCore: Sendable {
  public let configuration: CoreConfiguration
  let clock: any TelemetryClock
  private let state: Guarded<CoreState>
  private let logger: Logger?
  private let parts = Guarded(Parts())

  private struct Parts {
    var server: HTTPServer?
    var loop: Task<Void, Never>?
    var player: CorePlayer?
    var faults = CoreFaults()
  }

  private init(
    _ configuration: CoreConfiguration, _ state: CoreState, clock: any TelemetryClock, logger: Logger?
  ) {
    self.configuration = configuration
    self.state = Guarded(state)
    self.clock = clock
    self.logger = logger
  }

  /// Listens, and begins to play. Throws `argument` for a recording or store that cannot be read, `refused` for a
  /// port that is taken.
  public static func start(
    _ configuration: CoreConfiguration = CoreConfiguration(), clock: any TelemetryClock = SystemClock(),
    logger: Logger? = nil
  ) async throws(SynnaxError) -> SimulatedCore {
    let core: SimulatedCore
    do {
      let store: any CoreStore =
        if let path = configuration.store { try CoreFileStore(path) } else { CoreMemoryStore() }
      core = SimulatedCore(
        configuration, try CoreState(configuration, store: store), clock: clock, logger: logger)
      if configuration.plays {
        let player = try core.withState { try CorePlayer(configuration, &$0, clock: clock) }
        core.parts.withLock { $0.player = player }
      }
    } catch let error as SynnaxError {
      throw error
    } catch let error as ErrorPayload {
      throw SynnaxError("argument", error.data)
    } catch {
      throw SynnaxError("argument", "cannot use \(configuration.store ?? "the store"): \(error)")
    }
    try await core.listen(port: configuration.port)
    let loop = Task { [weak core] in
      while !Task.isCancelled, let wait = core?.step() { try? await Task.sleep(for: wait) }
    }
    core.parts.withLock { $0.loop = loop }
    return core
  }

  /// The port that was bound.
  public var port: Int { parts.withLock { $0.server?.port ?? configuration.port } }
  /// What a client connects to; without the password.
  public var url: String {
    "\(configuration.tls == nil ? "synnax" : "synnaxs")://\(configuration.user)@\(configuration.host):\(port)"
  }
  /// Open streams and writers, and frames left out for streams that did not read.
  public var counts: (streams: Int, writers: Int, dropped: Int) { withState { $0.counts } }

  /// Ends all connections; returns when they are gone. Idempotent.
  public func stop() async {
    let (server, loop) = parts.withLock { parts in
      defer { (parts.server, parts.loop, parts.player) = (nil, nil, nil) }
      return (parts.server, parts.loop)
    }
    loop?.cancel()
    await server?.stop()
  }

  /// Writes and sends what is due; called by itself all the time. Returns how long nothing is due.
  @discardableResult
  func step() -> Duration {
    let now = clock.monotonic
    let (frames, nextRow) = parts.withLock { ($0.player?.due(now: now) ?? [], $0.player?.next) }
    let wall = clock.now
    let nextSend = withState { state in
      for frame in frames { _ = state.write(frame.writer, frame.series, now: wall, monotonic: now) }
      return state.tick(now: now)
    }
    let next = [nextRow, nextSend].compactMap { $0 }.min().map { $0 - now } ?? .second
    // A stream may be opened meanwhile, so it never waits for long.
    return max(.milliseconds(1), min(.milliseconds(20), next.duration))
  }

  func withState<R: Sendable, E: Error>(_ body: (inout CoreState) throws(E) -> R) throws(E) -> R {
    try state.withLock { state throws(E) in try body(&state) }
  }

  // MARK: - Listening

  private func listen(port: Int) async throws(SynnaxError) {
    var options = HTTPServer.Options()
    options.host = configuration.host
    options.port = port
    options.tls = configuration.tls
    options.connections = CoreLimits.connections
    do throws(TransportError) {
      let server = try await HTTPServer.start(
        options, logger: logger, upgrade: { [weak self] in self?.upgrade($0) ?? .refuse(503) },
        handler: { [weak self] in await self?.respond($0) ?? HTTPResponse(status: 503, text: "gone") })
      parts.withLock { $0.server = server }
    } catch {
      if error.code == .tls { throw SynnaxError("argument", error.message) }
      throw SynnaxError("refused", "cannot listen on \(configuration.host):\(port): \(error.message)")
    }
  }

  private func respond(_ request: HTTPRequest) async -> HTTPResponse {
    if let delay = faults.answerDelay { try? await Task.sleep(for: delay.duration) }
    return withState { $0.respond(request, now: clock.now, monotonic: clock.monotonic) }
  }

  private func upgrade(_ request: HTTPRequest) -> UpgradeDecision {
    guard let path = CoreState.route(request.path), let endpoint = CoreSocket.Endpoint(path: path) else {
      return .refuse(404, "Cannot GET \(request.path)")
    }
    let type = request.headers["content-type"] ?? request.parameter("freighterctxContent-Type")
    guard type == CoreState.frameType else { return .refuse(415, "Unsupported Media Type") }
    let token = request.headers["authorization"] ?? request.parameter("freighterctxAuthorization")
    let (id, refusal) = withState { state -> (Int, ErrorPayload?) in
      do throws(ErrorPayload) {
        try state.sessions.check(token, now: clock.now, monotonic: clock.monotonic)
        return (state.makeID(), nil)
      } catch {
        return (state.makeID(), error)
      }
    }
    var options = WebSocketOptions()
    options.messageBytes = SynnaxLimits.messageBytes
    options.outboundBytes = CoreLimits.streamBytes
    // A core answers pings and sends none.
    options.pingInterval = nil
    return .accept(CoreSocket(self, endpoint, id: id, refusal: refusal), options: options)
  }

  // MARK: - Faults, for tests

  package var faults: CoreFaults { parts.withLock { $0.faults } }

  package func setFaults(_ change: (inout CoreFaults) -> Void) { parts.withLock { change(&$0.faults) } }

  /// Ends every session, as an administrator does; open streams go on.
  package func endSessions() { withState { $0.sessions.endAll() } }

  /// Drops all connections without a word.
  package func cutConnections() { parts.withLock { $0.server }?.cutConnections() }

  /// Goes away and comes back on the same port, with its channels and without its sessions.
  package func restart(away: Duration = .zero) async throws(SynnaxError) {
    let (server, port) = parts.withLock { ($0.server, $0.server?.port ?? 0) }
    await server?.stop()
    endSessions()
    try? await Task.sleep(for: away)
    try await listen(port: port)
  }

  /// How often the open streams have asked for channels.
  package var streamRequests: Int { withState { $0.streamRequests } }

  package var streamKeepAlives: Int { withState { $0.streamKeepAlives } }

  /// The connections of all open streams, to be treated badly.
  package var streamConnections: [WebSocketConnection] { withState { $0.streamConnections } }
}

/// What goes wrong on purpose.
package struct CoreFaults: Sendable {
  /// Calls are answered this late.
  package var answerDelay: TimeSpan?
}
