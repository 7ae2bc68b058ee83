import JSON
import Bela
import Telemetry

/// The program on a simulated board: section 7 of the protocol as a plain value, with no socket and no clock of its own.
/// It is told how far time has gone and what clients say, and answers what to send.
struct BoardMachine: Sendable {
  /// A message for the data sockets of all clients: header and payload are one unit here, two messages on the wire.
  struct Item: Sendable {
    var tick: Int64
    var position: Int
    var header: [UInt8]
    var payload: [UInt8]
  }

  /// What is said on control: to one client, or to all.
  struct Reply: Sendable {
    var client: Int?
    var message: JSON
  }

  /// What becomes of log files.
  enum LogAction: Sendable {
    case open(file: String, header: [UInt8])
    case write(file: String, [UInt8])
    case close(file: String)
  }

  /// What an advance brings forth.
  struct Output: Sendable {
    var items: [Item] = []
    var replies: [Reply] = []
    var logs: [LogAction] = []
  }

  let configuration: BoardConfiguration
  private(set) var variables: [BoardVariable]
  /// The next tick; all before it have happened.
  private(set) var now: Int64
  /// A client counts as active (section 2).
  private(set) var isActive = false
  /// What clients have sent that would crash a real board, or read foreign memory there (section 13).
  private(set) var violations: [String] = []
  private var positions: [String: Int] = [:]
  private var queued: [Queued] = []
  /// A program reads buffers from a pipe, in the block behind the one in which they came: a command that was sent before
  /// a buffer, on the other socket, has taken effect by then.
  private var buffers: (coming: [Buffer], next: [Buffer]) = ([], [])
  private var session: BoardSession?
  /// Log files that exist; a name is never used twice.
  private var files: Set<String>

  /// What takes effect at the next tick, not at once (4.1).
  private enum Queued: Sendable {
    case watch(Int, start: Int64, duration: Int64)
    case unwatch(Int, tick: Int64)
    case log(Int, start: Int64, duration: Int64)
    case unlog(Int, tick: Int64)
  }

  /// What a client sent for a program to read: elements for the variable at a position.
  private struct Buffer: Sendable {
    var position: Int
    var elements: [Double]
  }

  init(_ configuration: BoardConfiguration, files: Set<String> = []) {
    self.configuration = configuration
    self.files = files
    now = configuration.firstTick
    let shift = configuration.faults.idShift
    variables = configuration.variables.enumerated().map { BoardVariable($1, id: $0 + shift) }
    for (position, variable) in configuration.variables.enumerated() where positions[variable.name] == nil {
      positions[variable.name] = position
    }
  }

  /// Something was asked for that takes effect at the next tick.
  var hasCommands: Bool { !queued.isEmpty }

  /// Nobody waits for anything that time would bring.
  var isIdle: Bool {
    queued.isEmpty && session == nil && buffers.coming.isEmpty && buffers.next.isEmpty
      && variables.allSatisfy { $0.isQuiet && !$0.isLogged && $0.monitorPeriod == 0 }
  }

  // MARK: - Time

  /// Lets time go on to a tick; answers what the board sends meanwhile, in order.
  mutating func advance(to end: Int64, isActive active: Bool) -> Output {
    isActive = active
    let keepsStale = configuration.faults.keepsStaleBlocks
    if !active, !keepsStale {
      for position in variables.indices { variables[position].forget() }
    }
    var output = Output()
    apply(&output)
    while now < end {
      // Short enough that the messages of different variables mix as they would tick by tick.
      let slice = min(end, now + Int64(max(1, configuration.block)) * 16)
      let first = output.items.count
      for position in variables.indices {
        let (header, file) = (variables[position].header, variables[position].logFileName)
        variables[position].advance(
          from: now, to: slice, rate: configuration.rate, seed: configuration.seed &+ UInt64(position),
          isActive: active, keepsStale: keepsStale
        ) { tick, made in Self.take(made, tick, position, header, file, &output) }
      }
      if session != nil { advanceSession(to: slice, &output) }
      output.items[first...].sort { ($0.tick, $0.position) < ($1.tick, $1.position) }
      now = slice
    }
    return output
  }

  private static func take(
    _ made: BoardVariable.Output, _ tick: Int64, _ position: Int, _ header: [UInt8], _ file: String,
    _ output: inout Output
  ) {
    switch made {
    case .payload(let payload):
      output.items.append(Item(tick: tick, position: position, header: header, payload: payload))
    case .log(let block): output.logs.append(.write(file: file, block))
    case .logEnd: output.logs.append(.close(file: file))
    }
  }

  private mutating func advanceSession(to end: Int64, _ output: inout Output) {
    guard var running = session else { return }
    var items: [Item] = []
    let reply = running.advance(from: now, to: end, configuration, isActive: isActive) { items.append($0) }
    output.items += items
    session = reply == nil ? running : nil
    if let reply { output.replies.append(reply) }
  }

