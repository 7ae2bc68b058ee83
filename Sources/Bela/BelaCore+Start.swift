import Telemetry

/// Fixed periods whose start the board has to know of in time: a command that arrives later begins later, and what a
/// client then cuts at the end it had in mind is too little.
extension BelaCore {
  /// Begins those streams anew that this feed was to go on with and that had ended when the board heard of it; answers
  /// what the board has to be told.
  mutating func rewatch(_ feed: Int, _ list: BelaList) -> [BelaCommand] {
    guard let state = feeds[feed], !state.isMonitor else { return [] }
    var ended: [Int] = []
    for place in state.channels where !place.isDone {
      let slot = slots[place.slot]
      // One that was begun for this feed alone is no other's; it may not have begun yet.
      guard let watch = slot.watch, watch.start <= list.tick,
        watch.start != place.start || slot.streams.count > 1, watch.end.map({ $0 > list.tick }) ?? true,
        let isWatched = list[place.channel.name]?.isWatched
      else { continue }
      if isWatched {
        slots[place.slot].watch!.unheard = nil
        continue
      }
      ended.append(place.slot)
    }
    for index in ended {
      // The one that waited for its end gets it now, not with the first block of the next.
      if let end = slots[index].watch?.unheard { deliver(slots[index].track.end(at: end), of: index) }
      slots[index].watch = nil
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
      place.isDone = false
      (place.last, place.isBroken) = (nil, false)
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
  mutating func release(_ feed: Int, _ list: BelaList) {
    guard let state = feeds[feed], state.isHeld else { return }
    for position in state.channels.indices where state.channels[position].start <= list.tick {
      feeds[feed]!.channels[position].mayBeLate = state.isTimed
    }
    feeds[feed]!.isHeld = false
    feeds[feed]!.held = []
    for part in state.held { hand(part, to: feed) }
    flush(feed)
    settle(feed)
  }

  /// The board's stream is about to begin anew: whoever is in the middle of it may miss something.
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

  /// Tells once that a stream began later than it should have, or went on later.
  mutating func sayLoss(before part: Part, _ feed: Int) {
    guard let place = feeds[feed]?.channels[part.position], place.mayBeLate || part.isBehindBreak,
      let first = part.series.time(0)
    else { return }
    feeds[feed]!.channels[part.position].mayBeLate = false
    let step = step(of: place, part.series)
    // A variable has a sample within one step.
    let least = step.map { max(1, $0.units / $0.samples) } ?? 1
    let due = part.isBehindBreak ? place.last?.addingSaturating(least) : place.start
    let late = first.subtractingSaturating(due ?? place.start)
    guard late >= least else { return }
    flush(feed)
    // A single sample does not say how many there should have been.
    let missing = step.flatMap { $0.samples(in: late) }
    add(.event(feeds[feed]!.sink, .gap(.lost, samples: missing, channels: [place.channel.name])))
  }

  /// How far apart samples are: as the variable's blocks say, or these samples themselves.
  private func step(of place: Place, _ series: Series) -> Step? {
    if place.channel.mode == .dense, let step = slots[place.slot].track.step { return step }
    guard series.count > 1, let first = series.time(0), let second = series.time(1) else { return nil }
    return Step(units: max(1, second.subtractingSaturating(first)))
  }

  /// Tells what of a stream's end did not come: its last sample is the first one at or after the end. Only dense
  /// variables are assigned evenly; one that was never assigned is no loss unless a time was asked for.
  func lossAtEnd(_ place: Place, isTimed: Bool) -> (isLost: Bool, samples: Int64?) {
    guard let end = place.end, place.channel.mode == .dense, slots.indices.contains(place.slot) else {
      return (false, nil)
    }
    guard let last = place.last else { return (isTimed, nil) }
    guard last < end else { return (false, nil) }
    guard let step = slots[place.slot].track.step else { return (true, nil) }
    return (true, step.samples(in: end.subtractingSaturating(last)).map { max(1, $0) })
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
}

extension Step {
  /// How many samples so many units are; nil when there is no such number.
  fileprivate func samples(in units: Int64) -> Int64? {
    let (scaled, overflow) = units.multipliedReportingOverflow(by: samples)
    return overflow ? nil : scaled / self.units
  }
}
