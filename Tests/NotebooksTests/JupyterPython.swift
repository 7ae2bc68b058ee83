import Foundation

/// A Python with the real nbformat and jupytext, made below `.build`; or why there is none.
enum JupyterPython {
  enum Answer {
    case python(String)
    case missing(String)
  }

  static func prepare() -> Answer {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folder = root.appendingPathComponent(".build/jupyter").path
    let script = """
      set -u
      give_up() { echo "$1"; exit 77; }
      mkdir -p "$1" && cd "$1" || exit 77
      venv/bin/python -c 'import nbformat, jupytext' 2>/dev/null && exit
      command -v python3 >/dev/null || give_up "there is no python3"
      export PIP_CACHE_DIR=$PWD/pip PIP_DISABLE_PIP_VERSION_CHECK=1
      python3 -m venv venv 2>/dev/null || give_up "python3 makes no virtual environment"
      timeout 300 venv/bin/pip install --quiet nbformat==5.11.1 jupytext==1.19.6 >install.log 2>&1 \\
        || give_up "pip failed: $(tail -1 install.log)"
      venv/bin/python -c 'import nbformat, jupytext' || give_up "they do not load"
      """
    guard let made = try? run("bash", ["-c", script, "prepare", folder]) else {
      return .missing("bash does not run")
    }
    return made.status == 0 ? .python(folder + "/venv/bin/python") : .missing(made.output)
  }

  static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
