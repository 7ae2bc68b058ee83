import Locks
package import Lua
package import Telemetry

/// What a source said of its channels, for completion and help: asked now and then, and waited for a moment at most.
///
/// A source that does not answer is not waited for again until it does: each Tab would take that moment.
package final class KnownChannels {
  private struct Question {
    /// The channels, or that there are none to be had.
    let answer = OneShot<[Channel]?>()
    var askedAt: LuaInstant
  }

  private var question: Question?
  private var last: [Channel] = []
  private var isSilent = false

  package init() {}

  /// The channels as far as they are known.
  package func channels(of source: any Source, at now: LuaInstant) -> [Channel] {
    takeAnswer()
    if let question, question.askedAt.duration(to: now) < Limits.knownChannelsAge { return last }
    // One that is still out is not asked again.
    if let question, question.answer.value == nil {
      self.question?.askedAt = now
      return last
    }
    let waits = !isSilent
    let question = Question(askedAt: now)
    self.question = question
    let answer = question.answer
    Task.detached {
      answer.fulfill(try? await source.channels())
    }
    if waits { _ = answer.block(Limits.knownChannelsWait) }
    isSilent = answer.value == nil
    takeAnswer()
    return last
  }

  private func takeAnswer() {
    guard let answer = question?.answer.value else { return }
    isSilent = answer == nil
    if let answer { last = answer }
  }
}

@available(*, unavailable)
extension KnownChannels: Sendable {}
