import Locks
import Foundation
import Telemetry

/// Logs variables on the board, into files there, with or without us (section 4.6, section 10).
public final class BelaLogger: Sendable {
  public let source: BelaSource
  public let names: [String]
  private let state = Guarded(State())

  private struct State {
    var replies: [BelaLogReply] = []
    var ends: [String: Int64] = [:]
    var modes: [String: Channel.Mode] = [:]
    var local: [String: String] = [:]
  }

  init(source: BelaSource, names: [String]) {
    self.source = source
    self.names = names
  }

  /// What the board accepted: file names, first and last ticks.
  public var accepted: [BelaLogReply] { state.withLock { $0.replies } }

  /// Starts, or schedules; returns once the board has accepted every variable.
  /// - Parameters: `at` and `ticks` in ticks of the board's clock, one for all or one each; empty: now, endless.
  @discardableResult
  public func start(at: [Int64] = [], ticks: [Int64] = []) async throws(BelaError) -> [BelaLogReply] {
    let list = try await source.list()
    let variables = try BelaSource.resolve(names, in: list)
    if let busy = variables.first(where: \.isLogged) {
      throw BelaError("busy", "\"\(busy.name)\" is being logged already", hint: "stop that log first")
    }
    for (what, numbers) in [("at", at), ("ticks", ticks)] {
      guard numbers.count <= 1 || numbers.count == variables.count else {
        throw .argument(
          "\(numbers.count) values of \(what) for \(variables.count) variables",
          hint: "give one for all, or one each")
      }
    }
    func pick(_ numbers: [Int64], _ position: Int) -> Int64 {
      numbers.count > 1 ? numbers[position] : numbers.first ?? 0
    }
    let schedules = variables.enumerated().map {
      BelaCommand.Schedule($1.name, at: pick(at, $0), ticks: pick(ticks, $0))
    }
    let waiting = variables.map { (variable: $0.name, reply: OneShot<BelaLogReply>()) }
    source.core.withLock { $0.logReplies += waiting }
    defer {
      source.core.withLock { core in
        core.logReplies.removeAll { one in waiting.contains { $0.reply === one.reply } }
      }
    }
    try source.send([.log(schedules)])
    var replies: [BelaLogReply] = []
    for (name, reply) in waiting {
      guard let accepted = await reply.wait(BelaLimits.replyWait) else {
        throw BelaError(
          "timeout", "the board did not say that it logs \"\(name)\"", hint: "is the program still running?")
      }
      replies.append(accepted)
    }
    let modes = Dictionary(variables.map { ($0.name, $0.mode) }) { first, _ in first }
    state.withLock { state in
      state.replies = replies
      state.modes = modes
      state.ends = [:]
      for reply in replies { state.ends[reply.variable] = reply.end }
    }
    return replies
  }

  /// Ends the log at a tick a little ahead, and waits until the board says it is over (at most 1.5 s: a variable
  /// that is not assigned cannot end).
  public func stop() async throws(BelaError) {
    let list = try await source.list()
    let variables = try BelaSource.resolve(names, in: list)
    let end = list.tick.addingSaturating(source.core.withLock { $0.ticks(ahead: BelaLimits.stopAhead) })
    // What is only scheduled is not shown as logged, and is cancelled all the same.
    let running = variables.filter { variable in
      variable.isLogged || state.withLock { $0.ends[variable.name].map { $0 > list.tick } ?? true }
    }
    guard !running.isEmpty else { return }
    try source.send([.unlog(running.map { .init($0.name, at: end) })])
    state.withLock { state in for variable in running { state.ends[variable.name] = end } }
    let deadline = ContinuousClock.now + BelaLimits.stopWait
    while ContinuousClock.now < deadline {
      let now = try await source.list()
      let names = Set(running.map(\.name))
      if now.tick > end, !now.variables.contains(where: { names.contains($0.name) && $0.isLogged }) { break }
      do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
    }
    // The board's file thread flushes within some milliseconds.
    try? await Task.sleep(for: .milliseconds(50))
  }

  /// Copies the files into a folder; an existing file is never overwritten but gets a number.
  /// Runs the user's `scp`, or `sftp`, as root on the board; a board on this machine is copied from its folder.
  /// - Returns: the paths, in the order of the variables.
  @discardableResult
  public func fetch(to folder: String, tools: BelaTools = BelaTools()) async throws(BelaError) -> [String] {
    let replies = accepted
    guard !replies.isEmpty else {
      throw BelaError("argument", "nothing has been logged", hint: "start the log first")
    }
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var paths: [String] = []
    for reply in replies {
      let path = Self.free(try BelaSource.checkedHere(reply.fileName), in: folder)
      try await source.fetch(reply.fileName, to: path, tools)
      paths.append(path)
      state.withLock { $0.local[reply.variable] = path }
    }
    return paths
  }

  /// Reads what `fetch` has copied, padding cut at the ticks that the board accepted.
  public func read() throws(BelaError) -> [BelaLog] {
    let (replies, ends, modes, local) = state.withLock { ($0.replies, $0.ends, $0.modes, $0.local) }
    var logs: [BelaLog] = []
    for reply in replies {
      guard let path = local[reply.variable] else {
        throw BelaError("argument", "\(reply.fileName) has not been fetched", hint: "call fetch first")
      }
      logs.append(
        try BelaLog.read(
          path: path, mode: modes[reply.variable], start: reply.start, end: ends[reply.variable],
          rate: source.sampleRate))
    }
    return logs
  }

