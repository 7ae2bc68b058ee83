import Bela
import Telemetry

/// The program on a simulated board: section 7 of the protocol as a plain value, with no socket and no clock of its own.
/// It is told how far time has gone and what clients say, and answers what to send.
struct BoardMachine: Sendable {
  /// A message for the data sockets of all clients: header and payload are one unit here, two messages on the wire.
  struct Item: Sendable {
    let header: [UInt8]
    let payload: [UInt8]
  }

  let configuration: BoardConfiguration
  private(set) var variables: [BoardVariable]
  /// The next tick; all before it have happened.
  private(set) var now: Int64 = 0
  /// A client counts as active (section 2).
  private(set) var isActive = false
  private var positions: [String: Int] = [:]
  private var queued: [Queued] = []

  /// What takes effect at the next tick, not at once (4.1).
  private enum Queued: Sendable {
    case watch(Int, start: Int64, duration: Int64)
    case unwatch(Int, tick: Int64)
  }

  init(_ configuration: BoardConfiguration) {
    self.configuration = configuration
    variables = configuration.variables.enumerated().map { BoardVariable($1, id: $0) }
    for (position, variable) in configuration.variables.enumerated() where positions[variable.name] == nil {
      positions[variable.name] = position
    }
  }

  // MARK: - Time

  /// Lets time go on to a tick; answers what the board sends meanwhile, in order.
  mutating func advance(to end: Int64, isActive active: Bool) -> [Item] {
    if active != isActive {
      isActive = active
      if !active, !configuration.keepsStaleBlocks {
        for position in variables.indices { variables[position].dropBlock() }
      }
    }
    apply()
    var items: [Item] = []
    while now < end {
      let slice = min(end, now + Int64(max(1, configuration.block)) * 16)
      for position in variables.indices {
        let header = variables[position].header
        variables[position].advance(
          from: now, to: slice, rate: configuration.rate, seed: configuration.seed &+ UInt64(position),
          isActive: isActive
        ) { items.append(Item(header: header, payload: $0)) }
      }
      now = slice
    }
    return items
  }

  private mutating func apply() {
    for command in queued {
      switch command {
      case .watch(let position, let start, let duration):
        variables[position].begin(start: start, duration: duration, now: now)
      case .unwatch(let position, let tick): variables[position].end(at: tick, now: now)
      }
    }
    queued = []
  }

  // MARK: - Commands

  /// A text message on the control socket. Answers the reply to all control connections; most have none, and nothing
  /// that is wrong is ever answered (section 3).
  mutating func receive(_ message: BelaJSON) -> [BelaJSON] {
    guard let commands = message["watcher"]?.array else { return [] }
    var replies: [BelaJSON] = []
    for command in commands {
      guard let name = command["cmd"]?.string else { continue }
      if name == "list" {
        replies.append(list)
        continue
      }
      guard perform(name, command) else { break }
    }
    return replies
  }

  /// False when the rest of the message is dropped.
  private mutating func perform(_ name: String, _ command: BelaJSON) -> Bool {
    let names = command["watchers"]?.array ?? []
    func numbers(_ key: String) -> [Int64] {
      (command[key]?.array ?? []).map { $0.tick ?? 0 }
    }
    let values = (command["values"]?.array ?? []).map { $0.number ?? 0 }
    if name == "set" || name == "setMask", values.count != names.count { return false }
    let (starts, durations, periods, masks) = (
      numbers("timestamps"), numbers("durations"), numbers("periods"), numbers("masks")
    )
    for (place, entry) in names.enumerated() {
      if name == "monitor", place >= periods.count { break }
      guard let position = entry.string.flatMap({ positions[$0] }) else { continue }
      let start = place < starts.count ? max(0, starts[place]) : 0
      switch name {
      case "watch":
        queue(
          .watch(position, start: start, duration: place < durations.count ? max(0, durations[place]) : 0))
      case "unwatch": queue(.unwatch(position, tick: start))
      case "monitor":
        variables[position].monitor(period: Int64(periods[place] & 0x7fff_ffff), now: now)
      case "control":
        if !variables[position].isControlled { variables[position].remoteValue = input(position) }
        variables[position].isControlled = true
      case "uncontrol": variables[position].isControlled = false
      case "set":
        variables[position].remoteValue = BoardVariable.asStored(
          values[place], configuration.variables[position].type)
      case "setMask" where place < masks.count:
        let old = UInt32(truncatingIfNeeded: Int64(variables[position].remoteValue))
        let mask = UInt32(truncatingIfNeeded: masks[place])
        let given = UInt32(truncatingIfNeeded: Int64(exactly: values[place].rounded(.towardZero)) ?? 0)
        variables[position].remoteValue = Double((old & ~mask) | (given & mask))
      default: break
      }
    }
    return true
  }

  private mutating func queue(_ command: Queued) {
    if queued.count < Limits.queuedCommands { queued.append(command) }
  }

  private func input(_ position: Int) -> Double {
    variables[position].value(
      before: now, rate: configuration.rate, seed: configuration.seed &+ UInt64(position))
  }

  /// The reply to `list` (4.1).
  private var list: BelaJSON {
    let entries = variables.enumerated().map { position, variable -> BelaJSON in
      let input = input(position)
      let value = variable.isControlled ? variable.remoteValue : input
      return .object([
        "controlled": .bool(variable.isControlled), "logFileName": .string(""), "logged": .bool(false),
        "monitor": .number(Double(variable.monitorPeriod)), "name": .string(variable.configuration.name),
        "timestampMode": .number(variable.configuration.mode == .sparse ? 1 : 0),
        "type": .string(String(variable.configuration.type.rawValue)), "value": .number(value),
        "valueInput": .number(input), "watched": .bool(variable.isStreaming),
      ])
    }
    return .object([
      "watcher": .object([
        "sampleRate": .number(configuration.rate), "timestamp": .number(Double(max(0, now - 1))),
        "watchers": .array(entries),
      ])
    ])
  }
}
