import Locks
import Logging
import Telemetry
import Transport

/// The two sockets of one connection.
struct BelaLink {
  var control: WebSocketConnection?
  var data: WebSocketConnection?
  var reconnecting: Task<Void, Never>?

  var isOpen: Bool { (control?.isOpen ?? false) && (data?.isOpen ?? false) }

  mutating func take() -> BelaLink {
    defer { self = BelaLink() }
    return self
  }
}

/// The read of the data socket that is just being handed over, with the lock held.
struct BelaReading {
  let core: UnsafeMutablePointer<BelaCore>
  let generation: Int
  let now: TimeSpan
}

/// Brings one socket's messages to the source. Knows which connection it belongs to: a late word of an old one is
/// not heard.
private final class BelaSocketHandler: WebSocketHandler {
  private weak let source: BelaSource?
  private let generation: Int
  private let isControl: Bool

  init(source: BelaSource, generation: Int, isControl: Bool) {
    self.source = source
    self.generation = generation
    self.isControl = isControl
  }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    if isControl {
      source?.receive(control: message.bytes, generation: generation)
    } else {
      source?.receive(data: message.bytes, generation: generation)
    }
  }

  func burst(_ connection: WebSocketConnection, _ body: () -> Void) {
    if isControl { body() } else { source?.burst(generation, body) ?? body() }
  }

  func burstEnded(_ connection: WebSocketConnection) {
    if !isControl { source?.burstEnded(on: connection) }
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
    source?.closed(reason, generation: generation)
  }
}

extension BelaSource {
  // MARK: - Connecting

  /// The order of section 2: control, its greeting, data, our reply, a list.
  func openLink(timeout: Duration) async throws(BelaError) {
    let greeting = OneShot<Void>()
    let generation = core.withLock { core in
      core.generation += 1
      core.greeting = greeting
      core.renew()
      return core.generation
    }
    var options = WebSocketOptions()
    options.connectTimeout = timeout
    options.handshakeTimeout = timeout
    options.messageBytes = BelaLimits.replyBytes
    let control = try await open("/gui_control", options, generation, isControl: true)
    let data: WebSocketConnection
    do {
      guard await greeting.wait(timeout) != nil else {
        throw BelaError(
          "protocol", "\(host):\(port) opened a WebSocket but did not greet as a board does",
          hint: "is this the address of a board? \(BelaError.projectHint)")
      }
      data = try await open("/gui_data", options, generation, isControl: false)
    } catch {
      control.closeNow()
      throw (error as? BelaError) ?? BelaError("protocol", "\(error)")
    }
    do throws(BelaError) {
      // The sockets are used directly: until there is a list, nobody else is to find a connection here.
      try send(texts: [BelaEvent.connectionReply.message], on: control)
      _ = try await askList(within: timeout, on: control, generation)
      try adopt(control, data, generation)
    } catch {
      let error = error.code == "closed" || (control.isOpen && data.isOpen) ? error : cutShort
      // Its end is ours to report, not a loss to be mended.
      core.withLock { core in
        if core.generation == generation { core.generation += 1 }
      }
      control.closeNow()
      data.closeNow()
      throw error
    }
  }

  /// From here on the end of a socket is a loss; an end before it is found here. Both under one lock, so that none
  /// falls between.
  private func adopt(
    _ control: WebSocketConnection, _ data: WebSocketConnection, _ generation: Int
  ) throws(BelaError) {
    let error = core.withLock { core -> BelaError? in
      if case .closed = core.phase { return .closed(core.name) }
      guard core.generation == generation, control.isOpen, data.isOpen else {
        return cutShort
      }
      core.greeting = nil
      core.find()
      link.withLock {
        $0.control = control
        $0.data = data
      }
      return nil
    }
    if let error { throw error }
  }

  private var cutShort: BelaError {
    BelaError(
      "unreachable", "\(host):\(port) ended a connection that had just been made",
      hint: BelaError.projectHint)
  }

