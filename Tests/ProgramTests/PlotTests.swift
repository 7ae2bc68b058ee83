import Foundation
import TestSupport
import Testing

/// Plots in the built program: who sees what where.
@Suite struct PlotTests {
  private static let stream = "s = bela.connect('sim'):streamer{ 'pot1' }:start{ quiet = true }"

  private static func notebook(_ environment: [String: String] = [:], columns: Int = 80) throws
    -> PseudoTerminal
  {
    let terminal = try PseudoTerminal(columns: columns, rows: 24)
    // Nothing of the machine that runs the tests: no display, no ssh.
    var own = ["MOONTIDE_HISTORY": "", "MOONTIDE_INIT": "", "USER": "ann"]
    for name in ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY"] { own[name] = "" }
    try terminal.run(try ProgramRunner.program, environment: own.merging(environment) { $1 })
    try terminal.expect("[1]>", within: .seconds(20))
    terminal.send(stream + "\r")
    try terminal.expect("[2] 1~>", within: .seconds(20))
    return terminal
  }

  @Test func aTerminalPlotMovesUntilAKeyAndGivesTheScreenBack() async throws {
    try await onThread {
      let terminal = try Self.notebook()
      terminal.send("every('300ms', function() print('beat') end); s:plot{ term = true, window = '2s' }\r")
      try terminal.expect("● live", within: .seconds(20))
      try terminal.expect("beat", within: .seconds(20))
      try terminal.expect("a picture and no cursor", within: .seconds(20)) {
        !$0.modes.contains(25) && $0.contains("━ pot1")
      }
      let before = terminal.received.count
      try terminal.expect("beat\n[", within: .seconds(20))
      #expect(terminal.received.count > before)
      // One picture, however often it was drawn.
      try terminal.expect("one picture", within: .seconds(20)) {
        $0.text.split(separator: "\n").count { $0.contains("● live") } == 1
      }
      terminal.send("q")
      try terminal.expect("[2]= plot of pot1", within: .seconds(20))
      try terminal.expect("[3] 1~>", within: .seconds(20))
      #expect(terminal.screen.modes.contains(25))
      // The key was the picture's, and the editor has its keys again.
      terminal.send("1 + 1\r")
      try terminal.expect("[3]= 2", within: .seconds(20))
      // Ctrl-C gives the screen back as well.
      terminal.send("s:plot{ term = true }\r")
      try terminal.expect("a picture", within: .seconds(20)) { !$0.modes.contains(25) }
      terminal.send("\u{3}")
      try terminal.expect("interrupted", within: .seconds(20))
      try terminal.expect("[5] 1~>", within: .seconds(20))
      #expect(terminal.screen.modes.contains(25))
      #expect(terminal.screen.unknown == [])
    }
  }

  @Test func overSSHTheLineForATunnelIsPrinted() async throws {
    try await onThread {
      let terminal = try Self.notebook(["SSH_CONNECTION": "10.0.0.2 50000 10.0.0.7 22"], columns: 120)
      terminal.send("s:plot();\r")
      try terminal.expect("plot: http://127.0.0.1:", within: .seconds(20))
      try terminal.expect("on your own machine: ssh -N -L ", within: .seconds(20))
      try terminal.expect("ann@10.0.0.7", within: .seconds(20))
    }
  }

  @Test func aBrowserIsStartedInTheNotebookOnly() async throws {
    try await onThread {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "browser-\(UInt64.random(in: 0...UInt64.max))")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let (browser, seen) = (
        folder.appendingPathComponent("browser").path, folder.appendingPathComponent("seen").path
      )
      // What is on its command line, and then what it finds there.
      try "#!/bin/sh\n{ echo \"$@\"; cat \"${1#file://}\"; } > \(seen).new && mv \(seen).new \(seen)\n"
        .write(toFile: browser, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: browser)

      let script = Self.stream + "\nprint(s:plot().url)"
      let outcome = try ProgramRunner.run(
        ["-e", script], environment: ["BROWSER": browser, "DISPLAY": ":0"])
      #expect(outcome.exitCode == 0)
      #expect(outcome.errors.contains("plot: \(outcome.output)"))
      #expect(!FileManager.default.fileExists(atPath: seen))

      let terminal = try Self.notebook(
        ["BROWSER": browser, "XDG_RUNTIME_DIR": folder.path], columns: 120)
      terminal.send("p = s:plot{ open = false }\r")
      try terminal.expect("[3] 1~>", within: .seconds(20))
      #expect(!FileManager.default.fileExists(atPath: seen))
      terminal.send("p = s:plot()\r")
      try terminal.expect("[4] 1~>", within: .seconds(20))
      let end = ContinuousClock.now + .seconds(20)
      while !FileManager.default.fileExists(atPath: seen), ContinuousClock.now < end { usleep(20_000) }
      let found = try String(contentsOfFile: seen, encoding: .utf8).split(separator: "\n", maxSplits: 1)
      try #require(found.count == 2)
      let address = try #require(found[1].firstMatch(of: /http:\/\/127\.0\.0\.1:\d+\/([0-9a-f]{32})\//))
      // Everybody can list the arguments of a program: the token is not among them.
      #expect(found[0].hasPrefix("file://") && !found[0].contains(address.1))
      #expect(terminal.screen.history.replacing("\n", with: "").contains(address.1))
      terminal.send("\u{4}")
      #expect(try terminal.waitForEnd() == .exit(0))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["browser", "seen"])
    }
  }

  @Test func inTheSandboxPlotsWriteNoFiles() async throws {
    try await onThread {
      let script =
        Self.stream + "\nx = s:collect(100).pot1\nprint(#x:plot{ term = true }:svg() > 500)\n"
        + "local ok, err = try(x.plot, x, { term = true })\nprint(try(ok and err.save, err, '/tmp/moontide-no.svg'))"
      let outcome = try ProgramRunner.run(["--sandbox", "--allow", "sim", "-e", script])
      #expect(outcome.output.hasPrefix("true\nnil\tscripts in the sandbox write no files"), "\(outcome)")
      #expect(!FileManager.default.fileExists(atPath: "/tmp/moontide-no.svg"))
    }
  }

  @Test func withoutDygraphsTheErrorNamesThePackageAndTheTerminalWorks() async throws {
    try await onThread {
      // An empty folder comes first, and a mount of nothing hides the system's where that is allowed.
      let script =
        Self.stream + "\ns:collect(500)\nprint(#tostring(s:plot{ term = true }) > 200)\n"
        + "local ok, err = try(s.plot, s)\nprint(ok or err.code, ok or err.hint)"
      let hide = "mount -t tmpfs none /usr/share/javascript/dygraphs && exec \"$0\" \"$@\""
      guard
        let hidden = try? Self.run(
          "/usr/bin/unshare", ["-m", "sh", "-c", hide, ProgramRunner.program, "-e", script]),
        hidden.status == 0
      else {
        print("skipped: hiding dygraphs needs a mount namespace of one's own")
        return
      }
      #expect(
        hidden.output == "true\nmissing\tapt install libjs-dygraphs; plot{ term = true } works without it\n")
    }
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String)
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
