import Locks
import Dispatch
import Lua
import Signals
import Telemetry

/// What `doctor` found: prints as sentences.
final class Diagnosis {
  let findings: [Checkup.Finding]
  init(_ findings: [Checkup.Finding]) { self.findings = findings }

  var problems: [String] { findings.filter(\.isProblem).map(\.sentence) }

  var text: String {
    let lines = findings.map { ($0.isProblem ? "! " : "  ") + $0.sentence }
    let count = problems.count
    return (lines + [count == 0 ? "all is well" : count == 1 ? "1 problem" : "\(count) problems"]).joined(
      separator: "\n")
  }
}

extension Library {
  func defineDoctor() {
    define("doctor") { [unowned self] call throws(LuaError) in try doctor(call) }
    let diagnoses = classes.diagnosis
    diagnoses.field("ok", get: { object, call throws(LuaError) in call.results(object.problems.isEmpty) })
    diagnoses.field("problems", get: { object, call throws(LuaError) in call.results(object.problems) })
    diagnoses.metamethod(.len) { object, call throws(LuaError) in call.results(object.findings.count) }
    diagnoses.metamethod(.tostring) { object, call throws(LuaError) in call.results(object.text) }
    diagnoses.fallback { object, call throws(LuaError) in
      guard call.type(1) == .number,
        let index = Self.index(try call.integer(1), count: object.findings.count)
      else { return call.results(LuaValue.nil) }
      return call.results(object.findings[index].sentence)
    }
  }

  /// `doctor(s, span?)`: looks at a running stream for a second, or into the buffer of one that is not running.
  private func doctor(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let object = try call.object(1, classes.streamer)
    let span = try optionalWaitingSpan(call, 2) ?? .second
    let streamer = object.streamer
    let clock = clock
    let look = CheckupLook(streamer.channels)
    guard streamer.isLive, span > .zero else {
      look.add(streamer.snapshot(), at: clock.monotonic)
      let state = Checkup.Finding(
        isProblem: false, sentence: "the stream is \(streamer.state): this is its buffer")
      return call.result(
        Diagnosis([state] + look.checkup.findings(streamer.stats, over: nil)), classes.diagnosis)
    }
    let reader = try checked { try streamer.makeReader() }
    let pump = StreamPump(reader, on: DispatchQueue(label: "moontide.doctor")) { frame in
      look.add(frame, at: clock.monotonic)
    } end: { _ in
    }
    let lag = object.reader.isUsed ? object.reader.lag : 0
    return perform {
      pump.start()
      defer { pump.stop() }
      try await Task.sleep(for: span.duration)
      return look.checkup.findings(streamer.stats, over: span, lag: lag)
    } then: { [unowned self] findings, call throws(LuaError) in
      call.result(Diagnosis(findings), classes.diagnosis)
    }
  }
}

/// A `Checkup` that frames come into from another thread.
private final class CheckupLook: Sendable {
  private let inner: Guarded<Checkup>

  init(_ channels: [Channel]) { inner = Guarded(Checkup(channels)) }

  func add(_ frame: Frame, at now: TimeSpan) { inner.withLock { $0.add(frame, at: now) } }
  var checkup: Checkup { inner.withLock { $0 } }
}