  /// Deletes the files on the board.
  public func delete(tools: BelaTools = BelaTools()) async throws(BelaError) {
    for reply in accepted { try await source.delete(reply.fileName, tools) }
    state.withLock { $0.replies = [] }
  }

  private static func free(_ name: String, in folder: String) -> String {
    let url = URL(fileURLWithPath: folder)
    let safe = name.split(separator: "/").last.map(String.init) ?? "log.bin"
    let stem = safe.hasSuffix(".bin") ? String(safe.dropLast(4)) : safe
    var path = url.appendingPathComponent(safe).path
    var number = 1
    while FileManager.default.fileExists(atPath: path) {
      path = url.appendingPathComponent("\(stem)_\(number).bin").path
      number += 1
    }
    return path
  }
}

/// The user's own programs that reach a board's files.
public struct BelaTools: Sendable {
  /// Folders to look in, as in `PATH`.
  public var path: String
  public var user: String

  public init(path: String? = nil, user: String = "root") {
    self.path = path ?? ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    self.user = user
  }

  func find(_ name: String) -> String? {
    path.split(separator: ":").map { "\($0)/\(name)" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  /// Runs a program to its end; throws with what it wrote to stderr.
  func run(_ program: String, _ arguments: [String], input: String? = nil) async throws(BelaError) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    let standardInput = Pipe()
    process.standardInput = standardInput
    let ended = OneShot<Int32>()
    process.terminationHandler = { ended.fulfill($0.terminationStatus) }
    do {
      try process.run()
    } catch {
      throw BelaError("tool", "cannot run \(program)", hint: error.localizedDescription)
    }
    if let input { try? standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
    try? standardInput.fileHandleForWriting.close()
    guard let status = await ended.wait(.seconds(120)) else {
      process.terminate()
      throw BelaError("timeout", "\(program) did not end within two minutes")
    }
    guard status == 0 else {
      let text = errors.fileHandleForReading.availableData.prefix(1000)
      let why =
        String(decoding: text, as: UTF8.self).split(separator: "\n").last.map(String.init)
        ?? "status \(status)"
      throw BelaError(
        "tool", "\(program) failed: \(why)", hint: "does `ssh root@` your board work without a password?")
    }
  }
}

extension BelaSource {
  /// A log of some variables on the board; nothing happens before `start`.
  public func log(_ names: [String]) async throws(BelaError) -> BelaLogger {
    let list = try await list()
    return BelaLogger(source: self, names: try Self.resolve(names, in: list).map(\.name))
  }

  /// Where the running project's files are on the board.
  private func remotePath(_ file: String) throws(BelaError) -> String {
    let safe = try Self.checked(file, "file name that can be fetched safely")
    guard let project = projectName else {
      throw BelaError("project", "the program on the board has no name, so its folder is not known")
    }
    let folder = try Self.checked(project, "name of a project whose folder can be asked for safely")
    return "/root/Bela/projects/\(folder)/\(safe)"
  }

  /// A name that came from a board, as one part of a path that the board's own programs and the user's read, in a shell
  /// and in a batch of `sftp`: nothing that means anything to those may be in it.
  package static func checked(_ name: String, _ what: String) throws(BelaError) -> String {
    guard isPart(name), !name.hasPrefix("-"), name.utf8.count <= 255,
      name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"'\"\\$`*?;&|<>(){}[]!#~".utf8.contains($0) })
    else { throw BelaError("argument", "\"\(name)\" is no \(what)") }
    return name
  }

  /// The same for a path that nobody but this program reads.
  package static func checkedHere(_ name: String) throws(BelaError) -> String {
    guard isPart(name) else { throw BelaError("argument", "\"\(name)\" is no file name") }
    return name
  }

  private static func isPart(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 != 0 && $0 != UInt8(ascii: "/") }
  }

  fileprivate func fetch(_ file: String, to path: String, _ tools: BelaTools) async throws(BelaError) {
    if let folder = logFolder {
      let file = try Self.checkedHere(file)
      do {
        try FileManager.default.copyItem(atPath: "\(folder)/\(file)", toPath: path)
      } catch {
        throw BelaError("no_file", "cannot copy \(folder)/\(file): \(error.localizedDescription)")
      }
      return
    }
    guard let tool = tools.find("scp") ?? tools.find("sftp") else {
      throw BelaError(
        "tool", "neither scp nor sftp is installed, and a board's files come by them",
        hint: "install openssh-client")
    }
    let remote = try remotePath(file)
    try await tools.run(
      tool, ["-q", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "\(tools.user)@\(host):\(remote)", path])
  }

  fileprivate func delete(_ file: String, _ tools: BelaTools) async throws(BelaError) {
    if let folder = logFolder {
      let file = try Self.checkedHere(file)
      try? FileManager.default.removeItem(atPath: "\(folder)/\(file)")
      return
    }
    guard let tool = tools.find("sftp") else {
      throw BelaError(
        "tool", "sftp is not installed, and a board's files are deleted by it", hint: "install openssh-client"
      )
    }
    let remote = try remotePath(file)
    try await tools.run(
      tool, ["-q", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-b", "-", "\(tools.user)@\(host)"],
      input: "rm \(remote)\n")
  }
}
