package import Locks
package import Telemetry

/// Fixed periods whose start the board has to know of in time: a command that arrives later begins later, and what a
/// client then cuts at the end it had in mind is too little.
extension BelaCore {
  /// Registers a feed and finds what the board has to be told.
  package mutating func begin(
    _ request: StreamRequest, _ options: BelaStreamOptions, _ variables: [BelaVariable], asked: Int64,
    _ list: BelaList, ahead: Double,
    _ sink: any StreamSink, holdsBack: Bool = false
  ) throws(BelaError) -> (Int, [Channel], [BelaCommand]) {
    var duration: Int64?
    if let span = request.span {
      guard let rate = list.sampleRate, let ticks = Int64(exactly: (span.seconds * rate).rounded()) else {
        throw .argument(
          "the board declares no sample rate to turn a time into ticks", hint: "give ticks instead")
      }
      duration = max(1, ticks)
    }
    let isTimed = duration != nil || !options.ticks.isEmpty
    let isMonitor = !options.periods.isEmpty
    let soon = list.tick.addingSaturating(self.ticks(ahead: ahead))
    var places: [Place] = []
    for (position, variable) in variables.enumerated() {
      guard let slot = slots.firstIndex(where: { $0.variable.index == variable.index }) else {
        throw .unknown(variable.name, among: list.names)
      }
      func pick(_ numbers: [Int64]) -> Int64? { numbers.count > 1 ? numbers[position] : numbers.first }
      let wanted = pick(options.at)
      // A start that was in the past already when it was asked for is now.
      let isMovable = isTimed && !isMonitor && wanted.map { $0 <= asked } ?? true
      let start = isMovable ? soon : isTimed ? wanted ?? soon : max(list.tick, wanted ?? 0)
      let ticks = pick(options.ticks) ?? duration
      var place = Place(
        channel: variable.channel(rate: list.sampleRate), slot: slot, start: start,
        end: ticks.map { start.addingSaturating($0) })
      place.period = pick(options.periods) ?? 0
      place.isMovable = isMovable
      if isTimed && !isMonitor { place.owed = start }
      places.append(place)
    }
    var state = FeedState(
      sink: sink, channels: places, isTimed: isTimed, isMonitor: isMonitor, stopping: nil)
    // What comes before the board is known to have read the command waits: should the start fail, nobody has it. The
    // clock of a board that waits for its readers runs on as soon as it streams: nothing can be told from it.
    state.isHeld = !isMonitor && !holdsBack
    let feed = add(state)
    let commands = plan(places.map(\.slot))
    return (feed, places.map(\.channel), commands)
  }

  /// Begins those streams anew that this feed was to go on with and that had ended when the board heard of it; answers
  /// what the board has to be told.
  package mutating func rewatch(_ feed: Int, _ list: BelaList) -> [BelaCommand] {
    guard let state = feeds[feed], !state.isMonitor else { return [] }
    var ended: [Int] = []
    for place in state.channels where !place.isDone {
      // Only one whose end was moved may have ended before the board heard of it. Any other that is not shown as
      // watched has not begun yet, or was ended by somebody else: then it will be found silent.
      guard let unheard = slots[place.slot].watch?.unheard, unheard <= list.tick,
        let isWatched = list[place.channel.name]?.isWatched
      else { continue }
      slots[place.slot].watch!.unheard = nil
      guard !isWatched else { continue }
      ended.append(place.slot)
      deliver(slots[place.slot].track.end(at: unheard), of: place.slot)
      slots[place.slot].watch = nil
    }
    return plan(ended)
  }

  /// Moves a period ahead whose start the board's clock had passed when it answered; answers what the board has to be
  /// told, nothing when it was in time.
  mutating func reschedule(_ feed: Int, _ list: BelaList, ahead seconds: Double) -> [BelaCommand] {
    guard let state = feeds[feed], state.isHeld else { return [] }
    let movable = state.channels.indices.filter { state.channels[$0].isMovable }
    guard let start = movable.map({ state.channels[$0].start }).max(), start <= list.tick else { return [] }
    let begin = list.tick.addingSaturating(ticks(ahead: seconds))
    feeds[feed]!.held = []
    for position in movable {
      var place = state.channels[position]
      let shift = begin.subtractingSaturating(place.start)
      (place.isDone, place.isFull) = (false, false)
      (place.last, place.isBroken, place.owed) = (nil, false, begin)
      place.end = place.end.map { $0.addingSaturating(shift) }
      place.start = begin
      feeds[feed]!.channels[position] = place
      // A stream that somebody else began goes on; one of our own begins anew.
      guard slots[place.slot].streams.count == 1, slots[place.slot].watch != nil else { continue }
      slots[place.slot].watch = nil
      slots[place.slot].skipped = min(list.tick, state.channels[position].start)..<begin
    }
    return plan(movable.map { state.channels[$0].slot })
  }

