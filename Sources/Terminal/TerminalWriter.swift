import Glibc

/// The one writer of standard output and standard error; it owns the terminal.
///
/// On a terminal, text that arrives while a line is edited is written above it, and the line stays as it was.
/// Jobs get their name before each line and 20 lines a second; what is more is counted and kept for
/// ``log(of:)``. Files and pipes get every byte as it is, in order, each stream apart.
///
/// For the interpreter thread only. The program's loop wakes at ``deadline`` and calls ``flushIfDue()``;
/// before the process ends it calls ``flush()``.
package final class TerminalWriter {
  package enum Stream: Sendable { case output, error }

  private struct Source: Hashable {
    var job: String?
    var isError: Bool
  }

  private struct PartialLine {
    var bytes: [UInt8]
    var since: ContinuousClock.Instant
  }

  /// What ``LineEditor`` has shown.
  package struct EditedText {
    package var prompt: () -> String
    package var continuation: () -> String
    package var text: [Unicode.Scalar]
    package var cursor: Int
    /// Shown under the text.
    package var note: String?

    package init(
      prompt: @escaping () -> String, continuation: @escaping () -> String, text: [Unicode.Scalar],
      cursor: Int,
      note: String? = nil
    ) {
      self.prompt = prompt
      self.continuation = continuation
      self.text = text
      self.cursor = cursor
      self.note = note
    }
  }

  /// Whether standard output, and standard error, are terminals.
  package let outputIsTerminal: Bool
  package let errorIsTerminal: Bool
  /// Whether job tags and notes are dimmed.
  package var usesColor = false
  /// Called once when a stream can take no more, with its errno: EPIPE means that the reader is gone.
  package var onFailure: ((Stream, Int32) -> Void)?

  private var output: TerminalOutput
  private var error: TerminalOutput
  private var outputBuffer: [UInt8] = []
  private let now: () -> ContinuousClock.Instant
  private let measure: () -> TerminalSize
  private let giveUp: () -> Bool

  private var edited: EditedText?
  private var view = LineView()
  private var needsRedraw = false
  private var pending: [UInt8] = []
  private var partial: [Source: PartialLine] = [:]
  private var budget = LineBudget()
  private var jobLog = JobLog()
  private var lastFlush: ContinuousClock.Instant
  private var flushAt: ContinuousClock.Instant?
  private var atLineStart = true
  /// What stands on the terminal's row before the cursor; nil when it is too long, or nobody knows.
  private var openLine: [UInt8]? = []
  private var mayHaveColors = false
  private var plainPrompt: String?
  private var picture: LivePicture?
  private var pictureLines: [String] = []
  private var pictureColumns = 0
  private var progressText: String?
  private var progressShown: String?
  private var lastProgress: ContinuousClock.Instant?

  /// - Parameters:
  ///   - isTerminal: overrides the test of the descriptors, for tests.
  ///   - now: the clock.
  ///   - size: the size of the terminal, asked at each redraw.
  ///   - giveUp: asked while a reader takes nothing; true drops what is left of that write.
  package init(
    output: Int32 = 1, error: Int32 = 2, isTerminal: (Int32) -> Bool = { isatty($0) == 1 },
    now: @escaping () -> ContinuousClock.Instant = { .now }, size: (() -> TerminalSize)? = nil,
    giveUp: @escaping () -> Bool = { false }
  ) {
    self.output = TerminalOutput(descriptor: output)
    self.error = TerminalOutput(descriptor: error)
    outputIsTerminal = isTerminal(output)
    errorIsTerminal = isTerminal(error)
    measure = size ?? { TerminalSize(of: output) }
    self.now = now
    self.giveUp = giveUp
    lastFlush = now() - Limits.redrawInterval
  }

  /// The size of the terminal now.
  package var size: TerminalSize { measure() }

  // MARK: Printing

  /// Prints text; any time, also while a line is edited.
  ///
  /// - Parameter job: the task or job that prints; nil for the cell in the foreground, which has no limit.
  package func print(_ text: String, to stream: Stream = .output, job: String? = nil) {
    print(Array(text.utf8), to: stream, job: job)
  }

  package func print(_ bytes: [UInt8], to stream: Stream = .output, job: String? = nil) {
    guard !bytes.isEmpty else { return }
    let isTerminal = stream == .output ? outputIsTerminal : errorIsTerminal
    if !isTerminal {
      if let job { keepLog(of: bytes, job: job) }
      passThrough(bytes, to: stream)
    } else if job == nil, edited == nil, plainPrompt == nil, picture == nil {
      flush()
      hideProgress()
      send(bytes, to: stream)
      noteOpenLine(bytes)
      atLineStart = endsALine(bytes)
      mayHaveColors = mayHaveColors || bytes.contains(0x1b)
      if progressText != nil { schedule(now() + Limits.progressInterval) }
    } else {
      addLines(of: bytes, source: Source(job: job, isError: stream == .error))
    }
  }

  /// A status line that is redrawn in its place and gone before anything else is written; nil takes it away.
  /// Ten redraws a second at most; nothing on a stream that is no terminal, nor while a line is edited.
  package func progress(_ text: String?) {
    guard text != progressText else { return }
    progressText = text
    if text == nil { hideProgress() } else { updateProgress() }
  }

  /// A picture of many rows that is redrawn in its place, the cursor hidden; what is printed meanwhile stands above it.
  /// Nil ends that: the last picture stays, and output goes on below. Nothing while a line is edited, nor without a
  /// terminal.
  package func showPicture(_ lines: [String]?) {
    guard let lines else {
      guard var last = picture else { return }
      flush()
      sendToTerminal(last.finish())
      picture = nil
      pictureLines = []
      return
    }
    guard edited == nil, plainPrompt == nil, outputIsTerminal else { return }
    if picture == nil {
      flush()
      hideProgress()
      startLine()
      picture = LivePicture()
      pictureColumns = measure().columns
    }
    let columns = measure().columns
    if columns != pictureColumns {
      pictureColumns = columns
      sendToTerminal(picture?.restart() ?? "")
    }
    pictureLines = lines
    sendToTerminal(picture?.update(lines) ?? "")
  }

  /// The last lines of a job, also those that were not shown.
  package func log(of job: String) -> [String] { jobLog.lines(of: job) }

  /// Jobs with a log, the one that printed last first.
  package var loggedJobs: [String] { jobLog.jobs }

  // MARK: The program's loop

  /// When ``flushIfDue()`` wants to be called next; nil when nothing waits.
  package var deadline: ContinuousClock.Instant? {
    let oldest = partial.values.map { $0.since + Limits.partialLineAge }.min()
    return [flushAt, budget.deadline, oldest].compactMap { $0 }.min()
  }

  /// Writes what waits when its time has come. Cheap when it has not.
  package func flushIfDue() {
    guard let deadline, deadline <= now() else { return }
    flush()
  }

  /// Writes everything that waits, now.
  package func flush() {
    let time = now()
    for (job, lines) in budget.takeSummaries(at: time) {
      let note = lines == 1 ? "(+1 line, :log \(job))" : "(+\(lines) lines, :log \(job))"
      pending += tag(job) + Array(dimmed(note).utf8) + [0x0a]
    }
    for (source, line) in partial where time >= line.since + Limits.partialLineAge || edited == nil {
      partial[source] = nil
      add(line: line.bytes, source: source)
    }
    flushAt = nil
    if !outputBuffer.isEmpty { sendPassThrough() }
    if !pending.isEmpty {
      let text = pending
      pending = []
      writeAbove(text)
    } else if needsRedraw {
      redraw()
    }
    lastFlush = time
    updateProgress()
  }

  // MARK: The edited line

  /// Shows the line being edited, or brings it up to date.
  package func show(_ text: EditedText) {
    if edited == nil {
      showPicture(nil)
      flush()
      hideProgress()
      startLine()
    }
    edited = text
    redraw()
  }

  /// Text that was printed without a line end, which is taken off the screen: the prompt of what is read now. Empty when
  /// there is none, or when it is more than a row and stays where it is.
  package func takeOpenLine() -> String {
    flush()
    hideProgress()
    guard outputIsTerminal, !atLineStart, let bytes = openLine else { return "" }
    let text = String(decoding: bytes, as: UTF8.self)
    var sequence = ControlSequence()
    let isPlain = text.unicodeScalars.allSatisfy { sequence.swallows($0) || TextWidth.columns(of: $0) != nil }
    guard isPlain, TextWidth.columns(of: text) < measure().columns else { return "" }
    sendToTerminal("\r\u{1b}[K")
    atLineStart = true
    return text
  }

  private func noteOpenLine(_ bytes: [UInt8]) {
    let newline = bytes.lastIndex(of: 0x0a)
    let rest = bytes[(newline.map { $0 + 1 } ?? 0)...]
    let before = newline == nil && !atLineStart ? openLine : []
    openLine = before.flatMap { $0.count + rest.count <= Limits.openLineBytes ? $0 + rest : nil }
  }

  /// Whether a line is being edited.
  package var isEditing: Bool { edited != nil }

  /// Asks the prompt again at the next redraw, which comes soon.
  package func refreshPrompt() {
    guard edited != nil else { return }
    needsRedraw = true
    schedule(lastFlush + Limits.redrawInterval)
  }

  /// The line is done: all of it stays on the screen, and output goes on below.
  ///
  /// - Parameter mark: written after the text, as `^C`.
  package func finishEditing(_ text: [Unicode.Scalar], mark: String = "") {
    guard var last = edited else { return }
    last.text = text + Array(mark.unicodeScalars)
    last.cursor = last.text.count
    last.note = nil
    let size = measure()
    sendToTerminal(view.finish(layout(of: last, size: size), height: size.rows))
    edited = nil
    atLineStart = true
    flush()
  }

  /// Takes the edited line off the screen, for another program or for a clean end.
  package func hideEditing() {
    guard edited != nil else { return }
    sendToTerminal(view.erase(columns: measure().columns))
    edited = nil
    needsRedraw = false
  }

  /// The terminal has another size: draws the line anew.
  package func resized() {
    guard edited != nil else { return }
    let size = measure()
    sendToTerminal(view.erase(columns: size.columns) + draw(size: size))
  }

  /// Another program had the screen: begins on a row of its own, with the line if one is edited.
  package func resumed() {
    view.forget()
    atLineStart = true
    // A row of blanks wraps unless the cursor stood at its beginning: nobody else can tell where that program left it.
    if outputIsTerminal {
      sendToTerminal(String(repeating: " ", count: measure().columns) + "\r\u{1b}[J")
    }
    guard edited != nil else { return }
    sendToTerminal("\r\u{1b}[J" + draw(size: measure()))
  }

  /// Empties the screen; the edited line goes to the top.
  package func clearScreen() {
    view.forget()
    atLineStart = true
    sendToTerminal("\u{1b}[H\u{1b}[2J" + (edited == nil ? "" : draw(size: measure())))
  }

  /// Bytes for the terminal itself, as its modes; nothing visible.
  package func control(_ sequence: String) { sendToTerminal(sequence) }

  /// On a terminal without editing the kernel echoes, so the prompt is only repeated after other output.
  package func showPlainPrompt(_ prompt: String) {
    flush()
    startLine()
    sendToTerminal(prompt)
    atLineStart = prompt.isEmpty
    plainPrompt = prompt
  }

  /// - Parameter wasEntered: the newline that ended the line was echoed; none is when it was given up.
  package func endPlainPrompt(wasEntered: Bool) {
    plainPrompt = nil
    if !wasEntered { sendToTerminal("\n") }
    atLineStart = true
  }

  // MARK: Private

  private func addLines(of bytes: [UInt8], source: Source) {
    var rest = bytes[...]
    if let held = partial.removeValue(forKey: source) { rest = (held.bytes + bytes)[...] }
    while let newline = rest.firstIndex(of: 0x0a) {
      add(line: Array(rest[..<newline]), source: source)
      rest = rest[(newline + 1)...]
    }
    if rest.count > Limits.partialLineBytes {
      add(line: Array(rest), source: source)
    } else if !rest.isEmpty {
      partial[source] = PartialLine(bytes: Array(rest), since: now())
    }
    if pending.count > Limits.pendingBytes { flush() }
  }

  private func add(line: [UInt8], source: Source) {
    if let job = source.job {
      jobLog.append(String(decoding: line, as: UTF8.self), job: job)
      guard budget.admits(job, at: now()) else { return }
      pending += tag(job)
    }
    pending += line
    pending.append(0x0a)
    schedule(lastFlush + Limits.redrawInterval)
  }

  private func keepLog(of bytes: [UInt8], job: String) {
    for line in bytes.split(separator: 0x0a) {
      jobLog.append(String(decoding: line, as: UTF8.self), job: job)
    }
  }

  private func tag(_ job: String) -> [UInt8] { Array((dimmed("[\(job)]") + " ").utf8) }

  private func dimmed(_ text: String) -> String { usesColor ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  private func schedule(_ time: ContinuousClock.Instant) {
    flushAt = min(flushAt ?? time, max(time, now()))
  }

  private func writeAbove(_ text: [UInt8]) {
    hideProgress()
    var out = Array((view.erase(columns: measure().columns) + (picture?.erase() ?? "")).utf8)
    if !atLineStart { out.append(0x0a) }
    out += text
    atLineStart = true
    // Colours that a print left on end with it.
    if text.contains(0x1b) { out += Array("\u{1b}[0m".utf8) }
    if picture != nil {
      out += Array(picture!.update(pictureLines).utf8)
    } else if edited != nil {
      out += Array(draw(size: measure()).utf8)
    } else if let plainPrompt {
      out += Array(plainPrompt.utf8)
      atLineStart = false
    }
    send(out, to: outputIsTerminal ? .output : .error)
  }

  private func redraw() { sendToTerminal(draw(size: measure())) }

  private func draw(size: TerminalSize) -> String {
    needsRedraw = false
    guard let edited else { return "" }
    return view.draw(layout(of: edited, size: size), height: size.rows)
  }

  private func layout(of edited: EditedText, size: TerminalSize) -> TextLayout {
    TextLayout(
      prompt: edited.prompt(), continuation: edited.continuation(), text: edited.text, cursor: edited.cursor,
      note: edited.note, columns: size.columns)
  }

  private func startLine() {
    if mayHaveColors { sendToTerminal("\u{1b}[0m") }
    mayHaveColors = false
    if !atLineStart { sendToTerminal("\n") }
    atLineStart = true
  }

  private func updateProgress() {
    guard let progressText, progressText != progressShown, edited == nil, plainPrompt == nil, picture == nil,
      errorIsTerminal || outputIsTerminal
    else { return }
    if let due = lastProgress.map({ $0 + Limits.progressInterval }), due > now() { return schedule(due) }
    startLine()
    let text = TextWidth.truncated(progressText, to: max(1, measure().columns - 1))
    sendToTerminal("\r\(text)\u{1b}[K")
    progressShown = progressText
    lastProgress = now()
  }

  private func hideProgress() {
    guard progressShown != nil else { return }
    progressShown = nil
    sendToTerminal("\r\u{1b}[K")
  }

  private func sendToTerminal(_ text: String) {
    guard !text.isEmpty else { return }
    send(Array(text.utf8), to: outputIsTerminal ? .output : .error)
  }

  private func endsALine(_ bytes: [UInt8]) -> Bool {
    // A reset of the colours behind the newline moves nothing.
    var end = bytes.count
    while end > 2, bytes[end - 1] == UInt8(ascii: "m"), let escape = bytes[..<end].lastIndex(of: 0x1b),
      end - escape <= 12
    {
      end = escape
    }
    return end > 0 ? bytes[end - 1] == 0x0a : atLineStart
  }

  private func passThrough(_ bytes: [UInt8], to stream: Stream) {
    if stream == .error {
      sendPassThrough()
      send(bytes, to: .error)
      return
    }
    outputBuffer += bytes
    // The first text after a pause goes out at once: what runs next may compute for hours and never come to the loop.
    let time = now()
    if outputBuffer.count >= Limits.passThroughBytes || time >= lastFlush + Limits.redrawInterval {
      sendPassThrough()
      lastFlush = time
    } else {
      schedule(lastFlush + Limits.redrawInterval)
    }
  }

  private func sendPassThrough() {
    guard !outputBuffer.isEmpty else { return }
    let bytes = outputBuffer
    outputBuffer.removeAll(keepingCapacity: true)
    send(bytes, to: .output)
  }

  private func send(_ bytes: [UInt8], to stream: Stream) {
    let failed: Int32?
    switch stream {
    case .output:
      let before = output.failure
      output.write(bytes, giveUp: giveUp)
      failed = before == nil ? output.failure : nil
    case .error:
      let before = error.failure
      error.write(bytes, giveUp: giveUp)
      failed = before == nil ? error.failure : nil
    }
    if let failed { onFailure?(stream, failed) }
  }
}

@available(*, unavailable)
extension TerminalWriter: Sendable {}
