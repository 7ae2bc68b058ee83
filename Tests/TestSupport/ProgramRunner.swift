import Foundation
import Glibc

/// Runs the built program as a user would, with pipes.
package enum ProgramRunner {
  package struct Outcome: Sendable, CustomStringConvertible {
    package let output: String
    package let errors: String
    package let ending: PseudoTerminal.Ending

    package var exitCode: Int32? { if case .exit(let code) = ending { code } else { nil } }
    package var description: String { "\(ending)\n— stdout —\n\(output)\n— stderr —\n\(errors)" }
  }

  /// The program: `MOONTIDE_PROGRAM`, else the one built beside the tests.
  package static var program: String {
    get throws {
      if let path = ProcessInfo.processInfo.environment["MOONTIDE_PROGRAM"], !path.isEmpty { return path }
      return try path(of: "moontide")
    }
  }

  /// An executable that was built beside the tests.
  private static func path(of name: String) throws -> String {
    var folders = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    if let mapped = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      folders.append(URL(fileURLWithPath: mapped))
    }
    // The runner of the tests is elsewhere; its arguments name the bundle.
    folders += CommandLine.arguments.filter { $0.contains(".xctest") }.map { URL(fileURLWithPath: $0) }
    for start in folders {
      var folder = start
      for _ in 0..<4 {
        let candidate = folder.appendingPathComponent(name).path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue,
          FileManager.default.isExecutableFile(atPath: candidate)
        {
          return candidate
        }
        folder.deleteLastPathComponent()
      }
    }
    throw PseudoTerminal.Failure(
      description: "\(name) is not beside the tests; build it, or set MOONTIDE_PROGRAM")
  }

  /// Runs to the end, or kills at the deadline and throws.
  ///
  /// - Parameters:
  ///   - name: another executable of this package than the program.
  ///   - input: standard input; nil is at its end at once.
  ///   - environment: added to the test's own, without what would change the program's ways.
  ///   - interruptAfter: sends `signal` when the output has this text.
  package static func run(
    _ arguments: [String] = [], of name: String? = nil, input: String? = nil,
    environment: [String: String] = [:],
    directory: String? = nil, within: Duration = .seconds(30), interruptAfter: String? = nil,
    signal number: Int32 = SIGINT
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try name.map { try path(of: $0) } ?? program)
    process.arguments = arguments
    var values = ProcessInfo.processInfo.environment
    for name in ["NO_COLOR", "FORCE_COLOR", "MOONTIDE_INIT", "MOONTIDE_PATH"] { values[name] = nil }
    values.merge(["MOONTIDE_HISTORY": "", "LC_ALL": "C.UTF-8"]) { $1 }
    values.merge(environment) { $1 }
    process.environment = values
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }

    let output = Pipe()
    let errors = Pipe()
    let source = Pipe()
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = source
    signal(SIGPIPE, SIG_IGN)
    try process.run()

    var streams = [
      Stream(descriptor: output.fileHandleForReading.fileDescriptor),
      Stream(descriptor: errors.fileHandleForReading.fileDescriptor),
    ]
    let sink = source.fileHandleForWriting
    _ = fcntl(sink.fileDescriptor, F_SETFL, O_NONBLOCK)
    var rest = Array((input ?? "").utf8)[...]
    var sinkIsOpen = true
    var interrupted = false
    let deadline = ContinuousClock.now + within
    while streams.contains(where: { !$0.isAtEnd }) {
      if sinkIsOpen, rest.isEmpty {
        try? sink.close()
        sinkIsOpen = false
      }
      if sinkIsOpen {
        let piece = Array(rest.prefix(65_536))
        let count = write(sink.fileDescriptor, piece, piece.count)
        if count > 0 { rest = rest.dropFirst(count) } else if errno == EPIPE { rest = [] }
      }
      for index in streams.indices { streams[index].read(waitMs: 5) }
      if let interruptAfter, !interrupted, streams.contains(where: { $0.text.contains(interruptAfter) }) {
        interrupted = true
        kill(process.processIdentifier, number)
      }
      guard ContinuousClock.now < deadline else {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        throw PseudoTerminal.Failure(
          description: "\(arguments) ran longer than \(within)\n\(streams[0].text)\n\(streams[1].text)")
      }
    }
    process.waitUntilExit()
    let ending: PseudoTerminal.Ending =
      process.terminationReason == .exit
      ? .exit(process.terminationStatus) : .signal(process.terminationStatus)
    return Outcome(output: streams[0].text, errors: streams[1].text, ending: ending)
  }

  private struct Stream {
    let descriptor: Int32
    var bytes: [UInt8] = []
    var isAtEnd = false
    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func read(waitMs: Int32) {
      guard !isAtEnd else { return }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, waitMs) > 0 else { return }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count > 0 { bytes += chunk[..<count] } else if count == 0 || errno != EINTR { isAtEnd = true }
    }
  }
}
