import Locks
import Foundation
import Glibc

/// Makes PNG and PDF of SVG with `rsvg-convert`, which Debian has in `librsvg2-bin`.
package struct StillConverter {
  package enum Format: String { case png, pdf }

  /// Where to look for programs, as `PATH` has it.
  private let searchPath: String

  package init(searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") {
    self.searchPath = searchPath
  }

  /// Writes the file; blocks until the program is done (about 0.1 s).
  package func convert(_ svg: String, to format: Format, path: String) throws(PlotError) {
    let program = try program()
    let source = FileManager.default.temporaryDirectory
      .appendingPathComponent("moontide-\(UInt64.random(in: 0...UInt64.max)).svg")
    defer { try? FileManager.default.removeItem(at: source) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["--format", format.rawValue, "--output", path, source.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    do {
      try svg.write(to: source, atomically: false, encoding: .utf8)
      try process.run()
    } catch {
      throw PlotError("io", "could not run \(program): \(error)")
    }
    let ended = OneShot<Void>()
    process.terminationHandler = { _ in ended.fulfill(()) }
    if process.isRunning, ended.block(.seconds(PlotLimits.convertSecondsMax)) == nil {
      process.terminate()
      throw PlotError("io", "rsvg-convert did not end within \(PlotLimits.convertSecondsMax) s")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PlotError(
        "io", "rsvg-convert could not write \(path) (exit code \(process.terminationStatus))",
        hint: "is there room, and may you write there?")
    }
  }

  private func program() throws(PlotError) -> String {
    for folder in searchPath.split(separator: ":") {
      let path = folder + "/rsvg-convert"
      if access(String(path), X_OK) == 0 { return String(path) }
    }
    throw PlotError(
      "missing", "PNG and PDF need rsvg-convert, which is not installed",
      hint: "apt install librsvg2-bin; .svg always works")
  }
}
