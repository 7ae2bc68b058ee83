import DequeModule

/// Series of one channel one behind the other, from which any number of samples can be taken at the front. Shares
/// the samples; taking costs as much as is taken.
struct SeriesQueue {
  private var pieces: Deque<Series> = []
  private(set) var count = 0

  var channel: Channel? { pieces.last?.channel }

  /// Returns how many samples had to go because the new ones are of another type or another kind of clock.
  mutating func append(_ series: Series) -> Int {
    guard !series.isEmpty else { return 0 }
    var lost = 0
    if let channel, channel.type != series.type || channel.clock.name != series.clock.name {
      lost = count
      pieces.removeAll()
      count = 0
    }
    pieces.append(series)
    count += series.count
    return lost
  }

  /// The first samples as one series, without them afterwards.
  mutating func take(_ wanted: Int) -> Series? {
    guard let channel else { return nil }
    var rest = min(wanted, count)
    var taken: [Series] = []
    while let first = pieces.first, rest > 0 {
      if first.count > rest {
        taken.append(first[0..<rest])
        pieces[0] = first[rest..<first.count]
        count -= rest
        break
      }
      pieces.removeFirst()
      taken.append(first)
      rest -= first.count
      count -= first.count
    }
    return Series(joining: taken, as: channel)
  }

  mutating func drop(_ wanted: Int) {
    var rest = min(wanted, count)
    count -= rest
    while let first = pieces.first, rest > 0 {
      if first.count > rest {
        pieces[0] = first[rest..<first.count]
        return
      }
      rest -= first.count
      pieces.removeFirst()
    }
  }
}

extension Series {
  /// One behind the other; gaps stay where they are.
  init(joining pieces: [Series], as channel: Channel) {
    if pieces.count == 1, pieces[0].channel == channel {
      self = pieces[0]
      return
    }
    var chunks: [Chunk] = []
    var gaps: [Gap] = []
    var end: Int64 = 0
    for piece in pieces {
      gaps += piece.gaps(from: end)
      piece.forEachChunk { chunks.append($0) }
      end += Int64(piece.count)
    }
    self.init(channel, chunks: chunks, gaps: gaps)
    isHeld = pieces.allSatisfy(\.isHeld) && !pieces.isEmpty
  }
}
