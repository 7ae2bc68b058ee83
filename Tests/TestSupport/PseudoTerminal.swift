import Foundation
import Glibc

/// A terminal made of software: a test types at one end, a program runs at the other, and ``screen`` is what
/// a person would see.
///
/// The test's side is for one thread. Every wait has a deadline.
package final class PseudoTerminal {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  /// What a process ended with.
  package enum Ending: Equatable, Sendable {
    case exit(Int32)
    case signal(Int32)
  }

  /// The test's end.
  package let master: Int32
  /// The program's end, for a program inside the test; open until ``close()``.
  package private(set) var slave: Int32
  package private(set) var screen: ScreenModel
  /// Everything that the program wrote.
  package private(set) var received: [UInt8] = []
  private var process: pid_t?
  private let name: String

  package init(columns: Int = 80, rows: Int = 24, joinsEmoji: Bool = false) throws {
    // posix_openpt and its kin are hidden from Swift: the same by the kernel's own calls.
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: Int32 = 0
    guard master >= 0, ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0
    else {
      throw Failure(description: "no pseudo terminal: \(String(cString: strerror(errno)))")
    }
    name = "/dev/pts/\(number)"
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    screen = ScreenModel(columns: columns, rows: rows)
    screen.joinsEmoji = joinsEmoji
    setSize(columns, rows)
  }

  deinit { close() }

  /// Starts a program as the leader of a session whose terminal this is.
  package func run(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
    directory: String? = nil
  )
    throws
  {
    // The leader of a new session takes the first terminal that it opens as its own.
    let script = directory.map { "cd '\($0)' && " } ?? ""
    let command = ["/bin/sh", "-c", script + #"exec "$0" "$@""#, program] + arguments
    var values = ProcessInfo.processInfo.environment
    for name in ["NO_COLOR", "FORCE_COLOR", "MOONTIDE_HISTORY", "MOONTIDE_INIT"] { values[name] = nil }
    values.merge(["TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "EDITRC": "/dev/null"]) { $1 }
    values.merge(environment) { $1 }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for signal in [SIGINT, SIGTERM, SIGPIPE, SIGTSTP, SIGQUIT] { sigaddset(&defaults, signal) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    let setsid: Int32 = 0x80  // POSIX_SPAWN_SETSID, a GNU name
    posix_spawnattr_setflags(
      &attributes, Int16(setsid | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var pid: pid_t = 0
    let result = withStrings(command) { argv in
      withStrings(values.map { "\($0)=\($1)" }) { envp in
        posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, envp)
      }
    }
    guard result == 0 else {
      throw Failure(description: "cannot start \(program): \(String(cString: strerror(result)))")
    }
    process = pid
    Glibc.close(slave)
    slave = -1
  }

  /// Types.
  package func send(_ keys: String) { send(Array(keys.utf8)) }

  package func send(_ keys: [UInt8]) {
    var rest = keys[...]
    let deadline = ContinuousClock.now + .seconds(20)
    while !rest.isEmpty, ContinuousClock.now < deadline {
      // The program may be waiting for its own output to be read.
      readAvailable(waitMs: 0)
      var waiting = pollfd(fd: master, events: Int16(POLLOUT), revents: 0)
      guard poll(&waiting, 1, 20) > 0, waiting.revents & Int16(POLLOUT) != 0 else { continue }
      let piece = Array(rest.prefix(256))
      let count = write(master, piece, piece.count)
      if count > 0 { rest = rest.dropFirst(count) } else if errno != EAGAIN && errno != EINTR { return }
    }
  }

  /// Changes the size; the program gets SIGWINCH.
  package func resize(columns: Int, rows: Int) {
    readAvailable(waitMs: 0)
    screen.resize(columns: columns, rows: rows)
    setSize(columns, rows)
  }

  /// Reads until the screen is as wanted; throws with the screen's text when the time is over.
  package func expect(
    _ what: String, within: Duration = .seconds(30), _ condition: (ScreenModel) -> Bool
  ) throws {
    let deadline = ContinuousClock.now + within
    while true {
      readAvailable(waitMs: 0)
      if condition(screen) { return }
      guard ContinuousClock.now < deadline else {
        throw Failure(description: "waited for \(what); the screen is\n\(screen.history)\n\(screen.unknown)")
      }
      readAvailable(waitMs: 20)
    }
  }

  /// Reads until the text is on the screen or above it.
  package func expect(_ text: String, within: Duration = .seconds(30)) throws {
    try expect("“\(text)”", within: within) { $0.contains(text) }
  }

  /// Reads until nothing came for a while, so that the screen is at rest.
  package func settle(quietFor: Duration = .milliseconds(60), within: Duration = .seconds(10)) throws {
    let deadline = ContinuousClock.now + within
    var last = ContinuousClock.now
    while ContinuousClock.now - last < quietFor {
      if readAvailable(waitMs: 10) { last = .now }
      guard ContinuousClock.now < deadline else {
        throw Failure(description: "the screen does not come to rest")
      }
    }
  }

  /// Reads what is there into the screen; true when there was something.
  @discardableResult
  package func readAvailable(waitMs: Int32) -> Bool {
    var any = false
    var wait = waitMs
    while true {
      var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, wait) > 0, waiting.revents & Int16(POLLIN) != 0 else {
        // Without a program at the other end poll answers at once.
        if waiting.revents & Int16(POLLHUP) != 0, wait > 0 { usleep(UInt32(wait) * 1_000) }
        return any
      }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = read(master, &bytes, bytes.count)
      guard count > 0 else { return any }
      received += bytes[..<count]
      screen.feed(bytes[..<count])
      any = true
      wait = 0
    }
  }

  /// Waits for the program to end.
  package func waitForEnd(within: Duration = .seconds(30)) throws -> Ending {
    guard let process else { throw Failure(description: "nothing runs") }
    let deadline = ContinuousClock.now + within
    while ContinuousClock.now < deadline {
      readAvailable(waitMs: 10)
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        self.process = nil
        return ending(of: status)
      }
    }
    throw Failure(description: "the program goes on; the screen is\n\(screen.history)")
  }

  /// Sends a signal to the program alone.
  package func signal(_ number: Int32) { if let process { kill(process, number) } }

  /// Whether the terminal shows what is typed by itself: between programs, not in an editor.
  package var echoes: Bool {
    var modes = termios()
    return tcgetattr(master, &modes) == 0 && modes.c_lflag & tcflag_t(ECHO) != 0
  }

  /// Ends what still runs, and gives the terminal back.
  package func close() {
    if let process {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    process = nil
    if slave >= 0 { Glibc.close(slave) }
    slave = -1
    if !isClosed { Glibc.close(master) }
    isClosed = true
  }

  private var isClosed = false

  private func setSize(_ columns: Int, _ rows: Int) {
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }
}

func ending(of status: Int32) -> PseudoTerminal.Ending {
  let signal = status & 0x7f
  return signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
}

/// The strings as C wants them for exec.
func withStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers = strings.map { strdup($0) } + [nil]
  defer { pointers.forEach { free($0) } }
  return body(&pointers)
}
