import Locks
import DequeModule
import Dispatch
import Foundation
public import Telemetry

/// Writes a stream into a file while it runs, from its first sample to its last, on a thread of its own.
///
/// Hand it to `Streamer.start(mirror:)`. What the source delivers goes straight into a bounded queue: neither a slow
/// reader nor a small buffer of the streamer costs it a sample. What the disk is too slow for is left out, counted, and
/// marked as a gap. What has been written is in the file within `Limits.flushTime`, whatever becomes of the program.
public final class StreamRecorder: StreamSink {
  /// How a recording ended, or where it is.
  public struct Outcome: Sendable {
    public var summary: RecordingSummary
    /// Why it ended before its stream.
    public var error: RecordingError?
    public var isOver: Bool
  }

  private enum Item {
    case frame(Frame, TimeStamp)
    case gap(Gap.Reason, Int64?, [String])
  }

  private struct State {
    var items: Deque<Item> = []
    var bytes = 0
    /// Samples that found no room since the last frame that did.
    var missed: [String: Int64] = [:]
    var dropped: Int64 = 0
    var isEnded = false
    var hasFailed = false
    var isDiscarded = false
    var outcome: Outcome
  }

  public let path: String
  private let state: Guarded<State>
  private let over = OneShot<Outcome>()
  private let wake = DispatchSemaphore(value: 0)
  private let clock: any TelemetryClock
  private let queueBytes: Int

  /// Opens the files and begins to wait for samples.
  /// - Parameters:
  ///   - channels: what will come; a table has columns for these only.
  ///   - samples: write so many of each channel at most.
  ///   - queueBytes: how much may wait for the disk.
  ///   - finished: called once, on the recorder's thread, when everything is written, or nothing more can be.
  /// - Throws: `output`, `exists`, `argument` for formats that are not written bit by bit.
  public init(
    path: String, channels: [Channel], samples: Int? = nil, overwrite: Bool = false,
    queueBytes: Int = Limits.queueBytes, origin: RecordingOrigin = RecordingOrigin(),
    clock: any TelemetryClock = SystemClock(),
    finished: @escaping @Sendable (Outcome) -> Void = { _ in }
  ) throws(RecordingError) {
    let format = try RecordingFormat.of(path)
    guard RecordingFormat.streamed.contains(format) else {
      let all = RecordingFormat.streamed.map { "." + $0.rawValue }.joined(separator: " ")
      throw .argument(
        "a .\(format.rawValue) is written as a whole",
        hint: "while a stream runs: \(all); load() and save() turn it over")
    }
    if !overwrite { try Recording.check(path, format, channels.map(\.name)) }
    let book = RecordingBook(path, format, origin: origin, now: clock.now)
    let writer = try Recording.writer(format, path, channels, book, streaming: true, overwrite)
    self.path = path
    self.clock = clock
    self.queueBytes = queueBytes
    state = Guarded(State(outcome: Outcome(summary: book.summary, error: nil, isOver: false)))
    let run = RecorderRun(writer, book, channels, samples)
    Thread.detachNewThread { [self] in
      self.run(run)
      finished(outcome)
    }
  }

  public var outcome: Outcome { state.withLock { $0.outcome } }

  /// No more will come: writes the rest and closes. Idempotent.
  public func end() {
    state.withLock { $0.isEnded = true }
    wake.signal()
  }

  /// The stream never began: leaves nothing behind, unless something has come.
  public func discard() {
    state.withLock { $0.isDiscarded = true }
    end()
  }

  /// Ends it, and returns when everything is in the file.
  public func finish() async -> Outcome {
    end()
    return await over.wait() ?? outcome
  }

  // MARK: - From the source

  public func receive(_ frame: Frame) {
    let bytes = frame.heldBytes
    let now = clock.now
    let isFirst = state.withLock { state -> Bool in
      guard !state.isEnded else { return false }
      let isFull =
        !state.items.isEmpty && state.bytes + bytes > queueBytes || state.items.count >= Limits.queueFrames
      if isFull || state.hasFailed {
        for series in frame.series {
          state.missed[series.channel.name, default: 0] += Int64(series.count)
          state.dropped += Int64(series.count)
        }
        if state.outcome.isOver { state.outcome.summary.dropped += Int64(frame.sampleCount) }
        return false
      }
      for (name, count) in state.missed { state.items.append(.gap(.overrun, count, [name])) }
      state.missed = [:]
      state.items.append(.frame(frame, now))
      state.bytes += bytes
      return state.items.count == 1
    }
    if isFirst { wake.signal() }
  }

  public func handle(_ event: StreamEvent) {
    switch event {
    case .gap(let reason, let samples, let names): note(.gap(reason, samples, names))
    case .resumed: note(.gap(.reconnect, nil, []))
    case .reconnecting: break
    case .finished, .interrupted, .lost: end()
    }
  }

  private func note(_ item: Item) {
    state.withLock { if !$0.isEnded, $0.items.count < 2 * Limits.queueFrames { $0.items.append(item) } }
  }

  // MARK: - On its thread

  fileprivate func run(_ run: RecorderRun) {
    var flushed = ContinuousClock.now
    // What is being written; it is let go of when it is.
    var items: Deque<Item> = []
    do throws(RecordingError) {
      while true {
        _ = wake.wait(timeout: .now() + .milliseconds(100))
        let (isEnded, dropped) = state.withLock { state in
          items = state.items
          state.items = []
          state.bytes = 0
          return (state.isEnded, state.dropped)
        }
        run.book.dropped = dropped
        let isIdle = items.isEmpty
        try write(&items, run)
        let now = ContinuousClock.now
        if now - flushed >= Limits.flushTime {
          try run.writer.flush(now: now)
          flushed = now
        }
        state.withLock { $0.outcome.summary = run.summary }
        if isEnded, isIdle { break }
      }
      try run.finish(isDiscarded: state.withLock { $0.isDiscarded })
      settle { _ in Outcome(summary: run.summary, error: nil, isOver: true) }
    } catch {
      // From here on nothing is taken, and everything is counted.
      let (rest, dropped) = state.withLock { state in
        state.hasFailed = true
        defer { (state.items, state.bytes) = ([], 0) }
        return (items + state.items, state.dropped)
      }
      let frames = rest.lazy.compactMap { item in if case .frame(let frame, _) = item { frame } else { nil } }
      var summary = run.fail(frames, lost: dropped)
      settle { state in
        summary.dropped += state.dropped - dropped
        return Outcome(summary: summary, error: error, isOver: true)
      }
    }
  }

  /// Frames one by one, or joined when many wait.
  private func write(_ items: inout Deque<Item>, _ run: RecorderRun) throws(RecordingError) {
    let alone = items.count <= Limits.framesAlone
    var received: TimeStamp?
    while let item = items.popFirst() {
      switch item {
      case .gap(let reason, let samples, let names): run.mark(reason, samples, names)
      case .frame(let frame, let time):
        run.gather(frame)
        received = time
        if alone { try run.write(time) }
      }
    }
    if let received, !alone { try run.write(received) }
  }

  private func settle(_ make: (State) -> Outcome) {
    let outcome = state.withLock { state in
      state.outcome = make(state)
      state.items = []
      state.bytes = 0
      return state.outcome
    }
    over.fulfill(outcome)
  }
}

extension Frame {
  /// Memory that it holds while it waits, its description included.
  package var heldBytes: Int {
    series.reduce(0) { bytes, one in
      var chunks = 0
      one.forEachChunk { _ in chunks += 1 }
      return bytes + one.byteCount + Limits.seriesBytes + Limits.chunkBytes * chunks
    }
  }
}
