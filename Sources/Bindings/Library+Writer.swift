import Bela
import Lua
import Synnax
import Telemetry

extension Library {
  // MARK: - Opening

  /// `open_writer{ names…, start, mode, authorities, name, … }`
  func openWriter(
    _ core: SynnaxSource, _ source: SourceObject, _ call: borrowing LuaCall
  ) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    let names = try channelNames(options.list) { call.bad(1, $0) }
    guard !names.isEmpty else { throw call.bad(1, "names of channels to write expected") }
    var writing = SynnaxWriter.Options()
    if options.has("start") {
      guard let start = timestamp(options.value("start")) else {
        throw options.bad("start", "a TimeStamp or nanoseconds since 1970 expected")
      }
      writing.start = TimeStamp(nanoseconds: start)
    }
    if let mode = try options.string("mode") {
      let modes: [String: SynnaxWriter.Mode] = [
        "persist_stream": .persistAndStream, "persist": .persist, "stream": .stream,
      ]
      guard let known = modes[mode] else {
        throw options.bad("mode", "\"persist_stream\", \"persist\" or \"stream\" expected, got \"\(mode)\"")
      }
      writing.mode = known
    }
    if options.has("authorities") {
      let value = options.value("authorities")
      let list = value.integer.map { [LuaValue.integer($0)] } ?? value.reference.map(elements) ?? [value]
      writing.authorities = []
      for value in list {
        guard let authority = value.integer.flatMap(UInt8.init(exactly:)) else {
          throw options.bad(
            "authorities", "a number from 0 to 255 expected, or a list with one for each channel")
        }
        writing.authorities.append(authority)
      }
    }
    if let name = try options.string("name") { writing.name = name }
    if let group = try options.integer("group") {
      guard let number = UInt32(exactly: group) else {
        throw options.bad("group", "0 to \(UInt32.max) expected, got \(group)")
      }
      writing.group = number
    }
    writing.failsWhenHeld = try options.boolean("err_on_unauthorized") ?? false
    writing.commitsItself = try options.boolean("enable_auto_commit") ?? true
    writing.makesTimes = try options.boolean("auto_index") ?? false
    let final = writing
    return perform {
      try await SynnaxWriter.open(core.client, channels: names, options: final)
    } then: { [unowned self] writer, call throws(LuaError) in
      let object = WriterObject(writer, source: source)
      openWriters.append(object)
      return call.result(object, classes.writer)
    }
  }

  private func elements(_ table: LuaReference) -> [LuaValue] {
    (0..<state.rawCount(table)).map { state.rawGet(table, .integer(Int64($0 + 1))) }
  }

  // MARK: - Methods

  func defineWriters() {
    let writers = classes.writer
    writers.method("write") { [unowned self] object, call throws(LuaError) in
      let series = try written(object, call)
      let writer = object.writer
      return perform {
        try await writer.write(series)
      } then: { _, _ throws(LuaError) in
        .none
      }
    }
    writers.method("commit") { [unowned self] object, _ throws(LuaError) in
      let writer = object.writer
      return perform {
        try await writer.commit()
      } then: { [unowned self] end, call throws(LuaError) in
        call.result(StampBox(end), classes.timeStamp)
      }
    }
    writers.method("set_authority") { [unowned self] object, call throws(LuaError) in
      guard let authority = UInt8(exactly: try call.integer(1)) else {
        throw call.bad(1, "an authority from 0 to 255 expected")
      }
      let names = call.isNoneOrNil(2) ? [] : try names(call, 2)
      let writer = object.writer
      return perform {
        try await writer.setAuthority(authority, channels: names)
      } then: { _, _ throws(LuaError) in
        .none
      }
    }
    writers.method("close") { [unowned self] object, _ throws(LuaError) in close(object) }
    writers.metamethod(.close) { [unowned self] object, _ throws(LuaError) in close(object) }
    writers.method("channels") { object, call throws(LuaError) in
      call.results(object.writer.channels.map(\.name))
    }
    writers.field("samples", get: { object, call throws(LuaError) in call.results(object.writer.samples) })
    writers.field(
      "state",
      get: { object, call throws(LuaError) in
        call.results(object.isClosed ? "closed" : "open")
      })
    writers.metamethod(.tostring) { object, call throws(LuaError) in
      call.results(
        "writer \(object.isClosed ? "closed" : "open"): \(object.title); \(object.writer.samples) samples")
    }
  }

  private func close(_ object: WriterObject) -> LuaResult {
    openWriters.removeAll { $0 === object }
    object.isClosed = true
    let writer = object.writer
    return conclude {
      try await writer.close()
    } then: { _, _ throws(LuaError) in
      .none
    }
  }

  // MARK: - What is written

  /// `{ time = …, temp = … }` with a sample, a list of samples, or a series for each channel; or a frame.
  private func written(_ object: WriterObject, _ call: borrowing LuaCall) throws(LuaError) -> [Series] {
    let channels = object.writer.channels
    func target(_ name: String) throws(LuaError) -> Channel {
      if let channel = channels.first(where: { $0.name == name }) { return channel }
      let near = Suggestion.nearest(to: name, among: channels.map(\.name))
      throw LuaError(
        "unknown_channel", "this writer was not opened with \"\(name)\"",
        hint: near.map { "did you mean \"\($0)\"?" } ?? "it writes \(object.title)")
    }
    if let frame = call.ifObject(1, classes.frame)?.value {
      for series in frame.series { _ = try target(series.channel.name) }
      return frame.series
    }
    let table = try call.table(1)
    var result: [Series] = []
    for (key, value) in state.pairs(of: table) {
      if let number = key.integer, let channel = channels.first(where: { Int64($0.key) == number }) {
        result.append(try series(channel, value))
        continue
      }
      guard let name = key.string else {
        throw call.bad(
          1, "names of channels expected as keys, got a \(key.type)", hint: "w:write{ temp = 21.5 }")
      }
      result.append(try series(try target(name), value))
    }
    return result
  }

  private func series(_ channel: Channel, _ value: LuaValue) throws(LuaError) -> Series {
    if let given = state.object(value, classes.series)?.value {
      var own = given.channel
      own.name = channel.name
      return Series(own, chunks: given.chunks)
    }
    let list = if case .table(let table) = value { elements(table) } else { [value] }
    func bad(_ place: Int) -> LuaError {
      LuaError(
        "type",
        "\(channel.name): sample \(place + 1) is a \(list[place].type), the channel holds \(channel.type.synnaxName)"
      )
    }
    func made(_ storage: SampleStorage) -> Series {
      var own = channel
      own.type = storage.type
      return Series(own, storage)
    }
    // As exactly as Lua has them; the writer then checks that each fits the channel's type.
    if channel.type.width == nil {
      var blobs: [[UInt8]] = []
      for (place, value) in list.enumerated() {
        guard case .string(let text) = value else { throw bad(place) }
        blobs.append(text.bytes)
      }
      return made(SampleStorage(type: channel.type, blobs: blobs))
    }
    if channel.type == .bool {
      var bytes: [UInt8] = []
      for (place, value) in list.enumerated() {
        switch value {
        case .boolean(let on): bytes.append(on ? 1 : 0)
        case .integer(0): bytes.append(0)
        case .integer(1): bytes.append(1)
        default: throw bad(place)
        }
      }
      return made(SampleStorage(bytes, as: .bool))
    }
    if channel.type.isInteger, list.allSatisfy({ timestamp($0) != nil }) {
      return made(SampleStorage(list.map { timestamp($0)! }))
    }
    var numbers: [Double] = []
    for (place, value) in list.enumerated() {
      guard let number = value.number else { throw bad(place) }
      numbers.append(number)
    }
    return made(SampleStorage(numbers))
  }

  // MARK: - Forwarding

  /// `s:forward(w, { map = … })`: a task that writes what the stream sends from now on, until the stream ends.
  func forward(_ object: StreamerObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let target = try call.object(1, classes.writer)
    let options = try call.options(at: 2)
    let names = object.streamer.channels.map(\.name)
    let targets = target.writer.channels
    var map: [String: String] = [:]
    if let given = try options.table("map") {
      for (from, to) in state.pairs(of: given) {
        guard let from = from.string, let to = to.string else {
          throw options.bad("map", "names of the stream to names of the writer expected")
        }
        guard names.contains(from) else {
          throw LuaError(
            "unknown_channel", "the stream has no channel named \"\(from)\"",
            hint: Suggestion.nearest(to: from, among: names).map { "did you mean \"\($0)\"?" })
        }
        map[from] = to
      }
    } else {
      for name in names where targets.contains(where: { $0.name == name && !$0.isIndex }) { map[name] = name }
    }
    guard !map.isEmpty else {
      throw LuaError(
        "argument", "no channel of the stream has the name of one of the writer's",
        hint: "say which goes where: { map = { pot1 = \"bela_pot1\" } }")
    }
    // Checks names and indexes at once, so that a mistake is an error here and not in a task.
    _ = try checked { try Forwarding(map: map, channels: targets) }

    let run = ForwardRun(
      reader: try checked { try object.streamer.makeReader() }, writer: target.writer,
      source: object.source.source,
      map: map, clock: clock)
    let mailbox = mailbox
    let work = state.function(name: "forward") { [unowned self] _ throws(LuaError) in
      perform {
        try await run.run { text in
          mailbox.post { $0.note("forward: \(text)") }
        }
      } then: { [unowned self] counts, call throws(LuaError) in
        let table = state.newTable()
        state.rawSet(table, .string("forwarded"), counts.forwarded)
        state.rawSet(table, .string("skipped"), counts.skipped)
        state.rawSet(table, .string("dropped"), counts.dropped)
        return call.results(table)
      }
    }
    let task = state.scheduler.spawn(work.reference!, name: "forward")
    task.userData = TaskLog()
    return call.result(task, classes.task)
  }
}

