import Glibc
import Lua

/// `$VISUAL`, else `$EDITOR`, else vi, in the terminal that the caller has let go of.
enum ExternalEditor {
  /// What a person made of the text.
  static func edit(_ text: [UInt8]) throws(LuaError) -> [UInt8] {
    var path = Array("\(Environment["TMPDIR"] ?? "/tmp")/moontide-XXXXXX.lua".utf8CString)
    let descriptor = mkstemps(&path, 4)
    let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard descriptor >= 0 else { throw failure("cannot write \(name)") }
    defer { unlink(name) }
    let whole = text.last == 0x0a || text.isEmpty ? text : text + [0x0a]
    let count = whole.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    guard count == whole.count else { throw failure("cannot write \(name)") }
    try open(name)
    var edited = try NotebookFiles.text(name)
    while edited.last == 0x0a { edited.removeLast() }
    return edited
  }

  /// Opens a file and waits until the editor ends. Signals of the keyboard are the editor's meanwhile.
  static func open(_ path: String) throws(LuaError) {
    let editor =
      [Environment["VISUAL"], Environment["EDITOR"]].compactMap { $0 }.first { !$0.isEmpty } ?? "vi"
    // The variable may hold arguments, so a shell reads it; the file's name it gets as a word, and never as an option.
    let file = path.hasPrefix("-") || path.hasPrefix("+") ? "./" + path : path
    let words = ["sh", "-c", "exec \(editor) \"$1\"", "sh", file]
    let arguments = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for signal in [SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGTSTP, SIGWINCH] { sigaddset(&defaults, signal) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var child = pid_t()
    let problem = posix_spawn(&child, "/bin/sh", nil, &attributes, arguments, environ)
    guard problem == 0 else {
      throw LuaError("editor", "cannot start \(editor): \(String(cString: strerror(problem)))")
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw LuaError("editor", "\(editor) ended with an error", hint: "set EDITOR to the editor you like")
    }
  }

  private static func failure(_ what: String) -> LuaError {
    LuaError("editor", "\(what): \(String(cString: strerror(errno)))")
  }
}
