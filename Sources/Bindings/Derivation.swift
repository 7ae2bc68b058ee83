import Lua
import Signals
import Telemetry

/// A channel that a script's function computes from another stream: `s:derive(name, fn)`.
///
/// On the interpreter's thread, as the function is. A task of the library reads the stream, calls the function for each
/// frame, and hands on what it gives.
final class Derivation {
  let name: String
  let relay: RelaySource
  /// Nil once it is closed: a function that knows its own stream would keep both for ever.
  var function: LuaReference?
  /// `"hold"`, or frames in which every channel has as many samples as the others.
  let align: String?
  /// The stream it is computed from; it may be gone before.
  weak var base: StreamerObject?
  /// Where it has read that stream up to.
  var tap: ReaderObject
  var task: LuaTask?
  private(set) var errors = 0
  /// A frame was left out: the next samples come behind a gap.
  private var isBehindGap = false

  init(
    _ name: String, relay: RelaySource, function: LuaReference, align: String?, base: StreamerObject,
    tap: ReaderObject
  ) {
    self.name = name
    self.relay = relay
    self.function = function
    self.align = align
    self.base = base
    self.tap = tap
  }

  static func channel(_ name: String, like base: Channel?) -> Channel {
    Channel(name: name, type: .float64, clock: base?.clock ?? .unix, rate: base?.rate)
  }

  /// A frame for which there is no result.
  func leaveOut() {
    errors += 1
    isBehindGap = true
  }

  /// Hands on what the function made of a frame; nothing for no samples.
  func send(_ series: Series) {
    guard !series.isEmpty else { return }
    if isBehindGap { relay.tell(.gap(.hole, samples: nil, channels: [name])) }
    isBehindGap = false
    relay.send(Frame([series]))
  }
}

extension Library {
  // MARK: - derive

  /// `s:derive("power", function(f) return f.v * f.i end)`
  func derive(_ object: StreamerObject, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let name = try call.string(1)
    let function = try call.function(2)
    let options = try call.options(at: 3)
    let align = try options.string("align")
    guard align ?? "hold" == "hold" else {
      throw options.bad("align", "\"hold\" expected, got \"\(align!)\"")
    }
    guard !name.isEmpty else { throw call.bad(1, "a name expected") }
    let mailbox = mailbox
    let box = DerivationBox()
    let relay = RelaySource(
      name: "\(name) of \(object.source.source.name)",
      channels: [Derivation.channel(name, like: object.streamer.channels.first)],
      origin: object.source.source
    ) {
      mailbox.post { _ in box.derivation?.task?.cancel() }
    }
    let derivation = Derivation(
      name, relay: relay, function: function, align: align, base: object, tap: try ReaderObject(object))
    box.derivation = derivation
    let source = SourceObject(relay, kind: .computed, device: nil)
    let isLive = object.streamer.isLive
    return makeStreamer(source, names: [], buffer: try bufferOption(options), request: StreamRequest()) {
      [unowned self] derived, call throws(LuaError) in
      derived.derivation = derivation
      derived.isQuiet = true
      object.derived.append(derived)
      return isLive
        ? try begin(derived, derived.request, samples: nil) : call.result(derived, classes.streamer)
    }
  }

  /// Starts the task that computes it, once its stream runs.
  func pump(_ derivation: Derivation) {
    guard derivation.task?.isEnded ?? true, derivation.base != nil, let function = derivation.function
    else { return }
    let take = state.function(name: "derive") { [unowned self] call throws(LuaError) in
      try self.take(derivation, call)
    }
    let tap = state.value(derivation.tap, classes.reader)
    let align = derivation.align.map(LuaValue.string) ?? .nil
    let task = state.scheduler.spawn(
      deriving!, arguments: [tap, .function(function), take, align], name: derivation.name)
    task.userData = TaskLog()
    derivation.task = task
    task.onEnd { [weak derivation] task in
      task.isErrorObserved = true
      derivation?.relay.tell(.finished)
      if let derivation, let base = derivation.base, let tap = try? ReaderObject(base) {
        derivation.tap = tap
      }
    }
  }

  /// What the task says of a frame: `take(frame, ok, result)`, and `take(nil, why)` when the stream is lost.
  private func take(_ derivation: Derivation, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    guard let frame = call.ifObject(1, classes.frame)?.value else {
      derivation.relay.tell(
        .lost(call.isNoneOrNil(2) ? "the stream it is made of is lost" : try call.string(2)))
      return .none
    }
    do throws(LuaError) {
      guard call.isTrue(2) else { throw LuaError("error", state.describe(call.value(3))) }
      if call.isNoneOrNil(3) { return .none }
      derivation.send(try computed(derivation.name, frame, call))
    } catch {
      if derivation.errors == 0 {
        note("\(derivation.name): \(error.message); such frames are left out and counted")
      }
      derivation.leaveOut()
    }
    return .none
  }

  /// The samples that a function's result stands for, with the times of the frame they were made of.
  private func computed(_ name: String, _ frame: Frame, _ call: borrowing LuaCall) throws(LuaError) -> Series
  {
    let values: [Double]
    let pattern: Series?
    if let series = call.ifObject(3, classes.series)?.value {
      values = try checked { try series.doubles() }
      pattern = series
    } else if case .table(let table) = call.value(3) {
      let list = (0..<state.rawCount(table)).map { state.rawGet(table, .integer(Int64($0 + 1))).number }
      values = list.compactMap(\.self)
      guard values.count == list.count else { throw LuaError("type", "its list holds more than numbers") }
      pattern = frame.series.first { $0.count == values.count }
    } else {
      values = [try call.number(3)]
      pattern = frame.series.first { !$0.isEmpty }.map { $0[$0.count - 1..<$0.count] }
    }
    guard let pattern else {
      throw LuaError("mismatch", "it gave \(values.count) values, and no channel of the frame has so many")
    }
    let series = try checked { try pattern.replacing(values) }
    return series.renamed(Derivation.channel(name, like: pattern.channel))
  }
}

/// Where a relay finds what it belongs to.
// Safety: written on the interpreter's thread before the relay is opened, read in closures posted there.
private final class DerivationBox: @unchecked Sendable {
  weak var derivation: Derivation?
}
