package import Telemetry

/// The channels of one request, and how the series of a frame become what a stream shows.
package final class StreamChannels: Sendable {
  /// As asked for, each once.
  package let visible: [Channel]
  /// What is asked of the core: those, and the index channels that carry their times. Ascending by key.
  package let entries: [FrameCodec.Entry]
  /// For each key: its place in `visible`; hidden index channels have none.
  private let places: [UInt32: Int]
  private let indexKeys: Set<UInt32>

  /// - Parameter hidden: index channels that nobody asked for.
  package init(visible: [Channel], hidden: [Channel]) {
    var places: [UInt32: Int] = [:]
    self.visible = visible.filter { channel in
      defer { places[channel.key] = places[channel.key] ?? places.count }
      return places[channel.key] == nil
    }
    self.places = places
    indexKeys = Set(self.visible.compactMap { $0.isVirtual ? nil : $0.index })
    let keys = Set(places.keys)
    entries = (self.visible + hidden.filter { !keys.contains($0.key) })
      .map { FrameCodec.Entry(key: $0.key, type: $0.type) }
      .sorted { $0.key < $1.key }
  }

  /// The frame as its reader gets it: channels in the order asked for, times from the index channels, gaps where
  /// alignments jump. Nil when nothing in it was asked for.
  package func frame(_ wire: WireFrame, _ tracker: inout AlignmentTracker) -> Frame? {
    tracker.sequence = wire.sequence
    var slots = [[WireSeries]](repeating: [], count: visible.count)
    for series in wire.series where series.count > 0 {
      guard let place = places[series.key] else { continue }
      slots[place].append(series)
    }
    let indexes = IndexSeries(wire.series, keys: indexKeys)
    var result: [Series] = []
    result.reserveCapacity(visible.count)
    for (place, parts) in slots.enumerated() where !parts.isEmpty {
      let channel = visible[place]
      var gaps: [Gap] = []
      var number: Int64 = 0
      for part in parts {
        if let (missing, reason) = tracker.track(part) {
          gaps.append(Gap(at: number, samples: missing, reason: reason))
        }
        number += Int64(part.count)
      }
      let chunks = parts.flatMap { timed(channel, $0, indexes) }
      if chunks.count == 1, chunks[0].0.range.lowerBound == 0, chunks[0].0.count == chunks[0].0.storage.used {
        result.append(Series(channel, chunks[0].0.storage, timing: chunks[0].1, gaps: gaps))
      } else {
        result.append(
          Series(channel, chunks: chunks.map { Chunk($0.0.storage, $0.0.range, timing: $0.1) }, gaps: gaps))
      }
    }
    return result.isEmpty ? nil : Frame(result)
  }

  /// A sample was taken when the sample at the same place of its index channel says.
  private func timed(
    _ channel: Channel, _ series: WireSeries, _ indexes: IndexSeries
  ) -> [(WireSeries, Timing)] {
    if channel.isIndex { return [(series, .stamped(series.storage, offset: series.range.lowerBound))] }
    return channel.index.map { indexes.timed(series, by: $0) } ?? [(series, .none)]
  }
}

/// The series of index channels in a frame, where a data series finds its times: by alignment.
private struct IndexSeries {
  /// By key; ascending by alignment.
  private var byKey: [UInt32: [WireSeries]] = [:]

  init(_ series: [WireSeries], keys: Set<UInt32>) {
    for one in series where keys.contains(one.key) && one.storage.type.width == 8 && one.count > 0 {
      byKey[one.key, default: []].append(one)
    }
    for key in byKey.keys where byKey[key]!.count > 1 { byKey[key]!.sort { $0.alignment < $1.alignment } }
  }

  /// The series with its times, cut where they are in several series of the index.
  func timed(_ series: WireSeries, by key: UInt32) -> [(WireSeries, Timing)] {
    guard let indexes = byKey[key] else { return [(series, .none)] }
    var result: [(WireSeries, Timing)] = []
    var rest = series
    while rest.count > 0 {
      let (index, next) = neighbours(of: rest.alignment, in: indexes)
      var part = rest
      if let index, let skipped = Self.steps(from: index, to: rest), skipped < index.count {
        part.range = rest.range.prefix(index.count - skipped)
        result.append((part, .stamped(index.storage, offset: index.range.lowerBound + skipped)))
      } else {
        // Up to where the next series of the index begins, nobody knows.
        let steps = next.flatMap { Self.steps(from: rest, to: $0) } ?? rest.count
        part.range = rest.range.prefix(max(1, steps))
        result.append((part, .none))
      }
      rest.alignment = part.nextAlignment
      rest.range = part.range.upperBound..<rest.range.upperBound
    }
    return result
  }

