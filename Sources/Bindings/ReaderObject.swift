import Lua
import Signals
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
  // Frames that were taken together, and how many of them have been handed on.
  private var batch: FrameBatch?
  private var given = 0
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
    if let frame = nextOfBatch() {
      looked = .frame(frame)
      return .frame(frame)
    }
    return look { reader in
      let (batch, rest) = reader.takeBatch()
      guard let batch else { return rest }
      (self.batch, given) = (batch, 0)
      return nextOfBatch().map { .frame($0) } ?? rest
    }
  }

  /// The same, with everything that is unread as one frame.
  func lookJoined() -> StreamReader.Outcome {
    guard looked != nil || batch != nil else { return look { $0.takeJoined() } }
    // Some of it was taken frame by frame.
    var result: Frame?
    if case .frame(let frame) = looked { result = frame } else if let looked { return looked }
    if let batch, given < batch.count {
      let rest = batch.joined(from: given)
      guard let first = result else {
        result = rest
        return finishJoined(rest)
      }
      // One batch has no channel of two kinds.
      result = first.joined(with: rest) ?? first
    }
    guard let result else { return look { $0.takeJoined() } }
    return finishJoined(result)
  }

  private func finishJoined(_ frame: Frame) -> StreamReader.Outcome {
    (batch, given) = (nil, 0)
    looked = .frame(frame)
    if case .frame(let more) = reader?.takeJoined(), let whole = frame.joined(with: more) {
      looked = .frame(whole)
    }
    return looked!
  }

  private func look(_ take: (StreamReader) -> StreamReader.Outcome) -> StreamReader.Outcome {
    guard let reader else { return .ended }
    var outcome = take(reader)
    // A call that was for nothing is asked for again; what came in between is found at once.
    if case .pending = outcome, let wakeup, reader.arm({ wakeup.fire() }) == .ready {
      outcome = take(reader)
    }
    if case .pending = outcome { return outcome }
    looked = outcome
    return outcome
  }

  private func nextOfBatch() -> Frame? {
    guard let batch else { return nil }
    let frame = batch[given]
    given += 1
    if given == batch.count { (self.batch, given) = (nil, 0) }
    return frame
  }

  func take(joined: Bool = false) -> StreamReader.Outcome {
    let outcome = joined ? lookJoined() : look()
    looked = nil
    isUsed = true
    return outcome
  }

  /// The next frame, if it is here already: without a lock, a clock, a wait.
  func takeReady() -> Frame? {
    if case .frame(let frame) = looked {
      looked = nil
      isUsed = true
      return frame
    }
    return looked == nil ? nextOfBatch() : nil
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
  var lag: Int { (reader?.lag.frames ?? 0) + (batch.map { $0.count - given } ?? 0) }

  func close() {
    reader = nil
    clear()
    wakeup?.fire()
  }

  /// Forgets the frames that were taken and not handed on.
  func clear() { (looked, batch, given) = (nil, nil, 0) }
}

/// Waits for the next frame of a reader.
class ReadWait: LuaWait {
  let reader: ReaderObject
  /// Everything unread is wanted as one frame.
  let isJoined: Bool
  /// The script may let go of it meanwhile.
  private let streamer: StreamerObject
  unowned let library: Library

  init(_ reader: ReaderObject, isJoined: Bool = false, library: Library, deadline: LuaInstant?) {
    self.reader = reader
    self.isJoined = isJoined
    self.library = library
    streamer = reader.streamer
    super.init(deadline: deadline)
    // Its frames are made by a task: where Lua cannot yield, that has to run all the same.
    needsTasks = streamer.isMadeHere
  }

  override func poll() -> Bool {
    if case .pending = isJoined ? reader.lookJoined() : reader.look() { false } else { true }
  }

  override func arm(_ wakeup: Wakeup) { reader.await(wakeup) }
  override func disarm() { reader.release() }

  /// Takes the next frame or the end; of an end the person has been told by then.
  func take() -> StreamReader.Outcome {
    let outcome = reader.take(joined: isJoined)
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
    case .pending: return .wait(ReadWait(reader, isJoined: isJoined, library: library, deadline: deadline))
    }
  }
}

/// One step of an iteration over frames.
final class FramesWait: ReadWait {
  private let iteration: FrameIteration
  /// Nothing is looked at before.
  private let due: LuaInstant?

