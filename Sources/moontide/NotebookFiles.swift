import Glibc
import Lua
import Notebooks

/// Cells of a session to and from notebook files.
enum NotebookFiles {
  /// Text of more bytes is data, not cells to be looked at in a line.
  static let loadedBytes = 1 << 20

  /// Writes cells of this session, by default all that ran without an error; how many. Passwords are not in what the
  /// session remembers: a note says where they are to be filled in.
  static func save(
    _ session: Session, to path: String, cells: String = "", overwrite: Bool = false
  ) throws(LuaError) -> Int {
    let last = session.nextNumber - 1
    let numbers: [Int]
    do throws(CellRanges.ParseError) {
      let ranges = try CellRanges(cells, last: last)
      numbers =
        ranges.numbers.isEmpty
        ? (1...max(1, last)).filter { !session.failedNumbers.contains($0) } : ranges.numbers
    } catch {
      throw LuaError("argument", error.message, hint: "`:history` shows the cells")
    }
    var file = NotebookFile()
    var count = 0
    var masked: [Int] = []
    for number in numbers {
      guard let text = session.text(ofCell: number) else { continue }
      if session.hasSecrets(number) { masked.append(number) }
      file.append(CellMarker(), text: text)
      count += 1
    }
    guard count > 0 else { throw LuaError("argument", "no cell has run yet") }
    try write(file.bytes, to: path, overwrite: overwrite)
    if !masked.isEmpty {
      let list = masked.map(String.init).joined(separator: ", ")
      session.display.note(
        "passwords are left out (\(SourceSecrets.mark)) in cell \(list); password_env = \"NAME\" works without one"
      )
    }
    return count
  }

  static func text(_ path: String) throws(LuaError) -> [UInt8] {
    do throws(FileText.Failure) {
      return try FileText.read(expanded(path))
    } catch {
      throw LuaError("not_found", "cannot read \(path): \(error.reason)")
    }
  }

  /// `~/` as in a shell.
  static func expanded(_ path: String) -> String {
    guard path == "~" || path.hasPrefix("~/"), let home = Environment["HOME"] else { return path }
    return home + path.dropFirst()
  }

  /// A new file is made only where none is; an old one is replaced in one step, so that a full disk spoils nothing.
  private static func write(_ bytes: [UInt8], to path: String, overwrite: Bool) throws(LuaError) {
    let target = expanded(path)
    let name = overwrite ? "\(target).\(UInt32.random(in: 0 ... .max)).new" : target
    let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST {
        throw LuaError(
          "exists", "\(path) exists", hint: "`overwrite` behind it (overwrite = true in a script) replaces it"
        )
      }
      throw LuaError("write", "cannot write \(path): \(String(cString: strerror(errno)))")
    }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
      }
      if count > 0 { written += count } else if count < 0, errno != EINTR { break }
    }
    let failure = written < bytes.count ? errno : 0
    close(descriptor)
    guard failure == 0, !overwrite || rename(name, target) == 0 else {
      let reason = String(cString: strerror(failure == 0 ? errno : failure))
      unlink(name)
      throw LuaError("write", "cannot write \(path): \(reason)")
    }
  }
}
