import Locks
public import Telemetry
import Transport

/// A running stream of a core: keeps it up across lost connections, and lets its channels change.
public final class SynnaxFeed: Feed {
  private enum Phase: Sendable { case opening, running, reconnecting, stopped }

  private struct Inner {
    var phase = Phase.opening
    var channels: StreamChannels
    var connection: StreamConnection?
    var reconnecting: Task<Void, Never>?
    var finishing: Task<Void, Never>?
    /// Ends of earlier connections are not news.
    var generation = 0
    var isLost = false
  }

  private let client: SynnaxClient
  private let sink: any StreamSink
  private let settings: StreamStateMachine.Settings
  private let inner: Guarded<Inner>
  private let turn = Turn()

  init(
    _ client: SynnaxClient, _ channels: StreamChannels, _ settings: StreamStateMachine.Settings,
    sink: any StreamSink
  ) {
    self.client = client
    self.sink = sink
    self.settings = settings
    inner = Guarded(Inner(channels: channels))
  }

  public var channels: [Channel] { inner.withLock { $0.channels.visible } }
  var isReconnecting: Bool { inner.withLock { $0.phase == .reconnecting } }
  var isOver: Bool { inner.withLock { $0.phase == .stopped } }
  var isLost: Bool { inner.withLock { $0.isLost } }

  /// Deadlines; a few times a second.
  func tick() { inner.withLock { $0.connection }?.tick() }

  // MARK: - Opening

  func open(span: TimeSpan?) async throws(SynnaxError) {
    do throws(SynnaxError) {
      try await connect(acknowledged: {})
    } catch  where error.code == "not_found" || error.type == "freighter.stream_closed" {
      // What is known of the channels may be old.
      try await refreshChannels()
      try await connect(acknowledged: {})
    }
    guard let span else { return }
    let timer = Task { [weak self] in
      try? await Task.sleep(for: span.duration)
      if !Task.isCancelled { await self?.finish() }
    }
    inner.withLock { $0.finishing = timer }
  }

  /// Opens a connection with the present channels and makes it the one. A token that ended is replaced once.
  private func connect(acknowledged: @escaping @Sendable () -> Void) async throws(SynnaxError) {
    var authorization = try await client.authorization()
    do throws(SynnaxError) {
      try await connect(authorization, acknowledged)
    } catch  where error.remedy == .logIn {
      authorization = try await client.authorization(unless: String(authorization.dropFirst("Bearer ".count)))
      try await connect(authorization, acknowledged)
    }
  }

  private func connect(
    _ authorization: String, _ acknowledged: @escaping @Sendable () -> Void
  ) async throws(SynnaxError) {
    let connection = inner.withLock { inner in
      inner.generation += 1
      let generation = inner.generation
      let callbacks = StreamConnection.Callbacks(
        acknowledged: { [weak self] in
          self?.acknowledged()
          acknowledged()
        },
        sink: sink, ended: { [weak self] in self?.ended($0, generation) })
      // Made under the lock: an update must reach either this value or the connection.
      let made = StreamConnection(inner.channels, settings, clock: client.clock, callbacks: callbacks)
      inner.connection = made
      return made
    }
    try await connection.open(client, authorization: authorization)
    if isOver { await connection.close() }
  }

  private func acknowledged() {
    inner.withLock { if $0.phase != .stopped { $0.phase = .running } }
  }

  /// Resolves the names anew; again when they were changed meanwhile.
  private func refreshChannels() async throws(SynnaxError) {
    while true {
      let old = inner.withLock { $0.channels }
      let visible = try await client.freshChannels(named: old.visible.map(\.name))
      let fresh = StreamChannels(visible: visible, hidden: try await client.indexes(of: visible))
      sink.prepare(fresh.visible)
      let isDone = inner.withLock { inner in
        guard inner.channels === old else { return false }
        inner.channels = fresh
        return true
      }
      if isDone { return }
    }
  }

  // MARK: - Changing

  public func update(_ names: [String]) async throws -> [Channel] {
    let visible = try await client.channels(named: names)
    let fresh = StreamChannels(visible: visible, hidden: try await client.indexes(of: visible))
    try await turn.take()
    defer { turn.pass() }
    sink.prepare(fresh.visible)
    await makeRoomForState()
    let (connection, removed) = inner.withLock { inner in
      let kept = Set(fresh.entries.map(\.key))
      let removed = inner.channels.entries.map(\.key).filter { !kept.contains($0) }
      inner.channels = fresh
      return (inner.connection, removed)
    }
    connection?.update(fresh, without: removed)
    return fresh.visible
  }

