import Bela
import Lua
import Recording
import Synnax
import Telemetry

extension Library {
  // MARK: - Making

  /// Makes a streamer of a source, or several steps later starts it: `then` gets it.
  func makeStreamer(
    _ source: SourceObject, names: [String], buffer: BufferCapacity?, request: StreamRequest,
    then: @escaping (StreamerObject, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) -> LuaResult {
    let mailbox = mailbox
    let clock = clock
    let device = source.source
    return perform {
      let wanted = try await Self.channels(names, of: device)
      let id = StreamIdentity()
      let streamer = try Streamer(source: device, channels: wanted, clock: clock) { event in
        mailbox.post { $0.tell(event, id) }
      }
      if let buffer { _ = try streamer.setCapacity(buffer) }
      return (streamer, id)
    } then: { [unowned self] made, call throws(LuaError) in
      var own = request
      own.channels = made.0.channels.map(\.name)
      let object = try StreamerObject(made.0, source: source, request: own)
      made.1.streamer = made.0
      openStreamers.append(object)
      countBuffers()
      tally.add(made.0)
      return try then(object, call)
    }
  }

  /// Which streamer an event belongs to; filled in once the streamer is made.
  // Safety: written on the interpreter's thread before the stream is started, read in closures posted there.
  final class StreamIdentity: @unchecked Sendable {
    weak var streamer: Streamer?
  }

  /// Those named; all of them without names.
  private static func channels(_ names: [String], of source: any Source) async throws -> [Channel] {
    // A cluster may have very many: ask for those alone.
    if let core = source as? SynnaxSource, !names.isEmpty {
      return try await core.client.channels(named: names)
    }
    let known = try await source.channels()
    return try names.isEmpty ? known : names.map { try channel($0, among: known) }
  }

  private static func channel(_ name: String, among known: [Channel]) throws(LuaError) -> Channel {
    if let found = known.first(where: { $0.name == name }) { return found }
    throw unknownChannel(name, among: known.map(\.name))
  }

  static func unknownChannel(_ name: String, among names: [String]) -> LuaError {
    let near = Suggestion.nearest(to: name, among: names)
    return LuaError(
      "unknown_channel", "no channel named \"\(name)\"",
      hint: near.map { "did you mean \"\($0)\"?" } ?? "there are: \(names.prefix(12).joined(separator: ", "))"
    )
  }

  /// What happened to a stream by itself, shown to the person.
  private func tell(_ event: StreamEvent, _ id: StreamIdentity) {
    guard let object = openStreamers.first(where: { $0.streamer === id.streamer }),
      !object.isMadeHere
    else { return }
    switch event {
    case .finished, .interrupted, .lost: object.recorder?.end()
    case .reconnecting, .resumed, .gap: break
    }
    let text: String
    switch event {
    case .finished: text = "Stream finished"
    case .interrupted(let why): text = "Streaming interrupted: \(why)"
    case .lost(let why): text = "Streaming interrupted: the connection is lost, \(why)"
    case .reconnecting(let why): text = "\(object.source.source.name): \(why); reconnecting"
    case .resumed: text = "\(object.source.source.name): connected again, with a gap"
    case .gap: return
    }
    if event == .finished, object.isQuiet { return }
    if object.heldNotes?.append(text) == nil { note(text) }
  }

  // MARK: - Methods

  func defineStreamers() {
    let streamers = classes.streamer
    streamers.method("start") { [unowned self] object, call throws(LuaError) in try start(object, call) }
    streamers.method("stop") { [unowned self] object, _ throws(LuaError) in stop(object) }
    streamers.method("close") { [unowned self] object, call throws(LuaError) in
      try close(object, timeout: optionalWaitingSpan(call, 1))
    }
    streamers.method("set_buffer_size") { [unowned self] object, call throws(LuaError) in
      let capacity = try capacity(call.value(1)) { call.bad(1, $0) }
      switch try checked({ try object.streamer.setCapacity(capacity) }) {
      case .samples(let count): return call.results(count)
      case .span(let span): return call.result(SpanBox(span), classes.timeSpan)
      }
    }
    streamers.method("clear") { object, _ throws(LuaError) in
      object.streamer.clear()
      object.reader.clear()
      return .none
    }
    streamers.method("read") { [unowned self] object, call throws(LuaError) in try read(object.reader, call) }
    streamers.method("frames") { [unowned self] object, call throws(LuaError) in
      try frames(object.reader, call)
    }
    streamers.method("collect") { [unowned self] object, call throws(LuaError) in
      // From now on, whatever is unread: pybela's stream_n_values.
      try collect(ReaderObject(object), call)
    }
    streamers.method("tap") { [unowned self] object, call throws(LuaError) in
      call.result(try ReaderObject(object), classes.reader)
    }
    streamers.method("on_frame") { [unowned self] object, call throws(LuaError) in
      try watchFrames(object, call, blocks: false)
    }
    streamers.method("on_block") { [unowned self] object, call throws(LuaError) in
      try watchFrames(object, call, blocks: true)
    }
    streamers.method("triggers") { [unowned self] object, call throws(LuaError) in
      try triggers(object, call)
    }
    streamers.method("within") { [unowned self] object, call throws(LuaError) in
      call.result(WithinObject(object, span: try waitingSpan(call, 1)), classes.within)
    }
    streamers.method("derive") { [unowned self] object, call throws(LuaError) in try derive(object, call) }
    streamers.method("channels") { object, call throws(LuaError) in
      call.results(object.streamer.channels.map(\.name))
    }
    streamers.method("update_channels") { [unowned self] object, call throws(LuaError) in
      let list = try call.options(at: 1)
      let core = object.source.source as? SynnaxSource
      let names = core == nil ? try list.strings() : try channelNames(list.list) { call.bad(1, $0) }
      let streamer = object.streamer
      return perform {
        // Keys have names, too.
        try await streamer.update(core?.client.channels(named: names).map(\.name) ?? names)
      } then: { [unowned self] _, call throws(LuaError) in
        object.request.channels = object.streamer.channels.map(\.name)
        return call.result(object, classes.streamer)
      }
    }
    streamers.method("forward") { [unowned self] object, call throws(LuaError) in try forward(object, call) }
    streamers.method("stats") { [unowned self] object, call throws(LuaError) in call.results(stats(object)) }
    streamers.field("state", get: { object, call throws(LuaError) in call.results(object.streamer.state) })
    streamers.field(
      "data",
      get: { [unowned self] object, call throws(LuaError) in
        pushSnapshot(of: object, call)
        return .values(1)
      })
    streamers.field(
      "last",
      get: { [unowned self] object, call throws(LuaError) in
        let newest = object.streamer.snapshot().series.filter { !$0.isEmpty }.map {
          $0[$0.count - 1..<$0.count]
        }
        if newest.isEmpty { return call.results(LuaValue.nil) }
        push(Frame(newest), call)
        return .values(1)
      })
    streamers.metamethod(.call) { [unowned self] object, call throws(LuaError) in
      try next(object.reader, call)
    }
    streamers.metamethod(.close) { [unowned self] object, _ throws(LuaError) in close(object, timeout: nil) }
    streamers.metamethod(.tostring) { [unowned self] object, call throws(LuaError) in
      call.results(describe(object))
    }
    streamers.fallback { object, call throws(LuaError) in
      let key = call.type(1) == .string ? try call.string(1) : call.typeName(1)
      if object.streamer.channels.contains(where: { $0.name == key }) {
        throw LuaError(
          "argument", "a streamer has no field \"\(key)\"", hint: "its data are in s.data.\(key)")
      }
      return call.results(LuaValue.nil)
    }
  }

  private func start(_ object: StreamerObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    var request = object.request
    request.channels = object.streamer.channels.map(\.name)
    request.span = try waitingSpan(options, "span") ?? object.defaultSpan
    if let milliseconds = try options.integer("time_ms") {
      guard milliseconds >= 0, let span = TimeSpan(seconds: Double(milliseconds) / 1000) else {
        throw options.bad("time_ms", "a time cannot be negative")
      }
      // As in the seed: 0 streams until stopped.
      request.span = milliseconds == 0 ? nil : span
    }
    if request.span == .zero { request.span = nil }
    try addBoardOptions(to: &request, of: object, options)
    if let timeout = try waitingSpan(options, "timeout") { request.timeout = timeout }
    let samples = try options.integer("samples")
    if let samples, samples < 1 { throw options.bad("samples", "at least 1 expected, got \(samples)") }
    object.isQuiet = try options.boolean("quiet") ?? object.isMadeHere
    let recorder = try recorder(object, options, samples: samples)
    do {
      return try begin(object, request, samples: samples, recorder: recorder)
    } catch {
      recorder?.discard()
      throw error
    }
  }

  /// What only a board understands; another source that is asked for it refuses.
  private func addBoardOptions(
    to request: inout StreamRequest, of object: StreamerObject, _ options: LuaOptions
  ) throws(LuaError) {
    var board = request.options as? BelaStreamOptions ?? BelaStreamOptions()
    board.at = try ticks(options, "at")
    board.ticks = try ticks(options, "ticks")
    // A channel that came later is sent as often as the most frequent one.
    if let shortest = object.periods.values.min() {
      board.periods = request.channels.map { object.periods[$0] ?? shortest }
    }
    if !board.names.isEmpty { request.options = board }
  }

  /// Starts, tells so, and returns the streamer.
  func begin(
    _ object: StreamerObject, _ request: StreamRequest, samples: Int?, recorder: StreamRecorder? = nil
  ) throws(LuaError) -> LuaResult {
    if let derivation = object.derivation, derivation.base?.streamer.isLive != true {
      throw LuaError(
        "not_started", "the stream that \"\(derivation.name)\" is made of is not running",
        hint: "start that one; this one goes with it")
    }
    let streamer = object.streamer
    let wasLive = streamer.isLive
    let derived = object.derived
    let others = derived.map { ($0.streamer, $0.request) }
    if !object.isStarting { object.heldNotes = wasLive ? nil : [] }
    object.isStarting = true
    let final = request
    return perform {
      do {
        try await streamer.start(final, samples: samples, mirror: recorder)
      } catch {
        recorder?.discard()
        throw error
      }
      for (streamer, request) in others { try await streamer.start(request) }
    } ended: { hasBegun in
      object.isStarting = false
      // What happens before the start is told waits for that; of one that failed nothing is to be told.
      guard !hasBegun else { return }
      object.heldNotes = nil
      recorder?.discard()
    } then: { [unowned self] _, call throws(LuaError) in
      for one in derived + [object] { if let derivation = one.derivation { pump(derivation) } }
      if !wasLive, !object.isQuiet { note("Streaming started...") }
      for text in object.heldNotes ?? [] { note(text) }
      object.heldNotes = nil
      return call.result(object, classes.streamer)
    }
  }

  /// One tick count for all channels, or a list with one each.
  func ticks(_ options: LuaOptions, _ name: String) throws(LuaError) -> [Int64] {
    let value = options.value(name)
    if value.isNil { return [] }
    if case .table(let table) = value {
      var list: [Int64] = []
      for position in 0..<state.rawCount(table) {
        guard let tick = state.rawGet(table, .integer(Int64(position + 1))).integer, tick >= 0 else {
          throw options.bad(name, "a tick is a whole number from 0 on")
        }
        list.append(tick)
      }
      return list
    }
    guard let tick = value.integer, tick >= 0 else {
      throw options.bad(name, "a tick is a whole number from 0 on")
    }
    return [tick]
  }

  private func stop(_ object: StreamerObject) -> LuaResult {
    let streamer = object.streamer
    let recorder = object.recorder
    object.isStopping = true
    return perform {
      do {
        let wasRunning = try await streamer.stop()
        _ = await recorder?.finish()
        return wasRunning
      } catch {
        _ = await recorder?.finish()
        throw error
      }
    } ended: { _ in
      object.isStopping = false
    } then: { [unowned self] wasRunning, call throws(LuaError) in
      if wasRunning, !object.isQuiet { note("Streaming finished") }
      try settleRecording(object)
      return call.result(object, classes.streamer)
    }
  }

  private func close(_ object: StreamerObject, timeout: TimeSpan?) -> LuaResult {
    let all = [object] + object.derived
    object.derived = []
    for one in all { one.derivation?.function = nil }
    openStreamers.removeAll { one in all.contains { $0 === one } }
    let (streamers, tally, recorders) = (all.map(\.streamer), tally, all.compactMap(\.recorder))
    return conclude(until: deadline(min(timeout ?? Self.closeTime, Self.closeTime))) {
      for streamer in streamers {
        await streamer.close()
        tally.retire(streamer)
      }
      for recorder in recorders { _ = await recorder.finish() }
    } timedOut: { _ throws(LuaError) in
      .none
    } then: { [unowned self] _, _ throws(LuaError) in
      try settleRecording(object)
      return .none
    }
  }

  private static let closeTime = TimeSpan(nanoseconds: 2_000_000_000)

  private func watchFrames(_ object: StreamerObject, _ call: borrowing LuaCall, blocks: Bool) throws(LuaError)
    -> LuaResult
  {
    let function = try call.function(1)
    let tap = state.value(try ReaderObject(object), classes.reader)
    let what = LuaValue.string(blocks ? "on_block" : "on_frame")
    let arguments: [LuaValue] = [tap, .function(function), .boolean(blocks), what]
    return call.results(try state.call(onFrames!, arguments).first ?? .nil)
  }

  private func stats(_ object: StreamerObject) -> LuaReference {
    let stats = object.streamer.stats
    let table = state.newTable()
    let integers: [(String, Int64)] = [
      ("frames", stats.frames), ("samples", stats.samples), ("bytes", stats.bytes), ("lost", stats.lost),
      ("gaps", stats.gaps), ("dropped", stats.dropped), ("reconnects", stats.reconnects),
      ("lag", Int64(stats.lagFrames)), ("buffered", Int64(stats.bufferedSamples)),
      ("buffered_bytes", Int64(stats.bufferedBytes)),
    ]
    for (name, value) in integers { state.rawSet(table, .string(name), value) }
    state.rawSet(table, .string("rate"), stats.rate)
    if let derivation = object.derivation { state.rawSet(table, .string("errors"), derivation.errors) }
    if let latency = stats.latency { state.rawSet(table, .string("latency"), latency.seconds) }
    if let idle = stats.idle { state.rawSet(table, .string("idle"), idle.seconds) }
    return table
  }

  /// For the prompt: the streamer, and under it what its channels did lately.
  func picture(of object: StreamerObject) -> String {
    let series = object.streamer.snapshot().series.map { series in
      series[max(0, series.count - Limits.samplesPictured)..<series.count]
    }
    guard series.contains(where: { !$0.isEmpty }) else { return describe(object) }
    let lines = describe(Frame(series)).split(separator: "\n").map { "  \($0)" }
    return ([describe(object)] + lines).joined(separator: "\n")
  }

  private func describe(_ object: StreamerObject) -> String {
    let stats = object.streamer.stats
    var text = "streamer \(object.streamer.state): \(object.title); \(stats.samples) samples"
    if stats.lost > 0 { text += ", \(stats.lost) lost" }
    // Where nobody reads frame by frame the buffer is what is looked at, and its newest are all there.
    if stats.dropped > 0, object.isRead { text += ", \(stats.dropped) dropped" }
    return text
  }
}
