import Lua
import Signals
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
    readers.metamethod(.call) { [unowned self] reader, call throws(LuaError) in try next(reader, call) }
    readers.metamethod(.tostring) { reader, call throws(LuaError) in
      call.results("reader of \(reader.streamer.title)")
    }
  }

  /// `read(timeout?)`, `read{ join = true, timeout = … }`
  func read(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    var (timeout, isJoined): (TimeSpan?, Bool) = (nil, false)
    if call.type(1) == .table {
      let options = try call.options(at: 1)
      timeout = try waitingSpan(options, "timeout")
      isJoined = try options.boolean("join") ?? false
    } else {
      timeout = try optionalWaitingSpan(call, 1)
    }
    try checkReadable(reader)
    return .wait(ReadWait(reader, isJoined: isJoined, library: self, deadline: deadline(timeout)))
  }

  /// One step of `for frame in s do`.
  func next(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    if !reader.isAwaited, let frame = reader.takeReady() {
      push(frame, call)
      return .values(1)
    }
    try checkReadable(reader)
    let endless = FrameIteration(reader, end: nil, idle: nil, max: .max)
    return .wait(FramesWait(endless, library: self, now: state.scheduler.clock.now()))
  }

  /// `frames{ span, max, idle, complete, align, join, every, samples }`: an iterator.
  func frames(_ reader: ReaderObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let options = try call.options(at: 1)
    let most = try options.integer("max") ?? .max
    guard most >= 0 else { throw options.bad("max", "a number of frames expected, got \(most)") }
    let iteration = FrameIteration(
      reader, end: deadline(try waitingSpan(options, "span")), idle: try waitingSpan(options, "idle"),
      max: most, shape: try shape(reader, options))
    let step = state.function(name: "frames") { [unowned self] call throws(LuaError) in
      guard iteration.count < iteration.max else { return call.results(LuaValue.nil) }
      if let frame = iteration.takeReady() {
        push(frame, call)
        return .values(1)
      }
      try checkReadable(reader)
      return .wait(FramesWait(iteration, library: self, now: state.scheduler.clock.now()))
    }
    return call.results(step)
  }

  /// How frames are to be made; one way at a time.
  private func shape(_ reader: ReaderObject, _ options: LuaOptions) throws(LuaError) -> FrameIteration.Shape {
    let names = reader.streamer.streamer.channels.map(\.name)
    let every = try waitingSpan(options, "every")
    var shapes: [(name: String, shape: FrameIteration.Shape)] = []
    if let align = try options.string("align") {
      guard align == "hold" else { throw options.bad("align", "\"hold\" expected, got \"\(align)\"") }
      shapes.append(("align", .aligned(FrameAligner(channels: names, mode: .hold))))
    }
    if try options.boolean("complete") ?? false {
      shapes.append(("complete", .aligned(FrameAligner(channels: names, mode: .complete))))
    }
    let isJoined = try options.boolean("join") ?? false
    if isJoined || every != nil {
      shapes.append((every == nil ? "join" : "every", .joined(every: every)))
    }
    if let samples = try options.integer("samples") {
      guard (1...Limits.frameSamplesMax).contains(samples) else {
        throw options.bad(
          "samples", "a number of samples from 1 to \(Limits.frameSamplesMax) expected, got \(samples)")
      }
      shapes.append(("samples", .cut(FrameCutter(samples: samples))))
    }
    guard shapes.count < 2 || shapes.map(\.name) == ["align", "complete"] else {
      throw options.bad(shapes[1].name, "it does not go together with \(shapes[0].name)")
    }
    return shapes.first?.shape ?? .asTheyCome
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
