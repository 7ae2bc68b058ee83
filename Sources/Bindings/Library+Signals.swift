public import Lua
import Signals
public import Telemetry

/// A signal check that failed, for reports: what was asked, what happened, and the data it happened in.
public struct FailedSignal: Sendable {
  public let channel: String
  /// What a picture of the window draws as lines across.
  public let levels: [Double]
  /// One sentence: `fsr did not rise above 0.5 within 5s: from 0.02 to 0.31`.
  public let sentence: String
  /// From the beginning of the check to where it was decided; may have no samples.
  public let window: Frame
}

extension FailedSignal: Equatable {
  /// By what was said of it.
  public static func == (a: FailedSignal, b: FailedSignal) -> Bool {
    a.channel == b.channel && a.levels == b.levels && a.sentence == b.sentence
  }
}

/// `s:within(span)`: what is to be seen of a stream from the next call on.
final class WithinObject {
  let streamer: StreamerObject
  let span: TimeSpan

  init(_ streamer: StreamerObject, span: TimeSpan) {
    self.streamer = streamer
    self.span = span
  }
}

extension Library {
  // MARK: - Triggers

  private static let conditions = Trigger.Condition.allCases.map(\.rawValue)

  /// `s:triggers{ rising = { "fsr", 0.5 }, pre = "200ms", post = "1s", max = 10 }`: an iterator of frames and times.
  func triggers(_ object: StreamerObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    let trigger = try trigger(object, options, call)
    let most = try options.integer("max") ?? .max
    guard most >= 0 else { throw options.bad("max", "a number of hits expected, got \(most)") }
    let reader = try ReaderObject(object)
    try checkReadable(reader)
    let iteration = TriggerIteration(
      trigger, reader, end: deadline(try waitingSpan(options, "span")), idle: try waitingSpan(options, "idle")
    )
    let step = state.function(name: "triggers") { [unowned self] call throws(LuaError) in
      guard iteration.count < most else { return call.results(LuaValue.nil) }
      guard !reader.isAwaited else { throw ReaderObject.busy }
      return .wait(TriggerWait(iteration, library: self))
    }
    return call.results(step)
  }

  private func trigger(_ object: StreamerObject, _ options: LuaOptions, _ call: borrowing LuaCall)
    throws(LuaError) -> Trigger
  {
    let given = Self.conditions.filter { options.has($0) }
    guard let name = given.first, given.count == 1, let condition = Trigger.Condition(rawValue: name) else {
      throw call.bad(
        1, given.isEmpty ? "no condition" : "one condition expected, got \(given.joined(separator: " and "))",
        hint: "s:triggers{ rising = { \"fsr\", 0.5 }, pre = \"200ms\", post = \"1s\" }")
    }
    let isBand = condition == .inside || condition == .outside
    let form = isBand ? "{ channel, low, high }" : "{ channel, level }"
    guard let table = try options.table(name),
      let channelName = state.rawGet(table, .integer(1)).string,
      let level = state.rawGet(table, .integer(2)).number, state.rawCount(table) == (isBand ? 3 : 2)
    else { throw options.bad(name, "\(form) expected") }
    let upper = isBand ? state.rawGet(table, .integer(3)).number : .infinity
    guard let upper, level <= upper else { throw options.bad(name, "\(form) with low below high expected") }
    let channel = try signalChannel(channelName, of: object)
    let hysteresis = try options.number("hysteresis") ?? 0
    guard hysteresis >= 0 else { throw options.bad("hysteresis", "it cannot be negative") }
    return Trigger(
      channel: channelName, condition: condition, level: level, upper: upper,
      pre: try units(options, "pre", channel),
      post: try units(options, "post", channel), hysteresis: hysteresis,
      holdOff: try units(options, "holdoff", channel, or: .zero))
  }

  /// What is shown before and behind a hit when nobody says.
  private static let around = TimeSpan(nanoseconds: 100_000_000)

  private func units(
    _ options: LuaOptions, _ name: String, _ channel: Channel, or usual: TimeSpan = around
  ) throws(LuaError) -> Int64 {
    let span = try waitingSpan(options, name) ?? usual
    guard let units = channel.clock.units(span) else { throw Self.noTime(channel.name) }
    return units
  }

  static func noTime(_ name: String) -> LuaError {
    LuaError("no_time", "nobody knows when the samples of \"\(name)\" were taken")
  }

