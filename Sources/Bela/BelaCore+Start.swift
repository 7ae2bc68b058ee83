import Telemetry

/// Fixed periods whose start the board has to know of in time: a command that arrives later begins later, and what a
/// client then cuts at the end it had in mind is too little.
extension BelaCore {
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
      place.last = nil
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
    for series in state.held {
      if let position = state.channels.firstIndex(where: { $0.channel.key == series.channel.key }) {
        sayLoss(before: series, Interest(feed: feed, position: position))
      }
      queue(series, for: feed)
    }
    flush(feed)
    settle(feed)
  }

  /// Tells once that a stream began later than it should have.
  mutating func sayLoss(before series: Series, _ interest: Interest) {
    guard let state = feeds[interest.feed], !state.isHeld, state.channels[interest.position].mayBeLate,
      let first = series.time(0)
    else { return }
    feeds[interest.feed]!.channels[interest.position].mayBeLate = false
    let place = state.channels[interest.position]
    // As far apart as these samples are; a variable has a sample within one such step.
    var step = series.count > 1 ? series.time(1).map { max(1, $0.subtractingSaturating(first)) } : nil
    if step == nil, let known = slots[place.slot].track.step { step = max(1, known.units / known.samples) }
    let late = first.subtractingSaturating(place.start)
    guard late >= step ?? 1 else { return }
    flush(interest.feed)
    // A single sample does not say how many there should have been.
    add(.event(state.sink, .gap(.lost, samples: step.map { late / $0 }, channels: [place.channel.name])))
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
    let (scaled, overflow) = end.subtractingSaturating(last).multipliedReportingOverflow(by: step.samples)
    return (true, overflow ? nil : max(1, scaled / step.units))
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
