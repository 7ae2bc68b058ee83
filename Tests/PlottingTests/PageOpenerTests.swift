import Foundation
import Plotting
import Testing

@Suite struct PageOpenerTests {
  static let url = "http://127.0.0.1:4711/abc/"
  static let door = "file:///run/user/1/moontide-x/plot.html"

  static func choose(
    _ environment: [String: String], _ programs: [String] = ["xdg-open", "firefox"], door: String? = door
  ) -> PageOpener {
    PageOpener.choose(url: url, door: { door }, environment: environment) { programs.contains($0) }
  }

  @Test func theBrowserOfTheUserComesFirst() {
    let display = ["DISPLAY": ":0", "BROWSER": "nothing:firefox --new-window %s:other"]
    #expect(Self.choose(display) == .run(program: "firefox", arguments: ["--new-window", Self.door]))
    #expect(Self.choose(["BROWSER": "/opt/b"]) == .run(program: "/opt/b", arguments: [Self.door]))
  }

  @Test func aDisplayIsAskedThroughItsDesktop() {
    #expect(Self.choose(["DISPLAY": ":0"]) == .run(program: "xdg-open", arguments: [Self.door]))
    #expect(
      Self.choose(["WAYLAND_DISPLAY": "wayland-0"]) == .run(program: "xdg-open", arguments: [Self.door]))
    #expect(Self.choose(["DISPLAY": ":0"], []) == .tell([]))
    #expect(Self.choose([:]) == .tell([]))
  }

  @Test func overSshItSaysHowToReachIt() {
    let environment = ["SSH_CONNECTION": "10.0.0.5 50000 10.0.0.9 2222", "USER": "ada", "DISPLAY": ":10"]
    #expect(
      Self.choose(environment)
        == .tell(["on your own machine: ssh -N -p 2222 -L 4711:127.0.0.1:4711 ada@10.0.0.9"]))
    #expect(
      Self.choose(["SSH_TTY": "/dev/pts/0"])
        == .tell(["on your own machine: ssh -N -L 4711:127.0.0.1:4711 HOST"]))
  }

  /// Everybody on the machine can list programs with their arguments.
  @Test(arguments: [["BROWSER": "b"], ["BROWSER": "b --new %s"], ["DISPLAY": ":0"]])
  func noCommandLineHoldsTheAddress(_ environment: [String: String]) {
    guard case .run(_, let arguments) = Self.choose(environment, ["b", "xdg-open"]) else {
      Issue.record("nothing is started")
      return
    }
    #expect(!arguments.joined().contains("abc") && arguments.joined().contains(Self.door))
    guard case .tell(let lines) = Self.choose(environment, ["b", "xdg-open"], door: nil) else {
      Issue.record("something is started")
      return
    }
    #expect(lines == ["no file could be made to open the page with; open it yourself"])
  }

  @Test func aPrivateDoorIsReadableByItsUserAloneAndLeadsThere() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "moon tide-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for environment in [
      ["XDG_RUNTIME_DIR": folder.path], ["XDG_RUNTIME_DIR": "/nowhere", "TMPDIR": folder.path],
    ] {
      let door = try #require(PrivateDoor(to: Self.url, environment: environment))
      #expect(!door.url.contains("abc"))
      let file = try #require(URL(string: door.url))
      #expect(file.isFileURL && file.path.hasPrefix(folder.path))
      func mode(_ url: URL) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int
      }
      #expect(try mode(file) == 0o600)
      #expect(try mode(file.deletingLastPathComponent()) == 0o700)
      #expect(try String(contentsOf: file, encoding: .utf8).contains("0; url=\(Self.url)\""))
      door.close()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}
