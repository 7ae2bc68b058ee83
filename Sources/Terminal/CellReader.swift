/// What waiting for the keyboard came to.
package enum WaitResult: Sendable {
  /// The descriptor is readable, or at its end.
  case ready
  /// Ctrl-C: drop the input.
  case interrupted
  /// A signal of ``TerminalSignals`` came.
  case attention
  /// The program is ending; input is over.
  case closed
}

/// What reading a cell came to.
package enum ReadResult: Equatable, Sendable {
  case cell(String)
  /// Ctrl-C: the input is gone, the session is not.
  case interrupted
  case endOfFile
}

/// Where cells come from: a person who edits, or plain lines.
///
/// For the interpreter thread only. While it waits it calls `waitForKey`, which runs tasks, timers and
/// output.
package protocol CellReader: AnyObject {
  /// - Parameters:
  ///   - prompt: asked at each redraw, so it may change while the line is edited. Colours take no room.
  ///   - continuation: the prompt of further lines; made as wide as the prompt.
  ///   - isComplete: whether Enter runs this text or goes on.
  ///   - prefill: text that is there to be edited.
  func readCell(
    prompt: @escaping () -> String, continuation: @escaping () -> String,
    isComplete: @escaping (String) -> Bool, prefill: String
  ) -> ReadResult
}

/// What Tab offers.
package struct Completion: Sendable {
  package struct Candidate: Sendable {
    /// Takes the place of `range`.
    package let text: String
    /// What the list shows, often without what is the same in all.
    package let label: String

    package init(_ text: String, label: String? = nil) {
      self.text = text
      self.label = label ?? text
    }
  }

  /// Scalars of the text (not bytes) that a candidate replaces.
  package let range: Range<Int>
  package let candidates: [Candidate]
  /// Goes in behind the only candidate.
  package let suffix: String

  package init(range: Range<Int>, candidates: [Candidate], suffix: String = "") {
    self.range = range
    self.candidates = candidates
    self.suffix = suffix
  }
}
