/// How to bring a page before somebody's eyes.
public enum PageOpener: Sendable, Hashable {
  /// Start this program with these arguments; its output is of no interest.
  case run(program: String, arguments: [String])
  /// Nobody can see a browser here; these lines say what to do instead.
  case tell([String])

  /// What fits this environment. The address is to be shown in any case.
  /// - Parameters:
  ///   - url: what a person may open.
  ///   - door: what a browser is told to open in its place; asked only when one is to be started. Every user of the
  ///     machine can read the arguments of a program, so it must not tell the address: ``PrivateDoor`` makes such ones.
  ///     Nil when there is none: then nothing is started.
  ///   - environment: of the program.
  ///   - hasProgram: whether there is a program of that name on the path.
  public static func choose(
    url: String, door: () -> String?, environment: [String: String], hasProgram: (String) -> Bool
  ) -> PageOpener {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    func run(_ program: String, _ arguments: (String) -> [String]) -> PageOpener {
      door().map { .run(program: program, arguments: arguments($0)) }
        ?? .tell(["no file could be made to open the page with; open it yourself"])
    }
    if let browser = value("BROWSER") {
      // A list as xdg-open reads it; `%s` stands for the address.
      for entry in browser.split(separator: ":") {
        let words = entry.split(separator: " ").map(String.init)
        guard let program = words.first, program.hasPrefix("/") || hasProgram(program) else { continue }
        return run(program) { door in
          let arguments = words.dropFirst().map { $0.replacing("%s", with: door) }
          return entry.contains("%s") ? arguments : arguments + [door]
        }
      }
    }
    if value("SSH_CONNECTION") != nil || value("SSH_TTY") != nil {
      return .tell(tunnel(url, connection: value("SSH_CONNECTION"), user: value("USER") ?? value("LOGNAME")))
    }
    #if os(macOS)
      return run("open") { [$0] }
    #else
      guard value("DISPLAY") != nil || value("WAYLAND_DISPLAY") != nil else { return .tell([]) }
      return hasProgram("xdg-open") ? run("xdg-open") { [$0] } : .tell([])
    #endif
  }

  private static func tunnel(_ url: String, connection: String?, user: String?) -> [String] {
    let port = url.split(separator: ":").last.map { $0.prefix { $0.isNumber } } ?? ""
    // SSH_CONNECTION has four words: the client and its port, this machine and its port.
    let words = connection.map { $0.split(separator: " ") } ?? []
    let host = words.count == 4 ? String(words[2]) : "HOST"
    let own = words.count == 4 && words[3] != "22" ? "-p \(words[3]) " : ""
    let name = user.map { $0 + "@" } ?? ""
    return ["on your own machine: ssh -N \(own)-L \(port):127.0.0.1:\(port) \(name)\(host)"]
  }
}
