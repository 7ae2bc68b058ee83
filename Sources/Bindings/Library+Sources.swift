import Bela
import Lua
import Recording
import Synnax
import Telemetry

extension Library {
  // MARK: - Connecting

  private func defineConnecting() {
    define("bela.connect") { [unowned self] call throws(LuaError) in try connectBela(call) }
    define("connect") { [unowned self] call throws(LuaError) in
      let url = try call.string(1)
      if url.hasPrefix("synnax") { return try openCore(try SynnaxAddress(url)) }
      return try connect(SourceAddress(url: url), call)
    }
    define("Streamer") { [unowned self] call throws(LuaError) in try seedStreamer(call) }
  }

  /// `bela.connect()`, `bela.connect("sim")`, `bela.connect{ host = …, port = … }`, `bela.connect{ "sim", speed = 10 }`
  private func connectBela(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    if call.type(1) == .string {
      let text = try call.string(1)
      let address =
        text.contains(":/") || text.contains("?")
        ? try SourceAddress(url: text) : SourceAddress(belaHost: text)
      return try connect(address, call)
    }
    let options = try call.options(at: 1)
    let (first, host) = (options.list.first?.string, try options.string("host"))
    var address = SourceAddress(belaHost: first ?? host)
    if let port = try options.integer("port") {
      guard (1...65535).contains(port) else { throw options.bad("port", "1 to 65535 expected, got \(port)") }
      address.port = port
    }
    address.timeout = try waitingSpan(options, "timeout") ?? address.timeout
    for name in SourceAddress.simulation {
      let value = options.value(name)
      if value.isNil { continue }
      guard address.isSimulated else {
        throw options.bad(
          name, "only the simulated board has it", hint: "bela.connect{ \"sim\", \(name) = … }")
      }
      guard let text = value.string ?? value.number.map({ "\($0)" }) else {
        throw options.bad(name, "a number or text expected, got \(value.type)")
      }
      address.options[name] = text
    }
    return try connect(address, call)
  }

  private func connect(_ address: SourceAddress, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    try open(address) { [unowned self] source, call throws(LuaError) in call.result(source, classes.source) }
  }

