import ArgumentParser
import Bindings
import Glibc

/// The command line.
struct Moontide: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moontide",
    abstract: "A notebook in the terminal for live data.",
    discussion: """
      Without arguments: the notebook. With a script: runs it, the same as `moontide run script.lua`. \
      REPL.md is the manual.

        moontide                          the notebook
        moontide script.lua one two       a script and its arguments
        moontide -e 'print(1)' -i         a cell, then the notebook (options: moontide help notebook)
        moontide run a.lua b.lua -j 2     several scripts side by side
        moontide check script.lua         reads a script without running it
        moontide simulate board           a board for those who have none

      Completions for your shell: moontide --generate-completion-script bash (or zsh, fish).
      """,
    version: Version.text,
    subcommands: [
      Notebook.self, Run.self, Check.self, Report.self, Export.self, Import.self, Convert.self, Look.self,
      Simulate.self, JupyterCommand.self, KernelCommand.self, ReferenceCommand.self, Replay.self,
    ],
    defaultSubcommand: Notebook.self)
}

enum Version {
  static let text = "moontide 0.1.0"
}

/// Options of everything that runs Lua.
struct LuaOptionGroup: ParsableArguments {
  @Option(help: ArgumentHelp("Colours: always, auto or never.", valueName: "when"))
  var color = ColorArgument.auto

  @Option(help: ArgumentHelp("Bytes that Lua and its buffers may hold, such as 256M.", valueName: "bytes"))
  var memory: ByteCount?

  @Flag(help: "No files, processes, environment or debug library; sources as --allow says.")
  var sandbox = false

  @Option(
    help: ArgumentHelp(
      "A source that a sandboxed script may use: sim, host, host:port or URL; may be repeated.",
      valueName: "source"))
  var allow: [SourceArgument] = []

  func validate() throws {
    if !sandbox, !allow.isEmpty { throw ValidationError("--allow says what a --sandbox may use") }
  }
}

/// `moontide [script [args]]`, `-e`, `-i`, `-`.
struct Notebook: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "notebook", abstract: "The notebook, or one script with its arguments (the default).")

  @Option(name: .customShort("e"), help: ArgumentHelp("Run a cell; may be repeated.", valueName: "cell"))
  var cells: [String] = []

  @Flag(name: .customShort("i"), help: "Go on into the notebook afterwards.")
  var interactive = false

  @OptionGroup var options: LuaOptionGroup

  @Argument(
    parsing: .captureForPassthrough, help: "A script (- is standard input) and its arguments.",
    completion: .file(extensions: ["lua"]))
  var script: [String] = []

  func run() -> Int32 {
    let given = script.first == "--" ? Array(script.dropFirst()) : script
    if let path = given.first, path.hasPrefix("-"), path != "-" {
      StandardError.write("moontide: unknown option \(path); moontide --help lists them\n")
      return ExitCode.usage
    }
    if let path = given.first, cells.isEmpty, !interactive {
      return Run.run(script: path, arguments: Array(given.dropFirst()), options)
    }
    return Interactive(
      cells: cells, script: given.first, arguments: Array(given.dropFirst()), staysInNotebook: interactive,
      options: options
    ).run()
  }
}

enum ColorArgument: String, ExpressibleByArgument, CaseIterable {
  case always, auto, never
}

/// `1048576`, `64K`, `256M`, `2G`
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Int(unit == nil ? argument : String(argument.dropLast())), number > 0 else {
      return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// `sim`, `192.168.7.2`, `synnax://localhost:9090`
struct SourceArgument: ExpressibleByArgument {
  let source: AllowedSource

  init?(argument: String) {
    guard let source = AllowedSource(argument) else { return nil }
    self.source = source
  }
}
