import Lua
import Signals
import Telemetry

extension Library {
  typealias SeriesBox = LuaBox<Series>

  func defineSeries() {
    let series = classes.series
    defineStatistics()
    defineSelection()
    defineArithmetic()
    series.field("name", get: { box, call throws(LuaError) in call.results(box.value.channel.name) })
    series.field("type", get: { box, call throws(LuaError) in call.results(box.value.type.rawValue) })
    series.field("unit", get: { box, call throws(LuaError) in call.results(box.value.channel.unit) })
    series.field("clock", get: { box, call throws(LuaError) in call.results(box.value.clock.name) })
    series.field("rate", get: { box, call throws(LuaError) in call.results(box.value.measuredRate) })
    series.field("held", get: { box, call throws(LuaError) in call.results(box.value.isHeld) })
    series.metamethod(.len) { box, call throws(LuaError) in call.results(box.value.count) }
    series.metamethod(.tostring) { box, call throws(LuaError) in call.results(box.value.summary) }
    series.fallback { box, call throws(LuaError) in
      guard call.type(1) == .number else { return call.results(LuaValue.nil) }
      guard let index = Self.index(try call.integer(1), count: box.value.count) else {
        return call.results(LuaValue.nil)
      }
      Self.push(box.value[index], call)
      return .values(1)
    }
  }

  /// One sample on the stack, without a detour for numbers.
  static func push(_ sample: Sample, _ call: borrowing LuaCall) {
    switch sample {
    case .float(let value): call.push(value)
    case .integer(let value): call.push(value)
    default: call.push(sample.luaValue)
    }
  }

  /// The samples as a Lua table, on the stack.
  func pushTable(_ series: Series, _ call: borrowing LuaCall) {
    let stack = call.stack
    stack.pushTable(elements: series.count)
    var position = 0
    series.forEachChunk { chunk in
      for index in chunk.range {
        position += 1
        Self.push(chunk.storage.sample(index), call)
        stack.setElement(position)
      }
    }
  }

  // MARK: - Statistics

  private func defineStatistics() {
    let series = classes.series
    series.method("mean", quick: .mean) { [unowned self] box, call throws(LuaError) in
      call.results(try checked { try box.value.mean() })
    }
    let numbers: [(String, (Series) throws -> Double)] = [
      ("rms", { try $0.rms() }), ("std", { try $0.std() }), ("median", { try $0.median() }),
    ]
    for (name, compute) in numbers {
      series.method(name) { [unowned self] box, call throws(LuaError) in
        call.results(try checked { try compute(box.value) })
      }
    }
    let samples: [(String, LuaQuickMethod, (Series) throws -> Sample)] = [
      ("min", .min, { try $0.min() }), ("max", .max, { try $0.max() }), ("sum", .sum, { try $0.sum() }),
    ]
    for (name, quick, compute) in samples {
      series.method(name, quick: quick) { [unowned self] box, call throws(LuaError) in
        Self.push(try checked { try compute(box.value) }, call)
        return .values(1)
      }
    }
    series.method("quantile") { [unowned self] box, call throws(LuaError) in
      let q = try call.number(1)
      return call.results(try checked { try box.value.quantile(q) })
    }
    series.method("histogram") { [unowned self] box, call throws(LuaError) in
      let bins = try call.integer(1)
      let histogram = try checked { try box.value.histogram(bins) }
      let table = state.newTable()
      state.rawSet(table, .string("counts"), histogram.counts)
      state.rawSet(table, .string("edges"), histogram.edges)
      return call.results(table)
    }
    series.method("fft") { [unowned self] box, call throws(LuaError) in try spectrum(box.value, call) }
    series.method("sparkline") { box, call throws(LuaError) in
      let width = try call.optionalInteger(1) ?? 16
      guard (1...1000).contains(width) else {
        throw call.bad(1, "a width from 1 to 1000 expected, got \(width)")
      }
      return call.results(box.value.sparkline(width: width))
    }
  }

  private func spectrum(_ series: Series, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    let window = try options.string("window") ?? "hann"
    guard let shape = SpectrumWindow(rawValue: window) else {
      throw options.bad("window", "hann, hamming, blackman or rect expected, got \"\(window)\"")
    }
    let gaps = try options.string("gaps") ?? "raise"
    guard let policy = SpectrumGaps(rawValue: gaps) else {
      throw options.bad("gaps", "zero or interpolate expected, got \"\(gaps)\"")
    }
    let size = try options.integer("size") ?? 4096
    let spectrum = try checked { try series.fft(size: size, window: shape, gaps: policy) }
    let table = state.newTable()
    for (name, part) in [("frequencies", spectrum.frequencies), ("magnitudes", spectrum.magnitudes)] {
      state.rawSet(
        table, .string(name), state.value(SeriesBox(part), classes.series, externalBytes: part.byteCount))
    }
    return call.results(table)
  }

