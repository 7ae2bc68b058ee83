import Lua
import Telemetry

extension Library {
  typealias SpanBox = LuaBox<TimeSpan>
  typealias StampBox = LuaBox<TimeStamp>

  // MARK: - Spans as arguments

  /// A number of seconds, a string with its unit, or a TimeSpan.
  func span(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> TimeSpan {
    if let box = call.ifObject(position, classes.timeSpan) { return box.value }
    if call.type(position) == .string {
      let text = try call.string(position)
      guard let span = TimeSpan(text) else {
        throw call.bad(
          position, "\"\(text)\" is no span of time",
          hint: "write \"250ms\", \"5s\", \"1m30s\", or a number of seconds")
      }
      return span
    }
    guard call.type(position) == .number else { throw call.mismatch(position, "span of time") }
    let seconds = try call.number(position)
    guard let span = TimeSpan(seconds: seconds) else {
      throw call.bad(position, "\(seconds) seconds is no span of time")
    }
    return span
  }

  /// The same for a wait: not below zero.
  func waitingSpan(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> TimeSpan {
    let span = try span(call, position)
    guard span >= .zero else { throw call.bad(position, "a wait cannot be negative") }
    return span
  }

  func optionalWaitingSpan(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> TimeSpan? {
    call.isNoneOrNil(position) ? nil : try waitingSpan(call, position)
  }

  /// An option that is a span of time.
  func span(_ options: LuaOptions, _ name: String) throws(LuaError) -> TimeSpan? {
    let value = options.value(name)
    if value.isNil { return nil }
    if let box = state.object(value, classes.timeSpan) { return box.value }
    if case .string(let text) = value, let span = TimeSpan(text.description) { return span }
    if case .string = value {
    } else if let seconds = value.number, let span = TimeSpan(seconds: seconds) {
      return span
    }
    throw options.bad(
      name, "no span of time", hint: "write \"250ms\", \"5s\", \"1m30s\", or a number of seconds")
  }

  func waitingSpan(_ options: LuaOptions, _ name: String) throws(LuaError) -> TimeSpan? {
    guard let span = try span(options, name) else { return nil }
    guard span >= .zero else { throw options.bad(name, "a time cannot be negative") }
    return span
  }

  /// A buffer's size: a whole number of samples, or a span of time as string or TimeSpan.
  func capacity(_ value: LuaValue, _ bad: (String) -> LuaError) throws(LuaError) -> BufferCapacity {
    if let box = state.object(value, classes.timeSpan), box.value > .zero { return .span(box.value) }
    if case .string(let text) = value {
      guard let span = TimeSpan(text.description), span > .zero else {
        throw bad("\"\(text)\" is neither a number of samples nor a time such as \"30s\"")
      }
      return .span(span)
    }
    guard let count = value.integer else {
      throw bad("a number of samples or a time such as \"30s\" expected, got \(value.type)")
    }
    guard count > 0, let samples = Int(exactly: count) else {
      throw bad("a buffer holds at least 1 sample, not \(count)")
    }
    return .samples(samples)
  }

  // MARK: - TimeSpan and TimeStamp

  func defineTime() {
    let (spans, stamps) = (classes.timeSpan, classes.timeStamp)
    spans.field("seconds", get: { box, call throws(LuaError) in call.results(box.value.seconds) })
    spans.field("nanoseconds", get: { box, call throws(LuaError) in call.results(box.value.nanoseconds) })
    spans.metamethod(.tostring) { box, call throws(LuaError) in call.results("\(box.value)") }
    spans.metamethod(.unm) { box, call throws(LuaError) in call.result(SpanBox(.zero - box.value), spans) }
    spans.operator(.add) { [unowned self] call throws(LuaError) in
      let (a, b) = (try span(call, 1), try span(call, 2))
      return call.result(SpanBox(a + b), spans)
    }
    spans.operator(.sub) { [unowned self] call throws(LuaError) in
      let (a, b) = (try span(call, 1), try span(call, 2))
      return call.result(SpanBox(a - b), spans)
    }
    spans.operator(.mul) { call throws(LuaError) in
      let left = call.ifObject(1, spans)
      let box = if let left { left } else { try call.object(2, spans) }
      let factor = left == nil ? 1 : 2
      return call.result(SpanBox(try Self.scaled(box.value, by: call.number(factor))), spans)
    }
    spans.operator(.div) { call throws(LuaError) in
      let dividend = try call.object(1, spans).value
      if let divisor = call.ifObject(2, spans)?.value {
        return call.results(dividend.seconds / divisor.seconds)
      }
      return call.result(SpanBox(try Self.scaled(dividend, by: 1 / call.number(2))), spans)
    }
    spans.operator(.eq) { call throws(LuaError) in
      call.results(call.ifObject(1, spans)?.value == call.ifObject(2, spans)?.value)
    }
    spans.operator(.lt) { [unowned self] call throws(LuaError) in
      let (a, b) = (try span(call, 1), try span(call, 2))
      return call.results(a < b)
    }
    spans.operator(.le) { [unowned self] call throws(LuaError) in
      let (a, b) = (try span(call, 1), try span(call, 2))
      return call.results(a <= b)
    }
    spans.operator(.concat) { [unowned self] call throws(LuaError) in
      call.results(state.describe(call.value(1)) + state.describe(call.value(2)))
    }
    defineStamps()
    define("TimeStamp.now") { [unowned self] call throws(LuaError) in
      call.result(StampBox(clock.now), stamps)
    }
    define("sleep") { [unowned self] call throws(LuaError) in
      .wait(.sleep(until: deadline(try waitingSpan(call, 1))!))
    }
  }

  private static func scaled(_ span: TimeSpan, by factor: Double) throws(LuaError) -> TimeSpan {
    guard let nanoseconds = Int64(exactly: (Double(span.nanoseconds) * factor).rounded()) else {
      throw LuaError("argument", "\(factor) times \(span) is no span of time")
    }
    return TimeSpan(nanoseconds: nanoseconds)
  }

  private func defineStamps() {
    let (spans, stamps) = (classes.timeSpan, classes.timeStamp)
    stamps.field("nanoseconds", get: { box, call throws(LuaError) in call.results(box.value.nanoseconds) })
    stamps.metamethod(.tostring) { box, call throws(LuaError) in call.results(box.value.iso8601) }
    stamps.operator(.add) { [unowned self] call throws(LuaError) in
      let left = call.ifObject(1, stamps)
      let box = if let left { left } else { try call.object(2, stamps) }
      let other = left == nil ? 1 : 2
      let span = try span(call, other)
      return call.result(StampBox(box.value + span), stamps)
    }
    stamps.operator(.sub) { [unowned self] call throws(LuaError) in
      let stamp = try call.object(1, stamps).value
      if let other = call.ifObject(2, stamps)?.value { return call.result(SpanBox(stamp - other), spans) }
      let span = try span(call, 2)
      return call.result(StampBox(stamp + (.zero - span)), stamps)
    }
    stamps.operator(.eq) { call throws(LuaError) in
      call.results(call.ifObject(1, stamps)?.value == call.ifObject(2, stamps)?.value)
    }
    stamps.operator(.lt) { call throws(LuaError) in
      let (a, b) = (try call.object(1, stamps).value, try call.object(2, stamps).value)
      return call.results(a < b)
    }
    stamps.operator(.le) { call throws(LuaError) in
      let (a, b) = (try call.object(1, stamps).value, try call.object(2, stamps).value)
      return call.results(a <= b)
    }
  }

  /// Objects of a registered class.
  func defineUnits() {
    let units: [(String, TimeSpan)] = [
      ("NANOSECOND", .nanosecond), ("MICROSECOND", .microsecond), ("MILLISECOND", .millisecond),
      ("SECOND", .second),
      ("MINUTE", .minute), ("HOUR", .hour), ("DAY", .day),
    ]
    let span = state.newTable()
    for (name, value) in units {
      state.rawSet(span, .string(name), state.value(SpanBox(value), classes.timeSpan))
    }
    // The prelude makes it callable.
    state.setGlobal("TimeSpan", LuaValue.table(span))
  }
}
