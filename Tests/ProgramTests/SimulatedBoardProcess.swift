import Foundation
import TestSupport

/// A simulated board that runs beside the test; stopped with it.
final class SimulatedBoardProcess {
  let process = Process()
  let port: Int
  private(set) var isRunning = true

  init(_ arguments: [String] = []) throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: try ProgramRunner.program)
    process.arguments = ["simulate", "board", "--port", "0"] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    // The line is all it ever prints.
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let match = line.wholeMatch(of: /simulated board at ws:\/\/127\.0\.0\.1:(\d+)\n/),
      let port = Int(match.1)
    else { throw PseudoTerminal.Failure(description: "no address in \"\(line)\"") }
    self.port = port
  }

  deinit { if isRunning { stop(with: SIGKILL) } }

  /// Its exit code.
  @discardableResult
  func stop(with signal: Int32) -> Int32 {
    isRunning = false
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return process.terminationStatus
  }

  func script(_ text: String) throws -> ProgramRunner.Outcome {
    try ProgramRunner.run(["-e", "board = bela.connect{ host = \"127.0.0.1\", port = \(port) } " + text])
  }
}
