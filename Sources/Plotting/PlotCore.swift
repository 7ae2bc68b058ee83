import Telemetry

/// What a `Plot` guards with its lock: its inputs and lines, brought up to date when a picture is wanted.
struct PlotCore {
  private(set) var options: PlotOptions
  /// Rises with every change of what does not change with each sample: lines, flags, state.
  private(set) var revision: UInt32 = 1

  private let inputs: [PlotInput]
  private let clock: any TelemetryClock
  private(set) var lines: [PlotLine] = []
  private var flags: [PlotFlag] = []
  private var axis: HorizontalAxis?
  private var clocks: [ClockKey: LineClock] = [:]
  private var state = PlotState(.held, "waiting for data")
  private var stats: (at: TimeSpan, perInput: [StreamStats?])?

  /// Lines whose times can be compared.
  private enum ClockKey: Hashable {
    case unix
    case source(ObjectIdentifier, ClockDomain)
    case input(Int, ClockDomain)
    /// No times at all.
    case numbers(rate: Double?)
  }

  init(_ inputs: [PlotInput], options: PlotOptions, clock: any TelemetryClock) throws(PlotError) {
    try options.check()
    guard !inputs.isEmpty else { throw PlotError("argument", "a plot needs a stream, a frame or a series") }
    // Of loaded data the times are looked at once: they may leap or step back though nobody said so.
    self.inputs = inputs.map { input in
      guard case .frame(var frame, let label) = input else { return input }
      frame.series = frame.series.map(\.withTimeGaps)
      return .frame(frame, label: label)
    }
    self.options = options
    self.clock = clock
    let channels = inputs.map(Self.channels)
    let known = channels.joined()
    for name in options.channels + (options.x.map { [$0] } ?? []) {
      guard let channel = known.first(where: { $0.name == name }) else {
        throw PlotError(
          "unknown_channel", "no channel named “\(PlainText.clean(name))” to plot",
          hint: "there are " + known.prefix(12).map(\.name).joined(separator: ", "))
      }
      guard channel.type.isDrawable else {
        throw PlotError(
          "argument", "“\(PlainText.clean(name))” holds \(channel.type.rawValue), which has no curve")
      }
    }
    arrange(channels)
    guard !lines.isEmpty else {
      throw PlotError(
        "argument", "none of these channels has numbers to plot",
        hint: "there are "
          + known.prefix(12).map { "\($0.name) (\($0.type.rawValue))" }.joined(separator: ", "))
    }
  }

  /// True when nothing more can come.
  var isLoaded: Bool {
    inputs.allSatisfy { if case .frame = $0 { true } else { false } }
  }

  var streamers: [Streamer] {
    inputs.compactMap { if case .stream(let streamer, _) = $0 { streamer } else { nil } }
  }

  // MARK: - Changes

  /// A flag on the clock of the first line that has samples, at its newest one unless a time is given; nil before.
  func flag(_ label: String, kind: PlotFlag.Kind, time: Int64?) -> PlotFlag? {
    for line in lines {
      guard let series = line.series, series.count > 0 else { continue }
      // Without times the samples' numbers are all there is.
      let newest = series.time(series.count - 1) ?? series.first + Int64(series.count) - 1
      return PlotFlag(kind: kind, label: label, time: time ?? newest, clock: series.clock)
    }
    return nil
  }

  mutating func add(_ flag: PlotFlag) {
    flags.append(flag)
    if flags.count > PlotLimits.flagsMax { flags.removeFirst(flags.count - PlotLimits.flagsMax) }
    revision &+= 1
  }

  mutating func change(_ body: (inout PlotOptions) -> Void) throws(PlotError) {
    var new = options
    body(&new)
    try new.check()
    options = new
    revision &+= 1
  }

  // MARK: - Bringing up to date

  private static func channels(_ input: PlotInput) -> [Channel] {
    switch input {
    case .stream(let streamer, _): streamer.channels
    case .frame(let frame, _): frame.series.map(\.channel)
    }
  }

