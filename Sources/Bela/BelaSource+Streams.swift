import Locks
public import Telemetry

extension BelaSource {
  /// Starts a stream, or with `periods` a monitor; the options are `BelaStreamOptions`.
  ///
  /// - `at` and `ticks` are the board's clock, one for all channels or one each. A stream of N ticks has N + 1 values
  ///   of a variable that is assigned every tick: the board sends the first assignment at or after the end too.
  /// - `span` is turned into ticks by the declared sample rate. A fixed period begins 50 ms ahead of the board's
  ///   clock, so that its first and last tick are known and the same for all channels.
  /// - `projectName`: refused when another program runs. With a board that knows the seed command protocol the
  ///   stream runs by it; with all others by the watcher's commands, and nobody sees a difference.
  /// - A connection that is lost meanwhile is waited for, at most the request's `timeout`.
  public func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
    let options = try request.options(as: BelaStreamOptions.self, of: self)
    let deadline = ContinuousClock.now + request.timeout.duration
    while true {
      do {
        return try await openOnce(request, options, sink)
      } catch let error as BelaError {
        guard error.code == "lost", ContinuousClock.now < deadline else { throw error }
        try await connected(within: deadline - .now)
      }
    }
  }

  private func openOnce(
    _ request: StreamRequest, _ options: BelaStreamOptions, _ sink: any StreamSink
  ) async throws -> any Feed {
    let timeout = request.timeout.duration
    let list = try await list(timeout: timeout)
    if let wanted = options.projectName, let running = projectName, wanted != running {
      throw BelaError(
        "project", "the board runs \"\(running)\", not \"\(wanted)\"",
        hint: "start the other project on the board, or name this one")
    }
    let variables = try Self.resolve(request.channels, in: list)
    try checkCounts(request, options, variables.count)
    if let feed = try await openSeed(request, options, variables, list, sink) { return feed }
    if core.withLock({ $0.seed != nil }) {
      throw BelaError(
        "busy", "a session of the seed command protocol is running on this board", hint: "stop it first")
    }
    if options.periods.isEmpty { await learnIDs(variables, list) }
    if options.periods.isEmpty { try await awaitEnds(variables, timeout) }
    // The clock has gone on meanwhile; and how long the board takes to answer says how far ahead a start must be.
    let asked = ContinuousClock.now
    let fresh = try await self.list(timeout: timeout)
    let ahead = 0.05 + 4 * ((ContinuousClock.now - asked) / .seconds(1))
    var begun: Int?
    do {
      let (feed, channels) = try tell { core throws(BelaError) in
        let (feed, channels, commands) = try core.begin(
          request, options, variables, asked: list.tick, fresh, ahead: ahead, sink, holdsBack: holdsBack)
        begun = feed
        return ((feed, channels), commands)
      }
      // There is no acknowledgement; a list behind the command says that it was read.
      let answer = try await confirm(feed, timeout)
      try await catchUp(feed, answer, ahead: ahead, timeout)
      // A board that waits for its readers has no time that one could wait for.
      if !holdsBack, let wait = core.withLock({ $0.patience(feed) }) { expire(feed, after: wait) }
      if !holdsBack { lookForSilence() }
      deliver()
      return BelaFeed(source: self, id: feed, channels: channels)
    } catch {
      guard let begun else { throw error }
      tellIfConnected { core in
        let slots = core.feeds[begun].map { $0.channels.map(\.slot) } ?? []
        core.remove(begun)
        return core.plan(slots)
      }
      throw error
    }
  }

  static func resolve(_ names: [String], in list: BelaList) throws(BelaError) -> [BelaVariable] {
    guard !names.isEmpty else {
      guard !list.variables.isEmpty else {
        throw BelaError(
          "unknown_channel", "the program on the board watches no variables",
          hint: "give it some Watcher<> variables")
      }
      var seen: Set<String> = []
      return list.variables.filter { seen.insert($0.name).inserted }
    }
    var byName: [String: BelaVariable] = [:]
    for variable in list.variables where byName[variable.name] == nil { byName[variable.name] = variable }
    var seen: Set<String> = []
    var result: [BelaVariable] = []
    for name in names {
      guard let variable = byName[name] else { throw .unknown(name, among: list.names) }
      guard seen.insert(name).inserted else { throw .argument("\"\(name)\" is named twice") }
      result.append(variable)
    }
    return result
  }

  private func checkCounts(
    _ request: StreamRequest, _ options: BelaStreamOptions, _ count: Int
  ) throws(BelaError) {
    func check(_ what: String, _ numbers: [Int64], _ range: ClosedRange<Int64>) throws(BelaError) {
      guard numbers.count <= 1 || numbers.count == count else {
        throw .argument(
          "\(numbers.count) values of \(what) for \(count) channels", hint: "give one for all, or one each")
      }
      if let wrong = numbers.first(where: { !range.contains($0) }) {
        throw .argument("\(what) may not be \(wrong)", hint: "it counts ticks of the board's clock")
      }
    }
    try check("at", options.at, 0...BelaLimits.tickMax)
    try check("ticks", options.ticks, 1...BelaLimits.tickMax)
    try check("periods", options.periods, 1...BelaLimits.periodMax)
    if let span = request.span, span <= .zero { throw .argument("a stream's span must be above zero") }
    if request.span != nil, !options.ticks.isEmpty {
      throw .argument("span and ticks say the same thing twice", hint: "give one of them")
    }
  }

  /// A stream that is about to end is not gone on with: whether the board hears of a later end in time is chance, and what
  /// it had not sent by then would be lost. The next one begins behind its end.
  private func awaitEnds(_ variables: [BelaVariable], _ timeout: Duration) async throws(BelaError) {
    guard !holdsBack else { return }
    for _ in 0..<BelaLimits.endsAwaited {
      guard let wait = core.withLock({ $0.timeToEnd(variables.map(\.index)) }) else { return }
      do { try await Task.sleep(for: wait) } catch { return }
      _ = try await list(timeout: timeout)
    }
  }

  /// A period that the board's clock reached before its command begins anew, further ahead each time; what still comes
  /// too late is said by a gap.
  private func catchUp(
    _ feed: Int, _ answer: BelaList, ahead: Double, _ timeout: Duration
  ) async throws(BelaError) {
    var (list, ahead) = (answer, ahead)
    for _ in 0..<BelaLimits.startsTried {
      ahead = min(2 * ahead, BelaLimits.startAheadMax)
      let isMoved = try tell { core in
        let commands = core.reschedule(feed, list, ahead: ahead)
        return (!commands.isEmpty, commands)
      }
      guard isMoved else { break }
      list = try await self.list(timeout: timeout)
    }
    let last = list
    core.withLock { $0.release(feed, last) }
  }

  /// Waits until the board has read the watch; a stream that had already ended when its end was moved begins anew.
  @discardableResult
  private func confirm(_ feed: Int, _ timeout: Duration) async throws(BelaError) -> BelaList {
    let list = try await list(timeout: timeout)
    let isBegunAnew = try tell { core in
      let commands = core.rewatch(feed, list)
      return (!commands.isEmpty, commands)
    }
    deliver()
    return isBegunAnew ? try await self.list(timeout: timeout) : list
  }

  /// Ends a timed feed whose last sample never came, because its variable is not assigned or the block was lost.
  private func expire(_ feed: Int, after time: Duration) {
    Task { [weak self] in
      try? await Task.sleep(for: time)
      guard let self else { return }
      self.giveUp(feed)
      self.deliver()
    }
  }

  /// Looks now and then whether streams and monitors bring what they should, while there are any.
  private func lookForSilence() {
    let isLooking = core.withLock { core in
      defer { core.isLooking = true }
      return core.isLooking
    }
    guard !isLooking else { return }
    Task { [weak self] in
      while true {
        try? await Task.sleep(for: BelaLimits.silenceCheck)
        guard let self, await self.look() else { return }
      }
    }
  }

  /// False when there is nothing to look for any more.
  private func look() async -> Bool {
    let (goesOn, silent) = core.withLock { core -> (Bool, [Int]) in
      guard !core.feeds.isEmpty else {
        core.isLooking = false
        return (false, [])
      }
      return (true, core.silent(clock.monotonic))
    }
    guard goesOn else { return false }
    guard !silent.isEmpty, let (control, generation) = present else { return true }
    guard let list = try? await askList(within: BelaLimits.replyWait, on: control, generation) else {
      return true
    }
    tellIfConnected { core in
      guard core.generation == generation, !core.isResuming else { return [] }
      return core.revive(silent, list, now: clock.monotonic)
    }
    tellNotices()
    deliver()
    return true
  }

  private func tellNotices() {
    let notices = core.withLock { core in
      defer { core.notices = [] }
      return core.notices
    }
    for text in notices { notice?("\(name): \(text)") }
  }

  // MARK: - Stopping and changing

  /// Ends a feed at an explicit tick ahead of the board's clock, and waits for the last block.
  func stop(_ feed: Int) async throws(BelaError) {
    let reply = OneShot<Void>()
    let isSeed = core.withLock { $0.seed?.feed == feed }
    if isSeed { return try await stopSeed(feed) }
    guard core.withLock({ $0.feeds[feed] != nil }) else { return }
    let list: BelaList
    do {
      list = try await self.list(timeout: .seconds(1))
    } catch {
      // What came has come. A board that is only slow is told all the same, without a tick.
      giveUp(feed)
      deliver()
      return
    }
    tellIfConnected { $0.stop(feed, list, reply) }
    deliver()
    if await reply.wait(BelaLimits.stopWait) == nil {
      giveUp(feed)
    }
    deliver()
  }

  /// What came of it has come.
  private func giveUp(_ feed: Int) {
    tellIfConnected { core in
      guard let state = core.feeds[feed] else { return [] }
      core.expire(feed)
      return core.plan(state.channels.map(\.slot))
    }
  }

  /// Replaces a feed's variables; those that stay go on without a break.
  func update(_ feed: Int, _ names: [String]) async throws -> [Channel] {
    let list = try await list()
    let variables = try Self.resolve(names, in: list)
    if core.withLock({ $0.seed?.feed == feed }) {
      throw BelaError(
        "busy", "a session of the seed command protocol cannot change its variables",
        hint: "stop it, and start one with the others")
    }
    await learnIDs(variables, list)
    let channels = try tell { core throws(BelaError) -> ([Channel], [BelaCommand]) in
      guard var state = core.feeds[feed] else {
        throw BelaError("closed", "this stream has ended", hint: "start it again")
      }
      let old = state.channels
      let isEndless = old.allSatisfy { $0.end == nil }
      state.channels = try variables.map { variable throws(BelaError) in
        if let place = old.first(where: { $0.channel.name == variable.name }) { return place }
        guard let slot = core.slots.firstIndex(where: { $0.variable.index == variable.index }) else {
          throw BelaError.unknown(variable.name, among: list.names)
        }
        return BelaCore.Place(
          channel: variable.channel(rate: list.sampleRate), slot: slot, start: list.tick,
          end: isEndless ? nil : old.compactMap(\.end).max(), period: old.map(\.period).min() ?? 0)
      }
      core.flush(feed)
      for place in old {
        core.slots[place.slot].streams.removeAll { $0.feed == feed }
        core.slots[place.slot].monitors.removeAll { $0.feed == feed }
      }
      core.feeds[feed] = state
      for position in state.channels.indices where !state.channels[position].isDone {
        core.enter(feed, position)
      }
      let touched = Set(old.map(\.slot) + state.channels.map(\.slot)).sorted()
      return (state.channels.map(\.channel), core.plan(touched))
    }
    try await confirm(feed, BelaLimits.replyWait)
    return channels
  }

  // MARK: - Ids

  /// Learns how header ids and list positions belong together, by monitoring the first and the last variable once
  /// (section 6.1). Ids rise with the positions, so where both agree all between do; else each is asked.
  func learnIDs(_ variables: [BelaVariable], _ list: BelaList) async {
    let known = core.withLock { $0.learnedIndices }
    let indices = variables.map(\.index)
    guard let first = indices.min(), let last = indices.max(),
      !(known?.contains(first) ?? false && known?.contains(last) ?? false)
    else { return }
    // While others monitor, nobody can tell whose value comes; a streamed variable is known by its type at least.
    guard list.variables.allSatisfy({ $0.monitorPeriod == 0 }) else { return }
    guard let low = await learn(first, list) else { return }
    guard let high = first == last ? low : await learn(last, list) else { return }
    if low - first == high - last {
      core.withLock { core in
        if core.indexOfID.isEmpty { core.idOffset = low - first }
        let both = core.learnedIndices.map { min($0.lowerBound, first)...max($0.upperBound, last) }
        core.learnedIndices = both ?? first...last
      }
      return
    }
    for index in Set(indices).sorted() {
      guard let id = await learn(index, list) else { continue }
      core.withLock { $0.indexOfID[id] = index }
    }
    core.withLock { $0.learnedIndices = first...last }
  }

  /// The id of a variable. One that is not its place in the list must show twice: others monitor, too.
  private func learn(_ index: Int, _ list: BelaList) async -> Int? {
    guard let variable = list.variables.first(where: { $0.index == index }) else { return nil }
    var seen: Int?
    for _ in 0..<BelaLimits.learnTries {
      guard let id = await learn(variable) else { return nil }
      if id == index || id == seen { return id }
      seen = id
    }
    return nil
  }

  private func learn(_ variable: BelaVariable) async -> Int? {
    let reply = OneShot<Int>()
    let isFree = core.withLock { core in
      guard core.learning == nil else { return false }
      core.learning = (variable.index, variable.type, reply)
      return true
    }
    guard isFree else { return nil }
    try? send([.monitor([.init(variable.name, ticks: 1)])])
    let id = await reply.wait(BelaLimits.learnWait)
    tellIfConnected { core in
      core.learning = nil
      guard id == nil, let slot = core.slot(named: variable.name), core.slots[slot].period == 0,
        core.slots[slot].peeks.isEmpty
      else { return [] }
      // It did not come in time, and is not to come later.
      return [.monitor([.init(variable.name, ticks: 0)])]
    }
    return id
  }
}
