import Locks
package import Telemetry

extension BelaCore {
  /// One message of the data socket.
  package mutating func receive(_ message: UnsafeRawBufferPointer, now: TimeSpan) {
    guard let item = decoder.feed(message), !isResuming else { return }
    switch item {
    case .block(let id, let type, let bytes):
      if seed != nil { return receiveSeed(id, type, bytes) }
      if let early = earlyBlocks?.count {
        if early < BelaLimits.earlyBlocks {
          earlyBlocks!.append((id, type, Array(bytes)))
        } else {
          foreign += 1
        }
        return
      }
      guard let index = index(id, type), !slots[index].streams.isEmpty else {
        foreign += 1
        // Of a type that the variable does not have: what it had to say is lost.
        if index(id, type) == nil, let index = place(id) { slots[index].track.lostHeader() }
        return
      }
      append(bytes, to: index, now)
    case .value(let id, let type, let tick, let bytes):
      if let learning, learning.type == type {
        learning.reply.fulfill(id)
        self.learning = nil
      }
      guard let index = index(id, type) else {
        foreign += 1
        return
      }
      receive(value: bytes, min(tick, BelaLimits.stampMax), of: index, now)
    case .lostPayload(let id, let type):
      endBurst()
      guard let index = index(id, type) else { return }
      if slots[index].watch != nil { slots[index].track.lostPayload() }
      for interest in slots[index].monitors where slots[index].watch == nil {
        guard let state = feeds[interest.feed] else { continue }
        flush(interest.feed)
        add(.event(state.sink, .gap(.lost, samples: 1, channels: [slots[index].variable.name])))
        feeds[interest.feed]!.channels[interest.position].last = nil
      }
    case .lostHeader:
      endBurst()
      for index in slots.indices where slots[index].watch != nil { slots[index].track.lostHeader() }
    case .foreign: foreign += 1
    }
  }

  /// The slot of a header id, when its type letter fits.
  private func index(_ id: Int, _ type: BelaType) -> Int? {
    place(id).flatMap { slots[$0].variable.type == type ? $0 : nil }
  }

  private func place(_ id: Int) -> Int? {
    let position = indexOfID[id] ?? id - idOffset
    guard position >= 0 else { return nil }
    if position < slots.count, slots[position].variable.index == position { return position }
    return slots.firstIndex { $0.variable.index == position }
  }

  /// Data and commands travel apart: the last blocks of a watch may come after the next one was asked for.
  private mutating func append(_ bytes: UnsafeRawBufferPointer, to index: Int, _ now: TimeSpan) {
    let tick = BelaTrack.tick(of: bytes)
    if slots[index].watch != nil {
      slots[index].pause = max(
        slots[index].pause, slots[index].watch!.isHeard ? now - slots[index].heard : .zero)
      slots[index].watch!.isHeard = true
      (slots[index].heard, slots[index].checks) = (now, 0)
    }
    if let skipped = slots[index].skipped {
      if skipped.contains(tick) { return }
      slots[index].skipped = nil
    }
    if var ending = slots[index].ending, tick < ending.before {
      endBurst()
      let pieces = ending.track.append(bytes, now: now)
      slots[index].ending = ending
      return deliver(pieces, of: index, from: ending.track, until: ending.before)
    }
    // See the type: what was begun before our own watch is nobody's.
    guard tick > slots[index].ownFrom else { return }
    if passThrough(bytes, tick: tick, of: index, now) { return }
    endBurst()
    finishEnding(index)
    let pieces = slots[index].track.append(bytes, now: now)
    deliver(pieces, of: index, from: slots[index].track)
  }

  /// What was held back of the watch before: nothing more of it comes.
  mutating func finishEnding(_ index: Int) {
    guard let ending = slots[index].ending else { return }
    slots[index].ending = nil
    var track = ending.track
    let pieces = track.finish(flushed: true)
    deliver(pieces, of: index, from: track, until: ending.before, isOver: true)
  }