  /// Lets go of what came meanwhile. Whatever the board's clock had passed by then may have begun late.
  package mutating func release(_ feed: Int, _ list: BelaList) {
    guard let state = feeds[feed], state.isHeld else { return }
    for position in state.channels.indices where state.channels[position].start <= list.tick {
      feeds[feed]!.channels[position].mayBeLate = state.isTimed
    }
    releaseHeld(feed)
    settle(feed)
  }

  /// What came before it was certain goes on now.
  mutating func releaseHeld(_ feed: Int) {
    guard let state = feeds[feed], state.isHeld else { return }
    feeds[feed]!.isHeld = false
    feeds[feed]!.held = []
    for part in state.held { hand(part, to: feed) }
    flush(feed)
  }

  /// The board's stream is about to begin anew: whoever is in the middle of it misses something.
  mutating func breakOff(_ index: Int) {
    for interest in slots[index].streams {
      guard let state = feeds[interest.feed], !state.channels[interest.position].isDone else { continue }
      let place = state.channels[interest.position]
      if place.last != nil || state.held.contains(where: { $0.position == interest.position }) {
        feeds[interest.feed]!.channels[interest.position].isBroken = true
      } else if state.isTimed, place.start < list?.tick ?? 0 {
        feeds[interest.feed]!.channels[interest.position].mayBeLate = true
      }
    }
  }

  /// Compares samples with what came before them, and says once what is missing between: by the clock where the
  /// variable is evenly assigned. What the blocks themselves said of it is kept where it is the same.
  mutating func account(_ part: Part, _ feed: Int) -> Series {
    guard let place = feeds[feed]?.channels[part.position], let first = part.series.time(0) else {
      return part.series
    }
    let told = part.series.gaps.first { $0.at == part.series.first }
    var missing: Int64?
    var isMissing = false
    if let last = place.last {
      if first < last {
        // The clock went back, if the track says so; else these are many in one tick.
        isMissing = told != nil
      } else {
        missing = slots[place.slot].track.lost(from: last, to: first) ?? told?.samples
        isMissing = missing.map { $0 > 0 } ?? (place.isBroken || told != nil)
      }
    } else if let owed = place.owed {
      let late = first.subtractingSaturating(owed)
      missing = slots[place.slot].track.samples(in: late)
      // A single sample does not say how many there should have been.
      isMissing = missing.map { $0 > 0 } ?? (late > 0 && (place.mayBeLate || place.isBroken))
    }
    feeds[feed]!.channels[part.position].isBroken = false
    feeds[feed]!.channels[part.position].mayBeLate = false
    feeds[feed]!.channels[part.position].cause = .lost
    if let told, isMissing, told.samples == missing || told.reason == .restart, place.cause == .lost {
      return part.series
    }
    if isMissing {
      var reason = told?.reason ?? place.cause
      if place.cause != .lost { reason = place.cause }
      flush(feed)
      add(.event(feeds[feed]!.sink, .gap(reason, samples: missing, channels: [place.channel.name])))
    }
    guard told != nil else { return part.series }
    let inner = part.series.gaps.filter { $0.at > part.series.first }.map {
      Gap(at: $0.at - part.series.first, samples: $0.samples, reason: $0.reason)
    }
    return Series(part.series.channel, chunks: part.series.chunks, gaps: inner)
  }

  /// Tells what of a stream's end did not come: its last sample is the first one at or after the end. A variable that is
  /// not evenly assigned may have none there, and one that was never assigned is no loss unless a time was asked for.
  func lossAtEnd(_ place: Place, isTimed: Bool) -> (isLost: Bool, samples: Int64?) {
    guard let end = place.end, slots.indices.contains(place.slot) else { return (false, nil) }
    let track = slots[place.slot].track
    guard let last = place.last else {
      guard place.isBroken || isTimed && place.channel.mode == .dense else { return (false, nil) }
      guard let owed = place.owed, end >= owed else { return (true, nil) }
      return (true, track.samples(in: end.subtractingSaturating(owed)).map { max(1, $0) })
    }
    guard last < end else { return (false, nil) }
    if let missing = track.lost(behind: last, end: end, slow: ticks(ahead: 1)) {
      return (missing > 0, missing)
    }
    return (place.channel.mode == .dense || place.isBroken, nil)
  }

