/// Why a command that reads and writes files gives up, with the program's exit code.
struct CommandFailure: Error {
  let code: Int32
  let message: String

  init(_ code: Int32, _ message: String) {
    self.code = code
    self.message = message
  }

  func report() -> Int32 {
    StandardError.write("moontide: \(message)\n")
    return code
  }

  /// A whole file; `-` is standard input.
  static func reading(_ path: String) throws(CommandFailure) -> [UInt8] {
    do throws(FileText.Failure) {
      return path == "-" ? try FileText.read(from: 0) : try FileText.read(path)
    } catch {
      throw CommandFailure(ExitCode.noInput, "cannot read \(path): \(error.reason)")
    }
  }

  static func writing(_ bytes: [UInt8], to path: String, overwriting: Bool) throws(CommandFailure) {
    do throws(NewFile.Failure) {
      try NewFile.write(bytes, to: path, overwriting: overwriting)
    } catch {
      throw CommandFailure(ExitCode.cannotCreate, error.reason)
    }
  }
}
