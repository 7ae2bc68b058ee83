import Dispatch
package import Lua
import Synchronization
package import Telemetry

/// What a source said of its channels, for completion and help: asked now and then, and waited for a moment at most.
///
/// A source that does not answer is not waited for again until it does: each Tab would take that moment.
package final class KnownChannels {
  private struct Question {
    let answer = Answer()
    var askedAt: LuaInstant
  }

  /// `nil` until it comes; then the channels, or that there are none to be had.
  private final class Answer: Sendable {
    let value = Mutex<Result<[Channel], KnownChannels.None>?>(nil)
    let came = DispatchSemaphore(value: 0)
  }

  private struct None: Error {}

  private var question: Question?
  private var last: [Channel] = []
  private var isSilent = false

  package init() {}

  /// The channels as far as they are known.
  package func channels(of source: any Source, at now: LuaInstant) -> [Channel] {
    takeAnswer()
    if let question, question.askedAt.duration(to: now) < Limits.knownChannelsAge { return last }
    // One that is still out is not asked again.
    if let question, question.answer.value.withLock({ $0 == nil }) {
      self.question?.askedAt = now
      return last
    }
    let waits = !isSilent
    let question = Question(askedAt: now)
    self.question = question
    let answer = question.answer
    Task.detached {
      let channels = try? await source.channels()
      answer.value.withLock { $0 = channels.map { .success($0) } ?? .failure(None()) }
      answer.came.signal()
    }
    if waits { _ = answer.came.wait(timeout: .now() + Limits.knownChannelsWait) }
    isSilent = answer.value.withLock { $0 == nil }
    takeAnswer()
    return last
  }

  private func takeAnswer() {
    switch question?.answer.value.withLock({ $0 }) {
    case .success(let channels)?:
      last = channels
      isSilent = false
    case .failure?: isSilent = true
    case nil: break
    }
  }
}

@available(*, unavailable)
extension KnownChannels: Sendable {}
