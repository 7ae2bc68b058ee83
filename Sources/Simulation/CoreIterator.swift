import Synnax
import Telemetry

/// One open `/frame/iterate` of the core (protocol, section 14). Lives under the core's lock.
struct CoreIterator {
  private let keys: [UInt32]
  private let codec: FrameCodec
  private var bounds: TimeRange
  private let chunk: Int
  private let reduction: CoreReduction
  /// What the last read covered, for each channel.
  private var views: [UInt32: TimeRange] = [:]
  private var isValid = false
  /// The index of each channel.
  private let indexes: [UInt32: UInt32]

  init(_ payload: IteratorRequestPayload, _ channels: CoreChannels) throws(ErrorPayload) {
    keys = payload.keys ?? []
    let missing = keys.filter { channels.byKey[$0] == nil }
    guard missing.isEmpty else { throw CoreChannels.notFound(missing) }
    guard !keys.isEmpty else { throw .path(["keys"], "unknown", "required") }
    indexes = keys.reduce(into: [:]) { $0[$1] = channels.byKey[$1]?.index }
    codec = FrameCodec(keys.compactMap { channels.byKey[$0]?.entry })
    bounds = payload.bounds?.range ?? .all
    chunk = Int(clamping: payload.chunkSize ?? 100_000)
    reduction = try CoreReduction(payload.reduction) ?? .stride(payload.downsampleFactor ?? 1)
    seek(to: bounds.start)
  }

  private mutating func seek(to time: Int64) {
    for key in keys { views[key] = TimeRange(start: time, end: time) }
    isValid = false
  }

  /// Frames to send, and whether the command found something.
  mutating func run(
    _ payload: IteratorRequestPayload, _ store: any CoreStore
  ) throws -> (frames: [[UInt8]], ack: Bool) {
    guard let command = IteratorCommand(rawValue: payload.command) else {
      throw ErrorPayload(type: "sy.validation", data: "unknown command \(payload.command): validation error")
    }
    switch command {
    case .open, .error: return ([], true)
    case .valid: return ([], isValid)
    case .setBounds:
      bounds = payload.bounds?.range ?? .all
      seek(to: bounds.start)
      return ([], true)
    case .seekFirst, .seekLast:
      var all: ClosedRange<Int64>?
      for key in keys {
        guard let range = try clipped(key, store) else { continue }
        all = all.map { min($0.lowerBound, range.lowerBound)...max($0.upperBound, range.upperBound) } ?? range
      }
      guard let all else { return ([], false) }
      seek(to: command == .seekFirst ? all.lowerBound : all.upperBound.addingSaturating(1))
      return ([], true)
    case .seekAtMost, .seekAtLeast:
      let stamp = payload.stamp?.value ?? 0
      var found = false
      for key in keys {
        guard let range = try clipped(key, store) else { continue }
        found =
          found || (command == .seekAtMost ? range.lowerBound <= stamp : range.upperBound >= stamp)
      }
      seek(to: min(max(stamp, bounds.start), bounds.end))
      return ([], found)
    case .next, .previous:
      return try read(payload.span?.value ?? -1, forward: command == .next, store)
    }
  }

  private func clipped(_ key: UInt32, _ store: any CoreStore) throws -> ClosedRange<Int64>? {
    // A client may have the ends the wrong way round.
    guard bounds.start < bounds.end, let range = try store.bounds(key), range.lowerBound < bounds.end,
      range.upperBound >= bounds.start
    else { return nil }
    return max(range.lowerBound, bounds.start)...min(range.upperBound, bounds.end - 1)
  }

  private mutating func read(
    _ span: Int64, forward: Bool, _ store: any CoreStore
  ) throws -> (frames: [[UInt8]], ack: Bool) {
    var pieces: [StoredPiece] = []
    for key in keys {
      let view = views[key] ?? TimeRange(start: bounds.start, end: bounds.start)
      var range: TimeRange
      if forward {
        range = TimeRange(
          start: view.end, end: span < 0 ? bounds.end : min(bounds.end, view.end.addingSaturating(span)))
      } else {
        range = TimeRange(
          start: span < 0 ? bounds.start : max(bounds.start, view.start.subtractingSaturating(span)),
          end: view.start)
      }
      var mine = try store.pieces(key, range)
      if span < 0 {
        mine = mine.limited(to: chunk, fromEnd: !forward)
        if let first = mine.first, let last = mine.last {
          range = TimeRange(
            start: forward ? range.start : first.start,
            end: forward ? last.last.addingSaturating(1) : range.end)
        }
      }
      views[key] = range
      pieces += mine
    }
    isValid = !pieces.isEmpty
    let frames = try Self.frames(pieces, codec, reduction) {
      try store.count(indexes[$0].flatMap { $0 == 0 ? nil : $0 } ?? $0, bounds)
    }
    return (frames, isValid)
  }

  /// Stored pieces as frames that stay below a bound.
  /// - Parameter count: samples that the index of a channel has within the whole span.
  static func frames(
    _ pieces: [StoredPiece], _ codec: FrameCodec, _ reduction: CoreReduction, count: (UInt32) throws -> Int
  ) throws -> [[UInt8]] {
    var frames: [[UInt8]] = []
    var batch: [WireSeries] = []
    var bytes = 0
    func flush() throws {
      if batch.isEmpty { return }
      frames.append(try codec.encode(batch))
      batch = []
      bytes = 0
    }
    for series in try reduction.apply(pieces, count: count) {
      for part in series.split(bytes: CoreLimits.readFrameBytes) {
        let size = part.byteCount
        if bytes + size > CoreLimits.readFrameBytes { try flush() }
        batch.append(part)
        bytes += size
      }
    }
    try flush()
    return frames
  }
}

extension WireSeries {
  /// Bytes in a frame, roughly.
  fileprivate var byteCount: Int {
    storage.type.width.map { $0 * count } ?? range.reduce(0) { $0 + 4 + storage.blob($1).count }
  }

  /// Halves, and their halves; all say the time range of the whole.
  fileprivate func split(bytes: Int) -> [WireSeries] {
    guard count > 1, byteCount > bytes else { return [self] }
    var (left, right) = (self, self)
    left.range = range.lowerBound..<range.lowerBound + count / 2
    right.range = left.range.upperBound..<range.upperBound
    right.alignment = left.nextAlignment
    return left.split(bytes: bytes) + right.split(bytes: bytes)
  }
}

extension [StoredPiece] {
  /// At most so many samples, from the beginning or from the end.
  func limited(to most: Int, fromEnd: Bool) -> [StoredPiece] {
    var left = most
    var result: [StoredPiece] = []
    for piece in fromEnd ? reversed() : self {
      guard left > 0 else { break }
      let taken = Swift.min(left, piece.count)
      result.append(piece.cut(fromEnd ? piece.count - taken..<piece.count : 0..<taken))
      left -= taken
    }
    return fromEnd ? result.reversed() : result
  }
}
