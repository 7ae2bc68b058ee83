import JSON
import Locks
import Bela
public import Transport

/// A Bela board on loopback: the two sockets of a real one, the rules of section 7, any number of clients.
///
/// Starts with `start`, runs until `stop`. All its timing hangs on one task that advances the machine by the clock.
public final class SimulatedBoard: Sendable {
  struct State {
    var configuration: BoardConfiguration
    var machine: BoardMachine
    var link: BoardLink
    var control: [ObjectIdentifier: Client] = [:]
    var data: [ObjectIdentifier: WebSocketConnection] = [:]
    var nextClient = 0
    /// How late it reads the next messages of its clients, and those that wait for that.
    var hearing: [Duration] = []
    var unheard: [(due: ContinuousClock.Instant, text: [UInt8], connection: WebSocketConnection)] = []
    var isStopped = false
    /// Counts the programs that have run; what the one before was about to send is not sent.
    var program = 0
    /// Set anew with each program.
    var clockBegan = ContinuousClock.now
    /// Seconds of the clock that data have been sent for, and what is still to happen meanwhile.
    var firstData: Int64?
    var streamed = 0.0
    var incidents: [BoardFaults.Incident]
    var delayed: [(due: ContinuousClock.Instant, messages: [WebSocketPayload])] = []

    /// What time it is, and when the newest command came.
    let clock: @Sendable () -> ContinuousClock.Instant
    var heard: ContinuousClock.Instant
    /// A client went after commands that a board would have looked at by then: up to this tick it counts as there.
    var settlesUntil: Int64?

    /// Data sockets that end as soon as they are open.
    var nextDataCuts = 0

    var hasActiveClient: Bool { control.values.contains { $0.isActive } }
    var listeners: [Client] { control.values.filter { !$0.isMute } }

    /// To be called before a client goes or pauses. This clock looks at commands every few milliseconds, that of a board
    /// every block; what is more than a block apart must not fall into one here.
    mutating func settle() {
      let block = Double(max(1, configuration.block))
      guard machine.hasCommands, hasActiveClient,
        (clock() - heard) / .seconds(1) >= block / configuration.rate
      else { return }
      settlesUntil = machine.now + Int64(block)
    }

    mutating func advance(to tick: Int64) -> BoardMachine.Output {
      guard let settled = settlesUntil, machine.now < settled else {
        settlesUntil = nil
        return machine.advance(to: tick, isActive: hasActiveClient)
      }
      var output = machine.advance(to: min(tick, settled), isActive: true)
      guard tick > settled else { return output }
      settlesUntil = nil
      let rest = machine.advance(to: tick, isActive: hasActiveClient)
      output.items += rest.items
      output.replies += rest.replies
      output.logs += rest.logs
      return output
    }
  }

  struct Client {
    var connection: WebSocketConnection
    var number: Int
    var isActive = false
    /// It is told nothing more, and not listened to.
    var isMute = false
  }

  let state: Guarded<State>
  let files: BoardLogFiles
  private let group: TransportGroup
  private let server: Guarded<HTTPServer?> = Guarded(nil)
  private let pace: Guarded<Task<Void, Never>?> = Guarded(nil)
  private let bound: Guarded<Int> = Guarded(0)

  private init(
    _ configuration: BoardConfiguration, _ group: TransportGroup,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) throws {
    files = try BoardLogFiles(folder: configuration.logFolder)
    self.group = group
    let machine = BoardMachine(configuration, files: files.existing)
    state = Guarded(
      State(
        configuration: configuration, machine: machine, link: BoardLink(configuration),
        incidents: configuration.faults.incidents.sorted { $0.after < $1.after }, clock: clock, heard: clock()
      ))
  }

  /// Listens, and lets the clock run.
  public static func start(
    _ configuration: BoardConfiguration, group: TransportGroup = .shared
  ) async throws -> SimulatedBoard {
    let board = try SimulatedBoard(configuration, group)
    try await board.listen(port: configuration.port)
    board.pace.withLock {
      $0 = Task.detached(priority: .high) { [weak board] in await BoardPacer(configuration).run { board } }
    }
    return board
  }

  /// Listens only: its clock goes on by `pass`. For tests.
  package static func startWithoutTime(
    _ configuration: BoardConfiguration, clock: @escaping @Sendable () -> ContinuousClock.Instant
  ) async throws -> SimulatedBoard {
    let board = try SimulatedBoard(configuration, .shared, clock: clock)
    try await board.listen(port: configuration.port)
    return board
  }

  package func pass(ticks: Int64) { _ = advance(to: tick + ticks) }

