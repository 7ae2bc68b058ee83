package import Lua
package import Telemetry

extension Library {
  /// Pushes a frame; what its samples take counts against the memory cap, once for it and its series.
  func push(_ frame: Frame, _ call: borrowing LuaCall) {
    let bytes = frame.byteCount
    call.push(FrameBox(frame, bytes: bytes), classes.frame, externalBytes: bytes)
  }

  /// For tests: values of one's own.
  package func value(of frame: Frame) -> LuaValue {
    let bytes = frame.byteCount
    return state.value(FrameBox(frame, bytes: bytes), classes.frame, externalBytes: bytes)
  }

  package func value(of series: Series) -> LuaValue {
    state.value(SeriesBox(series), classes.series, externalBytes: series.byteCount)
  }

  /// Pushes what a streamer has in its buffer: counted as new is only what came since the last time.
  func pushSnapshot(of object: StreamerObject, _ call: borrowing LuaCall) {
    let frame = object.streamer.snapshot()
    let series = frame.series
    var bytes = 0
    var received = 0
    for place in series.indices {
      bytes += series[place].byteCount
      received &+= Int(truncatingIfNeeded: series[place].receivedBytes)
    }
    let new = received &- object.snapshotBytes
    object.snapshotBytes = received
    let shared = new >= 0 && new < bytes ? bytes - new : 0
    call.push(FrameBox(frame, bytes: bytes), classes.frame, externalBytes: bytes, sharedBytes: shared)
  }

  /// - Parameter isShared: its samples are those of another object.
  func push(_ series: Series, isShared: Bool = false, _ call: borrowing LuaCall) {
    let bytes = series.byteCount
    call.push(
      SeriesBox(series), classes.series, externalBytes: bytes, sharedBytes: isShared ? bytes : 0)
  }

  func defineFrames() {
    let frames = classes.frame
    frames.method("get", quick: .part) { [unowned self] box, call throws(LuaError) in
      pushed(box.value[try call.string(1)], call)
    }
    frames.method("at") { [unowned self] box, call throws(LuaError) in
      call.results(samples(of: box.value, at: try call.integer(1)))
    }
    frames.method("names") { box, call throws(LuaError) in call.results(box.value.names) }
    frames.method("span") { [unowned self] box, call throws(LuaError) in
      guard let bounds = box.value.bounds, let clock = box.value.series.first?.clock,
        let seconds = clock.seconds(bounds.upperBound.subtractingSaturating(bounds.lowerBound)),
        let span = TimeSpan(seconds: seconds)
      else { return call.results(LuaValue.nil) }
      return call.result(SpanBox(span), classes.timeSpan)
    }
    frames.method("start_time") { box, call throws(LuaError) in call.results(box.value.startTime) }
    frames.method("dropped") { box, call throws(LuaError) in call.results(box.value.dropped) }
    frames.field(
      "meta",
      get: { [unowned self] box, call throws(LuaError) in
        // A channel of that name is meant where there are no such values.
        guard let meta = box.value.meta else { return pushed(box.value["meta"], call) }
        let table = state.newTable()
        for (name, value) in meta.values { state.rawSet(table, .string(name), value.luaValue) }
        return call.results(LuaValue.table(table))
      })
    frames.method("table") { [unowned self] box, call throws(LuaError) in
      call.stack.pushTable(fields: box.value.seriesCount)
      for series in box.value.series {
        pushTable(series, call)
        call.stack.setField(series.channel.name)
      }
      return .values(1)
    }
    frames.fallback { [unowned self] box, call throws(LuaError) in
      if call.type(1) == .string { return pushed(box.value[try call.string(1)], call) }
      return call.results(samples(of: box.value, at: try call.integer(1)))
    }
    // `s.data` is a field, and `s:data("pot1", "2s")` works all the same.
    frames.metamethod(.call) { [unowned self] box, call throws(LuaError) in try select(from: box.value, call)
    }
    frames.metamethod(.len) { box, call throws(LuaError) in call.results(box.value.seriesCount) }
    frames.metamethod(.tostring) { [unowned self] box, call throws(LuaError) in
      call.results(describe(box.value))
    }
  }

  private func pushed(_ series: Series?, _ call: borrowing LuaCall) -> LuaResult {
    guard let series else { return call.results(LuaValue.nil) }
    push(series, isShared: true, call)
    return .values(1)
  }

