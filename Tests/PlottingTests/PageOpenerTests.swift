import Plotting
import Testing

@Suite struct PageOpenerTests {
  static let url = "http://127.0.0.1:4711/abc/"

  static func choose(_ environment: [String: String], _ programs: [String] = ["xdg-open", "firefox"])
    -> PageOpener
  {
    PageOpener.choose(url: url, environment: environment) { programs.contains($0) }
  }

  @Test func theBrowserOfTheUserComesFirst() {
    let display = ["DISPLAY": ":0", "BROWSER": "nothing:firefox --new-window %s:other"]
    #expect(Self.choose(display) == .run(program: "firefox", arguments: ["--new-window", Self.url]))
    #expect(Self.choose(["BROWSER": "/opt/b"]) == .run(program: "/opt/b", arguments: [Self.url]))
  }

  @Test func aDisplayIsAskedThroughItsDesktop() {
    #expect(Self.choose(["DISPLAY": ":0"]) == .run(program: "xdg-open", arguments: [Self.url]))
    #expect(Self.choose(["WAYLAND_DISPLAY": "wayland-0"]) == .run(program: "xdg-open", arguments: [Self.url]))
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
}