  /// Control connections that are open.
  package var clientCount: Int { state.withLock { $0.control.count } }

  func listen(port: Int) async throws {
    var options = HTTPServer.Options()
    options.port = port
    options.connections = Limits.connections
    let server = try await HTTPServer.start(
      options, group: group, upgrade: { [weak self] request in self?.upgrade(request) ?? .refuse(503) },
      handler: { _ in
        HTTPResponse(
          status: 404, headers: Self.commonHeaders(["Content-Type": "text/plain", "Connection": "close"]),
          body: Array("a board speaks only WebSocket\n".utf8))
      })
    bound.withLock { $0 = server.port }
    self.server.withLock { $0 = server }
  }

  private func upgrade(_ request: HTTPRequest) -> UpgradeDecision {
    guard request.version != "1.0", request.version != "HTTP/1.0" else { return .refuse(501) }
    var headers = Self.commonHeaders()
    let offered = request.headers["sec-websocket-protocol"]?.split(separator: ",").first
    if let offered { headers.add("Sec-WebSocket-Protocol", String(offered.drop { $0 == " " })) }
    switch request.path {
    case "/gui_control": return .accept(ControlSocket(board: self), headers: headers, options: .belaBoard)
    case "/gui_data": return .accept(DataSocket(board: self), headers: headers, options: .belaBoard)
    default: return .refuse(404, "no such address on this board\n", headers: Self.commonHeaders())
    }
  }

  /// What the board's server says with every answer.
  private static func commonHeaders(_ others: HTTPFields = [:]) -> HTTPFields {
    var headers = others
    headers.add("Server", "Seasocks/1.4.6")
    headers.add("Date", BoardText.now)
    headers.add("Access-Control-Allow-Origin", "*")
    return headers
  }

  /// In fast motion without a bound: readers that leave data in their sockets slow it down and lose nothing.
  public var waitsForReaders: Bool { state.withLock { $0.configuration.speed == .infinity } }
  public var host: String { "127.0.0.1" }
  public var port: Int { bound.withLock { $0 } }
  /// Where its log files are.
  public var logFolder: String { files.folder }

  /// Ends the program on the board: all connections see the end of TCP, without a Close.
  public func stop() async {
    state.withLock { $0.isStopped = true }
    pace.withLock { $0?.cancel() }
    await stopListening()
    files.close()
  }

  func stopListening() async {
    let server = server.withLock { server in
      defer { server = nil }
      return server
    }
    server?.cutConnections()
    await server?.stop()
  }

  func cutConnections() { server.withLock { $0 }?.cutConnections() }

  /// Ticks that have happened.
  public var tick: Int64 { state.withLock { $0.machine.now } }
  /// What clients have sent that would crash a real board (section 13).
  public var violations: [String] { state.withLock { $0.machine.violations } }
  /// Messages that got lost on purpose.
  public var lost: Int { state.withLock { $0.link.lost } }

  // MARK: - Time

  /// Lets the clock go on and sends what comes of it. Answers the longest queue of any reader; nil after `stop`.
  func advance(to tick: Int64) -> Int? {
    let heard = state.withLock { state in
      let ready = state.unheard.prefix { $0.due <= .now }
      state.unheard.removeFirst(ready.count)
      return ready
    }
    for message in heard { hear(message.text, message.connection) }
    let work = state.withLock { state -> Work? in
      guard !state.isStopped else { return nil }
      let output = state.advance(to: tick)
      var messages: [WebSocketPayload] = []
      messages.reserveCapacity(output.items.count * 2)
      for item in output.items {
        let (header, payload) = state.link.pass(item, rate: state.configuration.rate)
        if let header { messages.append(.binary(header)) }
        if let payload { messages.append(.binary(payload)) }
      }
      state.delay(&messages)
      let incidents = state.takeIncidents(hasData: !output.items.isEmpty)
      let readers = Array(state.data.values)
      return Work(
        messages: messages, readers: readers, replies: output.replies, logs: output.logs, incidents: incidents
      )
    }
    guard let work else { return nil }
    // A reader that is too far behind is disconnected by its own queue, as on a board.
    if !work.messages.isEmpty { for reader in work.readers { try? reader.sendAll(work.messages) } }
    files.perform(work.logs)
    // The end message of a session goes behind its last blocks.
    send(work.replies)
    for incident in work.incidents { happen(incident.kind) }
    return work.readers.map(\.queuedBytes).max() ?? 0
  }

  private struct Work {
    var messages: [WebSocketPayload]
    var readers: [WebSocketConnection]
    var replies: [BoardMachine.Reply]
    var logs: [BoardMachine.LogAction]
    var incidents: [BoardFaults.Incident]
  }