  /// Makes a line for each channel wanted, and keeps those that there are already.
  private mutating func arrange(_ channels: [[Channel]]) {
    var wanted: [(input: Int, channel: Channel)] = []
    for (input, list) in channels.enumerated() {
      for channel in list where isWanted(channel) { wanted.append((input, channel)) }
    }
    if wanted.count > PlotLimits.linesMax { wanted.removeLast(wanted.count - PlotLimits.linesMax) }
    let unchanged = wanted.elementsEqual(lines) { $0.input == $1.input && $0.channel == $1.channel }
    if unchanged { return }
    var kept = lines
    kept.removeAll { line in !wanted.contains { $0.input == line.input && $0.channel == line.channel } }
    var used: [LineColour: Int] = [:]
    for line in kept { used[line.colour, default: 0] += 1 }
    lines = wanted.map { input, channel in
      if let line = kept.first(where: { $0.input == input && $0.channel == channel }) { return line }
      // The first of those that the fewest lines have.
      let colour = LineColour.all.min { used[$0, default: 0] < used[$1, default: 0] } ?? LineColour.all[0]
      used[colour, default: 0] += 1
      let isAmbiguous = wanted.contains { $0.input != input && $0.channel.name == channel.name }
      let name = isAmbiguous ? "\(label(of: input)):\(channel.name)" : channel.name
      return PlotLine(input: input, channel: channel, name: PlainText.clean(name), colour: colour)
    }
    revision &+= 1
  }

  private func isWanted(_ channel: Channel) -> Bool {
    guard channel.type.isDrawable else { return false }
    if channel.name == options.x { return true }
    return options.channels.isEmpty ? !channel.isIndex : options.channels.contains(channel.name)
  }

  private func label(of input: Int) -> String {
    switch inputs[input] {
    case .stream(_, let label), .frame(_, let label): label ?? "\(input + 1)"
    }
  }

  /// Takes snapshots; every other call sees the moment of the last one.
  mutating func update() {
    var channels: [[Channel]] = []
    var frames: [Frame] = []
    for input in inputs {
      switch input {
      case .stream(let streamer, _):
        let frame = streamer.snapshot()
        frames.append(frame)
        channels.append(frame.series.map(\.channel))
      case .frame(let frame, _):
        frames.append(frame)
        channels.append(frame.series.map(\.channel))
      }
    }
    arrange(channels)
    for position in lines.indices {
      guard let series = frames[lines[position].input][lines[position].channel.name] else { continue }
      lines[position].update(series, withPyramid: options.kind == .time)
    }
    setClocks()
    updateState()
  }

  private mutating func setClocks() {
    for line in lines {
      guard let series = line.series, series.count > 0 else { continue }
      let key = clockKey(line, series)
      guard clocks[key] == nil else { continue }
      let isFirst = axis == nil
      var new: LineClock
      let own: HorizontalAxis
      switch key {
      case .unix:
        // A whole second, so that positions are short numbers.
        let first = series.time(0) ?? 0
        let origin = first.subtractingSaturating(first.flooredRemainder(1_000_000_000))
        new = LineClock(origin: origin, unitsPerX: 1e9)
        own = .wall(origin: origin, utcOffset: options.utcOffset)
      case .source(_, let domain), .input(_, let domain):
        new = LineClock(unitsPerX: domain.unitsPerSecond ?? 1)
        own = domain.unitsPerSecond == nil ? .count("ticks") : .seconds
      case .numbers(let rate):
        new = LineClock(unitsPerX: nil, samplesPerX: rate ?? 1)
        own = rate == nil ? .count("samples") : .seconds
      }
      if isFirst {
        axis = own
      } else if let newest = newest() {
        new.shift = newest - new.x(series, series.count - 1)
      }
      clocks[key] = new
      revision &+= 1
    }
  }

  private func clockKey(_ line: PlotLine, _ series: Series) -> ClockKey {
    guard series.time(0) != nil else {
      return .numbers(rate: line.channel.rate.flatMap { $0 > 0 ? $0 : nil })
    }
    if case .unix = series.clock { return .unix }
    if case .stream(let streamer, _) = inputs[line.input] {
      return .source(ObjectIdentifier(streamer.source.timekeeper), series.clock)
    }
    return .input(line.input, series.clock)
  }

