import Glibc

/// Cells of earlier sessions and of this one, in memory and in a file that any number of sessions share.
///
/// The file is JSON lines (``HistoryLine``), private to the user. Each cell is one write under a lock, so
/// sessions lose nothing of each other. It is read at the first use, from its end, so its size does not
/// matter to the start. For the interpreter thread only.
package final class History {
  /// Where the file is; nil when nothing is kept.
  package let path: String?
  /// Marks this session's lines; unlike that of any other session. A process number would not do: in a container
  /// every program has the same one.
  package let session: String
  /// Why the last ``add(_:time:)`` did not reach the file.
  package private(set) var lastError: TerminalError?

  private let keeps: (String) -> Bool
  private var loaded: [String]?
  private var added: [String] = []

  /// - Parameters:
  ///   - path: nil keeps the history in memory only.
  ///   - session: for tests.
  ///   - keeps: asked before a cell is kept anywhere: false for one that holds a password.
  package init(
    path: String?, session: String = History.freshSession(), keeps: @escaping (String) -> Bool = { _ in true }
  ) {
    self.path = path
    self.session = session
    self.keeps = keeps
  }

  package static func freshSession() -> String {
    String(UInt64.random(in: 0...UInt64.max), radix: 36)
  }

  /// `MOONTIDE_HISTORY` (empty: none), else `$XDG_STATE_HOME/moontide/history.jsonl`, else below
  /// `~/.local/state`.
  package static func defaultPath(environment: [String: String]) -> String? {
    if let path = environment["MOONTIDE_HISTORY"] { return path.isEmpty ? nil : path }
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      return state + "/moontide/history.jsonl"
    }
    return environment["HOME"].flatMap { $0.isEmpty ? nil : $0 + "/.local/state/moontide/history.jsonl" }
  }

  /// Adds a cell that was run; false when it is not kept: empty, begins with a blank, repeats the last, is a
  /// secret.
  ///
  /// A file that cannot be written is no reason to stop: ``lastError`` says why, and the cell stays in
  /// memory.
  @discardableResult
  package func add(_ cell: String, time: Double) -> Bool {
    guard let first = cell.unicodeScalars.first, !first.properties.isWhitespace,
      cell.utf8.count <= Limits.historyCellBytes, cell != added.last, keeps(cell)
    else { return false }
    if added.count >= Limits.historyEntries { added.removeFirst(added.count / 4) }
    added.append(cell)
    lastError = nil
    guard let path else { return true }
    do throws(TerminalError) {
      try append(HistoryLine(time: time, session: session, cell: cell).encoded, to: path)
    } catch {
      lastError = error
    }
    return true
  }

  /// A cell, 0 the newest; nil past the oldest. Reads the file when it was not read yet.
  package func entry(_ index: Int) -> String? {
    guard index >= 0 else { return nil }
    if index < added.count { return added[added.count - 1 - index] }
    let older = load()
    let position = older.count - 1 - (index - added.count)
    return position >= 0 ? older[position] : nil
  }

  /// Cells that ``entry(_:)`` knows.
  package var count: Int { added.count + load().count }

  // MARK: The file

  private func load() -> [String] {
    if let loaded { return loaded }
    let cells = path.map { Self.lastCells(in: $0, without: session) } ?? []
    loaded = cells
    return cells
  }

  /// Whole lines from the end of the file, oldest first, but not this session's own.
  private static func lastCells(in path: String, without session: String) -> [String] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
    var offset = Int(status.st_size)
    var cells: [String] = []
    var tail: [UInt8] = []
    var taken = 0
    while offset > 0, cells.count < Limits.historyEntries, taken < Limits.historyBytes {
      let count = min(offset, 1 << 18)
      offset -= count
      taken += count
      var chunk = [UInt8](repeating: 0, count: count)
      guard pread(descriptor, &chunk, count, off_t(offset)) == count else { break }
      chunk += tail
      let start = offset == 0 ? 0 : (chunk.firstIndex(of: 0x0a).map { $0 + 1 } ?? chunk.count)
      tail = Array(chunk[..<start])
      for line in chunk[start...].split(separator: 0x0a).reversed() {
        guard cells.count < Limits.historyEntries else { break }
        guard let parsed = HistoryLine(parsing: line), parsed.session != session else { continue }
        if parsed.cell != cells.last { cells.append(parsed.cell) }
      }
    }
    return cells.reversed()
  }

  private func append(_ line: [UInt8], to path: String) throws(TerminalError) {
    Self.makeParents(of: path)
    let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.error("open", path) }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_EX) == 0 else { throw Self.error("lock", path) }
    // A session that was killed in the middle of a line must not spoil the next one.
    var line = line
    var last: UInt8 = 0x0a
    let end = lseek(descriptor, 0, SEEK_END)
    if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != 0x0a { line.insert(0x0a, at: 0) }
    var written = 0
    while written < line.count {
      let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, line.count - written) }
      if count > 0 { written += count } else if errno != EINTR { throw Self.error("write", path) }
    }
  }

  private static func makeParents(of path: String) {
    var end = path.startIndex
    while let slash = path[path.index(after: end)...].firstIndex(of: "/") {
      mkdir(String(path[..<slash]), 0o700)
      end = slash
    }
  }

  private static func error(_ action: String, _ path: String) -> TerminalError {
    TerminalError(
      .history, "cannot \(action) the history \(path): \(String(cString: strerror(errno)))",
      hint: "set MOONTIDE_HISTORY to a file that can be written, or to nothing")
  }
}
