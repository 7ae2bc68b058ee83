import ArgumentParser
import Glibc
import Notebooks
import Terminal

/// The program's beginning and end: arguments in, exit code out.
@main
enum Program {
  static func main() {
    StandardStreams.hold()
    TextWidth.useUTF8Locale()
    // A reader that goes away is told by the write, not by a signal.
    signal(SIGPIPE, SIG_IGN)
    // The same for a file that may not grow: EFBIG.
    signal(SIGXFSZ, SIG_IGN)
    exit(StandardOutput.exitCode(run(Array(CommandLine.arguments.dropFirst()))))
  }

  static func run(_ arguments: [String]) -> Int32 {
    do {
      var command = try Moontide.parseAsRoot(arguments)
      if let runnable = command as? any ProgramCommand { return runnable.run() }
      try command.run()
      return ExitCode.success
    } catch {
      let code = Moontide.exitCode(for: error)
      let text = Moontide.fullMessage(for: error)
      if code.rawValue == 0 {
        StandardOutput.print(text)
        return ExitCode.success
      }
      StandardError.write(text + "\n")
      return ExitCode.usage
    }
  }
}

/// A subcommand that says itself how the program ends.
protocol ProgramCommand {
  func run() -> Int32
}

/// How the program ends (REPL.md has the table).
enum ExitCode {
  static let success: Int32 = 0
  static let failure: Int32 = 1
  static let usage: Int32 = 2
  static let syntax: Int32 = 65
  static let noInput: Int32 = 66
  static let unavailable: Int32 = 69
  static let cannotCreate: Int32 = 73
  static let temporary: Int32 = 75
  static let timeout: Int32 = 124
  static let interrupted: Int32 = 130
  static let terminated: Int32 = 143

  /// What an error that nobody caught makes of the program.
  static func of(error code: String) -> Int32 {
    ScriptResult.Ending(errorCode: code).exitCode ?? failure
  }
}
