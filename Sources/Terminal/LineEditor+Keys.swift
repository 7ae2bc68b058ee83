import CShims
import Glibc

extension LineEditor {
  /// A walk through the history: cells that begin with what was typed.
  struct Recall {
    /// What was typed before the first Up.
    var draft: [Unicode.Scalar]
    var prefix: String
    /// 0 is the newest; -1 the draft.
    var index = -1
    /// What the walk put there; other text ends the walk.
    var placed: [Unicode.Scalar]
  }

  private static let bindings: [(key: String, command: String)] = [
    ("^M", "moontide-enter"), ("^J", "moontide-enter"),
    (#"\e^M"#, "moontide-newline"), (#"\e^J"#, "moontide-newline"),
    (#"\e[A"#, "moontide-up"), (#"\eOA"#, "moontide-up"),
    (#"\e[B"#, "moontide-down"), (#"\eOB"#, "moontide-down"),
    (#"\e[C"#, "ed-next-char"), (#"\eOC"#, "ed-next-char"),
    (#"\e[D"#, "ed-prev-char"), (#"\eOD"#, "ed-prev-char"),
    (#"\e[1;5C"#, "em-next-word"), (#"\e[1;5D"#, "ed-prev-word"),
    ("^P", "moontide-older"), ("^N", "moontide-newer"),
    (#"\e[5~"#, "moontide-older"), (#"\e[6~"#, "moontide-newer"),
    ("^A", "moontide-home"), (#"\e[H"#, "moontide-home"), (#"\eOH"#, "moontide-home"),
    (#"\e[1~"#, "moontide-home"),
    ("^E", "moontide-end"), (#"\e[F"#, "moontide-end"), (#"\eOF"#, "moontide-end"),
    (#"\e[4~"#, "moontide-end"),
    (#"\e[3~"#, "ed-delete-next-char"),
    ("^R", "moontide-search"), ("^I", "moontide-complete"),
    (#"\e[200~"#, "moontide-paste"), (pasteKey, "moontide-paste"),
    ("^D", "moontide-delete-or-leave"), ("^Z", "moontide-suspend"), ("^L", "moontide-clear"),
    ("^W", "ed-delete-prev-word"), ("^U", "vi-kill-line-prev"),
    // Keys for the macro of Ctrl-K: libedit's kill would take all of the cell's further lines.
    (#"\e[9001~"#, "em-set-mark"), (#"\e[9002~"#, "moontide-end"), (#"\e[9003~"#, "em-kill-region"),
  ]

  /// What a vi user keeps of ours after `bind -v`, which sets every key anew.
  private static let viBindings: Set<String> = [
    "^M", "^J", #"\e[A"#, #"\eOA"#, #"\e[B"#, #"\eOB"#, "^I", "^R", pasteKey, "^D", "^Z", "^L",
  ]

  /// Stands for the mark at the beginning of a paste: one key, which works in every map. Nobody types it.
  static let pasteKey = "\u{91}"

  func bindKeys() {
    for (key, command) in Self.bindings { bind(key, command) }
    withWide("^K") { key in
      withWide(#"\e[9001~\e[9002~\e[9003~"#) { moon_edit_bind_keys(editor, key, $0) }
    }
  }

  func bindViKeys() {
    for (key, command) in Self.bindings where Self.viBindings.contains(key) {
      // In vi Escape is a key of its own, which changes to the command map; the rest of a sequence is found
      // there.
      let alternative = key.hasPrefix(#"\e"#) ? String(key.dropFirst(2)) : key
      if alternative == key { bind(key, command) }
      withWide(alternative) { key in withWide(command) { moon_edit_bind_alternative(editor, key, $0) } }
    }
  }

  private func bind(_ key: String, _ command: String) {
    withWide(key) { key in withWide(command) { moon_edit_bind(editor, key, $0) } }
  }

  private func withWide(_ text: String, _ body: (UnsafePointer<wchar_t>) -> Void) {
    let wide = text.unicodeScalars.map { wchar_t(bitPattern: $0.value) } + [0]
    wide.withUnsafeBufferPointer { body($0.baseAddress!) }
  }

  /// Answers a key that is ours.
  func answer(_ command: moon_edit_command, key: Int32) -> UInt8 {
    switch command {
    case MOON_EDIT_ENTER: return enter()
    case MOON_EDIT_NEWLINE: return done(insert(["\n"]))
    case MOON_EDIT_UP: return done(moveLine(-1) || walkHistory(1))
    case MOON_EDIT_DOWN: return done(moveLine(1) || walkHistory(-1))
    case MOON_EDIT_OLDER: return done(walkHistory(1))
    case MOON_EDIT_NEWER: return done(walkHistory(-1))
    case MOON_EDIT_HOME: return moveToEdge(forward: false)
    case MOON_EDIT_END: return moveToEdge(forward: true)
    case MOON_EDIT_SEARCH: return search()
    case MOON_EDIT_COMPLETE: return completeWord()
    case MOON_EDIT_PASTE: return paste()
    case MOON_EDIT_DELETE_OR_LEAVE: return deleteOrLeave()
    case MOON_EDIT_SUSPEND: suspend()
    case MOON_EDIT_CLEAR: writer.clearScreen()
    default: return UInt8(CC_ERROR)
    }
    return UInt8(CC_REFRESH)
  }

  private func done(_ worked: Bool) -> UInt8 { UInt8(worked ? CC_REFRESH : CC_ERROR) }

  private func enter() -> UInt8 {
    let (text, _) = scalars()
    if isComplete(string(text)) { return accept(text) }
    return done(insert(["\n"]))
  }

  private func deleteOrLeave() -> UInt8 {
    var (text, cursor) = scalars()
    if text.isEmpty {
      result = .endOfFile
      return UInt8(CC_EOF)
    }
    guard cursor < text.count else { return UInt8(CC_ERROR) }
    text.remove(at: cursor)
    replace(text, cursor: cursor)
    return UInt8(CC_REFRESH)
  }

  // MARK: Moving

  private func lineStart(_ text: [Unicode.Scalar], at cursor: Int) -> Int {
    text[..<cursor].lastIndex(of: "\n").map { $0 + 1 } ?? 0
  }

  private func lineEnd(_ text: [Unicode.Scalar], at cursor: Int) -> Int {
    text[cursor...].firstIndex(of: "\n") ?? text.count
  }

  /// To the edge of the line; from there to the edge of the next one, so that Ctrl-K joins lines.
  private func moveToEdge(forward: Bool) -> UInt8 {
    let (text, cursor) = scalars()
    var edge = forward ? lineEnd(text, at: cursor) : lineStart(text, at: cursor)
    if edge == cursor {
      edge = forward ? min(text.count, cursor + 1) : max(0, cursor - 1)
      if !forward, edge < cursor { edge = lineStart(text, at: edge) }
    }
    moon_edit_move(editor, edge)
    return UInt8(CC_REFRESH)
  }

  /// One line up or down in the cell, to the same column; false at its first or last line.
  private func moveLine(_ direction: Int) -> Bool {
    let (text, cursor) = scalars()
    let start = lineStart(text, at: cursor)
    func width(_ part: ArraySlice<Unicode.Scalar>) -> Int {
      TextWidth.columns(of: part, ofControl: 2)
    }
    let column = width(text[start..<cursor])
    let target: Int
    if direction < 0 {
      guard start > 0 else { return false }
      target = lineStart(text, at: start - 1)
    } else {
      let end = lineEnd(text, at: cursor)
      guard end < text.count else { return false }
      target = end + 1
    }
    let end = lineEnd(text, at: target)
    var position = target
    while position < end, width(text[target...position]) <= column { position += 1 }
    moon_edit_move(editor, position)
    return true
  }

  // MARK: History

  private func walkHistory(_ step: Int) -> Bool {
    let (text, cursor) = scalars()
    var walk = recall ?? Recall(draft: text, prefix: "", placed: [])
    if recall == nil || walk.placed != text {
      walk = Recall(draft: text, prefix: string(text[..<cursor]), placed: text)
    }
    var index = walk.index + step
    while index >= 0, let entry = history.entry(index) {
      if entry.hasPrefix(walk.prefix), entry != string(text) { return place(entry, index: index, &walk) }
      index += step
    }
    guard step < 0, walk.index >= 0 else { return false }
    return place(string(walk.draft), index: -1, &walk)
  }

  private func place(_ entry: String, index: Int, _ walk: inout Recall) -> Bool {
    let text = Array(entry.unicodeScalars)
    walk.index = index
    walk.placed = text
    recall = walk
    replace(text, cursor: text.count)
    return true
  }

  /// Incremental search: each key narrows it, Ctrl-R goes on to older cells, Enter runs what was found,
  /// Escape keeps it for editing, Ctrl-G puts back what was there.
  private func search() -> UInt8 {
    let before = scalars()
    var pattern: [Unicode.Scalar] = []
    var index = 0
    var found = true
    defer { note = nil }
    while true {
      note = "\(found ? "search" : "no such cell"): \(string(pattern))_"
      guard let key = nextKey() else { return UInt8(CC_EOF) }
      switch key.value {
      case 0x12: found = find(pattern, from: index + 1, &index)
      case 0x13: found = findNewer(pattern, before: index, &index)
      case 0x07:
        replace(before.text, cursor: before.cursor)
        return UInt8(CC_REFRESH)
      case 0x08, 0x7f:
        _ = pattern.popLast()
        found = find(pattern, from: 0, &index)
      case 0x0a, 0x0d:
        note = nil
        return enter()
      case 0x1b where escapeStandsAlone(): return UInt8(CC_REFRESH)
      case 0..<0x20:
        // The key that ends the search does what it does: a cursor key moves in what was found.
        moon_edit_push(editor, [wchar_t(bitPattern: key.value), 0])
        return UInt8(CC_REFRESH)
      default:
        pattern.append(key)
        found = find(pattern, from: index, &index)
      }
    }
  }

  private func find(_ pattern: [Unicode.Scalar], from start: Int, _ index: inout Int) -> Bool {
    guard !pattern.isEmpty else {
      index = 0
      return true
    }
    let text = string(pattern)
    var candidate = start
    while let entry = history.entry(candidate) {
      if show(entry, matching: text) {
        index = candidate
        return true
      }
      candidate += 1
    }
    return false
  }

  private func findNewer(_ pattern: [Unicode.Scalar], before end: Int, _ index: inout Int) -> Bool {
    guard !pattern.isEmpty else { return true }
    let text = string(pattern)
    for candidate in stride(from: end - 1, through: 0, by: -1) {
      if let entry = history.entry(candidate), show(entry, matching: text) {
        index = candidate
        return true
      }
    }
    return false
  }

  private func show(_ entry: String, matching text: String) -> Bool {
    let scalars = Array(entry.unicodeScalars)
    let wanted = Array(text.unicodeScalars)
    guard scalars.count >= wanted.count else { return false }
    for start in 0...(scalars.count - wanted.count) where scalars[start...].starts(with: wanted) {
      replace(scalars, cursor: start)
      return true
    }
    return false
  }

  // MARK: Tab and paste

  private func completeWord() -> UInt8 {
    let (text, cursor) = scalars()
    let lineStart = lineStart(text, at: cursor)
    // At the beginning of a line Tab indents.
    if text[lineStart..<cursor].allSatisfy({ $0 == " " || $0 == "\t" }) {
      return done(insert([" ", " "]))
    }
    guard let completion = complete?(string(text), cursor), let first = completion.candidates.first,
      completion.range.lowerBound >= 0, completion.range.upperBound <= text.count
    else { return UInt8(CC_ERROR) }
    let single = completion.candidates.count == 1
    var common = Array(first.text.unicodeScalars)
    for candidate in completion.candidates.dropFirst() {
      common.removeLast(common.count - zip(common, candidate.text.unicodeScalars).prefix { $0 == $1 }.count)
    }
    if single { common += Array(completion.suffix.unicodeScalars) }
    let present = Array(text[completion.range])
    if common != present, common.count >= present.count || single {
      var changed = text
      changed.replaceSubrange(completion.range, with: common)
      replace(changed, cursor: completion.range.lowerBound + common.count)
      return UInt8(CC_REFRESH)
    }
    guard !single else { return UInt8(CC_REFRESH) }
    list(completion.candidates)
    return UInt8(CC_REFRESH)
  }

  private func list(_ candidates: [Completion.Candidate]) {
    let shown = candidates.prefix(Limits.candidatesShown).map(\.label)
    let more = candidates.count - shown.count
    writer.print(
      TextWidth.columnList(shown, width: writer.size.columns) + (more > 0 ? "… and \(more) more\n" : ""))
    writer.flush()
  }

  /// Takes a bracketed paste up to its end mark: one cell's text, not run, tabs kept.
  private func paste() -> UInt8 {
    let endMark: [Unicode.Scalar] = ["\u{1b}", "[", "2", "0", "1", "~"]
    var matched = 0
    var text: [Unicode.Scalar] = []
    var lost = 0
    let room = max(0, Limits.cellScalars - scalars().text.count)
    isPasting = true
    defer { isPasting = false }
    var afterReturn = false
    func take(_ scalar: Unicode.Scalar) {
      // Terminals send carriage returns for line ends, some with a newline behind.
      if scalar == "\n", afterReturn {
        afterReturn = false
        return
      }
      afterReturn = scalar == "\r"
      if text.count < room { text.append(scalar == "\r" ? "\n" : scalar) } else { lost += 1 }
    }
    while matched < endMark.count {
      guard let key = nextKey() else { return UInt8(CC_EOF) }
      if key == endMark[matched] {
        matched += 1
      } else {
        endMark[..<matched].forEach(take)
        matched = key == endMark[0] ? 1 : 0
        if matched == 0 { take(key) }
      }
    }
    if lost > 0 {
      writer.print("the paste is too long for a cell: \(lost) characters were left out\n", to: .error)
    }
    return done(insert(text))
  }
}
