import Locks
public import Logging
public import Telemetry
import Transport

/// One Bela board: its variables as channels, its streams, monitors, control, logs and buffers.
///
/// Several feeds of all kinds may run at once on one connection. Two on the same variable share the board's one
/// stream of it, each cut to its own window. All members may be called on any thread.
public final class BelaSource: Source {
  /// Where a board usually is: its address on the USB network, as pybela has it.
  public static let defaultHost = "192.168.7.2"
  public static let defaultPort = 5555

  public let host: String
  public let port: Int
  /// Where a board on this machine keeps its files; nil for one that is reached by `scp`.
  public let logFolder: String?
  /// The board waits for its readers, as a simulated one in fast motion does: data are left in the socket while those
  /// who read are behind.
  let holdsBack: Bool
  let clock: any TelemetryClock
  let logger: Logger?
  /// What a person should know of what others did to streams of this connection; any thread.
  let notice: (@Sendable (String) -> Void)?
  let core: Guarded<BelaCore>
  let link = Guarded(BelaLink())
  /// Held from a decision to the sending of what follows from it: the board hears of decisions in their order. Taken
  /// before `core`; sending does not wait.
  private let order = Guarded(())

  // Safety: touched within `burst` alone, which holds the lock of `core`. In memory of its own: it is looked at for
  // each message.
  nonisolated(unsafe) let reading = UnsafeMutablePointer<BelaReading?>.allocate(capacity: 1)

  private init(
    host: String, port: Int, logFolder: String?, holdsBack: Bool, clock: any TelemetryClock, logger: Logger?,
    notice: (@Sendable (String) -> Void)?
  ) {
    self.notice = notice
    self.holdsBack = holdsBack
    self.host = host
    self.port = port
    self.logFolder = logFolder
    self.clock = clock
    self.logger = logger
    core = Guarded(BelaCore(name: "bela ws://\(host):\(port)"))
    reading.initialize(to: nil)
  }

  deinit {
    reading.deinitialize(count: 1)
    reading.deallocate()
    let old = link.withLock { $0.take() }
    old.control?.closeNow()
    old.data?.closeNow()
    old.reconnecting?.cancel()
  }

  /// Connects, answers the board's greeting and asks for its list.
  ///
  /// Throws `refused`, `unreachable`, `protocol` (404, no greeting, nonsense, no list) with a hint for a beginner.
  public static func connect(
    host: String = defaultHost, port: Int = defaultPort,
    timeout: TimeSpan = TimeSpan(nanoseconds: 5_000_000_000),
    logFolder: String? = nil, holdsBack: Bool = false, clock: any TelemetryClock = SystemClock(),
    logger: Logger? = nil, notice: (@Sendable (String) -> Void)? = nil
  ) async throws(BelaError) -> BelaSource {
    let source = BelaSource(
      host: host, port: port, logFolder: logFolder, holdsBack: holdsBack, clock: clock, logger: logger,
      notice: notice)
    do {
      try await source.openLink(timeout: timeout.duration)
    } catch {
      let old = source.link.withLock { $0.take() }
      old.control?.closeNow()
      old.data?.closeNow()
      throw error
    }
    return source
  }

  // MARK: - What it is

  public var name: String { core.withLock { $0.name } }

  public var state: String {
    core.withLock {
      switch $0.phase {
      case .open: "open"
      case .reconnecting: "reconnecting"
      case .lost: "lost"
      case .closed: "closed"
      }
    }
  }

  /// Name of the program on the board, where it gave one.
  public var projectName: String? { core.withLock { $0.project } }
  /// What the program declared; its clock may tick at another rate (section 8).
  public var sampleRate: Double? { core.withLock { $0.list?.sampleRate } }
  /// Ticks per second of the board's clock as measured between two lists; as declared until there were two.
  public var tickRate: Double? { core.withLock { $0.tickRate } }

  /// What was lost or thrown away on the data socket since the connection began.
  public struct Losses: Sendable, Hashable {
    /// Headers whose payload never came.
    public var payloads: Int64
    /// Payloads whose header never came.
    public var headers: Int64
    /// Payloads of other clients' streams, the program's own buffers, and damage.
    public var foreign: Int64
  }

  public var losses: Losses {
    core.withLock { core in
      Losses(
        payloads: core.decoder.counts.lostPayloads, headers: core.decoder.counts.lostHeaders,
        foreign: core.foreign)
    }
  }

  // MARK: - Listing

  public func channels() async throws -> [Channel] {
    let list = try await list()
    return list.variables.map { $0.channel(rate: list.sampleRate) }
  }

  /// The board's variables with their state and values. A connection that is lost meanwhile is waited for. Throws
  /// `timeout` when the board does not answer, `lost` without a connection.
  public func list(timeout: Duration = .seconds(5)) async throws(BelaError) -> BelaList {
    let deadline = ContinuousClock.now + timeout
    while true {
      try await connected(within: deadline - .now)
      guard let (control, generation) = present else { continue }
      do {
        return try await askList(within: deadline - .now, on: control, generation)
      } catch {
        guard error.code == "lost", ContinuousClock.now < deadline else { throw error }
      }
    }
  }

