/// Makes frames that hold all channels of frames that hold some of them.
public struct FrameAligner {
  public enum Mode: Sendable {
    /// Only when every channel has samples. Of channels that are sampled together each has the same number, and what
    /// is more waits for the next frame; with several indexes, or virtual channels, it is all that came.
    case complete
    /// With every frame; channels that are missing in it repeat their last value and are marked as held.
    case hold
  }

  /// A channel may be this many samples ahead of the slowest: a minute of 1 kHz. Behind that its oldest go.
  static let aheadMax = 65_536

  private(set) var channels: [String]
  private let mode: Mode
  private var waiting: [SeriesQueue]
  private var latest: [Series?]
  private var dropped: Int64 = 0

  /// - Parameter channels: their names, in the order that frames shall have; others are left out.
  public init(channels: [String], mode: Mode) {
    self.channels = channels
    self.mode = mode
    waiting = channels.map { _ in SeriesQueue() }
    latest = channels.map { _ in nil }
  }

  /// Changes the channels; those that stay keep what waits for the others.
  public mutating func update(channels: [String]) {
    guard channels != self.channels else { return }
    let old = self.channels
    let places = channels.map { old.firstIndex(of: $0) }
    waiting = places.map { $0.map { waiting[$0] } ?? SeriesQueue() }
    latest = places.map { $0.flatMap { latest[$0] } }
    self.channels = channels
  }

  /// A frame when there is one now. What it lost, here or before, counts in its `dropped`.
  public mutating func add(_ frame: Frame) -> Frame? {
    dropped = dropped.addingSaturating(frame.dropped)
    var result =
      switch mode {
      case .complete: complete(frame)
      case .hold: hold(frame)
      }
    guard result != nil else { return nil }
    result?.dropped = dropped
    dropped = 0
    return result
  }

  private mutating func complete(_ frame: Frame) -> Frame? {
    for (index, name) in channels.enumerated() {
      if let series = frame[name] { dropped = dropped.addingSaturating(Int64(waiting[index].append(series))) }
    }
    let common = waiting.lazy.map(\.count).min() ?? 0
    let indexes = Set(waiting.map { $0.channel?.index })
    // The n-th of one has nothing to do with the n-th of another.
    let areApart = indexes.count > 1 || waiting.contains { $0.channel?.isVirtual == true }
    var result: [Series] = []
    for index in waiting.indices {
      let most = areApart ? waiting[index].count : common
      if common > 0, let series = waiting[index].take(most) { result.append(series) }
      let excess = waiting[index].count - Self.aheadMax
      if excess > 0 {
        waiting[index].drop(excess)
        dropped = dropped.addingSaturating(Int64(excess))
      }
    }
    return result.isEmpty ? nil : Frame(result)
  }

  private mutating func hold(_ frame: Frame) -> Frame? {
    let present = channels.map { name in frame[name].flatMap { $0.isEmpty ? nil : $0 } }
    let longest = present.compactMap(\.self).max { $0.count < $1.count }
    guard let longest else { return nil }
    var result: [Series] = []
    for (index, series) in present.enumerated() {
      if let series {
        // The last sample alone: a part would keep the memory of the whole.
        latest[index] = series.repeatingLast(1, like: nil)
        result.append(series)
      } else if let last = latest[index] {
        result.append(last.repeatingLast(longest.count, like: longest))
      }
    }
    return Frame(result)
  }
}

extension Series {
  /// The last sample again and again, at the times of another series if that has the same clock, else at its own.
  /// - Precondition: neither is empty.
  fileprivate func repeatingLast(_ copies: Int, like model: Series?) -> Series {
    let chunk = chunks.last!
    let at = chunk.range.upperBound - 1
    let storage = SampleStorage(type: type, capacity: copies)
    for _ in 0..<copies {
      if type.width != nil {
        storage.append(packed: chunk.storage.bytes(at..<at + 1))
      } else {
        storage.append(blob: chunk.storage.blob(at))
      }
    }
    var result: Series
    if let model, model.clock == clock {
      result = Series(channel, chunks: model.chunks(of: storage))
    } else if let time = time(count - 1) {
      result = Series(channel, storage, timing: .steady(start: time, step: Step(units: 0)))
    } else {
      result = Series(channel, storage)
    }
    result.isHeld = model != nil
    return result
  }
}
