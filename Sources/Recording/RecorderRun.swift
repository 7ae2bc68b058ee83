import Glibc
import Telemetry

/// What the thread of a recorder owns: the file, and each channel's count, by which gaps have their places.
// Safety: made by the thread that opens the recorder, handed to the recorder's own thread, and touched by that alone.
final class RecorderRun: @unchecked Sendable {
  let writer: any RecordingWriter
  let book: RecordingBook
  private let limit: Int?
  private var order: [String] = []
  private var buffers: [String: SampleBuffer] = [:]
  /// Samples that came and belong into the file.
  private var taken: Int64 = 0

  init(_ writer: any RecordingWriter, _ book: RecordingBook, _ channels: [Channel], _ limit: Int?) {
    (self.writer, self.book, self.limit) = (writer, book, limit)
    for channel in channels {
      order.append(channel.name)
      buffers[channel.name] = SampleBuffer(channel: channel, capacity: .samples(.max))
    }
  }

  var summary: RecordingSummary {
    var summary = book.summary
    summary.dropped += writer.strays
    return summary
  }

  /// Of a file that could not be written on: what is in it, and everything else as dropped.
  /// - Parameter lost: samples that never came here.
  func fail(_ rest: some Sequence<Frame>, lost: Int64) -> RecordingSummary {
    writer.abandon()
    for frame in rest { gather(frame) }
    buffers = [:]
    book.rollBack()
    var summary = book.summary
    summary.dropped = lost + taken - summary.samples
    // What it holds is read by the sidecar; on a full disk there may be none.
    book.dropped = summary.dropped
    if summary.samples > 0 { try? book.finish() }
    return summary
  }

  func mark(_ reason: Gap.Reason, _ samples: Int64?, _ names: [String]) {
    for name in names.isEmpty ? order : names {
      // Before its first sample nothing of a channel is missing after a reconnect, unless it was counted.
      if reason == .reconnect, samples == nil, buffers[name]?.numbers.upperBound == 0 { continue }
      buffers[name]?.markGap(reason, samples: samples)
    }
  }

  func gather(_ frame: Frame) {
    for series in frame.series {
      let name = series.channel.name
      if buffers[name] == nil { order.append(name) }
      if buffers[name] == nil || buffers[name]!.channel.type != series.type {
        buffers[name] = SampleBuffer(channel: series.channel, capacity: .samples(.max))
      }
      var part = series
      if let limit {
        let room = Int64(limit) - buffers[name]!.numbers.upperBound
        if room < Int64(part.count) { part = part[0..<max(0, Int(room))] }
      }
      if !part.isEmpty { buffers[name]!.append(part) }
      taken += Int64(part.count)
    }
  }

  /// Writes what was gathered, as one frame.
  func write(_ received: TimeStamp) throws(RecordingError) {
    var series: [Series] = []
    for name in order where buffers[name]!.count > 0 {
      series.append(buffers[name]!.series(buffers[name]!.numbers))
      buffers[name]!.clear()
    }
    guard !series.isEmpty else { return }
    try writer.append(Frame(series), received: received)
  }

  func finish(isDiscarded: Bool) throws(RecordingError) {
    try writer.finish()
    try book.finish()
    guard isDiscarded, book.summary.samples == 0 else { return }
    book.removeFiles()
  }
}