  /// A channel of the stream with numbers or truth values.
  private func signalChannel(_ name: String, of object: StreamerObject) throws(LuaError) -> Channel {
    let channels = object.streamer.channels
    guard let channel = channels.first(where: { $0.name == name }) else {
      throw Self.unknownChannel(name, among: channels.map(\.name))
    }
    guard channel.type.isNumeric || channel.type == .bool else {
      throw LuaError("type", "'\(name)' is \(channel.type.rawValue), not numbers")
    }
    return channel
  }

  // MARK: - Checks

  func defineSignals() {
    let within = classes.within
    let edges: [(String, (Double) -> SignalCheck.Condition)] = [
      ("rises_above", { .risesAbove($0) }), ("falls_below", { .fallsBelow($0) }),
      ("stays_above", { .staysAbove($0) }), ("stays_below", { .staysBelow($0) }),
    ]
    for (name, condition) in edges {
      within.method(name) { [unowned self] object, call throws(LuaError) in
        try watch(object, try call.string(1), condition(try call.number(2)))
      }
    }
    within.method("stays_between") { [unowned self] object, call throws(LuaError) in
      let (low, high) = (try call.number(2), try call.number(3))
      guard low <= high else { throw call.bad(3, "the higher level is below the lower one") }
      return try watch(object, try call.string(1), .staysBetween(low, high))
    }
    within.method("has_no_gap") { [unowned self] object, call throws(LuaError) in
      try watch(object, try call.string(1), .hasNoGap)
    }
    within.metamethod(.tostring) { object, call throws(LuaError) in
      call.results("\(object.span) of \(object.streamer.title)")
    }
  }

  private func watch(_ object: WithinObject, _ name: String, _ condition: SignalCheck.Condition)
    throws(LuaError) -> LuaResult
  {
    let channels = object.streamer.streamer.channels
    let channel =
      if condition == .hasNoGap {
        channels.first { $0.name == name }
      } else {
        try signalChannel(name, of: object.streamer) as Channel?
      }
    guard let channel else { throw Self.unknownChannel(name, among: channels.map(\.name)) }
    let reader = try ReaderObject(object.streamer)
    try checkReadable(reader)
    let watch = SignalWatch(SignalCheck(channel, condition, within: object.span))
    // The span is one of the data's time; a source that falls silent has a moment more on the wall clock.
    return .wait(
      SignalWait(watch, reader, library: self, deadline: deadline(object.span + Self.silence)))
  }

  private static let silence = TimeSpan(nanoseconds: 2_000_000_000)

  /// True, or false and what happened instead.
  func answer(_ verdict: SignalCheck.Verdict, _ name: String, _ call: borrowing LuaCall) -> LuaResult {
    let failed = FailedSignal(
      channel: name, levels: verdict.condition.levels, sentence: verdict.sentence, window: verdict.window)
    lastSignal = verdict.passed ? nil : (failed, state.scheduler.current?.id)
    return call.results(verdict.passed, verdict.sentence)
  }

  /// `count_check(passed, message, isFalse)`: tells of a check; of a failed signal check the window and what goes with it.
  func judge(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let passed = call.isTrue(1)
    // A failed `within` answers false, and the check of it comes next in the same task.
    let signal = lastSignal.flatMap { signal, task in
      !passed && call.isTrue(3) && task == state.scheduler.current?.id ? signal : nil
    }
    lastSignal = nil
    let message = call.type(2) == .string ? try call.string(2) : ""
    onCheck?(
      Check(passed: passed, message: message, place: call.caller(besides: Self.preludeName), signal: signal))
    guard let signal else { return .none }
    push(signal.window, call)
    return .values(1 + values(call.results(signal.sentence, signal.channel, signal.levels)))
  }

  private func values(_ result: LuaResult) -> Int { if case .values(let count) = result { count } else { 0 } }

  /// What an error value says of a failed signal check; nil for any other value.
  public func failedSignal(of value: LuaValue) -> FailedSignal? {
    guard case .table(let error) = value,
      let frame = state.object(state.rawGet(error, "window"), classes.frame),
      let channel = state.rawGet(error, "channel").string,
      case .table(let levels) = state.rawGet(error, "levels")
    else { return nil }
    let numbers = (0..<min(2, state.rawCount(levels))).compactMap {
      state.rawGet(levels, .integer(Int64($0 + 1))).number
    }
    return FailedSignal(
      channel: channel, levels: numbers, sentence: state.rawGet(error, "sentence").string ?? "",
      window: frame.value)
  }
}