  /// Hands samples to the feeds of a variable, each what lies in its window.
  mutating func deliver(_ pieces: [Series], of index: Int) {
    deliver(pieces, of: index, from: slots[index].track)
  }

  /// - Parameters:
  ///   - until: of a watch that ended there: whoever began later has nothing of it.
  ///   - isOver: nothing more comes of it.
  private mutating func deliver(
    _ pieces: [Series], of index: Int, from track: BelaTrack, until: Int64 = .max, isOver: Bool = false
  ) {
    for interest in slots[index].streams {
      guard let place = feeds[interest.feed]?.channels[interest.position], !place.isDone, place.start < until
      else { continue }
      for piece in pieces where !place.isFull {
        let (part, reachesEnd) = Self.clip(piece, place)
        if let part {
          let part = Part(position: interest.position, series: part)
          if feeds[interest.feed]!.isHeld {
            feeds[interest.feed]!.held.append(part)
          } else {
            hand(part, to: interest.feed)
          }
        }
        if reachesEnd {
          // What others stream beyond it, in the blocks behind, is not for this one.
          feeds[interest.feed]!.channels[interest.position].isFull = true
          break
        }
      }
      guard let end = place.end else { continue }
      // Where the board ends for this one, its end is waited for: who stops a stream finds it stopped.
      let isFull = feeds[interest.feed]!.channels[interest.position].isFull
      let goesOn = track.end.map { $0 > end.addingSaturating(ticksBehindEnd(track)) } ?? true
      if isFull && (goesOn || isOver) || track.isEnded && track.end.map({ end <= $0 }) ?? false {
        feeds[interest.feed]!.channels[interest.position].isDone = true
      }
      settle(interest.feed)
    }
  }

  /// Says what is missing before some samples, and passes them on: the one way to a feed.
  mutating func hand(_ part: Part, to feed: Int) {
    let series = account(part, feed)
    queue(series, for: feed)
    feeds[feed]?.channels[part.position].last = series.time(series.count - 1)
  }

  /// The part of a series within a window; the first sample at or after the end belongs to it.
  private static func clip(_ series: Series, _ place: Place) -> (Series?, Bool) {
    guard series.count > 0, let newest = series.time(series.count - 1) else { return (nil, false) }
    if newest < place.start { return (nil, false) }
    var from = 0
    var to = series.count
    if let oldest = series.time(0), oldest < place.start { from = series.position(from: place.start) }
    var reachesEnd = false
    if let end = place.end, newest >= end {
      reachesEnd = true
      to = min(series.count, series.position(from: end) + 1)
    }
    guard from < to else { return (nil, reachesEnd) }
    return (from == 0 && to == series.count ? series : series[from..<to], reachesEnd)
  }

  private mutating func receive(
    value bytes: UnsafeRawBufferPointer, _ tick: Int64, of index: Int, _ now: TimeSpan
  ) {
    let type = slots[index].variable.type.dataType
    let storage = SampleStorage(type: type, copying: bytes)
    for peek in slots[index].peeks { peek.take(slots[index].variable.name, storage.sample(0), tick) }
    slots[index].peeks.removeAll()
    if slots[index].watch == nil { (slots[index].heard, slots[index].checks) = (now, 0) }
    let boardPeriod = slots[index].period
    for interest in slots[index].monitors {
      guard var place = feeds[interest.feed]?.channels[interest.position], !place.isDone, tick >= place.start,
        tick >= place.due || place.last.map({ tick < $0 }) ?? false
      else { continue }
      var gaps: [Gap] = []
      if let last = place.last {
        let step = tick.subtractingSaturating(last)
        if step < 0 {
          gaps = [Gap(at: 0, samples: nil, reason: .restart)]
          (place.least, place.due) = (.max, tick)
        } else if place.least < .max, place.least > 0, step / place.least >= 2 {
          gaps = [Gap(at: 0, samples: step / place.least - 1, reason: place.cause)]
          slots[index].isLate = true
        } else if step > 0, !place.isBroken {
          place.least = min(place.least, step)
        }
      }
      (place.cause, place.isBroken) = (.lost, false)
      place.last = tick
      if place.period == 1 {
        place.due = .max
      } else if place.due > .min, place.period > boardPeriod,
        tick.subtractingSaturating(place.due) < boardPeriod
      {
        // One of several whose periods differ: it keeps its own on average.
        place.due = place.due.addingSaturating(place.period)
      } else {
        place.due = tick.addingSaturating(place.period)
      }
      if let end = place.end, tick >= end { place.isDone = true }
      feeds[interest.feed]!.channels[interest.position] = place
      let stamps = SampleStorage(CollectionOfOne(tick), as: .timestamp)
      let timing = Timing.stamped(stamps, offset: 0)
      queue(Series(place.channel, storage, timing: timing, gaps: gaps), for: interest.feed)
      settle(interest.feed)
    }
    // It was the one that was asked for; the board has turned it off.
    if slots[index].period == 1 { slots[index].period = 0 }
  }