  /// The last series that begins at this place or before, and the one behind it.
  private func neighbours(
    of alignment: Alignment, in indexes: [WireSeries]
  ) -> (WireSeries?, WireSeries?) {
    var low = 0
    var high = indexes.count
    while low < high {
      let middle = (low + high) / 2
      if indexes[middle].alignment <= alignment { low = middle + 1 } else { high = middle }
    }
    return (low > 0 ? indexes[low - 1] : nil, low < indexes.count ? indexes[low] : nil)
  }

  /// How many samples lie between the beginnings of two series; nil when they do not fit together.
  private static func steps(from a: WireSeries, to b: WireSeries) -> Int? {
    let (steps, rest) = (b.alignment.rawValue - a.alignment.rawValue)
      .quotientAndRemainder(dividingBy: UInt64(a.multiple))
    return a.multiple == b.multiple && rest == 0 ? Int(exactly: steps) : nil
  }
}

/// Notices where samples are missing: within a domain, a channel's next series begins where the last one ended.
package struct AlignmentTracker: Sendable {
  private struct Place: Sendable {
    /// Zero before the first series.
    var expected = Alignment(0)
    /// It left the stream behind the request of this number: what it misses until it comes back was not lost.
    var pausedAfter: UInt32?
  }

  private var places: [Place] = []
  private var placeOfKey: [UInt32: Int] = [:]
  /// Of these places `expected` is kept here, once for all, while nothing else is asked of any.
  private var together: (group: Int, places: [Int], expected: Alignment)?
  private var groups = 0
  /// The number of the request that the frame in hand answers.
  package var sequence: UInt32 = 0
  /// Downsampled frames skip by intention.
  private let isOn: Bool

  package init(isOn: Bool) { self.isOn = isOn }

  /// A number for a channel, good for this tracker's life.
  mutating func place(of key: UInt32) -> Int {
    if let known = placeOfKey[key] { return known }
    places.append(Place())
    placeOfKey[key] = places.count - 1
    return places.count - 1
  }

  /// A number for places whose series come together, good for this tracker's life.
  mutating func makeGroup() -> Int {
    groups += 1
    return groups
  }

  /// Tracks a series of each place, all at one alignment. False, and nothing has happened, when they have to be looked at
  /// one by one: something may be missing.
  mutating func track(
    _ places: [Int], group: Int, _ alignment: Alignment, next: Alignment
  ) -> Bool {
    guard isOn, alignment.rawValue != 0 else { return true }
    if together?.group == group {
      guard together!.expected == alignment else { return false }
      together!.expected = next
      return true
    }
    spread()
    for place in places
    where self.places[place].expected != alignment || self.places[place].pausedAfter != nil {
      return false
    }
    together = (group, places, next)
    return true
  }

  private mutating func spread() {
    guard let (_, places, expected) = together else { return }
    together = nil
    for place in places { self.places[place].expected = expected }
  }

  /// How many samples are missing before this series; nil when none are, as far as anybody can tell.
  package mutating func track(_ series: WireSeries) -> (samples: Int64, reason: Gap.Reason)? {
    track(
      place(of: series.key), series.alignment, next: series.nextAlignment, multiple: UInt64(series.multiple))
  }

  mutating func track(
    _ place: Int, _ alignment: Alignment, next: Alignment, multiple: UInt64
  ) -> (samples: Int64, reason: Gap.Reason)? {
    guard isOn, alignment.rawValue != 0 else { return nil }
    spread()
    let due = places[place].expected
    places[place].expected = next
    var wasPaused = false
    // What comes of a later request ends the pause, whether or not anything was missed meanwhile; what was on its way
    // before does not.
    if let after = places[place].pausedAfter, sequence > after {
      wasPaused = true
      places[place].pausedAfter = nil
    }
    if due == alignment { return nil }
    guard due.rawValue != 0, due.domain == alignment.domain, alignment > due else { return nil }
    return (Int64((alignment.rawValue - due.rawValue) / multiple), wasPaused ? .paused : .lost)
  }

  /// These are no longer on the stream; what they miss until they come back was not lost.
  /// - Parameter sequence: the number of the last request that they were in.
  package mutating func pause(_ keys: some Sequence<UInt32>, after sequence: UInt32) {
    spread()
    for key in keys {
      let place = place(of: key)
      places[place].pausedAfter = sequence
    }
  }
}
