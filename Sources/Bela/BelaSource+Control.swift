import Locks
public import Telemetry
import Transport

/// Gathers one value of each of some variables.
final class PeekReply: Sendable {
  let done = OneShot<Void>()
  let names: Set<String>
  private let state: Guarded<(missing: Set<String>, values: [String: BelaPeek])>

  init(_ names: [String]) {
    self.names = Set(names)
    state = Guarded((self.names, [:]))
  }

  func take(_ name: String, _ sample: Sample, _ tick: Int64) {
    let isComplete = state.withLock { state in
      guard state.missing.remove(name) != nil else { return false }
      state.values[name] = BelaPeek(value: sample, tick: tick)
      return state.missing.isEmpty
    }
    if isComplete { done.fulfill(()) }
  }

  var values: [String: BelaPeek] { state.withLock { $0.values } }
}

/// One value of a variable, and when it was assigned.
public struct BelaPeek: Sendable, Hashable {
  public var value: Sample
  public var tick: Int64
}

extension BelaSource {
  /// The next value of each variable. One that is not assigned within `timeout` is missing from the answer.
  /// Monitors that run go on: the board is asked for one value between theirs.
  public func peek(_ names: [String], timeout: TimeSpan = .second) async throws(BelaError) -> [String:
    BelaPeek]
  {
    let list = try await list()
    let variables = try Self.resolve(names, in: list)
    await learnIDs(variables, list)
    let reply = PeekReply(variables.map(\.name))
    defer {
      // What did not come is not to come later, into somebody else's monitor.
      tellIfConnected { $0.end(reply) }
    }
    core.withLock { core in
      for variable in variables {
        guard let slot = core.slot(named: variable.name) else { continue }
        core.slots[slot].peeks.append(reply)
      }
    }
    // Another client may turn a monitor off before its value came, and the value itself may get lost.
    let asking = Task { [weak self] in
      while !Task.isCancelled {
        self?.ask(for: reply)
        try? await Task.sleep(for: BelaLimits.peekAgain)
      }
    }
    defer { asking.cancel() }
    _ = await reply.done.wait(timeout.duration)
    return reply.values
  }

  private func ask(for reply: PeekReply) {
    tellIfConnected { core in
      core.ask(core.slots.indices.filter { index in core.slots[index].peeks.contains { $0 === reply } })
    }
  }

  /// From now on the program reads what `set` says instead of its own values. Survives a disconnection.
  public func control(_ names: [String]) async throws(BelaError) {
    let list = try await list()
    let variables = try Self.resolve(names, in: list)
    try send([.control(variables.map(\.name))])
    _ = try await self.list()
  }

  /// Gives variables back to the program; all that are controlled when no name is given.
  public func uncontrol(_ names: [String] = []) async throws(BelaError) {
    let list = try await list()
    let variables = names.isEmpty ? list.variables.filter(\.isControlled) : try Self.resolve(names, in: list)
    guard !variables.isEmpty else { return }
    try send([.uncontrol(variables.map(\.name))])
    _ = try await self.list()
  }

  /// Sets controlled variables. Conversion to their type is a C cast (4.6 becomes 4); refused are variables that are
  /// not controlled, where a `set` has no effect, and numbers that do not fit an integer type.
  public func set(_ values: [String: Double]) async throws(BelaError) {
    let list = try await list()
    let names = values.keys.sorted()
    let variables = try Self.controlled(names, in: list)
    for variable in variables { try Self.check(values[variable.name]!, for: variable) }
    try send([.set(names.map { .init($0, value: values[$0]!) })])
    _ = try await self.list()
  }

  /// Sets the bits of `mask` only: new = (old & ~mask) | (value & mask). For integer variables.
  public func setMask(_ values: [String: (value: UInt32, mask: UInt32)]) async throws(BelaError) {
    let list = try await list()
    let names = values.keys.sorted()
    for variable in try Self.controlled(names, in: list) where [.float32, .float64].contains(variable.type) {
      throw .argument(
        "\"\(variable.name)\" is of type \(variable.type.rawValue), and a mask sets bits of integers",
        hint: "use set")
    }
    try send([.setMask(names.map { .init($0, value: values[$0]!.value, mask: values[$0]!.mask) })])
    _ = try await self.list()
  }

  /// What the program reads now, by variable: the remote value while it is controlled.
  public func values(_ names: [String] = []) async throws(BelaError) -> [String: Double] {
    let list = try await list()
    let variables = try Self.resolve(names, in: list)
    return Dictionary(variables.map { ($0.name, $0.value) }) { first, _ in first }
  }

  /// Names of the variables that are controlled, by whomever.
  public func controlled() async throws(BelaError) -> [String] {
    try await list().variables.filter(\.isControlled).map(\.name)
  }

  /// Sends a buffer to the program on the board. There is no answer: an unknown id or a type other than the
  /// program's own is dropped by the board without a word.
  public func send(_ buffer: BelaBuffer) async throws(BelaError) {
    try await connected(within: BelaLimits.replyWait)
    guard let data = link.withLock({ $0.data }) else { throw absence() }
    do {
      try await data.send(.binary(buffer.bytes), deadline: .seconds(5))
    } catch {
      throw BelaError(error, board: name)
    }
  }

  private static func controlled(_ names: [String], in list: BelaList) throws(BelaError) -> [BelaVariable] {
    guard !names.isEmpty else { throw .argument("nothing to set") }
    let variables = try resolve(names, in: list)
    if let free = variables.first(where: { !$0.isControlled }) {
      throw BelaError(
        "not_controlled", "\"\(free.name)\" is not controlled, so setting it would have no effect",
        hint: "control it first")
    }
    return variables
  }

  private static func check(_ value: Double, for variable: BelaVariable) throws(BelaError) {
    let whole = value.rounded(.towardZero)
    let range: ClosedRange<Double>? =
      switch variable.type {
      case .int32: -2_147_483_648...2_147_483_647
      case .uint32: 0...4_294_967_295
      case .char: -128...255
      case .float32, .float64: nil
      }
    if variable.type == .float32, value.isFinite, !Float(value).isFinite {
      throw .argument(
        "\(value) does not fit \"\(variable.name)\" of type f", hint: "the board would make it infinite")
    }
    guard value.isFinite else {
      throw .argument("\"\(variable.name)\" cannot be set to \(value)", hint: "use a finite number")
    }
    if let range, !range.contains(whole) {
      throw .argument(
        "\(value) does not fit \"\(variable.name)\" of type \(variable.type.rawValue)",
        hint: "what a board makes of it depends on its machine")
    }
  }
}
