import JSON
import ArgumentParser
import Bindings
import Lua
import Notebooks

/// `moontide check script.lua …`
struct Check: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reads scripts without running them: what does not parse, unknown names, options, channels.",
    discussion: """
      Finds syntax errors, undefined globals, API names and options that do not exist, and, when it knows the \
      channels, channels that do not. Each finding is a line `file:line:column: error: what (what to do)`. Ends \
      with 0 when there are no errors, 65 when there are, 66 when a file cannot be read, 69 when a source cannot.

      Examples:
        moontide check script.lua
        moontide check --source sim script.lua
        moontide check --channels pot1,pot2 -p seconds=5 --json *.lua
      """)

  @Option(
    help: ArgumentHelp(
      "Asks this source for its channels: sim, bela://host, synnax://user@host; may be repeated.",
      discussion: "sim is the simulated board, synnax:sim the simulated core.", valueName: "url"))
  var source: [String] = []

  @Option(help: ArgumentHelp("Channels that there are, with commas between them.", valueName: "names"))
  var channels: [String] = []

  @Option(
    name: .customShort("p"),
    help: ArgumentHelp("A parameter that `run` will be given.", valueName: "name=value"))
  var parameters: [String] = []

  @Flag(help: "Warnings end the program with 65, too.")
  var strict = false

  @Flag(help: "The names that there are with --sandbox.")
  var sandbox = false

  @Flag(help: "One JSON object a line: findings, then a summary.")
  var json = false

  @Argument(help: "Scripts; - is standard input.", completion: .file(extensions: ["lua"]))
  var scripts: [String]

  func validate() throws {
    for text in parameters where Parameter(text) == nil {
      throw ValidationError("\"\(text)\" is no parameter, as in -p seconds=5")
    }
  }

  func run() -> Int32 {
    do throws(LuaError) {
      var channels = ScriptCheck.Channels()
      if !self.channels.isEmpty {
        channels.anywhere = Set(self.channels.flatMap { $0.split(separator: ",").map(String.init) })
      }
      for url in source {
        let (kind, names) = try SourceChannels.list(url)
        channels.byKind[kind, default: []].formUnion(names)
      }
      let state = try LuaState(sandbox: sandbox ? .strict : .none)
      defer { state.close() }
      // What it adds to the state is what scripts find there.
      let library = try Library(state)
      var check = ScriptCheck(state)
      check.channels = channels
      check.parameters = parameters.compactMap { Parameter($0)?.name }
      return withExtendedLifetime(library) { report(check) }
    } catch {
      StandardError.write("moontide: \(error)\n")
      return ExitCode.of(error: error.code)
    }
  }

  private func report(_ check: ScriptCheck) -> Int32 {
    var counts = (errors: 0, warnings: 0)
    var unreadable = 0
    for script in scripts {
      let name = script == "-" ? "stdin" : script
      do throws(FileText.Failure) {
        let findings = check.findings(
          in: script == "-" ? try FileText.read(from: 0) : try FileText.read(script))
        for finding in findings {
          if finding.severity == .error { counts.errors += 1 } else { counts.warnings += 1 }
          StandardOutput.print(json ? Self.text(finding.json(file: name)) : finding.description(file: name))
        }
      } catch {
        unreadable += 1
        StandardError.write("moontide: cannot read \(script): \(error.reason)\n")
      }
    }
    if json {
      StandardOutput.print(
        Self.text([
          "kind": "summary", "schema": 1, "files": .integer(Int64(scripts.count - unreadable)),
          "errors": .integer(Int64(counts.errors)), "warnings": .integer(Int64(counts.warnings)),
        ]))
    } else if counts.errors + counts.warnings > 0 {
      StandardError.write(
        "\(Self.count(counts.errors, "error")), \(Self.count(counts.warnings, "warning"))\n")
    }
    let isBad = counts.errors > 0 || (strict && counts.warnings > 0)
    // The common cause if they share it, else a plain failure.
    if unreadable > 0 { return isBad ? ExitCode.failure : ExitCode.noInput }
    return isBad ? ExitCode.syntax : ExitCode.success
  }

  private static func count(_ number: Int, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }

  private static func text(_ json: JSON) -> String { json.encodedText() }
}