  private mutating func apply(_ output: inout Output) {
    for command in queued {
      switch command {
      case .watch(let position, let start, let duration):
        variables[position].begin(start: start, duration: duration, now: now)
      case .unwatch(let position, let tick): variables[position].end(at: tick, now: now)
      case .log(let position, let start, let duration): beginLog(position, start, duration, &output)
      case .unlog(let position, let tick): variables[position].endLog(at: tick, now: now)
      }
    }
    queued = []
    let due = buffers.next
    buffers = ([], buffers.coming)
    for buffer in due {
      // A program that ticks once per received buffer ticks here; any other assigns within its current tick.
      if configuration.ticksByBuffers { now += 1 }
      let position = buffer.position
      let (header, file, tick) = (variables[position].header, variables[position].logFileName, now)
      variables[position].assign(
        buffer.elements, at: tick, isActive: isActive, keepsStale: configuration.faults.keepsStaleBlocks
      ) { tick, made in Self.take(made, tick, position, header, file, &output) }
    }
  }

  private mutating func beginLog(_ position: Int, _ start: Int64, _ duration: Int64, _ output: inout Output) {
    // A log that runs is left alone, without a reply (4.6).
    guard !variables[position].isLogged else { return }
    let name = variables[position].configuration.name
    let stem = String(name.map { $0 == "/" ? "_" : $0 })
    var file = "\(stem).bin"
    var number = 0
    while files.contains(file) {
      file = "\(stem)+\(number).bin"
      number += 1
    }
    files.insert(file)
    let (from, until) = variables[position].beginLog(file: file, start: start, duration: duration, now: now)
    output.logs.append(.open(file: file, header: Self.logHeader(variables[position].configuration)))
    let message: JSON = [
      "watcher": [
        "logFileName": .string(file), "timestamp": .number(Double(from)),
        "timestampEnd": .number(until.map(Double.init) ?? 1.8446744073709552e19), "watcher": .string(name),
      ]
    ]
    output.replies.append(Reply(client: nil, message: message))
  }

  /// As a 32-bit program writes it (section 10).
  private static func logHeader(_ variable: BoardConfiguration.Variable) -> [UInt8] {
    var bytes = Array("watcher".utf8) + [0] + Array(variable.name.utf8) + [0, variable.type.letter, 0]
    bytes += [1, 0, 0, 0, 0, 0, 0, 1]
    return bytes + Array(repeating: 0, count: (4 - bytes.count % 4) % 4)
  }

  // MARK: - Commands

  /// A text message on the control socket. Answers replies; most commands have none, and nothing that is wrong is ever
  /// answered (section 3).
  mutating func receive(_ message: JSON, from client: Int) -> [Reply] {
    var replies: [Reply] = []
    for command in message["watcher"]?.array ?? [] {
      guard let name = command["cmd"]?.string else { continue }
      if name == "list" {
        replies.append(Reply(client: nil, message: list))
      } else if !perform(name, command) {
        break
      }
    }
    if configuration.speaksSeedProtocol, let request = SeedCommand.Request(message) {
      replies += answer(request, client)
    }
    return replies
  }

  /// False when the rest of the message is dropped.
  private mutating func perform(_ name: String, _ command: JSON) -> Bool {
    let names = command["watchers"]?.array ?? []
    // Booleans count as 0 and 1, anything else that is no number as 0.
    func doubles(_ key: String) -> [Double] {
      (command[key]?.array ?? []).map { $0.boardNumber.map { $0.isNaN ? 0 : $0 } ?? 0 }
    }
    func ticks(_ key: String, _ place: Int) -> Int64 {
      let all = command[key]?.array ?? []
      return place < all.count ? all[place].tick ?? 0 : 0
    }
    let values = doubles("values")
    if name == "set" || name == "setMask", values.count != names.count { return false }
    let periods = doubles("periods")
    let masks = doubles("masks")
    if name == "setMask", masks.count < names.count { violate("setMask without a mask for every variable") }
    for (place, entry) in names.enumerated() {
      if name == "monitor", place >= periods.count { break }
      guard let position = entry.string.flatMap({ positions[$0] }) else { continue }
      let start = ticks("timestamps", place)
      let duration = ticks("durations", place)
      if start < 0 || duration < 0 { violate("\(name) with a negative number of ticks") }
      switch name {
      case "watch": queue(.watch(position, start: max(0, start), duration: max(0, duration)))
      case "unwatch": queue(.unwatch(position, tick: max(0, start)))
      case "log": queue(.log(position, start: max(0, start), duration: max(0, duration)))
      case "unlog": queue(.unlog(position, tick: max(0, start)))
      case "monitor":
        if periods[place] < 0 || periods[place] > 2_147_483_647 {
          violate("monitor with period \(periods[place])")
        }
        // The board keeps 31 bits.
        let period = Int64(exactly: periods[place].rounded(.towardZero)) ?? 0
        variables[position].monitor(period: period & 0x7fff_ffff, now: now)
      case "control":
        if !variables[position].isControlled { variables[position].remoteValue = input(position) }
        variables[position].isControlled = true
      case "uncontrol": variables[position].isControlled = false
      case "set":
        variables[position].remoteValue = BoardVariable.asStored(
          values[place], configuration.variables[position].type)
      case "setMask" where place < masks.count:
        func word(_ value: Double) -> UInt32 {
          UInt32(truncatingIfNeeded: Int64(exactly: value.rounded(.towardZero)) ?? 0)
        }
        let mask = word(masks[place])
        let merged = word(variables[position].remoteValue) & ~mask | word(values[place]) & mask
        variables[position].remoteValue = BoardVariable.asStored(
          Double(merged), configuration.variables[position].type)
      default: break
      }
    }
    return true
  }