  init(_ iteration: FrameIteration, library: Library, now: LuaInstant) {
    self.iteration = iteration
    var due = iteration.due
    if let time = due, time <= now { due = nil }
    self.due = due
    super.init(
      iteration.reader, isJoined: iteration.isJoined, library: library, deadline: iteration.deadline(now, due)
    )
  }

  override func poll() -> Bool { due == nil && super.poll() }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    let now = library.state.scheduler.clock.now()
    guard outcome == .ready else {
      if let end = iteration.end, now >= end { return call.results(LuaValue.nil) }
      if let due, now >= due { return again(now) }
      return call.results(false)
    }
    switch take() {
    case .frame(let frame):
      guard let whole = iteration.accept(frame) else { return again(now) }
      iteration.given(now)
      library.push(whole, call)
      return .values(1)
    case .ended:
      if let rest = iteration.finish() {
        library.push(rest, call)
        return .values(1)
      }
      return call.results(LuaValue.nil)
    case .lost(let why):
      // Its rest first; the loss is told by the next step.
      if let rest = iteration.finish() {
        library.push(rest, call)
        return .values(1)
      }
      throw LuaError("lost", "the connection is gone for good: \(why)")
    case .pending: return again(now)
    }
  }

  private func again(_ now: LuaInstant) -> LuaResult {
    .wait(FramesWait(iteration, library: library, now: now))
  }
}

/// Where an iteration over frames is.
final class FrameIteration {
  /// How frames are made of what comes.
  enum Shape {
    case asTheyCome
    case aligned(FrameAligner)
    /// Everything unread; at most so often, where that is said.
    case joined(every: TimeSpan?)
    case cut(FrameCutter)
  }

  let reader: ReaderObject
  /// An iterator is all that a script may have kept of it.
  private let streamer: StreamerObject
  let end: LuaInstant?
  let idle: TimeSpan?
  let max: Int
  /// A cutter wants as much as there is, too.
  let isJoined: Bool
  private(set) var count = 0
  /// When the next frame may come, where they come at most so often.
  private(set) var due: LuaInstant?
  private let every: TimeSpan?
  private var aligner: FrameAligner?
  private var cutter: FrameCutter?

  init(_ reader: ReaderObject, end: LuaInstant?, idle: TimeSpan?, max: Int, shape: Shape = .asTheyCome) {
    self.reader = reader
    streamer = reader.streamer
    self.end = end
    self.idle = idle
    self.max = max
    switch shape {
    case .asTheyCome: (isJoined, every) = (false, nil)
    case .aligned(let aligner): (isJoined, every, self.aligner) = (false, nil, aligner)
    case .joined(let every): (isJoined, self.every) = (true, every)
    case .cut(let cutter): (isJoined, every, self.cutter) = (true, nil, cutter)
    }
  }

  /// Until when one step waits: the end, an idle time, or when it may look.
  func deadline(_ now: LuaInstant, _ due: LuaInstant?) -> LuaInstant? {
    var nearest = end
    if let idle {
      let time = now.advanced(by: idle.duration)
      nearest = nearest.map { $0 < time ? $0 : time } ?? time
    }
    if let due { nearest = nearest.map { $0 < due ? $0 : due } ?? due }
    return nearest
  }

  /// A frame for which nothing has to be waited for, counted as given. Where there is an end, the step that waits
  /// looks at the clock.
  func takeReady() -> Frame? {
    guard end == nil, aligner == nil, !reader.isAwaited else { return nil }
    let frame = isJoined ? cutter?.next() : reader.takeReady()
    if frame != nil { count += 1 }
    return frame
  }

  /// The frame as this iteration wants it; nil when it needs more before it can give one.
  func accept(_ frame: Frame) -> Frame? {
    guard aligner != nil || cutter != nil else { return frame }
    let channels = streamer.streamer.channels.map(\.name)
    aligner?.update(channels: channels)
    cutter?.update(channels: channels)
    guard cutter != nil else { return aligner?.add(frame) }
    cutter?.add(frame)
    return cutter?.next()
  }

  func given(_ now: LuaInstant) {
    count += 1
    due = every.map { now.advanced(by: $0.duration) }
  }

  /// What is left at the end of the stream.
  func finish() -> Frame? {
    guard let frame = cutter?.next() ?? cutter?.finish() else { return nil }
    count += 1
    return frame
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
