import Lua
import Synnax
import Telemetry

extension Library {
  // MARK: - Connecting

  func defineCores() {
    define("synnax.connect") { [unowned self] call throws(LuaError) in try openCore(try coreAddress(call)) }
  }

  /// `synnax.connect()`, `synnax.connect("sim")`, `synnax.connect{ host = …, … }`, `synnax.connect{ "sim", … }`
  private func coreAddress(_ call: borrowing LuaCall) throws(LuaError) -> SynnaxAddress {
    if call.type(1) == .string { return try SynnaxAddress(call.string(1)) }
    let options = try call.options(at: 1)
    var address = SynnaxAddress()
    if let first = options.list.first?.string { address = try SynnaxAddress(first) }
    if let host = try options.string("host") {
      if host == "sim" { address.isSimulated = true } else { try address.setPlace(Substring(host)) }
    }
    if let port = try options.integer("port") { try address.setPort(port) }
    if let name = try options.string("username") { address.configuration.username = name }
    if let secret = try secret(options) { address.configuration.password = secret }
    if let secure = try options.boolean("secure") { address.configuration.secure = secure }
    // The official client's word is ca_cert.
    for name in ["ca_file", "ca_cert"] {
      guard let path = try options.string(name) else { continue }
      try refuseInSandbox(name, options)
      address.configuration.caFile = path
      address.configuration.secure = true
    }
    address.configuration.insecureSkipVerify = try options.boolean("insecure_skip_verify") ?? false
    if let timeout = try waitingSpan(options, "timeout") { address.configuration.timeout = timeout }
    for name in SynnaxAddress.simulation where options.has(name) {
      let value = options.value(name)
      guard address.isSimulated else {
        throw options.bad(
          name, "only the simulated core has it", hint: "synnax.connect{ \"sim\", \(name) = … }")
      }
      guard let text = value.string ?? value.number.map({ "\($0)" }) else {
        throw options.bad(name, "a number or text expected, got \(value.type)")
      }
      if name == "play" { try refuseInSandbox(name, options) }
      address.simulator[name] = text
    }
    return address
  }

  private func secret(_ options: LuaOptions) throws(LuaError) -> Secret? {
    let given = ["password", "password_env", "password_file"].filter(options.has)
    guard let name = given.first else { return nil }
    guard given.count == 1 else { throw options.bad(given[1], "\(name) is given, too; one is enough") }
    guard let text = try options.string(name) else { return nil }
    if name == "password" { return Secret(text) }
    try refuseInSandbox(name, options)
    return try checked { try name == "password_env" ? Secret(environment: text) : Secret(file: text) }
  }

  private func refuseInSandbox(_ name: String, _ options: LuaOptions) throws(LuaError) {
    if isSandboxed { throw options.bad(name, "a sandboxed script reads no files and no environment") }
  }

  /// Logs in; starts the simulated core before, where that is meant.
  func openCore(_ address: SynnaxAddress) throws(LuaError) -> LuaResult {
    let place = address.configuration
    try permit("synnax", place.host, place.port, isSimulated: address.isSimulated)
    let simulators = simulators
    return perform { () -> (SynnaxSource, (any SimulatedDevice)?) in
      var configuration = address.configuration
      var device: (any SimulatedDevice)?
      if address.isSimulated {
        guard let simulators else { throw LuaError("unsupported", "there is no simulated core in here") }
        let started = try await simulators.startCore(address.simulator)
        device = started
        (configuration.host, configuration.port, configuration.secure) = (started.host, started.port, false)
      }
      do {
        return (try await SynnaxSource.connect(configuration), device)
      } catch {
        await device?.close()
        throw error
      }
    } then: { [unowned self] opened, call throws(LuaError) in
      let object = SourceObject(opened.0, kind: .synnax, device: opened.1)
      openSources.append(object)
      for warning in opened.0.client.warnings { note("\(opened.0.name): \(warning)") }
      return call.result(object, classes.source)
    }
  }