  // MARK: - Parts

  private func defineSelection() {
    let series = classes.series
    series.method("slice") { [unowned self] box, call throws(LuaError) in
      push(
        box.value.slice(from: try call.integer(1), to: try call.optionalInteger(2) ?? -1), isShared: true,
        call)
      return .values(1)
    }
    series.method("last") { [unowned self] box, call throws(LuaError) in
      push(try last(of: box.value, call, 1), isShared: true, call)
      return .values(1)
    }
    series.method("decimate") { [unowned self] box, call throws(LuaError) in
      let n = try call.integer(1)
      push(try checked { try box.value.decimate(n) }, call)
      return .values(1)
    }
    series.method("diff") { [unowned self] box, call throws(LuaError) in
      push(try checked { try box.value.diff() }, call)
      return .values(1)
    }
    series.method("abs") { [unowned self] box, call throws(LuaError) in
      push(try checked { try box.value.abs() }, call)
      return .values(1)
    }
    series.method("map") { [unowned self] box, call throws(LuaError) in try map(box.value, call) }
    series.method("each", quick: .each) { [unowned self] box, call throws(LuaError) in
      var position = 0
      let step = state.function(name: "each") { call throws(LuaError) in
        guard position < box.value.count else { return call.results(LuaValue.nil) }
        position += 1
        call.push(position)
        Self.push(box.value[position - 1], call)
        return .values(2)
      }
      return call.results(step)
    }
    series.method("table") { [unowned self] box, call throws(LuaError) in
      pushTable(box.value, call)
      return .values(1)
    }
    series.method("time", quick: .time) { box, call throws(LuaError) in
      guard let index = Self.index(try call.integer(1), count: box.value.count) else {
        return call.results(LuaValue.nil)
      }
      return call.results(box.value.time(index))
    }
    series.method("times") { box, call throws(LuaError) in
      let stack = call.stack
      stack.pushTable(elements: box.value.count)
      var position = 0
      box.value.forEachChunk { chunk in
        for offset in 0..<chunk.count {
          guard let time = chunk.time(offset) else { return }
          position += 1
          call.push(time)
          stack.setElement(position)
        }
      }
      return .values(1)
    }
    series.method("gaps") { [unowned self] box, call throws(LuaError) in
      let list = state.newTable()
      for (position, gap) in box.value.gapsWithTimes.enumerated() {
        let entry = state.newTable()
        state.rawSet(entry, .string("at"), gap.at - box.value.first + 1)
        if let samples = gap.samples { state.rawSet(entry, .string("samples"), samples) }
        state.rawSet(entry, .string("why"), gap.reason.rawValue)
        state.rawSet(list, .integer(Int64(position + 1)), entry)
      }
      return call.results(list)
    }
  }

  private func map(_ series: Series, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let function = try call.function(1)
    switch try call.map(1) {
    case .numbers(let values):
      push(try checked { try series.replacing(values) }, call)
      return .values(1)
    case .other(let type, let position): throw Self.noNumber(type, position)
    case .unreadable: break
    }
    var values: [Double] = []
    values.reserveCapacity(series.count)
    for position in 0..<series.count {
      let result = try state.call(function, [series[position].luaValue, .integer(Int64(position + 1))])
      guard let number = result.first?.number else {
        throw Self.noNumber(result.first?.type ?? .nil, position + 1)
      }
      values.append(number)
    }
    push(try checked { try series.replacing(values) }, call)
    return .values(1)
  }

  private static func noNumber(_ type: LuaType, _ position: Int) -> LuaError {
    LuaError("type", "the function gave a \(type) for sample \(position), not a number")
  }

  // MARK: - Arithmetic

  private func defineArithmetic() {
    let series = classes.series
    let operators: [(LuaClass<SeriesBox>.Metamethod, SeriesOperation)] = [
      (.add, .add), (.sub, .subtract), (.mul, .multiply), (.div, .divide), (.pow, .power), (.mod, .remainder),
    ]
    for (metamethod, operation) in operators {
      series.operator(metamethod) { [unowned self] call throws(LuaError) in
        let left = try operand(call, 1)
        let right = try operand(call, 2)
        push(try checked { try Series.combine(left, right, operation) }, call)
        return .values(1)
      }
    }
    series.metamethod(.unm) { [unowned self] box, call throws(LuaError) in
      push(try checked { try box.value.negated() }, call)
      return .values(1)
    }
  }

  private func operand(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> SeriesOperand {
    if let box = call.ifObject(position, classes.series) { return .series(box.value) }
    let value = call.value(position)
    if case .integer(let integer) = value { return .integer(integer) }
    if case .number(let number) = value { return .number(number) }
    throw LuaError("type", "a series cannot be combined with a \(call.typeName(position))")
  }
}
