import Foundation
import TestSupport
import Testing

/// `moontide simulate board` and who uses it, as separate programs.
@Suite struct SimulateTests {
  @Test(arguments: [SIGINT, SIGTERM]) func anotherProgramStreamsFromItUntilItIsStopped(_ signal: Int32)
    async throws
  {
    try await onThread {
      let board = try SimulatedBoardProcess([
        "--vars", "count:d:dense,slow:j:sparse:12", "--rate", "8000", "--project", "mine",
      ])
      let outcome = try board.script(
        """
        local f = board:streamer{}:start{ ticks = 1200, quiet = true }:collect(101)
        print(board:info().project, board.sample_rate, board:channels()[2].mode)
        print(#f.slow, f.slow[2] - f.slow[1])
        """)
      #expect(outcome.output == "mine\t8000.0\tsparse\n101\t12\n", "\(outcome)")
      #expect(board.stop(with: signal) == 0)
    }
  }

  @Test func itPlaysARecording() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let file = try folder.file("wave.csv", "time_s,left,right,note\n0,1,10,a\n0.01,2,20,b\n0.02,3,30,c\n")
      let board = try SimulatedBoardProcess(["--play", file, "--rate", "1000"])
      let outcome = try board.script(
        """
        local f = board:streamer{}:start{ ticks = 500, quiet = true }:collect(20)
        print(#board:channels(), (f.left[2] - f.left[1]) % 3, f.right[1] / f.left[1], f.left:time(2) - f.left:time(1))
        """)
      #expect(outcome.output == "2\t1.0\t10.0\t10\n", "\(outcome)")
    }
  }

  @Test func itsLogsStayInTheFolderThatItIsGiven() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let board = try SimulatedBoardProcess([
        "--rate", "8000", "--logs", folder.path, "--latency", "5", "--jitter", "5",
      ])
      let outcome = try board.script(
        "local log = board:log{ 'myvar' }:start{ ticks = 800 } sleep(0.3) log:stop() print(log:files()[1])")
      #expect(outcome.output == "myvar.bin\n", "\(outcome)")
      board.stop(with: SIGTERM)
      let read = try ProgramRunner.run(["-e", "print(bela.read_log('\(folder.path)/myvar.bin').name)"])
      #expect(read.output == "myvar\n", "\(read)")
    }
  }

  @Test func aPortInUseIs69AndSaysSo() async throws {
    try await onThread {
      let board = try SimulatedBoardProcess()
      let outcome = try ProgramRunner.run(["simulate", "board", "--port", "\(board.port)"])
      #expect(outcome.exitCode == 69)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.contains("cannot listen on port \(board.port)"), "\(outcome)")
    }
  }

  @Test(arguments: [
    (["--vars", "pot1:q"], 2, "\"pot1:q\" is no variable"), (["--rate", "0"], 2, "--rate is a number"),
    (["--latency", "-1"], 2, "--latency"), (["--vars", "a:f:oops"], 2, "\"oops\" in \"a:f:oops\""),
    (["--board", "nothing"], 2, "pybela-test"),
    (["--board", "pybela-test", "--vars", "a:f"], 2, "--board has"),
    (["--fresh-blocks", "--stale-blocks"], 2, "opposites"),
    (["--link-rate", "0"], 2, "--link-rate is a number"),
    (["--play", "/nowhere.csv"], 66, "cannot read /nowhere.csv"),
  ])
  func whatIsWrongIsSaid(_ arguments: [String], code: Int32, message: String) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["simulate", "board", "--port", "0"] + arguments)
      #expect(outcome.exitCode == code, "\(outcome)")
      #expect(outcome.errors.contains(message), "\(outcome)")
    }
  }
}