  // MARK: - Streams

  func downsampleFactor(_ factor: Int) throws(LuaError) -> Int {
    guard (0...Int(UInt32.max)).contains(factor) else {
      throw LuaError("argument", "downsample_factor is \(factor); 0 to \(UInt32.max) expected")
    }
    return factor
  }

  /// What a stream of a core is asked for beyond its names.
  func coreOptions(_ options: LuaOptions) throws(LuaError) -> SynnaxStreamOptions {
    var wanted = SynnaxStreamOptions()
    if let factor = try options.integer("downsample_factor") {
      wanted.downsampleFactor = try downsampleFactor(factor)
    }
    // Clients before 0.60 called it throttle_rate_hz.
    for name in ["throttle_rate", "throttle_rate_hz"] {
      guard let rate = try options.number(name) else { continue }
      guard rate.isFinite, rate >= 0 else {
        throw options.bad(name, "frames a second expected, 0 for all, got \(rate)")
      }
      wanted.throttleRate = rate
    }
    if options.has("exclude_groups") {
      guard case .table(let list) = options.value("exclude_groups") else {
        throw options.bad("exclude_groups", "a list of group numbers expected")
      }
      for position in 0..<state.rawCount(list) {
        guard
          let group = state.rawGet(list, .integer(Int64(position + 1))).integer.flatMap(UInt32.init(exactly:))
        else { throw options.bad("exclude_groups", "a group is a whole number from 0 to \(UInt32.max)") }
        wanted.excludeGroups.append(group)
      }
    }
    return wanted
  }

  // MARK: - Channels and history

  func defineCoreMethods() {
    let sources = classes.source
    sources.method("create_channel") { [unowned self] object, call throws(LuaError) in
      try createChannel(core(object, call), call)
    }
    sources.method("read") { [unowned self] object, call throws(LuaError) in
      let client = try core(object, call).client
      let range = try timeRange(call, 1)
      let names = try names(call, 2)
      return perform {
        try await client.read(range, channels: names)
      } then: { [unowned self] frame, call throws(LuaError) in
        push(frame, call)
        return .values(1)
      }
    }
    sources.method("read_latest") { [unowned self] object, call throws(LuaError) in
      let client = try core(object, call).client
      let names = try names(call, 1)
      let count = try call.optionalInteger(2) ?? 1
      guard count >= 1 else { throw call.bad(2, "a number of samples from 1 on expected, got \(count)") }
      return perform {
        try await client.readLatest(names, count: count)
      } then: { [unowned self] frame, call throws(LuaError) in
        push(frame, call)
        return .values(1)
      }
    }
    sources.method("open_writer") { [unowned self] object, call throws(LuaError) in
      try openWriter(core(object, call), object, call)
    }
  }

  /// The core behind a source; a board has none of this.
  func core(_ object: SourceObject, _ call: borrowing LuaCall) throws(LuaError) -> SynnaxSource {
    guard let core = object.source as? SynnaxSource else {
      throw Self.unsupported(
        call.name, isFor: SynnaxStreamOptions.devices, object, hint: "synnax.connect{…} opens one")
    }
    return core
  }

