import ArgumentParser
import Foundation
import JSON
import Notebooks

/// `moontide jupyter install`, `uninstall`, `list`.
struct JupyterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jupyter", abstract: "Makes moontide a kernel of Jupyter: install, uninstall, list.",
    subcommands: [JupyterInstall.self, JupyterUninstall.self, JupyterList.self])
}

/// Where kernels lie, as Jupyter looks for them.
struct KernelFolders: ParsableArguments {
  @Flag(help: "For this user (the default).")
  var user = false

  @Option(help: ArgumentHelp("Below a folder: share/jupyter/kernels in it.", valueName: "folder"))
  var prefix: String?

  @Flag(help: "Where the python3 in the path is installed: a virtual environment, for instance.")
  var sysPrefix = false

  @Option(help: ArgumentHelp("What the kernel is called in commands.", valueName: "name"))
  var name = "moontide"

  func validate() throws {
    guard [user, prefix != nil, sysPrefix].count(where: { $0 }) <= 1 else {
      throw ValidationError("one of --user, --prefix and --sys-prefix")
    }
    let allowed = name.utf8.allSatisfy { byte in
      byte < 0x80 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
        || "-_.".utf8.contains(byte)
    }
    guard !name.isEmpty, allowed, !name.hasPrefix(".") else {
      throw ValidationError("a kernel's name has letters, digits, - _ . and nothing else")
    }
  }

  func kernels() throws(CommandFailure) -> String {
    if let prefix { return "\(prefix)/share/jupyter/kernels" }
    if sysPrefix { return "\(try Self.pythonPrefix())/share/jupyter/kernels" }
    return Self.userKernels
  }

  static var userKernels: String {
    if let folder = Environment["JUPYTER_DATA_DIR"], !folder.isEmpty { return "\(folder)/kernels" }
    if let base = Environment["XDG_DATA_HOME"], !base.isEmpty { return "\(base)/jupyter/kernels" }
    return "\(Environment["HOME"] ?? ".")/.local/share/jupyter/kernels"
  }

  /// All places of Jupyter's search path that have kernels.
  static var all: [String] {
    var folders = (Environment["JUPYTER_PATH"] ?? "").split(separator: ":").map { "\($0)/kernels" }
    folders.append(userKernels)
    if let prefix = try? pythonPrefix() { folders.append("\(prefix)/share/jupyter/kernels") }
    folders += ["/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels"]
    var seen: Set<String> = []
    return folders.filter { seen.insert($0).inserted }
  }

  private static func pythonPrefix() throws(CommandFailure) -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", "import sys; print(sys.prefix)"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch {
      throw CommandFailure(ExitCode.unavailable, "there is no python3 to ask for its prefix")
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let prefix = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard process.terminationStatus == 0, prefix.hasPrefix("/") else {
      throw CommandFailure(ExitCode.unavailable, "there is no python3 to ask for its prefix")
    }
    return prefix
  }
}

struct JupyterInstall: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Makes this program a kernel of Jupyter.",
    discussion: """
      JupyterLab, VS Code, jupyter console, nbclient and papermill find it then as "moontide". It needs libzmq5 \
      (apt install libzmq5).
      """)

  @OptionGroup var folders: KernelFolders

  @Option(help: ArgumentHelp("What front ends call it.", valueName: "text"))
  var displayName = "moontide (Lua)"

  func run() -> Int32 {
    do throws(CommandFailure) {
      let folder = "\(try folders.kernels())/\(folders.name)"
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw CommandFailure(ExitCode.cannotCreate, "cannot make \(folder)")
      }
      try CommandFailure.writing(
        KernelSpec.json(program: Self.program, displayName: displayName), to: "\(folder)/kernel.json",
        overwriting: true)
      try CommandFailure.writing(Array(KernelSpec.logo.utf8), to: "\(folder)/logo-svg.svg", overwriting: true)
      StandardOutput.print("installed \(folder)")
      return ExitCode.success
    } catch {
      return error.report()
    }
  }

  /// The file that runs: a link to it may lead elsewhere tomorrow, the package's place does not.
  private static var program: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }
}

struct JupyterUninstall: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "uninstall", abstract: "Takes the kernel away again.")

  @OptionGroup var folders: KernelFolders

  func run() -> Int32 {
    do throws(CommandFailure) {
      let folder = "\(try folders.kernels())/\(folders.name)"
      guard KernelSpec.isOurs(folder) else {
        throw CommandFailure(ExitCode.noInput, "\(folder) is no kernel of moontide")
      }
      do { try FileManager.default.removeItem(atPath: folder) } catch {
        throw CommandFailure(ExitCode.cannotCreate, "cannot remove \(folder)")
      }
      StandardOutput.print("removed \(folder)")
      return ExitCode.success
    } catch {
      return error.report()
    }
  }
}

struct JupyterList: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists where moontide is a kernel of Jupyter.")

  func run() -> Int32 {
    var found: [String] = []
    for kernels in KernelFolders.all {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: kernels)) ?? []
      found += names.sorted().map { "\(kernels)/\($0)" }.filter { KernelSpec.isOurs($0) }
    }
    StandardOutput.print(
      found.isEmpty ? "not installed; moontide jupyter install does it" : found.joined(separator: "\n"))
    return ExitCode.success
  }
}

/// What Jupyter knows of a kernel ("Kernel specs").
enum KernelSpec {
  static func json(program: String, displayName: String) -> [UInt8] {
    let spec: JSON = [
      "argv": [.string(program), "kernel", "-f", "{connection_file}"],
      "display_name": .string(displayName), "language": "lua", "interrupt_mode": "message",
      "metadata": ["debugger": false],
    ]
    return spec.encoded(.indented(1)) + [0x0A]
  }

  /// A folder with a kernel that starts this program, wherever it lies.
  static func isOurs(_ folder: String) -> Bool {
    guard let bytes = try? FileText.read("\(folder)/kernel.json"), let json = try? JSON(parsing: bytes),
      let arguments = json["argv"]?.array?.compactMap(\.string), arguments.count >= 2
    else { return false }
    return arguments[0].split(separator: "/").last?.hasPrefix("moontide") == true && arguments[1] == "kernel"
  }

  /// A moon above a wave.
  static let logo = """
    <svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">
    <rect width="64" height="64" rx="12" fill="#14213d"/>
    <path d="M40 10a16 16 0 1 0 9 27 13 13 0 0 1-9-27z" fill="#fca311"/>
    <path d="M4 50q7-10 14 0t14 0 14 0 14 0" fill="none" stroke="#8ecae6" stroke-width="4" stroke-linecap="round"/>
    </svg>

    """
}
