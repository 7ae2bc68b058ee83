import ArgumentParser
import Glibc
import Jupyter

/// `moontide kernel -f connection.json`: what Jupyter starts.
struct KernelCommand: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel", abstract: "Serves a Jupyter front end; Jupyter starts it by itself.",
    discussion: "`moontide jupyter install` makes it known to Jupyter.", shouldDisplay: false)

  @Option(name: [.customShort("f"), .customLong("connection-file")], help: "Where to listen, and the key.")
  var connectionFile: String

  @Option(help: ArgumentHelp("Bytes that Lua and its buffers may hold, such as 256M.", valueName: "bytes"))
  var memory: ByteCount?

  func run() -> Int32 {
    do {
      let file = try ConnectionFile(try FileText.read(connectionFile))
      return try Kernel(file, memoryLimit: memory?.bytes ?? 0).run()
    } catch let error as FileText.Failure {
      StandardError.write("moontide: cannot read \(connectionFile): \(error.reason)\n")
      return ExitCode.noInput
    } catch let error as JupyterError {
      let hint = error.hint.map { "; \($0)" } ?? ""
      StandardError.write("moontide: \(error.message)\(hint)\n")
      return error.code == "unavailable" ? ExitCode.unavailable : ExitCode.usage
    } catch {
      StandardError.write("moontide: \(error)\n")
      return ExitCode.failure
    }
  }
}
