import JSON
import Jupyter
import Locks

/// What is printed, gathered: front ends lay out a cell anew for every message. The first words go at once, more within a
/// moment, also while Lua computes: the thread of sockets looks after that. Any thread.
final class TextGatherer: Sendable {
  private struct Text {
    let origin: CellOrigin
    let isError: Bool
    var bytes: [UInt8]
  }

  private struct State {
    var pending: [Text] = []
    var bytes = 0
    var sent = ContinuousClock.now - KernelLimits.textDelay
    var due: ContinuousClock.Instant?
  }

  private let state = Guarded(State())
  private let factory: MessageFactory
  private let send: @Sendable (JupyterMessage) -> Void
  /// Tells the thread of sockets that something is due.
  private let wake: @Sendable () -> Void

  init(
    _ factory: MessageFactory, send: @escaping @Sendable (JupyterMessage) -> Void,
    wake: @escaping @Sendable () -> Void
  ) {
    self.factory = factory
    self.send = send
    self.wake = wake
  }

  func add(_ bytes: [UInt8], isError: Bool, of origin: CellOrigin) {
    let isFirst = state.withLock { state in
      if let last = state.pending.indices.last, state.pending[last].origin === origin,
        state.pending[last].isError == isError
      {
        state.pending[last].bytes += bytes
      } else {
        state.pending.append(Text(origin: origin, isError: isError, bytes: bytes))
      }
      state.bytes += bytes.count
      let now = ContinuousClock.now
      if state.bytes > KernelLimits.textBytes || now - state.sent >= KernelLimits.textDelay {
        flush(&state, everything: false, now)
      }
      guard !state.pending.isEmpty, state.due == nil else { return false }
      state.due = state.sent + KernelLimits.textDelay
      return true
    }
    if isFirst { wake() }
  }

  /// Sends what was gathered; the beginning of a character waits for its end, unless that will not come.
  func flush(everything: Bool = false) { state.withLock { flush(&$0, everything: everything, .now) } }

  /// Sends what is due; answers when to look again.
  func flushIfDue() -> ContinuousClock.Instant? {
    state.withLock { state in
      guard let due = state.due else { return nil }
      let now = ContinuousClock.now
      if due <= now { flush(&state, everything: false, now) }
      return state.due
    }
  }

  private func flush(_ state: inout State, everything: Bool, _ now: ContinuousClock.Instant) {
    state.due = nil
    guard !state.pending.isEmpty else { return }
    var rest: [Text] = []
    for (index, text) in state.pending.enumerated() {
      let isOpen = index == state.pending.count - 1 && !everything
      let cut = isOpen ? Self.wholeCharacters(text.bytes) : text.bytes.count
      if cut < text.bytes.count {
        rest.append(Text(origin: text.origin, isError: text.isError, bytes: Array(text.bytes[cut...])))
      }
      guard cut > 0 else { continue }
      let content: JSON = [
        "name": .string(text.isError ? "stderr" : "stdout"),
        "text": .string(String(decoding: text.bytes[..<cut], as: UTF8.self)),
      ]
      send(factory.publication("stream", parent: text.origin.header, content))
      state.sent = now
    }
    state.pending = rest
    state.bytes = rest.reduce(0) { $0 + $1.bytes.count }
  }

  /// How many bytes end with a whole character, or with one that never becomes whole.
  private static func wholeCharacters(_ bytes: [UInt8]) -> Int {
    for back in 1...min(3, max(1, bytes.count)) where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > back ? bytes.count - back : bytes.count
    }
    return bytes.count
  }
}
