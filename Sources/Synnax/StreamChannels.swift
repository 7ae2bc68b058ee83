package import Telemetry

/// The channels of one request, and how the series of a frame become what a stream shows.
package final class StreamChannels: Sendable {
  /// As asked for, each once.
  package let visible: [Channel]
  /// What is asked of the core: those, and the index channels that carry their times. Ascending by key.
  package let entries: [FrameCodec.Entry]
  /// For each key: its place in `visible`; hidden index channels have none.
  private let places: [UInt32: Int]

  /// - Parameter hidden: index channels that nobody asked for.
  package init(visible: [Channel], hidden: [Channel]) {
    var places: [UInt32: Int] = [:]
    self.visible = visible.filter { channel in
      defer { places[channel.key] = places[channel.key] ?? places.count }
      return places[channel.key] == nil
    }
    self.places = places
    let keys = Set(places.keys)
    entries = (self.visible + hidden.filter { !keys.contains($0.key) })
      .map { FrameCodec.Entry(key: $0.key, type: $0.type) }
      .sorted { $0.key < $1.key }
  }

  /// The frame as its reader gets it: channels in the order asked for, times from the index channels, gaps where
  /// alignments jump. Nil when nothing in it was asked for.
  package func frame(_ wire: WireFrame, _ tracker: inout AlignmentTracker) -> Frame? {
    var slots = [[WireSeries]](repeating: [], count: visible.count)
    for series in wire.series where series.count > 0 {
      guard let place = places[series.key] else { continue }
      slots[place].append(series)
    }
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
      if parts.count == 1 {
        result.append(
          Series(channel, parts[0].storage, timing: timing(channel, parts[0], wire), gaps: gaps))
      } else {
        result.append(
          Series(
            channel, chunks: parts.map { Chunk($0.storage, timing: timing(channel, $0, wire)) }, gaps: gaps))
      }
    }
    return result.isEmpty ? nil : Frame(result)
  }

  /// A sample was taken when the sample at the same place of its index channel says.
  private func timing(_ channel: Channel, _ series: WireSeries, _ wire: WireFrame) -> Timing {
    if channel.isIndex { return .stamped(series.storage, offset: series.range.lowerBound) }
    guard let key = channel.index else { return .none }
    for index in wire.series
    where index.key == key && index.count == series.count && index.alignment == series.alignment
      && index.storage.type.width == 8
    {
      return .stamped(index.storage, offset: index.range.lowerBound)
    }
    return .none
  }
}

/// Notices where samples are missing: within a domain, a channel's next series begins where the last one ended.
package struct AlignmentTracker: Sendable {
  private var expected: [UInt32: Alignment] = [:]
  private var paused: Set<UInt32> = []
  /// Downsampled frames skip by intention.
  private let isOn: Bool

  package init(isOn: Bool) { self.isOn = isOn }

  /// How many samples are missing before this series; nil when none are, as far as anybody can tell.
  package mutating func track(_ series: WireSeries) -> (samples: Int64, reason: Gap.Reason)? {
    guard isOn, series.alignment.rawValue != 0 else { return nil }
    let next = series.nextAlignment
    guard let due = expected.updateValue(next, forKey: series.key), due.domain == series.alignment.domain,
      series.alignment > due
    else { return nil }
    let samples = Int64((series.alignment.rawValue - due.rawValue) / UInt64(series.multiple))
    return (samples, paused.remove(series.key) == nil ? .lost : .paused)
  }

  /// These are no longer on the stream; what they miss until they come back was not lost.
  package mutating func pause(_ keys: some Sequence<UInt32>) { paused.formUnion(keys) }
}