  /// A core queues changes until it next sends a frame, and stops listening when there are too many. Frames that
  /// come make room; on a stream without frames a new connection does.
  private func makeRoomForState() async {
    let end = client.clock.monotonic + TimeSpan(nanoseconds: 2_000_000_000)
    while true {
      guard let connection = inner.withLock({ $0.phase == .running ? $0.connection : nil }),
        connection.pendingStates >= SynnaxLimits.pendingStates
      else { return }
      if client.clock.monotonic >= end {
        inner.withLock { $0.generation += 1 }
        await connection.close()
        do throws(SynnaxError) {
          try await connect { [sink] in sink.handle(.gap(.reconnect, samples: nil, channels: [])) }
        } catch {
          reconnect(error.message)
        }
        return
      }
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  // MARK: - Ending

  public func stop() async throws {
    let (connection, tasks) = inner.withLock { inner in
      inner.phase = .stopped
      defer { (inner.reconnecting, inner.finishing) = (nil, nil) }
      return (inner.connection, [inner.reconnecting, inner.finishing])
    }
    for task in tasks { task?.cancel() }
    await connection?.close()
  }

  /// The fixed time is over.
  private func finish() async {
    inner.withLock { $0.finishing = nil }
    try? await stop()
    sink.handle(.finished)
  }

  private func ended(_ end: StreamStateMachine.End, _ generation: Int) {
    let isNews = inner.withLock {
      $0.generation == generation && $0.phase != .stopped && $0.phase != .reconnecting
    }
    guard isNews else { return }
    switch end {
    case .closed: return
    case .endedByCore: reconnect("the core ended the stream")
    case .failed(let error):
      if error.remedy == .none, error.code != "not_found" { lose(error) } else { reconnect(error.message) }
    }
  }

  private func lose(_ error: SynnaxError) {
    inner.withLock { ($0.phase, $0.isLost) = (.stopped, true) }
    sink.handle(.lost(error.description))
  }

  private func reconnect(_ reason: String) {
    let isWanted = inner.withLock { inner in
      guard inner.phase != .stopped else { return false }
      inner.phase = .reconnecting
      return true
    }
    guard isWanted else { return }
    sink.handle(.reconnecting(reason))
    let task = Task { await self.reconnect() }
    inner.withLock { inner in
      if inner.phase == .stopped { task.cancel() } else { inner.reconnecting = task }
    }
  }

  /// Tries until it works, until an error that waiting does not heal, or until the time is over. Names are resolved
  /// anew each time: a core may have made the channels again, with other keys.
  private func reconnect() async {
    var backOff = BackOff()
    let end = client.clock.monotonic + client.configuration.giveUpAfter
    while !Task.isCancelled {
      do throws(SynnaxError) {
        try await refreshChannels()
        try await connect { [sink] in sink.handle(.resumed) }
        return
      } catch {
        let heals =
          error.remedy != .none || ["not_found", "unknown_channel", "cancelled"].contains(error.code)
        if Task.isCancelled { return }
        guard heals, client.clock.monotonic < end else { return lose(error) }
        try? await Task.sleep(for: backOff.next())
      }
    }
  }
}

/// Lets one task at a time through, in the order of coming.
final class Turn: Sendable {
  private struct Line {
    var isTaken = false
    var waiting: [OneShot<Void>] = []
  }
  private let line = Guarded(Line())

  /// Throws when too many wait already.
  func take() async throws(SynnaxError) {
    let isFull = line.withLock { $0.waiting.count >= SynnaxLimits.waitingUpdates }
    if isFull {
      throw SynnaxError("busy", "\(SynnaxLimits.waitingUpdates) changes of this stream are under way")
    }
    let turn = OneShot<Void>()
    line.withLock { line in
      if line.isTaken { line.waiting.append(turn) } else { turn.fulfill(()) }
      line.isTaken = true
    }
    _ = await turn.wait()
  }

  func pass() {
    let next = line.withLock { line -> OneShot<Void>? in
      if line.waiting.isEmpty {
        line.isTaken = false
        return nil
      }
      return line.waiting.removeFirst()
    }
    next?.fulfill(())
  }
}
