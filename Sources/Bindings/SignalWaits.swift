import Lua
import Plotting
import Signals
import Telemetry

/// Where an iteration over a trigger's windows is.
final class TriggerIteration {
  let reader: ReaderObject
  let end: LuaInstant?
  let idle: TimeSpan?
  var count = 0
  private var trigger: Trigger
  private var hits: [Trigger.Hit] = []

  init(_ trigger: Trigger, _ reader: ReaderObject, end: LuaInstant?, idle: TimeSpan?) {
    self.trigger = trigger
    self.reader = reader
    self.end = end
    self.idle = idle
  }

  var hasHit: Bool { !hits.isEmpty }
  /// The channel that is watched: what flags in plots say.
  var channel: String { trigger.channel }

  func next() -> Trigger.Hit? {
    guard hasHit else { return nil }
    count += 1
    return hits.removeFirst()
  }

  func add(_ frame: Frame) throws(LuaError) {
    if let series = frame[trigger.channel], !series.isEmpty, series.time(0) == nil {
      throw Library.noTime(trigger.channel)
    }
    hits += trigger.add(frame)
  }

  func finish() { if let cut = trigger.finish() { hits.append(cut) } }
}

/// One step of an iteration over a trigger's windows: a frame and the time of its hit.
final class TriggerWait: ReadWait {
  private let iteration: TriggerIteration

  convenience init(_ iteration: TriggerIteration, library: Library) {
    let idle = iteration.idle.map { library.state.scheduler.clock.now().advanced(by: $0.duration) }
    self.init(iteration, library: library, deadline: [iteration.end, idle].compactMap { $0 }.min())
  }

  private init(_ iteration: TriggerIteration, library: Library, deadline: LuaInstant?) {
    self.iteration = iteration
    super.init(iteration.reader, library: library, deadline: deadline)
  }

  override func poll() -> Bool { iteration.hasHit || super.poll() }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    if let hit = iteration.next() { return results(hit, call) }
    guard outcome == .ready else {
      let isOver = iteration.end.map { library.state.scheduler.clock.now() >= $0 } ?? false
      return isOver ? call.results(LuaValue.nil) : call.results(false)
    }
    switch take() {
    case .frame(let frame): try iteration.add(frame)
    case .ended:
      iteration.finish()
      guard iteration.hasHit else { return call.results(LuaValue.nil) }
    case .lost(let why): throw LuaError("lost", "the connection is gone for good: \(why)")
    case .pending: break
    }
    if let hit = iteration.next() { return results(hit, call) }
    return .wait(TriggerWait(iteration, library: library, deadline: deadline))
  }

  private func results(_ hit: Trigger.Hit, _ call: borrowing LuaCall) -> LuaResult {
    library.mark(iteration.channel, kind: .trigger, time: hit.time, on: iteration.reader.streamer)
    library.push(hit.window, call)
    call.push(hit.time)
    return .values(2)
  }
}

/// A `SignalCheck` that a chain of waits shares.
final class SignalWatch {
  var check: SignalCheck
  init(_ check: SignalCheck) { self.check = check }
}

/// Waits until a signal check is decided.
final class SignalWait: ReadWait {
  private let watch: SignalWatch

  init(_ watch: SignalWatch, _ reader: ReaderObject, library: Library, deadline: LuaInstant?) {
    self.watch = watch
    super.init(reader, library: library, deadline: deadline)
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    let name = watch.check.channel.name
    guard outcome == .ready else { return library.answer(watch.check.finish(), name, call) }
    switch take() {
    case .frame(let frame):
      if let verdict = watch.check.add(frame) { return library.answer(verdict, name, call) }
    case .ended, .lost: return library.answer(watch.check.finish(), name, call)
    case .pending: break
    }
    return .wait(SignalWait(watch, reader, library: library, deadline: deadline))
  }
}
