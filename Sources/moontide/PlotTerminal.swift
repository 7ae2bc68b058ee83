import Bindings
import Foundation
import Glibc
import Plotting
import Terminal

/// What pictures need of a front end.
protocol PictureScreen: AnyObject {
  var size: TerminalSize { get }
  /// Standard output is a terminal that this interpreter has for itself.
  var isTerminal: Bool { get }
  var usesColor: Bool { get }
  /// A person types here, for whom windows may open.
  var isNotebook: Bool { get }
  /// A line is being edited: no picture now.
  var isEditing: Bool { get }
  /// Redrawn in its place; nil ends that.
  func showPicture(_ lines: [String]?)
}

/// Where plots show: pages in the user's browser, pictures on the terminal, both through what the program has anyway.
final class PlotTerminal: PlotFront {
  private let screen: any PictureScreen
  private var modes: termios?
  /// Of the pages that a browser was sent to; they stay for one that is slow to start.
  private var doors: [PrivateDoor] = []

  init(_ screen: any PictureScreen) { self.screen = screen }

  /// A row stays free for the cursor; more than 30 rows push away what stood before and show nothing more.
  var pictureSize: (columns: Int, rows: Int) {
    let size = screen.size
    return (size.columns, min(max(4, size.rows - 1), screen.isTerminal ? 30 : 20))
  }

  var pictureStyle: TerminalStyle {
    var style = TerminalStyle(environment: ProcessInfo.processInfo.environment)
    // Files and pipes have no TERM of their own: the locale alone says whether they take braille.
    if !screen.isTerminal {
      style = TerminalStyle(
        environment: ProcessInfo.processInfo.environment.merging(["TERM": "file"]) { $1 })
    }
    style.hasColours = screen.usesColor
    return style
  }

  /// Only a person in the notebook wants windows to open.
  func open(_ url: String) -> [String] {
    guard screen.isNotebook, isatty(0) == 1 else { return [] }
    let environment = ProcessInfo.processInfo.environment
    let door = { [unowned self] () -> String? in
      guard let door = PrivateDoor(to: url, environment: environment) else { return nil }
      if doors.count >= ProgramLimits.doors { doors.removeFirst().close() }
      doors.append(door)
      return door.url
    }
    switch PageOpener.choose(
      url: url, door: door, environment: environment, hasProgram: { Self.path($0) != nil })
    {
    case .tell(let lines): return lines
    case .run(let program, let arguments):
      guard let path = Self.path(program) else { return [] }
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      do { try process.run() } catch { return ["\(program) could not be started; open the page yourself"] }
      return []
    }
  }

  /// The pages are gone, and so are the ways to them.
  func close() {
    for door in doors { door.close() }
    doors = []
  }

  private static func path(_ program: String) -> String? {
    if program.contains("/") { return access(program, X_OK) == 0 ? program : nil }
    let folders = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin").split(separator: ":")
    return folders.lazy.map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }

  // MARK: - Moving pictures

  func beginPicture() -> Bool {
    guard isatty(0) == 1, screen.isTerminal, !screen.isEditing else { return false }
    var now = termios()
    guard tcgetattr(0, &now) == 0 else { return false }
    modes = now
    listenForKeys()
    return true
  }

  /// Keys come one by one and unseen; Ctrl-C stays a signal.
  private func listenForKeys() {
    guard var raw = modes else { return }
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
    withUnsafeMutableBytes(of: &raw.c_cc) { characters in
      characters[Int(VMIN)] = 0
      characters[Int(VTIME)] = 0
    }
    tcsetattr(0, TCSADRAIN, &raw)
  }

  func showPicture(_ lines: [String]) { screen.showPicture(lines) }

  var wantsPictureToEnd: Bool {
    if screen.isEditing { return true }
    // After Ctrl-Z and fg the shell has given the terminal its usual modes.
    var now = termios()
    if tcgetattr(0, &now) == 0, now.c_lflag & tcflag_t(ICANON) != 0 { listenForKeys() }
    var waiting = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, 0) > 0 else { return false }
    // An arrow is three bytes; what is pasted into a picture is no cell.
    var bytes = [UInt8](repeating: 0, count: 1024)
    _ = read(0, &bytes, bytes.count)
    return true
  }

  func endPicture() {
    screen.showPicture(nil)
    if var modes { tcsetattr(0, TCSADRAIN, &modes) }
    modes = nil
  }
}
