import Locks
import Bela
import Transport

/// Things that happen to a board.
extension SimulatedBoard {
  /// The next so many headers or payloads get lost, or name a wrong type.
  public func lose(headers: Int = 0, payloads: Int = 0, wrongTypes: Int = 0) {
    state.withLock { state in
      state.link.nextHeaders += headers
      state.link.nextPayloads += payloads
      state.link.nextWrongTypes += wrongTypes
    }
  }

  /// The link breaks and comes back at once; the program goes on.
  public func breakConnections() { cutConnections() }

  /// The next so many data sockets end as soon as they are open.
  public func cutData(next count: Int) { state.withLock { $0.nextDataCuts = count } }

  /// The data sockets end in the middle of a block: its header came, its values do not.
  public func breakWithinBlock() {
    let (sockets, header) = state.withLock { (Array($0.data.values), $0.machine.variables.first?.header) }
    for socket in sockets {
      if let header { try? socket.send(binary: header) }
      socket.reset()
    }
  }

  /// The program is started anew: its clock begins again, all it was told is forgotten, all connections end.
  /// - Parameter project: another program by that name.
  public func restart(project: String? = nil) {
    let sockets = state.withLock { state -> [WebSocketConnection] in
      if let project { state.configuration.projectName = project }
      state.program += 1
      state.machine = BoardMachine(state.configuration, files: files.existing)
      state.clockBegan = .now
      state.settlesUntil = nil
      state.delayed = []
      defer {
        state.control = [:]
        state.data = [:]
      }
      return state.control.values.map(\.connection) + state.data.values
    }
    for socket in sockets { socket.closeNow() }
  }

  /// The program ends and nobody listens any more; `resume` starts it anew at the same port.
  public func endProgram() async {
    state.withLock { state in
      state.delayed = []
      state.control = [:]
      state.data = [:]
    }
    await stopListening()
  }

  public func resume() async throws {
    let port = port
    restart()
    try await listen(port: port)
  }

  /// From now on nothing is read and nothing is sent, not even a Pong; the connections stay.
  public func stopAnswering() {
    let sockets = state.withLock { state in
      for client in state.control.keys { state.control[client]!.isMute = true }
      defer { state.data = [:] }
      return state.control.values.map(\.connection) + Array(state.data.values)
    }
    // A ping that is not read has no answer.
    for socket in sockets { socket.pauseReading() }
  }

  func happen(_ incident: BoardFaults.Incident.Kind) {
    switch incident {
    case .cut: breakWithinBlock()
    case .restart: restart()
    case .end: Task { await endProgram() }
    case .silence: stopAnswering()
    }
  }

  /// Reads the next messages of its clients so much later, one after the other.
  public func hear(after delays: [Duration]) { state.withLock { $0.hearing = delays } }

  /// Sends any text to all control connections.
  package func say(_ text: String) {
    for client in state.withLock({ $0.listeners }) { try? client.connection.send(text: text) }
  }

  /// Sends any bytes to all data connections.
  package func send(data bytes: [UInt8]) {
    for socket in state.withLock({ Array($0.data.values) }) { try? socket.send(binary: bytes) }
  }
}

extension SimulatedBoard.State {
  /// Those that are due; time counts from the first data on, across restarts of the program.
  mutating func takeIncidents(hasData: Bool) -> [BoardFaults.Incident] {
    guard !incidents.isEmpty else { return [] }
    if hasData, firstData == nil { firstData = machine.now }
    guard let began = firstData else { return [] }
    let now = streamed + Double(machine.now - began) / configuration.rate
    let due = incidents.prefix { $0.after <= now }
    incidents.removeFirst(due.count)
    // The clock is about to begin again.
    if due.contains(where: { $0.kind == .restart }) { (streamed, firstData) = (now, nil) }
    return Array(due)
  }

  /// Keeps messages back for as long as the link takes; leaves those that are due.
  mutating func delay(_ messages: inout [WebSocketPayload]) {
    let faults = configuration.faults
    guard faults.latency > .zero || faults.jitter > .zero else { return }
    if !messages.isEmpty {
      let due = ContinuousClock.now + faults.latency + faults.jitter * link.chance()
      // TCP keeps the order: a message is never earlier than the one before.
      delayed.append((max(due, delayed.last?.due ?? due), messages))
    }
    let ready = delayed.prefix { $0.due <= .now }
    messages = ready.flatMap(\.messages)
    delayed.removeFirst(ready.count)
  }
}
