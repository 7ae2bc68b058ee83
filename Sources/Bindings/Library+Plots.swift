import Lua
public import Plotting
import Telemetry

extension Library {
  // MARK: - For the program

  /// Flags a moment in every open plot that shows this stream; in all that are open without one. A plot that has no
  /// samples yet goes without.
  /// - Parameter time: in units of the stream's clock; nil for its newest sample.
  public func mark(
    _ label: String, kind: PlotFlag.Kind = .mark, time: Int64? = nil, on streamer: StreamerObject? = nil
  ) {
    let shown = openPlots + (livePlot.map { [$0.object] } ?? [])
    for object in shown {
      if let streamer, !object.plot.streamers.contains(where: { $0 === streamer.streamer }) { continue }
      try? object.plot.mark(label, kind: kind, time: time)
    }
  }

  // MARK: - Making

  func definePlots() {
    define("plot") { [unowned self] call throws(LuaError) in
      let options = try call.options(at: 1)
      var inputs: [PlotInput] = []
      for (place, value) in options.list.enumerated() { inputs.append(try input(value, place, options)) }
      guard !inputs.isEmpty else {
        throw call.bad(1, "nothing to plot", hint: "plot{ s1, s2 } with streamers, frames or series")
      }
      return try show(inputs, channels: [], options, call)
    }
    classes.streamer.method("plot") { [unowned self] object, call throws(LuaError) in
      try show(.stream(object.streamer, label: nil), call)
    }
    classes.frame.method("plot") { [unowned self] box, call throws(LuaError) in
      try show(.frame(box.value, label: nil), call)
    }
    classes.series.method("plot") { [unowned self] box, call throws(LuaError) in
      try show(.frame(Frame([box.value]), label: nil), call)
    }
    definePlotObject()
  }

  private func input(_ value: LuaValue, _ place: Int, _ options: LuaOptions) throws(LuaError) -> PlotInput {
    if let streamer = state.object(value, classes.streamer) { return .stream(streamer.streamer, label: nil) }
    if let frame = state.object(value, classes.frame) { return .frame(frame.value, label: nil) }
    if let series = state.object(value, classes.series) { return .frame(Frame([series.value]), label: nil) }
    throw options.bad("\(place + 1)", "a streamer, frame or series expected, got \(value.type)")
  }

  /// `s:plot{ "pot1", window = "5s" }`: names stand in the list or under `channels`.
  private func show(_ input: PlotInput, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    return try show([input], channels: options.strings(), options, call)
  }

  /// Makes the plot and shows it as was asked: moving in the terminal, as text when it is printed, or as a page.
  private func show(
    _ inputs: [PlotInput], channels: [String], _ options: LuaOptions, _ call: borrowing LuaCall
  ) throws(LuaError) -> LuaResult {
    let wanted = try plotOptions(options, channels: channels)
    let plot = try checked { try Plot(inputs, options: wanted) }
    let isTerminal = try options.boolean("term") ?? false
    let opens = try options.boolean("open") ?? true
    let object = PlotObject(plot, isTerminal: isTerminal)
    onPlot?(plot)
    if isTerminal { return showInTerminal(object, call) }
    let pages = plotPages
    return perform {
      try await pages.publish(plot)
    } then: { [unowned self] url, call throws(LuaError) in
      object.url = url
      openPlots.append(object)
      note("plot: \(url)")
      if opens, !isSandboxed { for line in plotFront?.open(url) ?? [] { note(line) } }
      return call.result(object, classes.plot)
    }
  }

  private func showInTerminal(_ object: PlotObject, _ call: borrowing LuaCall) -> LuaResult {
    // A task beside the prompt has no keys, and what has ended does not move: those are pictures to print.
    let moves =
      livePlot == nil && state.scheduler.current === state.scheduler.foreground
      && object.plot.streamers.contains { !LivePlotWait.ended.contains($0.state) }
    guard let plotFront, moves else { return call.result(object, classes.plot) }
    return .wait(
      LivePlotWait(object, on: plotFront, of: self) { [unowned self] call throws(LuaError) in
        call.result(object, classes.plot)
      })
  }

  private func plotOptions(_ options: LuaOptions, channels: [String]) throws(LuaError) -> PlotOptions {
    var wanted = PlotOptions()
    wanted.channels = channels + (try names(options, "channels"))
    wanted.window = try waitingSpan(options, "window")
    wanted.kind = try choice(options, "kind", PlotOptions.Kind.self) ?? wanted.kind
    wanted.layout = try choice(options, "layout", PlotOptions.Layout.self) ?? wanted.layout
    wanted.x = try options.string("x")
    wanted.title = try options.string("title")
    wanted.spectrumSize = try options.integer("size") ?? wanted.spectrumSize
    if wanted.kind != .spectrum, options.has("size") {
      throw options.bad("size", "only a spectrum has it", hint: "kind = \"spectrum\"")
    }
    if let table = try options.table("y") {
      let ends = (1...2).map { state.rawGet(table, .integer(Int64($0))).number }
      guard let low = ends[0], let high = ends[1], low < high else {
        throw options.bad("y", "two numbers expected, the lower one first", hint: "y = { -1, 1 }")
      }
      wanted.y = low...high
    }
    return wanted
  }

  /// A name, or a list of them.
  private func names(_ options: LuaOptions, _ option: String) throws(LuaError) -> [String] {
    if let one = options.value(option).string { return [one] }
    guard let table = try options.table(option) else { return [] }
    var names: [String] = []
    for place in 0..<state.rawCount(table) {
      guard let name = state.rawGet(table, .integer(Int64(place + 1))).string else {
        throw options.bad(option, "a list of names expected")
      }
      names.append(name)
    }
    return names
  }

  private func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ options: LuaOptions, _ option: String, _: Choice.Type
  ) throws(LuaError) -> Choice? {
    guard let text = try options.string(option) else { return nil }
    if let found = Choice(rawValue: text) { return found }
    let all = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    throw options.bad(option, "one of \(all) expected, got \"\(text)\"")
  }
}
