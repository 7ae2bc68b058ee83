import Bela
import Lua
import Telemetry

/// What only a board can do: monitors, single values, control, buffers.
extension Library {
  func defineBela() {
    let sources = classes.source
    sources.method("monitor") { [unowned self] object, call throws(LuaError) in try monitor(object, call) }
    sources.method("peek") { [unowned self] object, call throws(LuaError) in try peek(object, call) }
    sources.method("control") { [unowned self] object, call throws(LuaError) in
      let board = try Self.board(object, call)
      let names = try call.options(at: 1).strings()
      return perform {
        try await board.control(names)
      } then: { [unowned self] _, call throws(LuaError) in
        call.result(object, classes.source)
      }
    }
    sources.method("set") { [unowned self] object, call throws(LuaError) in
      let board = try Self.board(object, call)
      let values = try settings(call, 1)
      return perform {
        try await board.set(values)
      } then: { [unowned self] _, call throws(LuaError) in
        call.result(object, classes.source)
      }
    }
    sources.method("set_mask") { [unowned self] object, call throws(LuaError) in try setMask(object, call) }
    sources.method("get") { [unowned self] object, call throws(LuaError) in try get(object, call) }
    sources.method("controlled") { [unowned self] object, call throws(LuaError) in
      let board = try Self.board(object, call)
      return perform {
        try await board.controlled()
      } then: { names, call throws(LuaError) in
        call.results(names)
      }
    }
    sources.method("release") { [unowned self] object, call throws(LuaError) in
      let board = try Self.board(object, call)
      let names = try call.options(at: 1).strings()
      return perform {
        try await board.uncontrol(names)
      } then: { [unowned self] _, call throws(LuaError) in
        call.result(object, classes.source)
      }
    }
    sources.method("send_buffer") { [unowned self] object, call throws(LuaError) in
      try sendBuffer(object, call)
    }
  }