  func lineClock(_ line: PlotLine) -> LineClock? {
    guard let series = line.series, series.count > 0 else { return nil }
    return clocks[clockKey(line, series)]
  }

  private func newest() -> Double? { extent()?.upperBound }

  private func extent() -> ClosedRange<Double>? {
    var result: ClosedRange<Double>?
    for line in lines {
      guard let series = line.series, let clock = lineClock(line) else { continue }
      let first = clock.x(series, 0)
      let last = max(first, clock.x(series, series.count - 1))
      result = result.map { min($0.lowerBound, first)...max($0.upperBound, last) } ?? first...last
    }
    return result
  }

  private mutating func updateState() {
    var new = PlotState(.held, "loaded data")
    for (position, input) in inputs.enumerated() {
      guard case .stream(let streamer, _) = input else { continue }
      let own = stateOf(streamer, position)
      if position == 0 || own.kind == .lost || own.kind == .live && new.kind == .held { new = own }
    }
    if new != state {
      state = new
      revision &+= 1
    }
  }

  private mutating func stateOf(_ streamer: Streamer, _ position: Int) -> PlotState {
    let name = streamer.state
    switch name {
    case "running":
      guard let idle = statsOf(position)?.idle else { return PlotState(.live, "waiting for data") }
      return idle > TimeSpan(nanoseconds: 2_000_000_000)
        ? PlotState(.held, "nothing came for \(Int(saturating: idle.seconds)) s") : PlotState(.live, "live")
    case "lost", "reconnecting":
      return PlotState(.lost, PlainText.clean(streamer.reason.map { "\(name): \($0)" } ?? name))
    default: return PlotState(.held, name == "ready" ? "not started" : name)
    }
  }

  /// Counts of a stream, at most half a second old: taking them walks through its buffers.
  private mutating func statsOf(_ input: Int) -> StreamStats? {
    let now = clock.monotonic
    if stats.map({ now - $0.at > TimeSpan(nanoseconds: 500_000_000) }) ?? true {
      stats = (
        now,
        inputs.map { input in
          if case .stream(let streamer, _) = input { streamer.stats } else { nil }
        }
      )
    }
    return stats?.perInput[input]
  }

  /// Bytes buffered behind the plot.
  mutating func bufferedBytes() -> Int {
    inputs.indices.reduce(0) { $0 + (statsOf($1)?.bufferedBytes ?? 0) }
  }

  // MARK: - Pictures

  /// A number that changes when the same view would give another picture. Current as of the last `update`.
  var version: UInt64 {
    var hasher = Hasher()
    hasher.combine(revision)
    for line in lines {
      hasher.combine(line.series.map { $0.first + Int64($0.count) })
      hasher.combine(line.series?.first)
    }
    return UInt64(truncatingIfNeeded: hasher.finalize())
  }

  /// - Parameters:
  ///   - columns: points wanted for each line, at least.
  ///   - isShown: false for lines whose curve is not needed; their numbers come all the same.
  mutating func picture(_ view: PlotView, columns: Int, isShown: (Int) -> Bool = { _ in true }) -> PlotPicture
  {
    let columns = min(max(1, columns), PlotLimits.pixelsMax)
    let extent = extent()
    let range = resolve(view, extent)
    var picture = PlotPicture(
      title: PlainText.clean(options.title ?? defaultTitle), kind: options.kind, layout: options.layout,
      axis: axis ?? .count("samples"), view: range, extent: extent, y: options.y, lines: [], flags: [],
      state: state, isLoaded: isLoaded)
    let drawn = lines.filter { options.kind != .xy || $0.channel.name != options.x }
    for (position, line) in drawn.enumerated() {
      let clock = lineClock(line)
      var trace = Trace()
      if isShown(position), options.kind == .time, let clock, let series = line.series {
        trace = Downsampler(series, line.pyramid, clock: clock).trace(range, columns: columns)
      }
      let isLive: Bool
      if case .stream(let streamer, _) = inputs[line.input] {
        isLive = streamer.isLive
      } else {
        isLive = true
      }
      let idles = (statsOf(line.input)?.idle ?? .zero) > TimeSpan(nanoseconds: 2_000_000_000)
      let rate = picture.axis.isTime ? clock.flatMap(line.rate) : nil
      picture.lines.append(
        PlotPicture.Line(
          name: line.name, unit: line.channel.unit.map(PlainText.clean), colour: line.colour,
          isInteger: options.kind != .spectrum && (line.channel.type.isInteger || line.channel.type == .bool),
          trace: trace, last: line.last,
          rate: isLive ? (idles ? 0 : rate) : nil, lost: line.lost, lostMore: line.lostMore))
    }
    switch options.kind {
    case .time: picture.flags = placedFlags()
    case .spectrum: drawSpectra(of: drawn, into: &picture, columns: columns)
    case .xy: drawCurves(of: drawn, into: &picture)
    }
    return picture
  }