  private func open(
    _ path: String, _ options: WebSocketOptions, _ generation: Int, isControl: Bool
  ) async throws(BelaError) -> WebSocketConnection {
    do {
      let endpoint = try Endpoint(host: host, port: port, path: path)
      let handler = BelaSocketHandler(source: self, generation: generation, isControl: isControl)
      return try await WebSocketClient.connect(
        to: endpoint, options: options, logger: logger, handler: handler)
    } catch {
      throw BelaError(error, board: "\(host):\(port)")
    }
  }

  /// Returns when there is a connection; waits for one that is being made anew, and for one whose end is just being
  /// heard.
  func connected(within time: Duration) async throws(BelaError) {
    let waiting = core.withLock { core -> OneShot<Void>? in
      switch core.phase {
      case .lost, .closed: return nil
      case .open where link.withLock({ $0.isOpen }): return nil
      case .open, .reconnecting: break
      }
      let reply = OneShot<Void>()
      core.connectionWaiters.append(reply)
      return reply
    }
    if let waiting {
      _ = await waiting.wait(time)
      core.withLock { $0.connectionWaiters.removeAll { $0 === waiting } }
    }
    guard link.withLock({ $0.isOpen }) else { throw absence() }
  }

  // MARK: - Receiving

  fileprivate func receive(control bytes: UnsafeRawBufferPointer, generation: Int) {
    let reply = BelaReply(bytes)
    core.withLock { core in
      guard core.generation == generation else { return }
      switch reply {
      case .connection(let project): greet(project, &core)
      case .list(let list): core.take(list, now: clock.monotonic)
      case .log(let reply):
        for waiter in core.logReplies where waiter.variable == reply.variable { waiter.reply.fulfill(reply) }
        core.logReplies.removeAll { $0.variable == reply.variable }
      case .command(let reply): receive(seed: reply, &core)
      case .other: break
      case .garbage: logger?.warning("the board sent something on control that is no JSON object")
      }
    }
    deliver()
  }

  /// The board greets anew whenever anybody connects; another name means another program.
  private func greet(_ project: String?, _ core: inout BelaCore) {
    if let greeting = core.greeting {
      let isOther = core.project != nil && core.project != project
      core.project = project
      if isOther {
        interruptAll("another program runs on the board now: \(project ?? "one without a name")", &core)
      }
      greeting.fulfill(())
    } else if core.project != project {
      core.project = project
      interruptAll("another program runs on the board now: \(project ?? "one without a name")", &core)
    }
  }

  func interruptAll(_ why: String, _ core: inout BelaCore) {
    for feed in core.feeds.keys.sorted() {
      guard let state = core.feeds[feed] else { continue }
      for place in state.channels where !state.isMonitor && core.seed?.feed != feed {
        // The board never got to flush a last block; what was held back is genuine.
        if !core.slots[place.slot].streams.contains(where: { $0.feed != feed }) {
          core.deliver(core.slots[place.slot].track.finish(flushed: false), of: place.slot)
        }
      }
      guard core.feeds[feed] != nil else { continue }
      core.flush(feed)
      core.add(.event(state.sink, .interrupted(why)))
      core.remove(feed)
    }
    for index in core.slots.indices {
      core.slots[index].watch = nil
      core.slots[index].period = 0
    }
    core.slots.removeAll()
    core.seed = nil
    core.knowsSeed = nil
    core.learnedIndices = nil
    core.indexOfID = [:]
    core.idOffset = 0
  }

  /// Lends the columns of the one stream there is, if there is one, for the blocks of a read.
  fileprivate func burst(_ generation: Int, _ body: () -> Void) {
    core.withLock { core in
      withUnsafeMutablePointer(to: &core) { core in
        reading.pointee = BelaReading(core: core, generation: generation, now: clock.monotonic)
        defer { reading.pointee = nil }
        guard core.pointee.generation == generation, let (feed, sink) = core.pointee.feedForBurst else {
          return body()
        }
        let isTaken = sink.ingest { ingest in
          withUnsafeMutablePointer(to: &ingest) { ingest in
            core.pointee.beginBurst(feed, ingest)
            body()
            core.pointee.endBurst()
          }
        }
        if !isTaken { body() }
      }
    }
  }