  /// Ends a feed whose channels are all done.
  mutating func settle(_ feed: Int) {
    guard let state = feeds[feed], !state.isHeld, state.channels.allSatisfy(\.isDone) else { return }
    complete(feed)
  }

  /// All that will come of a feed has come. The board is not told here: its streams have ended by themselves.
  mutating func complete(_ feed: Int) {
    guard let state = feeds[feed] else { return }
    flush(feed)
    for place in state.channels where !state.isMonitor { sayLoss(at: place, state) }
    if state.isTimed && state.stopping == nil { add(.event(state.sink, .finished)) }
    for place in state.channels where !state.isMonitor && slots.indices.contains(place.slot) {
      let others = slots[place.slot].streams.contains { $0.feed != feed }
      if !others, place.isDone { slots[place.slot].watch = nil }
    }
    remove(feed)
  }

  /// Ends a feed whose last block did not come in time: what was held back goes out.
  package mutating func expire(_ feed: Int) {
    guard let state = feeds[feed] else { return }
    for place in state.channels where !state.isMonitor && !place.isDone {
      guard !slots[place.slot].streams.contains(where: { $0.feed != feed }) else { continue }
      finishEnding(place.slot)
      deliver(slots[place.slot].track.prove(clock: list?.tick ?? .max), of: place.slot)
      deliver(slots[place.slot].track.finish(flushed: true), of: place.slot)
    }
    releaseHeld(feed)
    complete(feed)
  }

  // MARK: - Seed command protocol

  mutating func receiveSeed(_ id: Int, _ type: BelaType, _ bytes: UnsafeRawBufferPointer) {
    guard var session = seed, id < session.tracks.count, session.types[id] == type else {
      foreign += 1
      return
    }
    let pieces = session.tracks[id].append(bytes)
    for piece in pieces {
      session.sent[id] += Int64(piece.count)
      queue(piece, for: session.feed)
    }
    seed = session
    finishSeed(force: false)
  }

  /// Ends the session once the board has said so and all it counted is here; `force` when the time for that is over.
  mutating func finishSeed(force: Bool) {
    guard var session = seed, session.isTold, let feed = feeds[session.feed] else { return }
    let isComplete = session.tracks.indices.allSatisfy { position in
      guard let left = session.left(position) else { return false }
      return left == 0 || session.tracks[position].heldCount >= left
    }
    guard isComplete || force else { return }
    for position in session.tracks.indices {
      for piece in session.tracks[position].finish(flushed: true, count: session.left(position)) {
        session.sent[position] += Int64(piece.count)
        queue(piece, for: session.feed)
      }
      if let missing = session.left(position), missing > 0 {
        let name = feed.channels[position].channel.name
        flush(session.feed)
        add(.event(feed.sink, .gap(.lost, samples: missing, channels: [name])))
      }
    }
    seed = nil
    complete(session.feed)
  }
}
