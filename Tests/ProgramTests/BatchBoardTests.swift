import Bela
import Foundation
import Simulation
import TestSupport
import Testing

/// Runs of scripts against one simulated board, by real sockets.
@Suite struct BatchBoardTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func scripts(_ count: Int, _ text: (Int) -> String) throws -> [String] {
    try (0..<count).map { try folder.file("s\($0).lua", text($0)) }
  }

  /// A board whose clock ran for a while; `body` gets its port.
  private func withBoard(
    change: (inout BoardConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (Int) throws -> Void
  ) async throws {
    var configuration = try BoardConfiguration.standard(rate: 8000)
    configuration.firstTick = 8000
    change(&configuration)
    let board = try await SimulatedBoard.start(configuration)
    let port = board.port
    do {
      try await onThread { try body(port) }
    } catch {
      await board.stop()
      throw error
    }
    // Nobody has left the board streaming.
    let after = try await BelaSource.connect(host: "127.0.0.1", port: port)
    let list = try await after.list()
    #expect(list.variables.filter { $0.isWatched || $0.monitorPeriod > 0 }.map(\.name) == [])
    await after.close()
    #expect(board.violations.isEmpty)
    await board.stop()
  }

  @Test func manyScriptsShareOneBoardAndGetAllTheirSamples() async throws {
    try await withBoard { port in
      // Each streams what others stream, too, for another time: none may end another's stream.
      let paths = try scripts(24) { number in
        """
        board = bela.connect{ host = "127.0.0.1", port = \(port) }
        s = board:streamer{ "myvar", "\(number % 2 == 0 ? "pot1" : "pot2")" }
        s:start{ at = board:now() + 44100, ticks = \(400 + 100 * (number % 5)) }
        local n = 0
        for frame in s do n = n + #(frame.myvar or {}) end
        check.equal(n, \(401 + 100 * (number % 5)))
        s:close() board:close()
        """
      }
      let outcome = try ProgramRunner.run(
        ["run", "-j", "6", "--fail-on-gap", "--quiet", "--json"] + paths, within: .seconds(120))
      #expect(outcome.exitCode == 0, "\(outcome.errors)")
      let last = outcome.output.split(separator: "\n").last ?? ""
      let samples = (0..<24).reduce(0) { $0 + 2 * (401 + 100 * ($1 % 5)) }
      #expect(last.contains("\"kind\":\"summary\"") && last.contains("\"passed\":24,\"failed\":0"))
      #expect(last.contains("\"samples\":\(samples),\"gaps\":0,\"lost\":0,\"dropped\":0"), "\(last)")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalStopsTheStreamsOnTheBoard(_ signal: Int32) async throws {
    try await withBoard { port in
      let paths = try scripts(3) { number in
        """
        s = bela.connect{ host = "127.0.0.1", port = \(port) }:streamer{ "pot1", "ecg" }:start()
        m = bela.connect{ host = "127.0.0.1", port = \(port) }:monitor{ myvar = 800 }:start()
        \(number == 2 ? "s:read(10) print('ready') while true do end" : "while s:read(10) do end")
        """
      }
      let outcome = try ProgramRunner.run(
        ["run", "-j", "3", "--junit", folder.path + "/out.xml"] + paths, interruptAfter: "ready",
        signal: signal)
      #expect(outcome.exitCode == 128 + signal, "\(outcome)")
      #expect(FileManager.default.fileExists(atPath: folder.path + "/out.xml"))
    }
  }

  @Test func aTimeoutAndAnErrorStopThemToo() async throws {
    try await withBoard { port in
      let connect =
        "s = bela.connect{ host = '127.0.0.1', port = \(port) }:streamer{ 'pot1' }:start() s:read(10)"
      let texts = [
        connect + " while true do end", connect + " error('no')", connect + " os.exit(3)", connect,
      ]
      let paths = try scripts(4) { texts[$0] }
      let outcome = try ProgramRunner.run(["run", "-j", "4", "--keep-going", "--timeout", "3s"] + paths)
      #expect(outcome.exitCode == 1, "\(outcome)")
      #expect(
        outcome.errors.contains(/\ns0 +timeout\s/) && outcome.errors.contains(/\ns3 +passed\s/), "\(outcome)")
    }
  }

  @Test func lostSamplesFailARunThatMayHaveNone() async throws {
    try await withBoard(change: { $0.faults.linkRate = 60_000 }) { port in
      let paths = try scripts(1) { _ in
        """
        s = bela.connect{ host = "127.0.0.1", port = \(port) }:streamer{ "myvar", "myvar5" }:start()
        repeat s:read(10) until s:stats().gaps > 0
        """
      }
      let outcome = try ProgramRunner.run(["run", "--fail-on-gap"] + paths, within: .seconds(60))
      #expect(outcome.exitCode == 1, "\(outcome)")
      let without = try ProgramRunner.run(["run"] + paths, within: .seconds(60))
      #expect(without.exitCode == 0, "\(without)")
    }
  }

  @Test func aConnectionThatIsLostIs75() async throws {
    let board = try await SimulatedBoard.start(try .standard(rate: 8000))
    let (port, ready) = (board.port, folder.path + "/ready")
    let path = try folder.file(
      "lost.lua",
      """
      board = bela.connect{ host = "127.0.0.1", port = \(port) }
      io.open("\(ready)", "w"):close()
      while true do board:now() sleep(0.02) end
      """)
    async let outcome = onThread { try ProgramRunner.run(["run", path]) }
    let deadline = ContinuousClock.now + .seconds(20)
    while !FileManager.default.fileExists(atPath: ready), ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(5))
    }
    await board.stop()
    let ended = try await outcome
    #expect(ended.exitCode == 75, "\(ended)")
  }

  @Test func aFailedSignalCheckShowsWhatItSaw() async throws {
    try await onThread {
      let path = try folder.file(
        "signal.lua",
        """
        s = bela.connect{ "sim", rate = 8000 }:streamer{ "pot1" }:start()
        check(s:within("300ms"):rises_above("pot1", 5), "no touch seen")
        """)
      let outcome = try ProgramRunner.run(["run", path, "--junit", folder.path + "/out.xml"])
      #expect(outcome.exitCode == 1)
      #expect(outcome.errors.contains("no touch seen") && outcome.errors.contains("┤"), "\(outcome)")
      let report = try String(contentsOfFile: folder.path + "/out.xml", encoding: .utf8)
      #expect(report.contains("message=\"no touch seen\"") && report.contains("┤"), "\(report)")
    }
  }

  @Test func theSameNotebookGivesTheSameInteractivelyAsAScriptAndInABatch() async throws {
    try await onThread {
      let cells = [
        "board = bela.connect{ \"sim\", rate = 8000 }\ns = board:streamer{ \"myvar\", \"ecg\" }",
        "at = board:now() + 8000\ns:start{ at = at, ticks = 4000, quiet = true };\nfor _ in s do end\nf = s.data;",
        "local v = f.myvar\nprint(#v, v[1] - at, v:max() - v:min(), v:mean() - v[1])",
        "print(#s.data.ecg, s:stats().gaps, s:stats().lost)\ns:close() board:close()",
        "for i = 1, 3 do print(i, i / 3) end\nprint(pcall(error, { code = 'x' }))",
      ]
      let script = try folder.file("same.lua", cells.map { "-- %%\n\($0)\n" }.joined())
      let other = try folder.file("other.lua", "sleep(0.2)")
      let piped = try ProgramRunner.run(input: cells.joined(separator: "\n") + "\n")
      let alone = try ProgramRunner.run([script])
      let batch = try ProgramRunner.run(["run", "-j", "2", script, other])
      func results(_ text: String) -> String { text.replacing(/table: 0x[0-9a-f]+/, with: "table") }
      #expect(results(piped.output) == results(alone.output), "\(piped)")
      #expect(results(batch.output.replacing("[same] ", with: "")) == results(alone.output), "\(batch)")
      #expect(alone.output.hasPrefix("4001\t0.0\t4000.0\t2000.0\n"), "\(alone)")
      #expect(alone.exitCode == 0 && piped.exitCode == 0 && batch.exitCode == 0)
    }
  }
}
