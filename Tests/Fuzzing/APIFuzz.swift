import Foundation
import Glibc

/// Runs scripts of random calls, each in a process of its own, and says which of them ended otherwise than by themselves:
/// by a signal, not at all, with too much memory, or with an error that does not say where it was raised.
package struct APIFuzz {
  /// Seconds without a sign of life, which each call and each thing printed is: a script calls for 4 s, most of which it
  /// may wait, and each call and closing have deadlines far below this. No call lasts that long, however busy the machine.
  private static let timeLimit = 40.0
  /// A script of this size holds a quarter of it.
  private static let memoryLimit = 600 << 20
  private static let callsPerScript = 150

  package struct Report {
    package var scripts = 0
    package var calls = 0
    /// Bytes, and seconds, of the script that took most.
    package var highest = 0
    package var longest = 0.0
    /// A sentence for each script that ended wrongly.
    package var failures: [String] = []
  }

  enum Way: CaseIterable {
    case script, jobs, sandbox, memory, cells

    func arguments(_ path: String) -> [String] {
      switch self {
      case .script: [path]
      case .jobs: ["run", path, "--jobs", "2", "--quiet"]
      case .sandbox: ["--sandbox", "--allow", "sim", path]
      case .memory: ["--memory", "96M", path]
      case .cells: []
      }
    }
  }

  private let program: String
  /// Where scripts that failed are kept.
  private let folder: String

  package init(program: String, folder: String) {
    self.program = program
    self.folder = folder
  }

  /// - Parameter isOver: asked before each script, with what there was.
  package func run(seed: UInt64, isOver: (Report) -> Bool, tell: (String) -> Void) -> Report {
    var report = Report()
    while !isOver(report) {
      one(seed &+ UInt64(report.scripts), &report, tell)
    }
    return report
  }

  private func one(_ seed: UInt64, _ report: inout Report, _ tell: (String) -> Void) {
    let place = "\(NSTemporaryDirectory())/moontide-fuzz-\(getpid())-\(seed)"
    try? FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    var script = APIScript(seed: seed, calls: Self.callsPerScript, folder: place)
    let way = Way.allCases[Int(seed % UInt64(Way.allCases.count))]
    let path = "\(place)/script.lua"
    try? script.text().write(toFile: path, atomically: false, encoding: .utf8)
    let outcome = Child.run(
      program, way.arguments(path), input: way == .cells ? path : "/dev/null", output: "\(place)/output",
      signs: ["\(place)/output", "\(place)/last"], within: Self.timeLimit, memory: 2 * Self.memoryLimit)
    report.scripts += 1
    report.calls += Self.callsPerScript
    report.highest = max(report.highest, outcome.memory)
    report.longest = max(report.longest, outcome.seconds)
    var what: String?
    switch outcome.ending {
    case .signal(let number): what = "a crash, signal \(number)"
    case .hang: what = "a hang, \(Int(Self.timeLimit)) s without a sign of life"
    case .memory: what = "memory, more than \(2 * Self.memoryLimit >> 20) MiB"
    case .exit: break
    }
    let output = (try? String(contentsOfFile: "\(place)/output", encoding: .utf8)) ?? ""
    if what == nil, outcome.memory > Self.memoryLimit { what = "memory, \(outcome.memory >> 20) MiB at most" }
    if what == nil, let line = output.split(separator: "\n").first(where: { $0.contains("FUZZ ") }) {
      what = String(line)
    }
    guard let what else { return }
    let last = (try? String(contentsOfFile: "\(place)/last", encoding: .utf8))?.split(separator: "\n").last
    let kept = "\(folder)/moontide-fuzz-\(seed).lua"
    try? FileManager.default.removeItem(atPath: kept)
    try? FileManager.default.copyItem(atPath: path, toPath: kept)
    let failure = "seed \(seed) (\(way)): \(what); last call \(last ?? "?"); \(kept)"
    report.failures.append(failure)
    tell(failure)
    tell("    again: scripts/fuzz api 1 \(seed)")
    // What the program itself said of its end.
    for line in output.split(separator: "\n").filter({ $0.contains("Fatal error") || $0.contains(" at /") })
      .prefix(12)
    {
      tell("    \(line)")
    }
  }
}

/// A process with bounds.
private enum Child {
  enum Ending { case exit(Int32), signal(Int32), hang, memory }

  /// - Parameters:
  ///   - signs: files that grow as long as it lives.
  ///   - seconds: how long it may live without such a sign.
  static func run(
    _ program: String, _ arguments: [String], input: String, output: String, signs: [String],
    within seconds: Double, memory: Int
  ) -> (ending: Ending, memory: Int, seconds: Double) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    guard posix_spawn(&child, program, &actions, nil, &words, environ) == 0 else { return (.exit(127), 0, 0) }
    let begun = ContinuousClock.now
    func took() -> Double { (ContinuousClock.now - begun) / .seconds(1) }
    var (life, seen) = (begun, [Int](repeating: 0, count: signs.count))
    var wrong: Ending?
    var status: Int32 = 0
    var usage = rusage()
    var highest = 0
    while true {
      let ended = wait4(child, &status, wrong == nil ? WNOHANG : 0, &usage)
      if ended == child || ended < 0 && errno != EINTR { break }
      if wrong == nil {
        let held = resident(child)
        highest = max(highest, held)
        if held > memory { wrong = .memory }
        let sizes = signs.map(size)
        if sizes != seen { (life, seen) = (ContinuousClock.now, sizes) }
        if ContinuousClock.now > life + .seconds(seconds) { wrong = .hang }
        if wrong != nil { kill(child, SIGKILL) }
      }
      usleep(20_000)
    }
    highest = max(highest, Int(usage.ru_maxrss) << 10)
    if let wrong { return (wrong, highest, took()) }
    let signal = status & 0x7f
    return (signal == 0 ? .exit(status >> 8 & 0xff) : .signal(signal), highest, took())
  }

  private static func size(_ path: String) -> Int {
    var found = stat()
    return stat(path, &found) == 0 ? found.st_size : 0
  }

  private static func resident(_ process: pid_t) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