/// Takes frames from a reader of its own and writes them, one after the other: a core that is slow slows this down,
/// and the stream's buffer holds what comes meanwhile. What falls out of that is counted.
private struct ForwardRun: Sendable {
  struct Counts: Sendable {
    var forwarded: Int64 = 0
    var skipped: Int64 = 0
    var dropped: Int64 = 0
  }

  let reader: StreamReader
  let writer: SynnaxWriter
  let source: any Source
  let map: [String: String]
  let clock: any TelemetryClock

  /// Ends with the stream, having committed everything.
  func run(tell: @Sendable (String) -> Void) async throws -> Counts {
    var forwarding = try Forwarding(map: map, channels: writer.channels, clock: await reference())
    var counts = Counts()
    while true {
      try Task.checkCancellation()
      switch reader.take() {
      case .frame(let frame):
        // Told when it begins; the result has the sums.
        if frame.dropped > 0, counts.dropped == 0 {
          tell("\(frame.dropped) samples fell out of the buffer before they were written")
        }
        counts.dropped += frame.dropped
        try await writer.write(try forwarding.add(frame))
        if forwarding.skipped > 0, counts.skipped == 0 {
          tell("samples are left out: another channel of their index has none for the same moment")
        }
        (counts.forwarded, counts.skipped) = (forwarding.forwarded, forwarding.skipped)
      case .pending: await wait()
      case .ended:
        try await writer.commit()
        return counts
      case .lost(let why): throw TelemetryError("lost", "the connection is gone for good: \(why)")
      }
    }
  }

  /// The wall clock's time of a board's tick: half way between asking and the answer.
  private func reference() async throws -> ClockReference? {
    guard let board = source as? BelaSource, let rate = board.sampleRate, rate > 0 else { return nil }
    let before = clock.now
    let tick = try await board.now()
    let span = clock.now - before
    return ClockReference(tick: tick, at: before + TimeSpan(nanoseconds: span.nanoseconds / 2), rate: rate)
  }

  /// Until there is something to take, or the task is cancelled.
  private func wait() async {
    let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    guard reader.arm({ waker.finish() }) == .armed else { return }
    for await _ in wakes {}
    reader.disarm()
  }
}