  /// Opens what an address names and hands it on.
  private func open(
    _ address: SourceAddress, then: @escaping (SourceObject, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) throws(LuaError) -> LuaResult {
    try permit("bela", address.host, address.port, isSimulated: address.isSimulated)
    if let boards, !address.isSimulated {
      let shared = BoardPool.Address(host: address.host, port: address.port)
      return perform {
        try await boards.board(at: shared, timeout: address.timeout)
      } then: { [unowned self] lease, call throws(LuaError) in
        try opened(SourceObject(lease), call, then)
      }
    }
    let simulators = simulators
    let mailbox = mailbox
    return perform { () -> (any Source, (any SimulatedDevice)?) in
      var device: (any SimulatedDevice)?
      var (host, port) = (address.host, address.port)
      if address.isSimulated {
        guard let simulators else { throw LuaError("unsupported", "there is no simulated board in here") }
        let started = try await simulators.startBoard(address.options)
        device = started
        (host, port) = (started.host, started.port)
      }
      do {
        let board = try await BelaSource.connect(
          host: host, port: port, timeout: address.timeout, logFolder: device?.logFolder,
          holdsBack: device?.waitsForReaders ?? false
        ) { text in mailbox.post { $0.note(text) } }
        return (board, device)
      } catch {
        await device?.close()
        throw error
      }
    } then: { [unowned self] made, call throws(LuaError) in
      try opened(SourceObject(made.0, kind: .bela, device: made.1), call, then)
    }
  }

  private func opened(
    _ object: SourceObject, _ call: borrowing LuaCall,
    _ then: (SourceObject, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) throws(LuaError) -> LuaResult {
    openSources.append(object)
    defaultBoard = object
    return try then(object, call)
  }

  // MARK: - The first seed's constructor

  /// `Streamer{ project_name = "…", time_ms = 60000 }` on the default board.
  private func seedStreamer(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    var names = try options.strings()
    if let variables = try options.table("variables") {
      names += (0..<state.rawCount(variables)).compactMap {
        state.rawGet(variables, .integer(Int64($0 + 1))).string
      }
    }
    let milliseconds = try options.integer("time_ms") ?? 60_000
    guard milliseconds >= 0 else { throw options.bad("time_ms", "a time cannot be negative") }
    let project = try options.string("project_name")
    let request = StreamRequest(options: BelaStreamOptions(projectName: project))
    let buffer = try bufferOption(options)
    let make = { [unowned self] (source: SourceObject, _: borrowing LuaCall) throws(LuaError) -> LuaResult in
      makeStreamer(source, names: names, buffer: buffer, request: request) { object, call throws(LuaError) in
        object.defaultSpan = milliseconds == 0 ? nil : TimeSpan(seconds: Double(milliseconds) / 1000)
        return call.result(object, self.classes.streamer)
      }
    }
    if let board = defaultBoard, board.source.state != "closed" { return try make(board, call) }
    return try open(SourceAddress(belaHost: nil), then: make)
  }

  // MARK: - Methods

  func bufferOption(_ options: LuaOptions) throws(LuaError) -> BufferCapacity? {
    let value = options.value("buffer")
    return value.isNil ? nil : try capacity(value) { options.bad("buffer", $0) }
  }

  func defineSources() {
    defineConnecting()
    let sources = classes.source
    sources.method("channels") { [unowned self] object, call throws(LuaError) in
      let source = object.source
      let core = call.isNoneOrNil(1) ? nil : try core(object, call)
      let pattern = call.type(1) == .string ? try call.string(1) : nil
      let names = core == nil || pattern != nil ? [] : try names(call, 1)
      return perform { () -> ([Channel], [Channel]?) in
        guard let own = source as? SynnaxSource else { return (try await source.channels(), nil) }
        let client = own.client
        let channels =
          if let pattern {
            try await client.channels(matching: pattern)
          } else if core != nil {
            try await client.channels(named: names)
          } else {
            try await client.channels()
          }
        return (channels, try await client.indexes(of: channels))
      } then: { [unowned self] found, call throws(LuaError) in
        let (channels, indexes) = found
        let live = openStreamers.filter { $0.source === object && $0.streamer.isLive }
        let streaming = Set(live.flatMap { $0.streamer.channels.map(\.name) })
        let list =
          indexes.map { ChannelList(core: channels, others: $0, streaming: streaming) }
          ?? ChannelList(channels: channels, streaming: streaming)
        return call.result(LuaBox(list), classes.channels)
      }
    }
    sources.method("info") { [unowned self] object, call throws(LuaError) in
      guard let core = object.source as? SynnaxSource else { return call.results(info(object)) }
      return perform {
        try await core.client.checkConnectivity()
      } then: { [unowned self] cluster, call throws(LuaError) in
        let table = info(object)
        state.rawSet(table, .string("version"), cluster.version)
        state.rawSet(table, .string("cluster"), cluster.key)
        state.rawSet(table, .string("skew"), cluster.skew.seconds)
        return call.results(table)
      }
    }
    sources.method("streamer") { [unowned self] object, call throws(LuaError) in
      try streamer(object, call, starts: false)
    }
    for name in ["open_streamer", "open_async_streamer"] {
      sources.method(name) { [unowned self] object, call throws(LuaError) in
        try streamer(object, call, starts: true)
      }
    }
    defineCoreMethods()
    sources.method("now") { [unowned self] object, _ throws(LuaError) in
      if let core = object.source as? SynnaxSource {
        let clock = clock
        return perform {
          let skew = try await core.client.checkConnectivity().skew
          return (clock.now + (.zero - skew)).nanoseconds
        } then: { now, call throws(LuaError) in
          call.results(now)
        }
      }
      guard let board = object.source as? BelaSource else {
        throw LuaError("unsupported", "this source has no clock of its own")
      }
      return perform {
        try await board.now()
      } then: { tick, call throws(LuaError) in
        call.results(tick)
      }
    }
    sources.method("close") { [unowned self] object, _ throws(LuaError) in close(object) }
    sources.field("state", get: { object, call throws(LuaError) in call.results(object.source.state) })
    sources.field(
      "sample_rate",
      get: { object, call throws(LuaError) in
        call.results((object.source as? BelaSource)?.sampleRate)
      })
    sources.metamethod(.close) { [unowned self] object, _ throws(LuaError) in close(object) }
    sources.metamethod(.tostring) { object, call throws(LuaError) in
      call.results("\(object.source.name): \(object.source.state)")
    }
    defineChannels()
  }

  private func streamer(_ source: SourceObject, _ call: borrowing LuaCall, starts: Bool) throws(LuaError)
    -> LuaResult
  {
    let isCore = source.kind == .synnax
    // As in the Synnax client, one name or key needs no list.
    let isSingle = isCore && [.string, .number].contains(call.type(1))
    let place = !isSingle ? 1 : call.type(2) == .number ? 3 : 2
    let options = try call.options(
      at: place, allowed: Reference.options(isCore ? "CoreStreamerOptions" : "StreamerOptions"))
    let names =
      isCore
      ? isSingle ? try names(call, 1) : try channelNames(options.list) { call.bad(1, $0) }
      : try options.strings()
    var wishes = isCore ? try coreOptions(options) : nil
    // The Synnax client's second argument.
    if isCore, call.type(2) == .number { wishes?.downsampleFactor = try downsampleFactor(call.integer(2)) }
    let request = StreamRequest(options: wishes)
    return makeStreamer(
      source, names: names, buffer: try bufferOption(options), request: request
    ) { [unowned self] object, call throws(LuaError) in
      starts ? try begin(object, object.request, samples: nil) : call.result(object, classes.streamer)
    }
  }

  private func close(_ object: SourceObject) -> LuaResult {
    let writers = openWriters.filter { $0.source === object }
    openWriters.removeAll { $0.source === object }
    for writer in writers { writer.isClosed = true }
    let writing = writers.map(\.writer)
    openSources.removeAll { $0 === object }
    let streamers = openStreamers.filter { $0.source === object || $0.derivation?.base?.source === object }
    openStreamers.removeAll { one in streamers.contains { $0 === one } }
    let recorders = streamers.compactMap(\.recorder)
    if defaultBoard === object { defaultBoard = nil }
    let closing = object.closing(streamers.map(\.streamer), tally)
    return conclude {
      for writer in writing { try? await writer.close() }
      await closing()
      for recorder in recorders { _ = await recorder.finish() }
    } then: { [unowned self] _, _ throws(LuaError) in
      for streamer in streamers { try settleRecording(streamer) }
      return .none
    }
  }

  private func info(_ object: SourceObject) -> LuaReference {
    let table = state.newTable()
    state.rawSet(table, .string("kind"), object.kind.rawValue)
    state.rawSet(table, .string("name"), object.source.name)
    state.rawSet(table, .string("state"), object.source.state)
    state.rawSet(table, .string("simulated"), object.device != nil)
    if let board = object.source as? BelaSource {
      state.rawSet(table, .string("project"), board.projectName)
      state.rawSet(table, .string("sample_rate"), board.sampleRate)
      state.rawSet(table, .string("tick_rate"), board.tickRate)
      let losses = board.losses
      state.rawSet(table, .string("lost_headers"), losses.headers)
      state.rawSet(table, .string("lost_payloads"), losses.payloads)
      state.rawSet(table, .string("foreign"), losses.foreign)
    }
    return table
  }

  // MARK: - Lists of channels

  private func defineChannels() {
    let lists = classes.channels
    lists.metamethod(.len) { box, call throws(LuaError) in call.results(box.value.channels.count) }
    lists.metamethod(.tostring) { box, call throws(LuaError) in call.results(box.value.description) }
    lists.fallback { [unowned self] box, call throws(LuaError) in
      let channels = box.value.channels
      if call.type(1) == .string {
        let name = try call.string(1)
        return call.results(channels.first { $0.name == name }.map { describe($0, box.value) })
      }
      let index = Self.index(try call.integer(1), count: channels.count)
      return call.results(index.map { describe(channels[$0], box.value) })
    }
  }

  func describe(_ channel: Channel, _ list: ChannelList) -> LuaReference {
    let table = state.newTable()
    state.rawSet(table, .string("name"), channel.name)
    if let indexes = list.indexes {
      state.rawSet(table, .string("type"), channel.type.synnaxName)
      state.rawSet(table, .string("key"), channel.key)
      state.rawSet(table, .string("is_index"), channel.isIndex)
      state.rawSet(table, .string("virtual"), channel.isVirtual)
      if let index = channel.index.flatMap({ indexes[$0] }) { state.rawSet(table, .string("index"), index) }
    } else {
      state.rawSet(table, .string("type"), channel.type.rawValue)
      state.rawSet(table, .string("mode"), channel.mode.rawValue)
    }
    state.rawSet(table, .string("streaming"), list.streaming.contains(channel.name))
    if let unit = channel.unit { state.rawSet(table, .string("unit"), unit) }
    if let rate = channel.rate { state.rawSet(table, .string("rate"), rate) }
    return table
  }
}
