import CShims
import Glibc

/// Edits cells on a terminal with libedit.
///
/// libedit reads keys, keeps the text and obeys `~/.editrc`; ``TerminalWriter`` draws. Not thread-safe:
/// created, used and closed on the interpreter thread. From creation to ``close()`` the terminal echoes
/// nothing, so what is typed while a cell runs shows once, at its prompt; Ctrl-B is SIGQUIT meanwhile.
/// ``withTerminalReleased(_:)`` lends the terminal to other programs.
package final class LineEditor: CellReader {
  /// Answers Tab; cursor and range count scalars.
  package var complete: ((_ text: String, _ cursor: Int) -> Completion?)?
  /// Called before Ctrl-Z stops the process.
  package var onSuspend: (() -> Void)?
  /// Called when the process goes on after a stop, with how long it stood; nil when nobody knows.
  package var onResume: ((Duration?) -> Void)?
  package let history: History
  package let writer: TerminalWriter

  private let input: Int32
  private let waitForKey: (Int32) -> WaitResult
  var editor: OpaquePointer?
  private var decoder = KeyDecoder()
  private var prompt: () -> String = { "" }
  private var continuation: () -> String = { "" }
  var isComplete: (String) -> Bool = { _ in true }
  private var prefill: [wchar_t]?
  private var isReading = false
  private var lastDrawn = ContinuousClock.now
  var note: String?
  var result: ReadResult?
  var recall: Recall?
  private var historyText: UnsafeMutableBufferPointer<wchar_t>?

  /// - Parameters:
  ///   - program: the name that `~/.editrc` may ask for.
  ///   - input: the terminal; owned by the caller.
  ///   - editrc: a file of bindings; nil is `$EDITRC` or `~/.editrc`.
  ///   - waitForKey: runs the program's loop until the descriptor is readable or something wants attention.
  package init(
    program: String = "moontide", input: Int32 = 0, writer: TerminalWriter, history: History,
    editrc: String? = nil, waitForKey: @escaping (Int32) -> WaitResult
  ) throws(TerminalError) {
    self.input = input
    self.writer = writer
    self.history = history
    self.waitForKey = waitForKey
    // Safety: the C object calls back only while one of our own calls runs, so self is alive.
    let context = Unmanaged.passUnretained(self).toOpaque()
    let callbacks = moon_edit_callbacks(
      context: context,
      next_scalar: { context, scalar in LineEditor.from(context).nextScalar(scalar!) },
      command: { context, command, key in LineEditor.from(context).answer(command, key: key) },
      history: { context, index in LineEditor.from(context).historyText(at: Int(index)) })
    guard let editor = moon_edit_open(program, input, callbacks) else {
      throw TerminalError(.notATerminal, "input is not a terminal", hint: "plain lines are read instead")
    }
    self.editor = editor
    bindKeys()
    let sourced = editrc.map { moon_edit_source(editor, $0) } ?? moon_edit_source(editor, nil)
    if sourced == 0, moon_edit_is_vi(editor) != 0 { bindViKeys() }
  }

  deinit { close() }

  /// Puts the terminal back as it was found. Harmless twice.
  package func close() {
    guard let editor else { return }
    precondition(!isReading, "leave() is for the middle of a line")
    moon_edit_close(editor)
    historyText?.deallocate()
    historyText = nil
    self.editor = nil
  }

  package func readCell(
    prompt: @escaping () -> String, continuation: @escaping () -> String,
    isComplete: @escaping (String) -> Bool, prefill: String = ""
  ) -> ReadResult {
    guard editor != nil, !isReading else { return .endOfFile }
    self.prompt = prompt
    self.continuation = continuation
    self.isComplete = isComplete
    self.prefill = prefill.isEmpty ? nil : wide(prefill)
    result = nil
    recall = nil
    note = nil
    isReading = true
    before = nil
    moon_edit_read(editor)
    isReading = false
    setBracketedPaste(false)
    switch result {
    case .cell(let cell): finish(Array(cell.unicodeScalars))
    case .interrupted: finish(textWhenGivenUp, mark: "^C")
    case .endOfFile, nil: finish([])
    }
    return result ?? .endOfFile
  }

  /// Leaves the text on the screen; keys that came all at once were not drawn yet.
  private func finish(_ text: [Unicode.Scalar], mark: String = "") {
    note = nil
    if !writer.isEditing { show(text, cursor: text.count) }
    writer.finishEditing(text, mark: mark)
  }

  /// Text and cursor (in scalars) of the line being edited; nil between lines.
  package var line: (text: String, cursor: Int)? {
    guard isReading else { return nil }
    let (text, cursor) = scalars()
    return (string(text), cursor)
  }

  /// Asks the prompt again, soon: the streams that it counts have changed.
  package func refreshPrompt() { writer.refreshPrompt() }

  /// Lends the terminal, as it was found, to another program (`:edit`).
  package func withTerminalReleased<Result>(_ body: () throws -> Result) rethrows -> Result {
    lendTerminal()
    defer { takeTerminal() }
    return try body()
  }

  /// The same in two steps (`os.execute`).
  package func lendTerminal() {
    guard let editor else { return }
    writer.hideEditing()
    writer.flush()
    if isReading { setBracketedPaste(false) }
    moon_edit_release_terminal(editor)
  }

  package func takeTerminal() {
    guard let editor else { return }
    moon_edit_take_terminal(editor)
    writer.resumed()
    if isReading { shown = nil }
  }

  /// Leaves the screen and the terminal in order for `exit()` from anywhere, also in the middle of a line.
  package func leave() {
    guard let editor else { return }
    if isReading {
      setBracketedPaste(false)
      writer.finishEditing(scalars().text)
    }
    moon_edit_release_terminal(editor)
  }

  // MARK: The text

  func scalars() -> (text: [Unicode.Scalar], cursor: Int) {
    var cursor = 0
    var start: UnsafePointer<wchar_t>?
    let count = moon_edit_line(editor, &start, &cursor)
    let text = UnsafeBufferPointer(start: start, count: count).map {
      Unicode.Scalar(UInt32(bitPattern: $0)) ?? "\u{fffd}"
    }
    return (text, cursor)
  }

  func replace(_ text: [Unicode.Scalar], cursor: Int) {
    _ = moon_edit_replace(editor, wide(text), cursor)
  }

  func insert(_ text: [Unicode.Scalar]) -> Bool { moon_edit_insert(editor, wide(text)) != 0 }

  func string(_ text: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: text)
    return String(view)
  }

  private func wide(_ text: some Sequence<Unicode.Scalar>) -> [wchar_t] {
    text.map { wchar_t(bitPattern: $0.value == 0 ? 0xfffd : $0.value) } + [0]
  }

  private func wide(_ text: String) -> [wchar_t] { wide(text.unicodeScalars) }

  // MARK: Keys

  /// The next key as libedit reads it; nil when the line was given up.
  func nextKey() -> Unicode.Scalar? {
    var key: wchar_t = 0
    guard moon_edit_next(editor, &key) == 1 else { return nil }
    return Unicode.Scalar(UInt32(bitPattern: key))
  }

  private var shown: (text: [Unicode.Scalar], cursor: Int, note: String?)?
  private var textWhenGivenUp: [Unicode.Scalar] = []

  private static func from(_ context: UnsafeMutableRawPointer?) -> LineEditor {
    // Safety: the context is self, see init.
    Unmanaged<LineEditor>.fromOpaque(context!).takeUnretainedValue()
  }

  private func nextScalar(_ scalar: UnsafeMutablePointer<wchar_t>) -> Int32 {
    if let prefill {
      self.prefill = nil
      _ = moon_edit_insert(editor, prefill)
    }
    if !isPasting { keepClustersWhole() }
    if shown == nil { setBracketedPaste(true) }
    while true {
      if let next = decoder.next() {
        let key = next == "\u{1b}" && !isPasting && pasteBegins() ? Self.pasteKey.unicodeScalars.first! : next
        scalar.pointee = wchar_t(bitPattern: key.value)
        return 1
      }
      refreshUnlessBusy()
      switch waitForKey(input) {
      case .ready:
        var bytes = [UInt8](repeating: 0, count: isPasting ? Limits.pasteReadBytes : 1)
        let count = read(input, &bytes, bytes.count)
        if count > 0 {
          decoder.append(bytes[..<count])
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
          return giveUp(.endOfFile)
        }
      case .interrupted: return giveUp(.interrupted)
      case .closed: return giveUp(.endOfFile)
      case .attention: handleSignals()
      }
    }
  }

  // MARK: Clusters

  /// What stood around the cursor when the last key was asked for.
  private struct Surroundings {
    var count: Int
    var cursor: Int
    /// Of the cursor's line, and where in the text it begins.
    var near: [Unicode.Scalar]
    var start: Int
  }

  private var before: Surroundings?

  /// libedit moves over and deletes characters of C; what a person sees as one may have several. Whatever the last key
  /// did to one of them it does to all of them.
  private func keepClustersWhole() {
    var now = surroundings()
    defer { before = now }
    guard let before, before.count - now.count <= 1 else { return }
    if now.count == before.count, now.cursor != before.cursor {
      let cluster = cluster(now, at: now.cursor)
      guard now.cursor > cluster.lowerBound else { return }
      // vi's cursor never stands behind the last character.
      let isLast = moon_edit_is_vi(editor) != 0 && cluster.upperBound >= now.count
      let goesBack = now.cursor < before.cursor || isLast
      moon_edit_move(editor, goesBack ? cluster.lowerBound : cluster.upperBound)
    } else if now.count == before.count - 1, now.cursor == before.cursor || now.cursor == before.cursor - 1 {
      // The one that is gone stood where the cursor stands.
      let cluster = cluster(before, at: now.cursor)
      guard cluster.count > 1 else { return }
      moon_edit_move(editor, cluster.upperBound - 1)
      moon_edit_delete(editor, Int32(cluster.count - 1))
    } else {
      return
    }
    now = surroundings()
  }

  private func cluster(_ text: Surroundings, at index: Int) -> Range<Int> {
    guard index >= text.start, index < text.start + text.near.count else { return index..<index + 1 }
    let found = GlyphScan.cluster(in: text.near, at: index - text.start)
    return found.lowerBound + text.start..<found.upperBound + text.start
  }

  private func surroundings() -> Surroundings {
    var cursor = 0
    var text: UnsafePointer<wchar_t>?
    let count = moon_edit_line(editor, &text, &cursor)
    let part = max(0, cursor - Limits.clusterScalars)..<min(count, cursor + Limits.clusterScalars)
    let near = part.map { index -> Unicode.Scalar in
      text.flatMap { Unicode.Scalar(UInt32(bitPattern: $0[index])) } ?? "\u{fffd}"
    }
    return Surroundings(count: count, cursor: cursor, near: near, start: part.lowerBound)
  }

  var isPasting = false

  /// Whether nothing comes with an Escape: then it is the key itself, and not the beginning of another one.
  func escapeStandsAlone() -> Bool {
    guard decoder.isEmpty else { return false }
    var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, Limits.escapeWaitMs) == 0
  }

  /// Whether an Escape begins the mark of a paste, whose other bytes come with it. What was read and is not
  /// the mark stays to be read.
  private func pasteBegins() -> Bool {
    let mark = Array("[200~".utf8)
    while true {
      switch decoder.startsWith(mark) {
      case true?:
        for _ in mark { _ = decoder.next() }
        return true
      case false?: return false
      case nil:
        var byte: [UInt8] = [0]
        guard readAvailable(&byte) == 1 else { return false }
        decoder.append(byte)
      }
    }
  }

  private func giveUp(_ result: ReadResult) -> Int32 {
    textWhenGivenUp = scalars().text
    if result == .interrupted { decoder = KeyDecoder() }
    self.result = result
    shown = nil
    return -1
  }

  /// Ends the line with its text.
  func accept(_ text: [Unicode.Scalar]) -> UInt8 {
    result = .cell(string(text))
    shown = nil
    return UInt8(CC_NEWLINE)
  }

  /// Draws, unless more keys are there already and the screen is not old.
  private func refreshUnlessBusy() {
    if moon_edit_took_bell(editor) != 0 { ring() }
    var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    if shown != nil, ContinuousClock.now - lastDrawn < .milliseconds(30), poll(&waiting, 1, 0) > 0 { return }
    refresh()
  }

  func refresh() {
    let (text, cursor) = scalars()
    if let shown, shown.text == text, shown.cursor == cursor, shown.note == note, writer.isEditing { return }
    lastDrawn = .now
    shown = (text, cursor, note)
    show(text, cursor: cursor)
  }

  private func show(_ text: [Unicode.Scalar], cursor: Int) {
    let continuation = continuation
    let prompt = prompt
    writer.show(
      .init(
        prompt: prompt, continuation: { TextWidth.padded(continuation(), like: prompt()) }, text: text,
        cursor: cursor,
        note: note))
  }

  func ring() { writer.control("\u{07}") }

  private func setBracketedPaste(_ on: Bool) { writer.control(on ? "\u{1b}[?2004h" : "\u{1b}[?2004l") }

  /// How many bytes were there to be read; nil when the terminal is gone.
  private func readAvailable(_ bytes: inout [UInt8]) -> Int? {
    var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, 0) > 0 else { return 0 }
    let count = read(input, &bytes, bytes.count)
    if count > 0 { return count }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : nil
  }

  // MARK: Signals

  /// For while a cell runs, when no line is read: acts on a stop and on another size as reading a line does.
  package func catchUp() { if editor != nil, !isReading { handleSignals() } }

  private func handleSignals() {
    let seen = TerminalSignals.take()
    if seen.contains(.resumed) { resume() }
    if seen.contains(.resized) {
      moon_edit_resized(editor)
      writer.resized()
    }
  }

  /// We stood, not by the key that the editor knows of, and another program had the terminal meanwhile.
  private func resume() {
    moon_edit_take_terminal(editor)
    if isReading { setBracketedPaste(true) }
    writer.resumed()
    onResume?(TerminalSignals.stood)
  }

  /// Ctrl-Z: the terminal goes back as it was found, the process group stops, and here it goes on.
  func suspend() {
    onSuspend?()
    let start = ContinuousClock.now
    writer.finishEditing(scalars().text)
    setBracketedPaste(false)
    moon_edit_release_terminal(editor)
    _ = TerminalSignals.take()
    kill(0, SIGTSTP)
    // The stop comes by any of the process's threads, so not at once in this one.
    let stopped = TerminalSignals.waitForResume(within: Limits.stopWait)
    moon_edit_take_terminal(editor)
    setBracketedPaste(true)
    moon_edit_resized(editor)
    writer.resumed()
    if stopped { onResume?(ContinuousClock.now - start) }
    shown = nil
    refresh()
  }

  private func historyText(at index: Int) -> UnsafePointer<wchar_t>? {
    guard let entry = history.entry(index) else { return nil }
    historyText?.deallocate()
    let text = wide(entry)
    let buffer = UnsafeMutableBufferPointer<wchar_t>.allocate(capacity: text.count)
    _ = buffer.initialize(from: text)
    historyText = buffer
    return UnsafePointer(buffer.baseAddress)
  }
}

@available(*, unavailable)
extension LineEditor: Sendable {}