  /// The control socket that there is, and the number of its connection.
  var present: (control: WebSocketConnection, generation: Int)? {
    core.withLock { core in link.withLock { $0.control.map { ($0, core.generation) } } }
  }

  /// - Parameter generation: of the connection. When that ends, whichever of its sockets was the first, this throws `lost`
  ///   at once: no answer comes any more.
  func askList(
    within time: Duration, on control: WebSocketConnection, _ generation: Int
  ) async throws(BelaError) -> BelaList {
    let reply = OneShot<BelaList>()
    let command = try BelaCommand.messages([.list])
    let ended = BelaError.away(name, "the board ended the connection")
    try order.withLock { _ throws(BelaError) in
      let isLate = core.withLock { core in
        if core.generation == generation { core.listReplies.append(reply) }
        return core.generation != generation
      }
      if isLate { throw ended }
      do throws(BelaError) {
        try send(texts: command, on: control)
      } catch {
        // What was not asked for has no answer; the next one is another's.
        core.withLock { $0.listReplies.removeAll { $0 === reply } }
        throw control.isOpen ? error : ended
      }
    }
    if let list = await reply.wait(time) { return list }
    // The answer to one that is waited for no more is still its own.
    if Task.isCancelled { throw BelaError("cancelled", "cancelled while the board was asked for its list") }
    let isOver = core.withLock { core in
      core.listReplies.removeAll { $0 === reply }
      return core.generation != generation
    }
    guard control.isOpen, !isOver else { throw ended }
    throw BelaError(
      "timeout", "\(name) did not answer the list command within \(time)", hint: BelaError.projectHint)
  }

  /// The board's clock, in ticks.
  public func now() async throws(BelaError) -> Int64 { try await list().tick }

  // MARK: - Sending

  /// Decides, and sends what follows from it before anybody else's decision.
  @discardableResult
  func tell<Result>(
    _ decide: (inout BelaCore) throws(BelaError) -> (Result, [BelaCommand])
  ) throws(BelaError) -> Result {
    try order.withLock { _ throws(BelaError) in
      let (result, commands) = try core.withLock { core throws(BelaError) in try decide(&core) }
      try send(commands)
      return result
    }
  }

  /// The same where an error says only that the connection has gone: then the board is told when there is a new one.
  func tellIfConnected(_ decide: (inout BelaCore) -> [BelaCommand]) {
    try? tell { ((), decide(&$0)) }
  }

  /// Sends commands, split as the board needs it.
  package func send(_ commands: [BelaCommand]) throws(BelaError) {
    guard !commands.isEmpty else { return }
    let messages = try BelaCommand.messages(commands)
    try send(texts: messages)
  }

  func send(texts: [String]) throws(BelaError) {
    guard let control = link.withLock({ $0.control }) else { throw absence() }
    try send(texts: texts, on: control)
  }

  func send(texts: [String], on control: WebSocketConnection) throws(BelaError) {
    do {
      try control.sendAll(texts.map { .text($0) })
    } catch {
      throw BelaError(error, board: name)
    }
  }

  /// Why there is no connection now.
  func absence() -> BelaError {
    core.withLock { core in
      switch core.phase {
      case .closed: .closed(core.name)
      case .lost(let why), .reconnecting(let why): .away(core.name, why)
      case .open: .away(core.name, nil)
      }
    }
  }

  /// Sends what has been queued for sinks, in order, by one thread at a time.
  func deliver() {
    var continuing = false
    while let batch = core.withLock({ $0.takeDeliveries(continuing: continuing) }) {
      continuing = true
      for delivery in batch {
        switch delivery {
        case .frame(let sink, let frame): sink.receive(frame)
        case .event(let sink, let event): sink.handle(event)
        case .stopped(let reply): reply.fulfill(())
        }
      }
    }
  }

  // MARK: - Closing

  /// Stops every feed, turns monitors off, and closes. Idempotent, at most 2 s.
  public func close() async {
    let (feeds, wasOpen) = core.withLock { core in
      if case .open = core.phase { return (Array(core.feeds.keys), true) }
      return (Array(core.feeds.keys), false)
    }
    if wasOpen {
      let reply = OneShot<Void>()
      let stopping = Task {
        await withTaskGroup(of: Void.self) { group in
          for feed in feeds { group.addTask { try? await self.stop(feed) } }
        }
        reply.fulfill(())
      }
      _ = await reply.wait(BelaLimits.closeWait - .milliseconds(200))
      stopping.cancel()
    }
    core.withLock { core in
      core.phase = .closed
      core.generation += 1
      for feed in Array(core.feeds.keys) {
        if let sink = core.feeds[feed]?.sink {
          core.add(.event(sink, .interrupted("the connection was closed")))
        }
        core.remove(feed)
      }
      for reply in core.connectionWaiters { reply.fulfill(()) }
      core.connectionWaiters.removeAll()
    }
    let old = link.withLock { $0.take() }
    old.reconnecting?.cancel()
    // A board never answers a Close: begin it, and do not wait.
    old.control?.beginClose(deadline: .milliseconds(100))
    old.data?.beginClose(deadline: .milliseconds(100))
    deliver()
  }
}
