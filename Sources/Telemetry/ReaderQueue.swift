import DequeModule

extension StreamerCore {
  /// Samples of one channel within an unread frame, by their numbers: the buffer holds them, or has let go of them.
  struct Run {
    var slot: Int
    var numbers: Range<Int64>
  }
}

/// What one reader has not read yet. The samples themselves stay in the buffers.
struct ReaderQueue {
  typealias Run = StreamerCore.Run

  let id: Int
  private(set) var unread: Deque<[Run]> = []
  /// Samples that frames have said it missed.
  private(set) var told: Int64 = 0
  /// Those that no frame has told yet.
  private(set) var untold: Int64 = 0
  /// Somebody takes frames from it; one that nobody reads is waited for by nobody.
  private(set) var hasRead = false
  private var wake: StreamerCore.Wake?
  // How many runs there are in all unread frames.
  private var runCount = 0

  init(id: Int) { self.id = id }

  mutating func append(_ runs: [Run], _ slots: [StreamerCore.Slot]) {
    unread.append(runs)
    runCount += runs.count
    if unread.count > Limits.readerFramesMax || runCount > Limits.readerRunsMax { compact(slots) }
  }

  /// The next frame of which anything is left.
  mutating func take(_ slots: [StreamerCore.Slot]) -> Frame? {
    hasRead = true
    while let runs = unread.popFirst() {
      runCount -= runs.count
      var series: [Series] = []
      series.reserveCapacity(runs.count)
      for run in runs {
        let part = slots[run.slot].buffer.series(run.numbers)
        untold += part.dropped
        if !part.isEmpty { series.append(part) }
      }
      guard !series.isEmpty else { continue }
      let missed = untold
      untold = 0
      told += missed
      return Frame(series, dropped: missed)
    }
    return nil
  }

  mutating func arm(_ wake: @escaping StreamerCore.Wake, isOver: Bool) -> StreamReader.Armed {
    if self.wake != nil { return .busy }
    guard unread.isEmpty, !isOver else { return .ready }
    self.wake = wake
    return .armed
  }

  mutating func takeWake() -> StreamerCore.Wake? {
    defer { wake = nil }
    return wake
  }

  /// Its user asked for that: nothing is missed.
  mutating func clear() {
    unread.removeAll()
    runCount = 0
  }

  /// Samples of one channel that are unread, at most.
  func backlog(_ slots: [StreamerCore.Slot]) -> Int64 {
    (unread.first ?? []).reduce(0) { most, run in
      max(most, slots[run.slot].buffer.numbers.upperBound - run.numbers.lowerBound)
    }
  }

  func forEachRun(_ body: (Run) -> Void) {
    for runs in unread { runs.forEach(body) }
  }

  /// Samples that fell out unread and that no frame has told yet.
  func missed(_ slots: [StreamerCore.Slot]) -> Int64 {
    var missed = untold
    forEachRun { missed += slots[$0.slot].buffer.missing($0.numbers) }
    return missed
  }

  /// Forgets what fell out of the buffers, then joins every two frames into one until few are left. Nothing is lost by
  /// that but the border between them.
  private mutating func compact(_ slots: [StreamerCore.Slot]) {
    var kept = Deque<[Run]>()
    for runs in unread {
      var left = runs
      left.removeAll { run in
        let missing = slots[run.slot].buffer.missing(run.numbers)
        guard missing == Int64(run.numbers.count) else { return false }
        untold += missing
        return true
      }
      if !left.isEmpty { kept.append(left) }
    }
    unread = kept
    runCount = unread.reduce(0) { $0 + $1.count }
    while unread.count > 1, unread.count > Limits.readerFramesMax / 2 || runCount > Limits.readerRunsMax / 2 {
      joinNeighbours()
    }
  }

  private mutating func joinNeighbours() {
    var joined = Deque<[Run]>(minimumCapacity: unread.count / 2 + 1)
    runCount = 0
    for position in stride(from: 0, to: unread.count, by: 2) {
      let runs =
        position + 1 < unread.count ? Self.join(unread[position], unread[position + 1]) : unread[position]
      runCount += runs.count
      joined.append(runs)
    }
    unread = joined
  }

  private static func join(_ first: [Run], _ second: [Run]) -> [Run] {
    var result = first
    var places: [Int: Int]?
    for (position, run) in second.enumerated() {
      var place: Int?
      // Frames mostly name the same channels in the same order.
      if position < first.count, first[position].slot == run.slot {
        place = position
      } else {
        if places == nil {
          places = Dictionary(first.enumerated().map { ($1.slot, $0) }, uniquingKeysWith: { $1 })
        }
        place = places?[run.slot]
      }
      if let place, result[place].numbers.upperBound == run.numbers.lowerBound {
        result[place].numbers = result[place].numbers.lowerBound..<run.numbers.upperBound
      } else {
        result.append(run)
      }
    }
    return result
  }
}

extension SampleBuffer {
  /// How many of these numbers it no longer has.
  fileprivate func missing(_ wanted: Range<Int64>) -> Int64 {
    max(0, min(wanted.upperBound, numbers.lowerBound) - wanted.lowerBound)
  }
}