  fileprivate func receive(data bytes: UnsafeRawBufferPointer, generation: Int) {
    guard let reading = reading.pointee, reading.generation == reading.core.pointee.generation else { return }
    reading.core.pointee.receive(bytes, now: reading.now)
  }

  fileprivate func burstEnded(on data: WebSocketConnection) {
    core.withLock { $0.flushAll() }
    deliver()
    guard holdsBack else { return }
    let sinks = core.withLock { core in core.feeds.values.filter { !$0.isMonitor }.map(\.sink) }
    guard let slow = sinks.first(where: { $0.isBehind(nil) }) else { return }
    // Held first, then asked again: whoever caught up meanwhile calls nobody.
    data.pauseReading()
    if !slow.isBehind({ data.resumeReading() }) { data.resumeReading() }
  }

  // MARK: - Losing and finding

  fileprivate func closed(_ reason: CloseReason, generation: Int) {
    let why =
      switch reason {
      case .local: "closed"
      case .remote, .endOfFile: "the board ended the connection"
      case .failed(let error): error.code == .deadPeer ? "the board stopped answering" : error.message
      }
    let old = core.withLock { core -> BelaLink? in
      guard core.generation == generation, case .open = core.phase, core.greeting == nil else {
        // One that is being made: whoever makes it waits for an answer that will not come.
        if core.generation == generation {
          core.greeting?.abandon()
          core.endWaits()
        }
        return nil
      }
      core.lose(why)
      core.seedReply?.abandon()
      if let session = core.seed, let sink = core.feeds[session.feed]?.sink {
        core.add(.event(sink, .interrupted(why)))
        core.remove(session.feed)
      }
      return link.withLock { $0.take() }
    }
    guard let old else { return }
    old.control?.closeNow()
    old.data?.closeNow()
    deliver()
    let task = Task { [weak self] in
      var backOff = BackOff(initial: .milliseconds(100), max: .seconds(5))
      let start = ContinuousClock.now
      while !Task.isCancelled {
        guard let wait = await self?.reconnect(since: start, why, &backOff) else { return }
        try? await Task.sleep(for: wait)
      }
    }
    link.withLock { $0.reconnecting = task }
  }

  /// One attempt; answers how long to wait before the next, nil when there is none.
  private func reconnect(
    since start: ContinuousClock.Instant, _ why: String, _ backOff: inout BackOff
  ) async -> Duration? {
    // Closed by its user, or found again by somebody else's attempt.
    guard case .reconnecting = core.withLock({ $0.phase }) else { return nil }
    let lastTick = core.withLock { $0.newestTick }
    do {
      try await openLink(timeout: .seconds(3))
      await resume(lastTick: lastTick)
      return nil
    } catch {
      // Somebody is at home and nobody listens: the program on the board has ended.
      if error.code == "refused", ContinuousClock.now - start > .seconds(1) {
        core.withLock { interruptAll("the program on the board ended", &$0) }
        deliver()
      }
    }
    guard ContinuousClock.now - start < BelaLimits.reconnectWait else {
      core.withLock { core in
        core.phase = .lost(why)
        for feed in core.feeds.keys.sorted() {
          if let sink = core.feeds[feed]?.sink { core.add(.event(sink, .lost(why))) }
          core.remove(feed)
        }
        for reply in core.connectionWaiters { reply.fulfill(()) }
        core.connectionWaiters.removeAll()
      }
      deliver()
      return nil
    }
    return backOff.next()
  }

