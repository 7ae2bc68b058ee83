import Bela
import Synchronization
public import Transport

/// A Bela board on loopback: the two sockets of a real one, the rules of section 7, any number of clients.
///
/// Starts with `start`, runs until `stop`. All its timing hangs on one task that advances the machine by the clock.
public final class SimulatedBoard: Sendable {
  private struct State {
    var machine: BoardMachine
    var control: [ObjectIdentifier: (connection: WebSocketConnection, isActive: Bool)] = [:]
    var data: [ObjectIdentifier: WebSocketConnection] = [:]
    var isStopped = false

    var hasActiveClient: Bool { control.values.contains { $0.isActive } }
  }

  private let state: Mutex<State>
  private let configuration: BoardConfiguration
  private let server: Mutex<HTTPServer?>
  private let pace: Mutex<Task<Void, Never>?>

  private init(_ configuration: BoardConfiguration) {
    self.configuration = configuration
    state = Mutex(State(machine: BoardMachine(configuration)))
    server = Mutex(nil)
    pace = Mutex(nil)
  }

  /// Listens, and lets the clock run.
  public static func start(
    _ configuration: BoardConfiguration, group: TransportGroup = .shared
  ) async throws -> SimulatedBoard {
    let board = SimulatedBoard(configuration)
    var options = HTTPServer.Options()
    options.port = configuration.port
    let server = try await HTTPServer.start(
      options, group: group,
      upgrade: { [weak board] request in
        guard let board else { return .refuse(503) }
        switch request.path {
        case "/gui_control": return .accept(ControlSocket(board: board), options: .belaBoard)
        case "/gui_data": return .accept(DataSocket(board: board), options: .belaBoard)
        default: return .refuse(404, "no such address on this board\n")
        }
      }, handler: { _ in HTTPResponse(status: 404, text: "a board speaks only WebSocket\n") })
    board.server.withLock { $0 = server }
    board.pace.withLock {
      $0 = Task.detached(priority: .high) { [weak board] in await Pacer(configuration).run { board } }
    }
    return board
  }

  public var host: String { "127.0.0.1" }
  public var port: Int { server.withLock { $0?.port ?? 0 } }

  /// Ends the program on the board: all connections see the end of TCP, without a Close.
  public func stop() async {
    state.withLock { $0.isStopped = true }
    pace.withLock { $0?.cancel() }
    let server = server.withLock { $0 }
    await server?.stop()
  }

  /// Ticks that have happened.
  public var tick: Int64 { state.withLock { $0.machine.now } }

  // MARK: - Time

  /// Lets the clock go on and sends what comes of it. Answers the longest queue of any reader; nil after `stop`.
  fileprivate func advance(to tick: Int64) -> Int? {
    let (items, readers) =
      state.withLock { state -> ([BoardMachine.Item], [WebSocketConnection])? in
        guard !state.isStopped else { return nil }
        return (state.machine.advance(to: tick, isActive: state.hasActiveClient), Array(state.data.values))
      } ?? ([], [])
    guard !state.withLock({ $0.isStopped }) else { return nil }
    if !items.isEmpty {
      let messages = items.flatMap { [WebSocketPayload.binary($0.header), .binary($0.payload)] }
      // A reader that is too far behind is disconnected by its own queue, as on a board.
      for reader in readers { try? reader.sendAll(messages) }
    }
    return readers.map(\.queuedBytes).max() ?? 0
  }

  fileprivate var now: Int64 { state.withLock { $0.machine.now } }

  // MARK: - Clients

  fileprivate func opened(control connection: WebSocketConnection) {
    let all = state.withLock { state in
      state.control[ObjectIdentifier(connection)] = (connection, false)
      return state.control.values.map(\.connection)
    }
    let event = BelaJSON.object([
      "event": .string("connection"), "projectName": .string(configuration.projectName),
    ])
    for one in all { try? one.send(text: event.text) }
  }

  fileprivate func closed(control connection: WebSocketConnection) {
    state.withLock { $0.control[ObjectIdentifier(connection)] = nil }
  }

  fileprivate func opened(data connection: WebSocketConnection) {
    state.withLock { $0.data[ObjectIdentifier(connection)] = connection }
  }

  fileprivate func closed(data connection: WebSocketConnection) {
    state.withLock { $0.data[ObjectIdentifier(connection)] = nil }
  }

  fileprivate func received(_ text: [UInt8], on connection: WebSocketConnection) {
    // Raw text beyond ASCII is refused as a whole, silently, as everything that is wrong.
    guard text.allSatisfy({ $0 < 0x80 }), let message = BelaJSON(text), message.isObject else { return }
    let (replies, all) = state.withLock { state in
      switch message["event"]?.string {
      case "connection-reply", "active": state.control[ObjectIdentifier(connection)]?.isActive = true
      case "inactive": state.control[ObjectIdentifier(connection)]?.isActive = false
      default: break
      }
      return (state.machine.receive(message), state.control.values.map(\.connection))
    }
    for reply in replies {
      for one in all { try? one.send(text: reply.text.replacing("/", with: "\\/")) }
    }
  }
}

/// Says how far the board's clock has come, and waits in between.
private struct Pacer {
  private let configuration: BoardConfiguration

  init(_ configuration: BoardConfiguration) { self.configuration = configuration }

  func run(_ board: () -> SimulatedBoard?) async {
    let start = ContinuousClock.now
    let isFree = configuration.speed == .infinity
    var paused = Duration.zero
    while !Task.isCancelled {
      guard let current = board() else { return }
      let now = current.now
      var target = now + Limits.sliceTicks
      if !isFree {
        let elapsed = ContinuousClock.now - start - paused
        let due = Int64(elapsed / .seconds(1) * configuration.rate * configuration.speed)
        // Whole blocks only: that is when a program hands over.
        let block = Int64(max(1, configuration.block))
        target = min(target, due / block * block)
      }
      if target > now {
        guard let backlog = current.advance(to: target) else { return }
        if configuration.speed > 1, backlog > Limits.backlogBytes {
          // In fast motion time waits for the readers, and nothing is lost.
          let before = ContinuousClock.now
          try? await Task.sleep(for: .milliseconds(1))
          paused += ContinuousClock.now - before
        } else if isFree {
          await Task.yield()
        }
        continue
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
  }
}

/// `/gui_control` of one client.
private final class ControlSocket: WebSocketHandler {
  private weak let board: SimulatedBoard?

  init(board: SimulatedBoard) { self.board = board }

  func opened(_ connection: WebSocketConnection) { board?.opened(control: connection) }
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { board?.closed(control: connection) }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    guard message.kind == .text else { return }
    board?.received(message.array, on: connection)
  }
}

/// `/gui_data` of one client.
private final class DataSocket: WebSocketHandler {
  private weak let board: SimulatedBoard?

  init(board: SimulatedBoard) { self.board = board }

  func opened(_ connection: WebSocketConnection) { board?.opened(data: connection) }
  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { board?.closed(data: connection) }
  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}
}