  private mutating func queue(_ command: Queued) {
    if queued.count < Limits.queuedCommands { queued.append(command) }
  }

  mutating func violate(_ what: String) {
    if violations.count < Limits.violations { violations.append(what) }
  }

  private func input(_ position: Int) -> Double {
    variables[position].value(
      before: now, rate: configuration.rate, seed: configuration.seed &+ UInt64(position))
  }

  /// The reply to `list` (4.1).
  private var list: JSON {
    let entries = variables.enumerated().map { position, variable -> JSON in
      let input = configuration.faults.listsNaN ? .nan : input(position)
      let value = variable.isControlled ? variable.remoteValue : input
      return [
        "controlled": .bool(variable.isControlled), "logFileName": .string(variable.logFileName),
        "logged": .bool(variable.isLogged), "monitor": .number(Double(variable.monitorPeriod)),
        "name": .string(variable.configuration.name),
        "timestampMode": .number(variable.configuration.mode == .sparse ? 1 : 0),
        "type": .string(String(variable.configuration.type.rawValue)), "value": .number(value),
        "valueInput": .number(input), "watched": .bool(variable.isStreaming),
      ]
    }
    return [
      "watcher": [
        "sampleRate": .number(configuration.declaredRate ?? configuration.rate),
        "timestamp": .number(Double(max(0, now - 1))), "watchers": .array(entries),
      ]
    ]
  }

  // MARK: - Buffers

  /// A binary message on the data socket (section 9). The program's own handler numbers buffers from 0, as that of
  /// pybela's test does: variables with the signal `.buffer(id)` are assigned its elements.
  mutating func receive(buffer bytes: [UInt8]) {
    guard bytes.count >= 16 else {
      return violate("a buffer of \(bytes.count) bytes, shorter than its header")
    }
    func word(_ offset: Int) -> Int {
      (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
    guard let type = BelaType(letter: bytes[4]) else { return }
    let taken = type == .char ? word(8) : word(8) * 4
    guard 16 + taken <= bytes.count else {
      return violate("a buffer that claims \(taken) bytes and has \(bytes.count - 16)")
    }
    let id = word(0)
    for (position, variable) in configuration.variables.enumerated() {
      guard case .buffer(id) = variable.signal, variable.type == type else { continue }
      guard buffers.coming.count < Limits.queuedCommands else { return }
      buffers.coming.append(Buffer(position: position, elements: Self.elements(bytes, type, 16..<16 + taken)))
    }
  }

  private static func elements(_ bytes: [UInt8], _ type: BelaType, _ range: Range<Int>) -> [Double] {
    let storage = bytes.withUnsafeBytes {
      SampleStorage(type: type.dataType, copying: UnsafeRawBufferPointer(rebasing: $0[range]))
    }
    return (0..<storage.used).map { storage.sample($0).number ?? 0 }
  }

  // MARK: - Seed command protocol

  private mutating func answer(_ request: SeedCommand.Request, _ client: Int) -> [Reply] {
    func reply(_ status: Int, _ message: String) -> [Reply] {
      let reply = SeedReply(command: request.name, status: status, message: message)
      return [Reply(client: client, message: reply.json)]
    }
    guard !request.isMalformed, let project = request.project else { return reply(400, "Malformed request") }
    guard project == configuration.projectName else { return reply(412, "Project not running") }
    switch request.name {
    case "start_streamer":
      guard session == nil else { return reply(409, "Already streaming") }
      let names = request.variables ?? configuration.variables.map(\.name)
      let chosen = names.compactMap { positions[$0] }
      guard chosen.count == names.count, !chosen.isEmpty else { return reply(404, "Unknown variable") }
      let time = request.timeMs ?? 60_000
      session = BoardSession(chosen, client: client, timeMs: time, configuration, now: now)
      var started = SeedReply(command: request.name, message: SeedReply.started)
      started.timeMs = time
      started.variables = names
      started.types = chosen.map { configuration.variables[$0].type.word }
      started.modes = chosen.map { configuration.variables[$0].mode == .sparse ? 1 : 0 }
      return [Reply(client: client, message: started.json)]
    case "stop_streamer":
      guard session != nil else { return reply(409, "Not streaming") }
      session!.stop(client: client, now: now)
      return []
    default: return reply(404, "Unknown command")
    }
  }
}