  mutating func sayLoss(at place: Place, _ state: FeedState) {
    let (isLost, samples) = lossAtEnd(place, isTimed: state.isTimed)
    guard isLost else { return }
    add(.event(state.sink, .gap(.lost, samples: samples, channels: [place.channel.name])))
  }

  /// How long a timed feed may take to its last block; nil for others.
  func patience(_ feed: Int) -> Duration? {
    guard let state = feeds[feed], state.isTimed else { return nil }
    let latest = state.channels.compactMap(\.end).max() ?? 0
    let left = latest.subtractingSaturating(list?.tick ?? 0)
    return .seconds(min(1e9, Double(left) / max(1, tickRate ?? 44100))) + BelaLimits.stopWait
  }

  // MARK: - End

  /// Ends a feed at a tick a little ahead; answers what the board has to be told. `reply` is given when all has come.
  package mutating func stop(_ feed: Int, _ list: BelaList, _ reply: OneShot<Void>) -> [BelaCommand] {
    guard let state = feeds[feed] else {
      add(.stopped(reply))
      return []
    }
    feeds[feed]!.stopping = reply
    let end = list.tick.addingSaturating(ticks(ahead: BelaLimits.stopAhead))
    for position in state.channels.indices {
      let place = state.channels[position]
      if state.isMonitor || place.start > end {
        feeds[feed]!.channels[position].isDone = true
      } else if place.end.map({ $0 > end }) ?? true {
        feeds[feed]!.channels[position].end = end
      }
    }
    let commands = plan(state.channels.map(\.slot))
    settle(feed)
    return state.isMonitor ? commands + plan(state.channels.map(\.slot)) : commands
  }

  // MARK: - Silence

  /// The board's clock as it should be by now.
  private func estimatedTick(_ now: TimeSpan) -> Int64 {
    let passed = max(0, (now - listTaken).seconds) * (tickRate ?? 0)
    return (list?.tick ?? 0).addingSaturating(Int64(min(1e15, passed)))
  }

  /// Variables whose stream or monitor should have brought something by now and did not: somebody else may have ended
  /// or changed it, of which nothing is said.
  package func silent(_ now: TimeSpan) -> [Int] {
    guard case .open = phase, !isResuming, seed == nil else { return [] }
    let rate = max(1, tickRate ?? 44100)
    let tick = estimatedTick(now)
    return slots.indices.filter { index in
      let slot = slots[index]
      var ticks: Double?
      if let watch = slot.watch, watch.start <= tick, watch.boardEnd.map({ $0 > tick }) ?? true,
        !slot.streams.isEmpty
      {
        ticks = Double(slot.track.blockTicks ?? 0)
      } else if slot.watch == nil, slot.period > 1, !slot.monitors.isEmpty {
        ticks = Double(slot.period)
      }
      guard let ticks else { return false }
      let quiet = (now - max(slot.heard, slot.checked)).seconds
      if slot.isLate { return (now - slot.checked) > BelaLimits.silence }
      let usual = max(ticks / rate, slot.watch?.isHeard ?? false ? slot.pause.seconds : 0)
      let patience = max(BelaLimits.silence.seconds, usual * BelaLimits.silentBlocks)
      let most = max(BelaLimits.silenceMax.seconds, patience)
      return quiet > min(most, patience * Double(1 << min(slot.checks, 20)))
    }
  }

  /// Begins anew what others have ended or changed; answers what the board has to be told. The list is one that was
  /// asked for because of the silence.
  package mutating func revive(_ indices: [Int], _ list: BelaList, now: TimeSpan) -> [BelaCommand] {
    var ended: [String] = []
    var again: [Int] = []
    for index in indices where slots.indices.contains(index) {
      let name = slots[index].variable.name
      guard let variable = list[name] else { continue }
      slots[index].checks += 1
      (slots[index].isLate, slots[index].checked) = (false, now)
      deliver(slots[index].track.prove(clock: list.tick), of: index)
      if let watch = slots[index].watch {
        guard !variable.isWatched, watch.boardEnd.map({ $0 > list.tick }) ?? true, watch.start <= list.tick
        else {
          continue
        }
        slots[index].watch = nil
        again.append(index)
        if watch.isHeard, watch.unheard == nil { ended.append(name) }
      } else if slots[index].period > 1, variable.monitorPeriod != slots[index].period {
        slots[index].period = -1
        again.append(index)
        ended.append(name)
      }
    }
    if !ended.isEmpty {
      notices.append(
        "another client ended or changed what this one has of \(ended.joined(separator: ", ")); it is asked for anew"
      )
    }
    return plan(again)
  }
}
