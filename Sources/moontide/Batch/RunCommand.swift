import ArgumentParser
import Bindings
import Glibc
import Notebooks
import Telemetry
import Terminal

/// `moontide run a.lua b.lua`
struct Run: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs scripts, one or many side by side, each in an interpreter of its own.",
    discussion: """
      Results go to standard output, everything else to standard error. REPL.md, \"Batch runs\", has the exit codes \
      and what the reports hold.
      """)

  @OptionGroup var options: LuaOptionGroup

  @Option(name: .shortAndLong, help: ArgumentHelp("Scripts side by side.", valueName: "n"))
  var jobs = 1

  @Option(
    name: [.customShort("p"), .customLong("param")],
    help: ArgumentHelp(
      "Sets a global after the cell tagged parameters, typed as Lua values are; may be repeated.",
      valueName: "name=value"))
  var parameters: [String] = []

  @Option(help: ArgumentHelp("Ends a script that runs longer, such as 60s or 2h.", valueName: "time"))
  var timeout: TimeArgument?

  @Option(help: ArgumentHelp("Ends a script one of whose cells runs longer.", valueName: "time"))
  var cellTimeout: TimeArgument?

  @Flag(help: "Samples that are missing in a script's streams make it fail.")
  var failOnGap = false

  @Flag(help: "Starts the other scripts, too, after one has failed.")
  var keepGoing = false

  @Flag(help: "JSON lines on standard output, what the scripts print included (scripts/run.schema.json).")
  var json = false

  @Option(help: ArgumentHelp("Writes a JUnit report.", valueName: "file"))
  var junit: String?

  @Flag(help: "Leaves a record beside each script: name.run.jsonl.")
  var records = false

  @Option(help: ArgumentHelp("Leaves the records in this folder.", valueName: "folder"))
  var recordDir: String?

  @Flag(name: .shortAndLong, help: "Shows results and errors only.")
  var quiet = false

  @Option(
    help: ArgumentHelp("Says how far the run is so often where there is no terminal.", valueName: "time"))
  var progress = TimeArgument(span: .seconds(10))

  @Argument(help: "Scripts; - is standard input.", completion: .file(extensions: ["lua"]))
  var scripts: [String]

  func validate() throws {
    guard (1...ProgramLimits.jobs).contains(jobs) else {
      throw ValidationError("--jobs is a number from 1 to \(ProgramLimits.jobs)")
    }
    if let wrong = parameters.first(where: { Parameter($0) == nil }) {
      throw ValidationError("-p \(wrong): name=value expected")
    }
    if scripts.count(where: { $0 == "-" }) > 1 {
      throw ValidationError("standard input can be read only once")
    }
  }

  func run() -> Int32 {
    var scriptOptions = ScriptOptions(parameters: parameters, failsOnGap: failOnGap)
    scriptOptions.showsOutput = !json
    scriptOptions.writesJSON = json
    scriptOptions.isQuiet = quiet
    return Self.run(scripts, scriptOptions, options) { batch in
      batch.rules = BatchSchedule.Rules(
        jobs: jobs, keepsGoing: keepGoing, timeout: timeout?.span, cellTimeout: cellTimeout?.span)
      batch.junit = junit
      batch.isQuiet = quiet
      batch.progressInterval = quiet ? nil : progress.span
      batch.records = recordDir.map { .folder($0) } ?? (records ? .besideScripts : nil)
    }
  }

  /// `moontide script.lua one two`: the same without progress.
  static func run(script: String, arguments: [String], _ options: LuaOptionGroup) -> Int32 {
    run([script], ScriptOptions(arguments: arguments), options) { _ in }
  }

  private static func run(
    _ scripts: [String], _ own: ScriptOptions, _ options: LuaOptionGroup,
    _ change: (inout BatchRunner.Options) -> Void
  ) -> Int32 {
    var batch = BatchRunner.Options(scripts: own)
    change(&batch)
    batch.color = ColorChoice(rawValue: options.color.rawValue) ?? .auto
    batch.scripts.sandbox = options.sandbox
    batch.scripts.allowed = options.allow.map(\.source)
    batch.scripts.memory = options.memory?.bytes ?? 0
    if scripts.count > 1 {
      batch.scripts.boards = BoardPool()
      // One that eats memory must not take the others down with it.
      if options.memory == nil {
        let share = MachineMemory.bytes / 2 / min(scripts.count, batch.rules.jobs)
        batch.scripts.memory = max(ProgramLimits.leastMemory, share)
      }
    }
    return BatchRunner(scripts, batch).run()
  }
}

/// `60s`, `1h30m`; a bare number is seconds.
struct TimeArgument: ExpressibleByArgument {
  let span: Duration

  init?(argument: String) {
    guard let span = TimeSpan(argument) ?? Double(argument).flatMap({ TimeSpan(seconds: $0) }),
      span > .zero
    else { return nil }
    self.span = span.duration
  }

  init(span: Duration) { self.span = span }

  var defaultValueDescription: String { span.shortText }
}