  /// Asks for everything again that ran before; a clock that went back means the program was started anew.
  private func resume(lastTick: Int64) async {
    var waiters: [OneShot<Void>] = []
    tellIfConnected { core in
      waiters = core.connectionWaiters
      core.connectionWaiters.removeAll()
      return core.resume(lastTick: lastTick)
    }
    for waiter in waiters { waiter.fulfill(()) }
    deliver()
  }
}

extension BelaCore {
  /// No answer comes on a connection that has ended.
  mutating func endWaits() {
    for reply in listReplies { reply.abandon() }
    listReplies.removeAll()
    for waiter in logReplies { waiter.reply.abandon() }
    logReplies.removeAll()
  }

  /// A connection is being made: what belongs to one connection begins anew.
  package mutating func renew() {
    firstList = nil
    decoder.reset()
  }

  /// There is one.
  package mutating func find() { phase = .open }

  /// The connection has ended.
  package mutating func lose(_ why: String) {
    generation += 1
    phase = .reconnecting(why)
    isResuming = true
    flushAll()
    for feed in feeds.keys.sorted() {
      if let sink = feeds[feed]?.sink { add(.event(sink, .reconnecting(why))) }
    }
    endWaits()
  }

  /// Begins on a new connection what ran on the old one; answers what the board has to be told.
  package mutating func resume(lastTick: Int64) -> [BelaCommand] {
    let list = list
    let restarted = (list?.tick ?? 0) < lastTick
    for feed in feeds.keys.sorted() {
      guard let state = feeds[feed] else { continue }
      let isGone = state.channels.contains { place in
        list?[place.channel.name].map { $0.type.dataType != place.channel.type } ?? true
      }
      if isGone || (restarted && state.isTimed) {
        add(.event(state.sink, .interrupted("the program on the board was started anew")))
        remove(feed)
        continue
      }
      add(.event(state.sink, .resumed))
      guard restarted else { continue }
      let broken = state.channels.filter { $0.last != nil }.map(\.channel.name)
      if !broken.isEmpty { add(.event(state.sink, .gap(.restart, samples: nil, channels: broken))) }
    }
    rebuildSlots(restarted: restarted)
    isResuming = false
    // Whose time ran out meanwhile is over; what of it is missing is said.
    for feed in feeds.keys.sorted() { settle(feed) }
    let commands = plan(slots.indices)
    return commands + ask(slots.indices)
  }

  /// Slots for the variables of a new connection; feeds keep theirs by name.
  mutating func rebuildSlots(restarted: Bool) {
    guard let list else { return }
    let old = slots
    slots = list.variables.map { variable in
      var slot = makeSlot(variable)
      if let before = old.first(where: {
        $0.variable.name == variable.name && $0.variable.type == variable.type
      }) {
        (slot.peeks, slot.asks) = (before.peeks, before.asks)
        if before.variable.mode == variable.mode, !restarted {
          slot.track = before.track.renewed(slot.track.channel)
        }
      }
      return slot
    }
    learnedIndices = nil
    indexOfID = [:]
    idOffset = 0
    for feed in feeds.keys.sorted() {
      for position in feeds[feed]!.channels.indices {
        var place = feeds[feed]!.channels[position]
        guard let slot = slot(named: place.channel.name) else { continue }
        place.slot = slot
        if restarted {
          // Nobody can know what a clock that began anew has missed.
          (place.last, place.owed, place.isBroken, place.cause) = (nil, nil, false, .lost)
          (place.start, place.least) = (0, .max)
        } else {
          // What is missing is counted from the last sample, or from where the first should have been.
          if place.last == nil { place.owed = place.owed ?? place.start }
          (place.isBroken, place.cause) = (true, .reconnect)
          place.start = max(place.start, list.tick)
          if let end = place.end, end <= list.tick { place.isDone = true }
        }
        if place.due < .max { place.due = .min }
        feeds[feed]!.channels[position] = place
        if !place.isDone { enter(feed, position) }
      }
    }
  }
}