  func send(_ replies: [BoardMachine.Reply]) {
    guard !replies.isEmpty else { return }
    let (clients, bareNaN) = state.withLock {
      ($0.listeners, $0.configuration.faults.writesBareNaN)
    }
    for reply in replies {
      let text = BoardText.text(of: reply.message, bareNaN: bareNaN)
      for client in clients where reply.client == nil || reply.client == client.number {
        try? client.connection.send(text: text)
      }
    }
  }

  // MARK: - Clients

  fileprivate func opened(control connection: WebSocketConnection) {
    let (all, text) = state.withLock { state -> ([WebSocketConnection], String?) in
      state.nextClient += 1
      state.control[ObjectIdentifier(connection)] = Client(connection: connection, number: state.nextClient)
      let text = state.configuration.faults.greets ? BoardText.greeting(state.configuration.projectName) : nil
      return (state.listeners.map(\.connection), text)
    }
    guard let text else { return }
    for one in all { try? one.send(text: text) }
  }

  fileprivate func closed(control connection: WebSocketConnection) {
    state.withLock { state in
      state.settle()
      state.control[ObjectIdentifier(connection)] = nil
    }
  }

  fileprivate func opened(data connection: WebSocketConnection) {
    let isCut = state.withLock { state in
      state.data[ObjectIdentifier(connection)] = connection
      guard state.nextDataCuts > 0 else { return false }
      state.nextDataCuts -= 1
      return true
    }
    if isCut { connection.closeNow() }
  }

  fileprivate func closed(data connection: WebSocketConnection) {
    state.withLock { $0.data[ObjectIdentifier(connection)] = nil }
  }

  fileprivate func received(_ text: [UInt8], on connection: WebSocketConnection) {
    let isLate = state.withLock { state in
      guard !state.hearing.isEmpty || !state.unheard.isEmpty else { return false }
      let due = ContinuousClock.now + (state.hearing.isEmpty ? .zero : state.hearing.removeFirst())
      // TCP keeps the order.
      state.unheard.append((max(due, state.unheard.last?.due ?? due), text, connection))
      return true
    }
    if !isLate { hear(text, connection) }
  }

  private func hear(_ text: [UInt8], _ connection: WebSocketConnection) {
    // Raw text beyond ASCII is refused as a whole, silently, as everything that is wrong.
    guard text.allSatisfy({ $0 < 0x80 }), let message = JSON(board: text), message.members != nil else {
      return state.withLock { state in
        if !text.allSatisfy({ $0 < 0x80 }) { state.machine.violate("text on control beyond ASCII") }
      }
    }
    let replies = state.withLock { state -> [BoardMachine.Reply] in
      let client = ObjectIdentifier(connection)
      switch message["event"]?.string {
      case "connection-reply", "active":
        state.control[client]?.isActive = state.configuration.faults.hearsReplies
      case "inactive":
        state.settle()
        state.control[client]?.isActive = false
      default: break
      }
      let replies = state.machine.receive(message, from: state.control[client]?.number ?? 0)
      if state.machine.hasCommands { state.heard = state.clock() }
      return state.configuration.faults.answersList
        ? replies : replies.filter { $0.message["watcher"] == nil }
    }
    send(replies)
  }

  /// Noted, not punished: a board takes it most of the time (sections 1 and 13).
  fileprivate func judge(_ message: WebSocketMessage, isControl: Bool) {
    let count = message.bytes.count
    if count > Limits.safeMessageBytes {
      state.withLock { $0.machine.violate("a message of \(count) bytes") }
    }
    // It is read as text without an end.
    if isControl, message.kind == .binary {
      state.withLock { $0.machine.violate("a binary message on control") }
    }
  }

  fileprivate func received(buffer: [UInt8]) {
    state.withLock { $0.machine.receive(buffer: buffer) }
  }
}

/// `/gui_control` of one client.
private final class ControlSocket: WebSocketHandler {
  private weak let board: SimulatedBoard?

  init(board: SimulatedBoard) { self.board = board }

  func opened(_ connection: WebSocketConnection) { board?.opened(control: connection) }
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { board?.closed(control: connection) }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    board?.judge(message, isControl: true)
    board?.received(message.array, on: connection)
  }
}

/// `/gui_data` of one client.
private final class DataSocket: WebSocketHandler {
  private weak let board: SimulatedBoard?

  init(board: SimulatedBoard) { self.board = board }

  func opened(_ connection: WebSocketConnection) { board?.opened(data: connection) }
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { board?.closed(data: connection) }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    board?.judge(message, isControl: false)
    board?.received(buffer: message.array)
  }
}