  /// The board behind a source; other kinds of source raise `unsupported`.
  static func board(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> BelaSource {
    if let closed = object.source as? ClosedSource {
      throw LuaError("closed", "\(closed.name) is closed", hint: "connect again")
    }
    guard let board = object.source as? BelaSource else {
      throw Self.unsupported(
        call.name, isFor: BelaStreamOptions.devices, object, hint: "bela.connect() opens a board")
    }
    return board
  }

  /// What a source of another kind is answered.
  static func unsupported(
    _ what: String, isFor devices: String, _ object: SourceObject, hint: String
  ) -> LuaError {
    let error = TelemetryError.unsupported(what, isFor: devices, source: object.source.name, hint: hint)
    return LuaError(error.code, error.message, hint: error.hint)
  }

  // MARK: - Reading

  /// `monitor({ pot1 = 1000, pot2 = 2000 }, { buffer = … })`: a streamer of single values.
  private func monitor(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    _ = try Self.board(object, call)
    var periods: [String: Int64] = [:]
    for (name, period) in try numbers(call, 1) {
      guard let ticks = Int64(exactly: period), ticks >= 1 else {
        throw call.bad(1, "\(name) = \(period): a period is a whole number of ticks, at least 1")
      }
      periods[name] = ticks
    }
    guard !periods.isEmpty else {
      throw call.bad(
        1, "no variable is named", hint: "board:monitor{ pot1 = 1000 }, a value every 1000 ticks")
    }
    let options = try call.options(at: 2)
    let chosen = periods
    return makeStreamer(
      object, names: periods.keys.sorted(), buffer: try bufferOption(options), request: StreamRequest()
    ) { [unowned self] streamer, call throws(LuaError) in
      streamer.periods = chosen
      return call.result(streamer, classes.streamer)
    }
  }

  /// `peek{ "pot1", timeout = … }`: the next value of each, by name.
  private func peek(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let board = try Self.board(object, call)
    let options = try call.options(at: 1)
    let names = try options.strings()
    let timeout = try waitingSpan(options, "timeout") ?? .second
    return perform {
      try await board.peek(names, timeout: timeout)
    } then: { [unowned self] values, call throws(LuaError) in
      let table = state.newTable()
      for (name, peek) in values { state.rawSet(table, .string(name), peek.value.luaValue) }
      return call.results(table)
    }
  }

  /// `get{ "pot1" }`: what the program reads now; whole numbers for variables of an integer type.
  private func get(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let board = try Self.board(object, call)
    let names = try call.options(at: 1).strings()
    return perform { () -> [BelaVariable] in
      let list = try await board.list()
      if let unknown = names.first(where: { list[$0] == nil }) {
        throw Self.unknownChannel(unknown, among: list.names)
      }
      return names.isEmpty ? list.variables : names.compactMap { list[$0] }
    } then: { [unowned self] variables, call throws(LuaError) in
      let table = state.newTable()
      for variable in variables {
        let isReal = variable.type == .float32 || variable.type == .float64
        let whole = isReal ? nil : Int64(exactly: variable.value)
        state.rawSet(
          table, .string(variable.name), whole.map { LuaValue.integer($0) } ?? .number(variable.value))
      }
      return call.results(table)
    }
  }

  // MARK: - Writing

  /// `set_mask{ flags = { value = 3, mask = 7 } }`
  private func setMask(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let board = try Self.board(object, call)
    var values: [String: (value: UInt32, mask: UInt32)] = [:]
    for (key, value) in state.pairs(of: try call.table(1)) {
      guard let name = key.string else {
        throw call.bad(1, "names of variables expected, got a \(key.type)")
      }
      func bits(_ field: String) -> UInt32? {
        guard case .table(let table) = value else { return nil }
        return state.rawGet(table, .string(field)).integer.flatMap { UInt32(exactly: $0) }
      }
      guard let new = bits("value"), let mask = bits("mask") else {
        throw call.bad(1, "\(name): { value = …, mask = … } expected, whole numbers from 0 to 2^32 - 1")
      }
      values[name] = (new, mask)
    }
    let final = values
    return perform {
      try await board.setMask(final)
    } then: { [unowned self] _, call throws(LuaError) in
      call.result(object, classes.source)
    }
  }

  /// `send_buffer(id, "f", { … } | series | text)`
  private func sendBuffer(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let board = try Self.board(object, call)
    let id = try call.integer(1)
    let letter = try call.string(2)
    guard letter.count == 1, let type = BelaType(rawValue: letter.first!) else {
      throw call.bad(
        2, "\"\(letter)\" is no type of a buffer",
        hint: "\"f\" float, \"d\" double, \"i\" int, \"j\" unsigned int, \"c\" char")
    }
    let values = try bufferValues(call, 3)
    let buffer = try checked { try BelaBuffer(id: id, type: type, values: values) }
    return perform {
      try await board.send(buffer)
    } then: { [unowned self] _, call throws(LuaError) in
      call.result(object, classes.source)
    }
  }

  private func bufferValues(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> [Double] {
    // More than fits any message is refused before it is copied.
    let most = 4 * BelaBuffer.elementsMax
    func check(_ count: Int) throws(LuaError) {
      guard count <= most else { throw call.bad(position, "\(count) values do not fit one message") }
    }
    if call.type(position) == .string { return try call.bytes(position).map { Double($0) } }
    if let series = call.ifObject(position, classes.series)?.value {
      try check(series.count)
      var values: [Double] = []
      for index in 0..<series.count {
        guard let number = series[index].number else {
          throw call.bad(
            position, "a series of numbers expected, this one is of type \(series.type.rawValue)")
        }
        values.append(number)
      }
      return values
    }
    guard call.type(position) == .table else {
      throw call.mismatch(position, "a list of numbers or a series")
    }
    let table = try call.table(position)
    let count = state.rawCount(table)
    try check(count)
    var values: [Double] = []
    for index in 0..<count {
      let value = state.rawGet(table, .integer(Int64(index + 1)))
      guard let number = value.number else {
        throw call.bad(position, "value \(index + 1) is a \(value.type), a number is expected")
      }
      values.append(number)
    }
    return values
  }

  /// Values by name as the protocol takes them: numbers, truth values as 0 and 1, and a character by its code.
  private func settings(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> [String: Double] {
    var values: [String: Double] = [:]
    for (key, value) in state.pairs(of: try call.table(position)) {
      guard case .string(let name) = key else {
        throw call.bad(position, "a value by name expected, got a \(key.type) as key", hint: "{ pot1 = 1 }")
      }
      switch value {
      case .boolean(let truth): values[name.description] = truth ? 1 : 0
      case .string(let text) where text.bytes.count == 1: values[name.description] = Double(text.bytes[0])
      case .integer, .number: values[name.description] = value.number!
      default:
        throw call.bad(
          position, "\(name): a number, a truth value or one character expected, got \(value.type)",
          hint: "a variable holds one value; send_buffer sends text")
      }
    }
    return values
  }

  /// A table of numbers by name, `{ pot1 = 0.5 }`.
  private func numbers(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> [String: Double] {
    var values: [String: Double] = [:]
    for (key, value) in state.pairs(of: try call.table(position)) {
      guard case .string(let name) = key else {
        throw call.bad(position, "a number by name expected, got a \(key.type) as key", hint: "{ pot1 = 1 }")
      }
      guard let number = value.number else {
        throw call.bad(position, "\(name): a number expected, got \(value.type)")
      }
      values[name.description] = number
    }
    return values
  }
}
