import Lua
import Telemetry

/// A reader as scripts hold it. A frame that was looked at and not taken stays here, so a wait that ends otherwise
/// (cancelled, interrupted, timed out) loses nothing.
public final class ReaderObject {
  var streamer: StreamerObject { kept ?? owner! }
  /// A reader of its own keeps its streamer; the streamer's own is kept by that, and only its methods use it.
  private let kept: StreamerObject?
  private weak var owner: StreamerObject?
  private var reader: StreamReader?
  private var looked: StreamReader.Outcome?
  private var wakeup: Wakeup?
  /// A task waits on it.
  private(set) var isAwaited = false
  /// Somebody has read here.
  private(set) var isUsed = false

  init(_ streamer: StreamerObject, isOwn: Bool = false) throws(LuaError) {
    kept = isOwn ? nil : streamer
    owner = streamer
    do { reader = try streamer.streamer.makeReader() } catch { throw error.luaError }
  }

  static var busy: LuaError {
    LuaError("busy", "another task is reading here", hint: "give each task a reader of its own: s:tap()")
  }

  /// What the next `take` answers; consumes nothing.
  func look() -> StreamReader.Outcome {
    if let looked { return looked }
    guard let reader else { return .ended }
    var outcome = reader.take()
    // A call that was for nothing is asked for again; what came in between is found at once.
    if case .pending = outcome, let wakeup, reader.arm({ wakeup.fire() }) == .ready {
      outcome = reader.take()
    }
    if case .pending = outcome { return outcome }
    looked = outcome
    return outcome
  }

  func take() -> StreamReader.Outcome {
    let outcome = look()
    looked = nil
    isUsed = true
    return outcome
  }

  func await(_ wakeup: Wakeup) {
    isAwaited = true
    self.wakeup = wakeup
    // Whether something is there already is looked at right afterwards.
    _ = reader?.arm { wakeup.fire() }
  }

  func release() {
    isAwaited = false
    wakeup = nil
    reader?.disarm()
  }

  /// Unread frames.
  var lag: Int { reader?.lag.frames ?? 0 }

  func close() {
    reader = nil
    looked = nil
    wakeup?.fire()
  }

  /// Forgets the frame that was looked at.
  func clear() { looked = nil }
}

/// Waits for the next frame of a reader.
class ReadWait: LuaWait {
  let reader: ReaderObject
  unowned let library: Library

  init(_ reader: ReaderObject, library: Library, deadline: LuaInstant?) {
    self.reader = reader
    self.library = library
    super.init(deadline: deadline)
  }

  override func poll() -> Bool {
    if case .pending = reader.look() { false } else { true }
  }

  override func arm(_ wakeup: Wakeup) { reader.await(wakeup) }
  override func disarm() { reader.release() }

  /// Takes the next frame or the end; of an end the person has been told by then.
  func take() -> StreamReader.Outcome {
    let outcome = reader.take()
    switch outcome {
    case .ended, .lost: library.mailbox.deliver()
    case .frame, .pending: break
    }
    return outcome
  }

  /// `read`: a frame, or nil and why not.
  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    guard outcome == .ready else { return call.results(LuaValue.nil, "timeout") }
    switch take() {
    case .frame(let frame):
      library.push(frame, call)
      return .values(1)
    case .lost: return call.results(LuaValue.nil, "lost")
    case .ended: return call.results(LuaValue.nil, "closed")
    case .pending: return .wait(ReadWait(reader, library: library, deadline: deadline))
    }
  }
}

/// One step of an iteration over frames.
final class FramesWait: ReadWait {
  private let iteration: FrameIteration

  init(_ iteration: FrameIteration, library: Library, now: LuaInstant) {
    self.iteration = iteration
    let idle = iteration.idle.map { now.advanced(by: $0.duration) }
    super.init(
      iteration.reader, library: library, deadline: [iteration.end, idle].compactMap { $0 }.min())
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    let now = library.state.scheduler.clock.now()
    guard outcome == .ready else {
      if let end = iteration.end, now >= end { return call.results(LuaValue.nil) }
      return call.results(false)
    }
    switch take() {
    case .frame(let frame):
      guard let whole = iteration.accept(frame) else {
        return .wait(FramesWait(iteration, library: library, now: now))
      }
      iteration.count += 1
      library.push(whole, call)
      return .values(1)
    case .ended: return call.results(LuaValue.nil)
    case .lost(let why): throw LuaError("lost", "the connection is gone for good: \(why)")
    case .pending: return .wait(FramesWait(iteration, library: library, now: now))
    }
  }
}

/// Where an iteration over frames is.
final class FrameIteration {
  let reader: ReaderObject
  let end: LuaInstant?
  let idle: TimeSpan?
  let max: Int
  var count = 0
  private var aligner: FrameAligner?

  init(_ reader: ReaderObject, end: LuaInstant?, idle: TimeSpan?, max: Int, aligner: FrameAligner?) {
    self.reader = reader
    self.end = end
    self.idle = idle
    self.max = max
    self.aligner = aligner
  }

  /// The frame as this iteration wants it; nil when it needs more before it can give one.
  func accept(_ frame: Frame) -> Frame? {
    guard aligner != nil else { return frame }
    aligner?.update(channels: reader.streamer.streamer.channels.map(\.name))
    return aligner?.add(frame)
  }
}

/// Gathers until there is enough. A span ends, too, when nothing of it comes for as long and a moment: devices may fall
/// silent.
final class CollectWait: ReadWait {
  private let collector: CollectorBox
  private let progress: String

  init(_ collector: CollectorBox, _ reader: ReaderObject, library: Library, deadline: LuaInstant? = nil) {
    self.collector = collector
    progress = collector.progress
    let patience = library.deadline(collector.patience)
    super.init(
      reader, library: library, deadline: deadline ?? [collector.end, patience].compactMap { $0 }.min())
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    var isOver = true
    defer { if isOver { show(nil) } }
    guard outcome == .ready else {
      let isGivenUp = collector.end.map { library.state.scheduler.clock.now() >= $0 } ?? false
      guard collector.patience != nil, !isGivenUp else { return call.results(LuaValue.nil, "timeout") }
      let partial = collector.finish()
      guard !partial.isEmpty else { return call.results(LuaValue.nil, "timeout") }
      library.push(partial, call)
      return .values(1)
    }
    switch take() {
    case .frame(let frame):
      guard let whole = collector.add(frame) else { break }
      library.push(whole, call)
      return .values(1)
    case .ended:
      throw LuaError(
        "closed", "the stream ended before enough had come (\(collector.progress))",
        hint: "what came is in s.data")
    case .lost(let why): throw LuaError("lost", "the connection is gone for good: \(why)")
    case .pending: break
    }
    isOver = false
    if library.state.scheduler.clock.now() >= collector.showsFrom { show(collector.bar) }
    let isSame = collector.progress == progress
    return .wait(CollectWait(collector, reader, library: library, deadline: isSame ? deadline : nil))
  }

  private func show(_ text: String?) {
    let scheduler: Scheduler = library.state.scheduler
    if scheduler.current === scheduler.foreground { library.onProgress?(text) }
  }
}