  /// `create_channel{ name = …, data_type = …, index = …, is_index = …, virtual = …, retrieve_if_name_exists = … }`
  private func createChannel(_ core: SynnaxSource, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    guard let name = try options.string("name") ?? options.list.first?.string, !name.isEmpty else {
      throw options.bad("name", "a channel needs one")
    }
    let virtual = try options.boolean("virtual") ?? false
    let place = options.value("index")
    if case .boolean = place {
      throw options.bad(
        "index", "the name of a timestamp channel expected", hint: "is_index = true makes this channel one")
    }
    let index = place.isNil ? nil : try channelNames([place], { options.bad("index", $0) })[0]
    let asked = try options.boolean("is_index")
    let typeName = try options.string("data_type") ?? (asked == true ? "timestamp" : nil)
    guard let typeName else { throw options.bad("data_type", "a channel needs one, such as \"float32\"") }
    guard let type = DataType(synnaxName: typeName == "bool" ? "boolean" : typeName) else {
      let known = DataType.allCases.map(\.synnaxName)
      throw options.bad(
        "data_type", "\"\(typeName)\" is no type of samples",
        hint: Suggestion.nearest(to: typeName, among: known).map { "did you mean \"\($0)\"?" }
          ?? "types: \(known.joined(separator: ", "))")
    }
    let isIndex = asked ?? (type == .timestamp && index == nil && !virtual)
    guard isIndex || virtual || index != nil else {
      throw options.bad(
        "index", "a channel with stored samples needs one",
        hint: "index = \"time\", the name of a timestamp channel; or virtual = true, streamed and not stored")
    }
    let reuse = try options.boolean("retrieve_if_name_exists") ?? false
    let client = core.client
    return perform {
      let channel = try await client.createChannel(
        name: name, type: type, index: index, isIndex: isIndex, virtual: virtual, reuse: reuse)
      return (channel, try await client.indexes(of: [channel]))
    } then: { [unowned self] made, call throws(LuaError) in
      call.results(describe(made.0, ChannelList(core: [made.0], others: made.1, streaming: [])))
    }
  }

  /// One channel, or a list of them.
  func names(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> [String] {
    let isList = call.type(position) == .table && channelName(call.value(position)) == nil
    let values = isList ? try call.options(at: position).list : [call.value(position)]
    guard !values.isEmpty else { throw call.bad(position, "names of channels expected") }
    var names: [String] = []
    for name in try channelNames(values, { call.bad(position, $0) }) where !names.contains(name) {
      names.append(name)
    }
    return names
  }

  /// Channels as the client takes them: by name, by key, or as `channels()` and `create_channel` gave them.
  func channelNames(
    _ values: [LuaValue], _ bad: (String) -> LuaError
  ) throws(LuaError) -> [String] {
    var names: [String] = []
    for value in values {
      guard let name = channelName(value) else {
        throw bad("a channel's name or key expected, got \(value.type)")
      }
      names.append(name)
    }
    return names
  }

  private func channelName(_ value: LuaValue) -> String? {
    switch value {
    case .string: value.string
    case .integer(let key): UInt32(exactly: key).map(String.init)
    case .table(let channel): state.rawGet(channel, .string("name")).string
    default: nil
    }
  }

  /// `{ from, to }` in timestamps, or a span up to now.
  private func timeRange(_ call: borrowing LuaCall, _ position: Int) throws(LuaError) -> TimeRange {
    guard call.type(position) == .table else {
      let span = try waitingSpan(call, position)
      // What is written from here on with a clock that is ahead of this machine's is the newest, too.
      return TimeRange(start: max(0, (clock.now + (.zero - span)).nanoseconds), end: .max)
    }
    let options = try call.options(at: position)
    func bound(_ name: String, _ place: Int, _ missing: Int64) throws(LuaError) -> Int64 {
      let value = options.has(name) ? options.value(name) : options.list.dropFirst(place).first ?? .nil
      if value.isNil { return missing }
      guard let stamp = timestamp(value) else {
        throw call.bad(
          position, "a timestamp expected, got \(value.type)",
          hint: "TimeStamp.now(), nanoseconds since 1970, or one span such as \"10s\"")
      }
      return stamp
    }
    let range = TimeRange(start: try bound("start", 0, 0), end: try bound("stop", 1, .max))
    guard range.start < range.end else { throw call.bad(position, "the range ends before it begins") }
    return range
  }

  /// A TimeStamp or whole nanoseconds since 1970; nil for anything else.
  func timestamp(_ value: LuaValue) -> Int64? {
    state.object(value, classes.timeStamp)?.value.nanoseconds ?? value.integer
  }
}
