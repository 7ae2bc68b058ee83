package import Foundation

/// Runs other programs, to the end or to a deadline.
package enum Command {
  /// Output and errors as one text; 124 when it was ended at the deadline, 77 when it cannot be run.
  package static func run(
    _ program: String, _ arguments: [String], seconds: Int = 600
  ) -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["\(seconds)", program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    guard (try? process.run()) != nil else { return (77, "cannot run \(program)") }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// As `run`, on a thread of its own: the tests beside this one need theirs.
  package static func runBeside(
    _ program: String, _ arguments: [String], seconds: Int = 600
  ) async throws -> (status: Int32, output: String) {
    try await onThread { run(program, arguments, seconds: seconds) }
  }
}

/// What others wrote in Python, made below `.build` where it is missing.
package enum Python {
  package static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of what `prepare.sh` calls by that name.
  package static func folder(_ name: String) -> String { root.appendingPathComponent(".build/\(name)").path }

  /// The interpreter with that; nil, with the reason printed, where it cannot be had.
  package static func prepared(_ name: String) -> String? {
    let script = root.appendingPathComponent("Tests/TestSupport/Python/prepare.sh").path
    let made = Command.run("/bin/bash", [script, name], seconds: 1200)
    if made.status == 0 { return folder(name) + "/python" }
    print("skipped: \(made.output)")
    return nil
  }
}
