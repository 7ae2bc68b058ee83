import Lua
import Plotting
import Telemetry

extension Library {
  func definePlotObject() {
    let plots = classes.plot
    plots.field("url", get: { object, call throws(LuaError) in call.results(object.url) })
    plots.method("save") { [unowned self] object, call throws(LuaError) in try save(object, call) }
    plots.method("svg") { [unowned self] object, call throws(LuaError) in
      let options = try call.options(at: 1)
      let (width, height) = (try options.integer("width") ?? 960, try options.integer("height") ?? 540)
      for (name, side) in [("width", width), ("height", height)] where !(100...4000).contains(side) {
        throw options.bad(name, "100 to 4000 expected, got \(side)")
      }
      return call.results(
        object.plot.svg(
          width: width, height: height, span: try stillSpan(options),
          isDark: try options.boolean("dark") ?? false))
    }
    plots.method("mark") { [unowned self] object, call throws(LuaError) in
      let text = try call.string(1)
      let time =
        if let stamp = call.ifObject(2, classes.timeStamp) { stamp.value.nanoseconds } else {
          try call.optionalInteger(2).map { Int64($0) }
        }
      try checked { try object.plot.mark(text, time: time) }
      return call.argument(0)
    }
    plots.method("close") { [unowned self] object, _ throws(LuaError) in close(object) }
    plots.metamethod(.close) { [unowned self] object, _ throws(LuaError) in close(object) }
    plots.metamethod(.tostring) { [unowned self] object, call throws(LuaError) in
      call.results(object.isTerminal ? picture(object) : object.summary)
    }
  }

  private func close(_ object: PlotObject) -> LuaResult {
    openPlots.removeAll { $0 === object }
    object.plot.close()
    return .none
  }

  /// What `print` shows of a plot for the terminal.
  func picture(_ object: PlotObject) -> String {
    let lines =
      plotFront?.draw(object)
      ?? object.plot.terminalPicture(
        width: 80, height: 20, style: TerminalStyle(glyphs: .braille, hasColours: false))
    return lines.joined(separator: "\n")
  }

  private func stillSpan(_ options: LuaOptions) throws(LuaError) -> TimeSpan? {
    let span = try waitingSpan(options, "span")
    if span == .zero { throw options.bad("span", "a time above zero expected") }
    return span
  }

  private func save(_ object: PlotObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let path = try call.string(1)
    let options = try call.options(at: 2)
    try refuseInSandbox("write no files")
    let span = try stillSpan(options)
    let overwrite = try options.boolean("overwrite") ?? false
    let isDark = try options.boolean("dark") ?? false
    let plot = object.plot
    // Converting takes a moment: off the interpreter's thread.
    return perform {
      try plot.save(path, span: span, overwrite: overwrite, isDark: isDark)
    } then: { _, call throws(LuaError) in
      call.results(path)
    }
  }
}
