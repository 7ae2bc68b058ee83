import Lua
import Telemetry

extension Library {
  func defineReaders() {
    let readers = classes.reader
    readers.method("read") { [unowned self] reader, call throws(LuaError) in try read(reader, call) }
    readers.method("frames") { [unowned self] reader, call throws(LuaError) in try frames(reader, call) }
    readers.method("collect") { [unowned self] reader, call throws(LuaError) in try collect(reader, call) }
    readers.method("close") { reader, _ throws(LuaError) in
      reader.close()
      return .none
    }
    readers.metamethod(.close) { reader, _ throws(LuaError) in
      reader.close()
      return .none
    }
    readers.metamethod(.call) { [unowned self] reader, _ throws(LuaError) in try next(reader) }
    readers.metamethod(.tostring) { reader, call throws(LuaError) in
      call.results("reader of \(reader.streamer.title)")
    }
  }

  /// `read(timeout?)`
  func read(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let timeout = try optionalWaitingSpan(call, 1)
    try checkReadable(reader)
    return .wait(ReadWait(reader, library: self, deadline: deadline(timeout)))
  }

  /// One step of `for frame in s do`.
  func next(_ reader: ReaderObject) throws(LuaError) -> LuaResult {
    try checkReadable(reader)
    return .wait(FramesWait(endless(reader), library: self, now: state.scheduler.clock.now()))
  }

  private func endless(_ reader: ReaderObject) -> FrameIteration {
    FrameIteration(reader, end: nil, idle: nil, max: .max, aligner: nil)
  }

  /// `frames{ span, max, idle, complete, align }`: an iterator.
  func frames(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1, allowed: ["span", "max", "idle", "complete", "align"])
    let most = try options.integer("max") ?? .max
    guard most >= 0 else { throw options.bad("max", "a number of frames expected, got \(most)") }
    let iteration = FrameIteration(
      reader, end: deadline(try waitingSpan(options, "span")), idle: try waitingSpan(options, "idle"),
      max: most,
      aligner: try aligner(reader, options))
    let step = state.function(name: "frames") { [unowned self] call throws(LuaError) in
      guard iteration.count < iteration.max else { return call.results(LuaValue.nil) }
      try checkReadable(reader)
      return .wait(FramesWait(iteration, library: self, now: state.scheduler.clock.now()))
    }
    return call.results(step)
  }

  private func aligner(_ reader: ReaderObject, _ options: LuaOptions) throws(LuaError) -> FrameAligner? {
    let names = reader.streamer.streamer.channels.map(\.name)
    if let align = try options.string("align") {
      guard align == "hold" else { throw options.bad("align", "\"hold\" expected, got \"\(align)\"") }
      return FrameAligner(channels: names, mode: .hold)
    }
    guard try options.boolean("complete") ?? false else { return nil }
    return FrameAligner(channels: names, mode: .complete)
  }

  /// `collect(n | span)`
  func collect(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let amount = try capacity(call.value(1)) { call.bad(1, $0) }
    try checkReadable(reader)
    let collector = CollectorBox(
      channels: reader.streamer.streamer.channels, amount: amount,
      now: state.scheduler.clock.now(), end: deadline(try optionalWaitingSpan(call, 2)))
    return .wait(CollectWait(collector, reader, library: self))
  }

  /// Refuses the second task, and a wait that nothing can end.
  func checkReadable(_ reader: ReaderObject) throws(LuaError) {
    guard !reader.isAwaited else { throw ReaderObject.busy }
    if reader.streamer.streamer.state == "ready", !reader.streamer.isStarting {
      throw LuaError("not_started", "this streamer was never started", hint: "call s:start() first")
    }
  }
}