  /// `frame[1]`, `frame[-1]`: one sample of each channel that has so many; nil when none has.
  private func samples(of frame: Frame, at position: Int) -> LuaValue {
    let table = state.newTable()
    var found = false
    for series in frame.series {
      guard let index = Self.index(position, count: series.count) else { continue }
      found = true
      state.rawSet(table, .string(series.channel.name), series[index].luaValue)
    }
    guard found else { return .nil }
    state.setMetatable(of: table, sampleRow)
    return .table(table)
  }

  /// What makes `print(frame[-1])` say more than an address.
  func makeSampleRow() -> LuaReference {
    let metatable = state.newTable()
    let shown = state.function(name: "__tostring") { [unowned self] call throws(LuaError) in
      let pairs = state.pairs(of: try call.table(1)).compactMap { pair in
        pair.key.string.map { (name: $0, value: pair.value) }
      }
      let fields = pairs.sorted { $0.name < $1.name }.map { "\($0.name) = \(Self.text($0.value))" }
      return call.results("{ \(fields.joined(separator: ", ")) }")
    }
    state.rawSet(metatable, .string("__tostring"), shown)
    return metatable
  }

  private static func text(_ value: LuaValue) -> String {
    switch value {
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    // A value of 32 bits in as many digits as it has.
    case .number(let value): Double(Float(value)) == value ? "\(Float(value))" : "\(value)"
    case .string(let text): "\"\(text)\""
    default: "\(value.type)"
    }
  }

  /// From 1, or from -1 at the end, to a 0-based index; nil outside.
  static func index(_ position: Int, count: Int) -> Int? {
    if position >= 1, position <= count { return position - 1 }
    return position < 0 && position >= -count ? count + position : nil
  }

  private func select(from frame: Frame, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    guard call.ifObject(1, classes.streamer) != nil else {
      throw LuaError(
        "argument", "a frame is no function", hint: "frame.pot1 or frame:get(\"pot1\") is a series")
    }
    if call.count == 1 {
      push(frame, call)
      return .values(1)
    }
    let name = try call.string(2)
    guard let series = frame[name] else {
      throw LuaError(
        "unknown_channel", "no channel named \"\(name)\" is streamed",
        hint: Suggestion.nearest(to: name, among: frame.names).map { "did you mean \"\($0)\"?" })
    }
    push(call.isNoneOrNil(3) ? series : try last(of: series, call, 3), isShared: true, call)
    return .values(1)
  }

  /// The last samples by count or by time, as an argument says.
  func last(of series: Series, _ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> Series {
    if call.type(position) == .number {
      let count = try call.integer(position)
      guard count >= 0 else { throw call.bad(position, "a number of samples expected, got \(count)") }
      return series[max(0, series.count - count)..<series.count]
    }
    let span = try waitingSpan(call, position)
    guard let units = series.clock.units(span), series.isEmpty || series.time(0) != nil else {
      throw LuaError(
        "no_time", "nobody knows when these samples were taken", hint: "ask for a number of samples")
    }
    return series.last(units: units)
  }

  func describe(_ frame: Frame) -> String {
    if frame.series.isEmpty { return "frame without samples" }
    let end = ContinuousClock.now + Limits.pictureTime
    var lines = frame.series.prefix(Limits.channelsShown).map { series in
      ContinuousClock.now < end ? series.summary : series.shortSummary
    }
    if frame.series.count > Limits.channelsShown {
      lines.append("… and \(frame.series.count - Limits.channelsShown) more channels")
    }
    if frame.dropped > 0 { lines.append("\(frame.dropped) samples dropped before this frame") }
    return lines.joined(separator: "\n")
  }
}

extension Sample {
  var luaValue: LuaValue {
    switch self {
    case .float(let value): .number(value)
    case .integer(let value): .integer(value)
    // Lua's integers are signed; as a float it keeps its size.
    case .unsigned(let value): .number(Double(value))
    case .bool(let value): .boolean(value)
    case .bytes(let bytes): .string(LuaString(bytes))
    case .uuid(let high, let low): .string(Self.text(high, low))
    }
  }

  private static func text(_ high: UInt64, _ low: UInt64) -> String {
    let digits = [high, low].map { value in
      let text = String(value, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    let cuts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
    let letters = Array(digits)
    return cuts.map { String(letters[$0]) }.joined(separator: "-")
  }
}
