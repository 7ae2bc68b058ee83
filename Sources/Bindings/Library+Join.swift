import Lua
import Telemetry

extension Library {
  /// `join(a, b, options)`: the prelude has started both.
  func join(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let (a, b) = (try call.object(1, classes.streamer), try call.object(2, classes.streamer))
    let options = try call.options(at: 3)
    let buffer = try bufferOption(options)
    guard a !== b else { throw call.bad(2, "that is the same stream") }
    if a.source === b.source {
      return join(
        a, b, ClockEstimate(text: "both count time alike"), ClockEstimate(text: ""), buffer: buffer)
    }
    let (first, second, clock) = (a.source.source, b.source.source, clock)
    return perform {
      (try await ClockEstimate.measure(first, clock), try await ClockEstimate.measure(second, clock))
    } then: { [unowned self] estimates, _ throws(LuaError) in
      join(a, b, estimates.0, estimates.1, buffer: buffer)
    }
  }

  private func join(
    _ a: StreamerObject, _ b: StreamerObject, _ first: ClockEstimate, _ second: ClockEstimate,
    buffer: BufferCapacity?
  ) -> LuaResult {
    let joining = Joining(
      .init(streamer: a.streamer, clock: first.reference),
      .init(streamer: b.streamer, clock: second.reference))
    let relay = RelaySource(
      name: "\(a.source.source.name) and \(b.source.source.name)", channels: joining.channels
    ) { relay in
      joining.begin(relay)
    } stopped: {
      joining.end()
    }
    note("join: " + [first.text, second.text].filter { !$0.isEmpty }.joined(separator: "; "))
    let source = SourceObject(relay, kind: .joined, device: nil)
    return makeStreamer(source, names: [], buffer: buffer, request: StreamRequest()) {
      [unowned self] object, _ throws(LuaError) in
      object.isQuiet = true
      return try begin(object, object.request, samples: nil)
    }
  }
}