  private var windowSeconds: Double { (options.window ?? PlotOptions.defaultWindow).seconds }

  /// How much time `follow` shows unless told otherwise.
  var followedSeconds: Double {
    guard options.window == nil, !streamers.contains(where: \.isLive), axis?.isTime ?? true,
      let extent = extent(), extent.lowerBound < extent.upperBound
    else { return windowSeconds }
    let all = extent.upperBound - extent.lowerBound
    return isLoaded ? all : min(all, windowSeconds)
  }

  private func resolve(_ view: PlotView, _ extent: ClosedRange<Double>?) -> ClosedRange<Double> {
    switch view {
    case .range(let range):
      return range.lowerBound < range.upperBound ? range : Self.around(range.lowerBound)
    case .everything:
      guard let extent else { return 0...windowSeconds }
      return extent.lowerBound < extent.upperBound ? extent : Self.around(extent.lowerBound)
    case .still:
      guard options.window == nil, let extent else { return resolve(.follow(span: nil), extent) }
      let start = extent.upperBound - max(windowSeconds, extent.upperBound.ulp * 4096)
      return !isLoaded && axis?.isTime ?? true && start > extent.lowerBound
        ? start...extent.upperBound : resolve(.everything, extent)
    case .follow(let span):
      // Without seconds on the axis a window has no meaning.
      guard axis?.isTime ?? true else { return resolve(.everything, extent) }
      if span == nil, options.window == nil, extent != nil, !streamers.contains(where: \.isLive) {
        return resolve(.still, extent)
      }
      let newest = extent?.upperBound ?? windowSeconds
      // Never so little that numbers of this size could not tell its ends apart.
      return newest - max(span ?? windowSeconds, newest.ulp * 4096)...newest
    }
  }

  private static func around(_ x: Double) -> ClosedRange<Double> {
    let air = max(0.5, x.magnitude * 1e-9, x.ulp * 4096)
    return x - air...x + air
  }

  private var defaultTitle: String {
    var names: [String] = []
    for (position, input) in inputs.enumerated() {
      let name =
        switch input {
        case .stream(let streamer, let label): label ?? streamer.source.name
        case .frame(_, let label): label ?? (inputs.count > 1 ? "data \(position + 1)" : "data")
        }
      if !names.contains(name) { names.append(name) }
    }
    return names.joined(separator: " · ")
  }

  private func placedFlags() -> [PlotPicture.Flag] {
    flags.compactMap { flag in
      let key = lines.lazy.compactMap { line -> LineClock? in
        guard let series = line.series, series.count > 0, series.clock == flag.clock else { return nil }
        return lineClock(line)
      }.first
      return key.map {
        PlotPicture.Flag(
          kind: flag.kind, label: PlainText.clean(flag.label), x: $0.x(time: flag.time, number: flag.time))
      }
    }
  }
}

extension HorizontalAxis {
  /// True where positions are seconds.
  package var isTime: Bool {
    switch self {
    case .wall, .seconds: true
    case .count, .frequency, .value: false
    }
  }
}
