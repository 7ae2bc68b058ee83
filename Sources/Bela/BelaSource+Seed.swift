import Locks
import Telemetry

/// The seed command protocol (section 16) on the client's side.
extension BelaSource {
  /// Starts a session if the board knows the protocol and this request is one that it can carry; nil for the watcher.
  func openSeed(
    _ request: StreamRequest, _ options: BelaStreamOptions, _ variables: [BelaVariable], _ list: BelaList,
    _ sink: any StreamSink
  ) async throws(BelaError) -> BelaFeed? {
    guard let project = options.projectName, options.periods.isEmpty, options.at.isEmpty,
      options.ticks.isEmpty
    else { return nil }
    let reply = OneShot<SeedReply>()
    let mayTry = core.withLock { core in
      // Header ids of a session count its own variables; other streams on the same socket could not be told apart.
      guard core.feeds.isEmpty, core.seedReply == nil, core.seed == nil, core.knowsSeed != false else {
        return false
      }
      core.seedReply = reply
      core.earlyBlocks = []
      return true
    }
    guard mayTry else { return nil }
    defer {
      core.withLock { core in
        core.seedReply = nil
        core.earlyBlocks = nil
      }
    }
    let time = request.span.map { max(1, $0.nanoseconds / 1_000_000) } ?? 0
    let names = request.channels.isEmpty ? [] : variables.map(\.name)
    try send(texts: [SeedCommand.startStreamer(project: project, timeMs: time, variables: names).message])
    // Commands are read in order: a list that is answered before means that nobody took notice. Else nobody knows
    // before the deadline.
    async let answer = reply.wait(BelaLimits.commandWait)
    if (try? await self.list(timeout: BelaLimits.commandWait)) != nil {
      Task {
        try? await Task.sleep(for: .milliseconds(100))
        reply.abandon()
      }
    }
    guard let started = await answer else {
      core.withLock { $0.knowsSeed = false }
      return nil
    }
    guard started.isSuccess else {
      if started.status == 404, started.message == "Unknown command" { return nil }
      throw Self.failure(started)
    }
    core.withLock { $0.knowsSeed = true }
    return try beginSeed(project, started, list, sink)
  }

  private func beginSeed(
    _ project: String, _ reply: SeedReply, _ list: BelaList, _ sink: any StreamSink
  ) throws(BelaError) -> BelaFeed {
    guard let names = reply.variables, let words = reply.types, names.count == words.count, !names.isEmpty
    else {
      throw BelaError(
        "protocol", "the board started a stream and did not say of which variables",
        hint: "use streamer{…} without project_name")
    }
    var places: [BelaCore.Place] = []
    var tracks: [BelaTrack] = []
    var types: [BelaType] = []
    for (position, name) in names.enumerated() {
      guard let type = BelaType(word: words[position]) else {
        throw BelaError(
          "protocol", "the board streams \"\(name)\" as \"\(words[position])\", an unknown type")
      }
      let sparse = reply.modes.map { $0.indices.contains(position) && $0[position] == 1 } ?? false
      let channel = Channel(
        name: name, type: type.dataType, clock: .ticks(rate: list.sampleRate),
        mode: sparse ? .sparse : .dense,
        key: UInt32(position))
      let slot = list.variables.firstIndex { $0.name == name } ?? 0
      places.append(BelaCore.Place(channel: channel, slot: slot, start: 0))
      tracks.append(BelaTrack(channel: channel, type: type))
      types.append(type)
    }
    let channels = places.map(\.channel)
    let id = core.withLock { core in
      let state = BelaCore.FeedState(
        sink: sink, channels: places, isTimed: true, isMonitor: false, stopping: nil)
      let id = core.addSeed(state)
      core.seed = BelaCore.SeedSession(
        feed: id, project: project, tracks: tracks, types: types,
        sent: Array(repeating: 0, count: tracks.count))
      core.releaseEarly()
      return id
    }
    deliver()
    return BelaFeed(source: self, id: id, channels: channels)
  }

  /// A reply of the protocol, under the lock.
  func receive(seed reply: SeedReply, _ core: inout BelaCore) {
    guard let session = core.seed else {
      // An end can overtake the task that begins the session.
      if reply.meaning == .ended, core.seedReply != nil {
        core.earlyEnd = reply
      } else {
        core.seedReply?.fulfill(reply)
      }
      return
    }
    switch reply.meaning {
    case .ended:
      core.endSeed(reply)
      guard core.seed != nil else { return }
      Task { [weak self] in
        try? await Task.sleep(for: BelaLimits.blocksLag)
        guard let self else { return }
        self.core.withLock { core in
          if core.seed?.feed == session.feed { core.finishSeed(force: true) }
        }
        self.deliver()
      }
    case .failed where reply.status == 500:
      guard let state = core.feeds[session.feed] else { return }
      core.flush(session.feed)
      core.add(.event(state.sink, .interrupted("the board reports: \(reply.message)")))
      core.remove(session.feed)
    case .failed: core.feeds[session.feed]?.stopping?.fulfill(())
    case .started, .unknown: break
    }
  }

  func stopSeed(_ feed: Int) async throws(BelaError) {
    let reply = OneShot<Void>()
    let project = core.withLock { core in
      core.feeds[feed]?.stopping = reply
      return core.seed?.project ?? ""
    }
    try send(texts: [SeedCommand.stopStreamer(project: project).message])
    let isAnswered = await reply.wait(BelaLimits.commandWait) != nil
    core.withLock { core in
      core.seed?.isTold = true
      core.finishSeed(force: true)
    }
    deliver()
    if !isAnswered {
      throw BelaError("timeout", "the board did not answer stop_streamer", hint: BelaError.projectHint)
    }
  }

  private static func failure(_ reply: SeedReply) -> BelaError {
    let code =
      switch reply.status {
      case 409: "busy"
      case 412: "project"
      case 404: "unknown_channel"
      case 503: "lost"
      default: "refused"
      }
    return BelaError(
      code, "the board refused to stream: \(reply.message) (status \(reply.status))",
      hint: reply.status == 412 ? "start that project on the board, or name the one that runs" : nil)
  }
}

extension BelaCore {
  /// A feed that no watch of ours belongs to.
  mutating func addSeed(_ state: FeedState) -> Int {
    var quiet = state
    quiet.channels = []
    let id = add(quiet)
    feeds[id]!.channels = state.channels
    return id
  }

  mutating func releaseEarly() {
    let early = earlyBlocks ?? []
    earlyBlocks = nil
    for (id, type, bytes) in early { bytes.withUnsafeBytes { receiveSeed(id, type, $0) } }
    if let end = earlyEnd { endSeed(end) }
    earlyEnd = nil
    flushAll()
  }

  mutating func endSeed(_ reply: SeedReply) {
    seed?.isTold = true
    seed?.counts = reply.counts
    finishSeed(force: false)
  }
}
