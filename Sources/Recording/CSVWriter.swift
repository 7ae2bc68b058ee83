import DequeModule
import Telemetry

/// A table in the order of time: `time [ticks],pot1,temp [degC]`. A channel that has no sample at a time has an empty cell.
///
/// Channels of a stream arrive in blocks of their own, so rows wait until every channel has come that far; not for one
/// that stays silent, and not beyond `Limits.heldSamples`. What comes later then gets rows of its own, further down:
/// each column stays in order.
final class CSVWriter: RecordingWriter {
  private let file: OutputFile
  private let book: RecordingBook
  private let text = SampleText(style: .table)
  private var lanes: [Lane]
  private var places: [String: Int] = [:]
  private var held = 0
  private(set) var strays: Int64 = 0

  /// What of one channel waits to be written.
  private struct Lane {
    var pending: Deque<Chunk> = []
    /// Position within the first of them.
    var offset = 0
    /// Samples that wait.
    private(set) var count = 0
    /// Counts the beginnings of its clock: times of different ones do not compare.
    var epoch = 0
    /// Of the next sample, and of the one taken last.
    private(set) var head: Key?
    private var last: Key?
    var arrived = ContinuousClock.now

    mutating func append(_ chunk: Chunk) {
      pending.append(chunk)
      count += chunk.count
      if head == nil { lookAhead() }
    }

    mutating func take() {
      last = head
      offset += 1
      count -= 1
      if offset == pending[0].count {
        pending.removeFirst()
        offset = 0
      }
      lookAhead()
    }

    private mutating func lookAhead() {
      guard let chunk = pending.first else {
        head = nil
        return
      }
      let time = chunk.time(offset)
      if let before = last?.time, let time, time < before { epoch += 1 }
      head = Key(epoch: epoch, time: time)
    }
  }

  private struct Key: Comparable {
    var epoch: Int
    var time: Int64?

    static func < (a: Key, b: Key) -> Bool {
      a.epoch != b.epoch ? a.epoch < b.epoch : (a.time ?? .min) < (b.time ?? .min)
    }
  }

  init(
    _ path: String, _ channels: [Channel], _ book: RecordingBook, streaming: Bool, overwrite: Bool
  ) throws(RecordingError) {
    self.book = book
    let clocks = Set(channels.map(\.clock.name))
    guard clocks.count == 1 else {
      throw .argument(
        "a table has one column of times, and these channels have two clocks", hint: "save them apart")
    }
    lanes = channels.map { _ in Lane() }
    for (place, channel) in channels.enumerated() {
      places[channel.name] = place
      book.sidecar.place(of: channel)
    }
    file = try OutputFile(path, streaming: streaming, overwrite: overwrite)
    try file.write("time [\(clocks.first!)]")
    for channel in channels {
      let title = channel.name + (channel.unit.map { " [\($0)]" } ?? "")
      try file.write([UInt8(ascii: ",")] + SampleText.cell(Array(title.utf8)))
    }
    try file.write("\n")
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    for series in frame.series where !series.isEmpty {
      guard let place = places[series.channel.name] else {
        // Columns cannot be added to a table that is being written.
        strays += Int64(series.count)
        continue
      }
      book.note(series)
      lanes[place].arrived = .now
      series.forEachChunk { lanes[place].append($0) }
      held += series.count
    }
    try writeRows { $0.allSatisfy { $0.head != nil } }
    if held > Limits.heldSamples { try writeRows { [unowned self] _ in held > Limits.heldSamples / 2 } }
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) {
    // A silent channel holds nobody up.
    try writeRows { lanes in
      lanes.contains { $0.head != nil }
        && lanes.allSatisfy { $0.head != nil || now - $0.arrived > Limits.silence }
    }
    try file.mark()
    book.settle(held: held)
    try book.flush()
  }

  func held(_ channel: String) -> Int64 { places[channel].map { Int64(lanes[$0].count) } ?? 0 }

  func finish() throws(RecordingError) {
    try writeRows { _ in true }
    try file.finish()
  }

  func abandon() { file.abandon() }

  private func writeRows(while goesOn: ([Lane]) -> Bool) throws(RecordingError) {
    var row: [UInt8] = []
    while goesOn(lanes), let key = lanes.lazy.compactMap(\.head).min() {
      row.removeAll(keepingCapacity: true)
      if let time = key.time { row += time.description.utf8 }
      for place in lanes.indices {
        row.append(UInt8(ascii: ","))
        guard lanes[place].head == key else { continue }
        let chunk = lanes[place].pending[0]
        text.append(chunk.storage, chunk.range.lowerBound + lanes[place].offset, to: &row)
        lanes[place].take()
        held -= 1
      }
      row.append(UInt8(ascii: "\n"))
      try file.write(row)
    }
  }
}
