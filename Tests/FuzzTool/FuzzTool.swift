import ArgumentParser
import Foundation
import Fuzzing
import Glibc

/// Behind `scripts/fuzz`: what reads a device's bytes is fed random and mutated ones, and what scripts can call is called
/// at random, in the program that stands beside this tool.
@main
struct FuzzTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Feeds a decoder random messages, or calls the API at random.")

  static func main() {
    do {
      guard let tool = try parseAsRoot() as? FuzzTool else { return }
      Glibc.exit(tool.fuzz())
    } catch {
      let isHelp = exitCode(for: error).isSuccess
      if isHelp { say(fullMessage(for: error)) } else { complain(fullMessage(for: error)) }
      Glibc.exit(isHelp ? 0 : 2)
    }
  }

  /// At once: whoever reads it sees how far it is.
  private static func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
  private static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

  enum Decoder: String, ExpressibleByArgument, CaseIterable { case bela, synnax, api }

  /// `10000`, or for calls of the API also a time: `60s`.
  enum Amount: ExpressibleByArgument {
    case count(Int)
    case seconds(Double)

    init?(argument: String) {
      if argument.hasSuffix("s") {
        guard let seconds = Double(argument.dropLast()), seconds > 0, seconds < 1e6 else { return nil }
        self = .seconds(seconds)
      } else {
        guard let count = Int(argument), count >= 1 else { return nil }
        self = .count(count)
      }
    }
  }

  @Argument(help: "bela, synnax or api.")
  var decoder: Decoder

  @Argument(help: "How many messages; how many calls, or for how long, such as 60s.")
  var amount: Amount?

  @Argument(help: "The same seed gives the same messages and calls; those of the API are new ones without.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Folder of a board's messages (.jsonl) and logs (.bin) to mutate.", valueName: "folder"))
  var captures: String?

  @Option(help: ArgumentHelp("Where scripts that failed are kept.", valueName: "folder"))
  var keep = "."

  @Option(help: ArgumentHelp("The program that is called.", valueName: "path"))
  var program: String?

  func validate() throws {
    if decoder != .api, case .seconds? = amount { throw ValidationError("a number of messages expected") }
  }

  private var iterations: Int { if case .count(let count)? = amount { count } else { 10_000_000 } }

  private func fuzz() -> Int32 {
    if decoder == .api { return callAPI() }
    let seed = seed ?? 1
    let began = ContinuousClock.now
    do {
      let (text, isBlind) = try feed()
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      Self.say("\(decoder.rawValue), seed \(seed): \(text)")
      Self.say("\(Int(seconds.rounded())) s, \(usage.ru_maxrss / 1024) MiB at most")
      if isBlind {
        Self.complain("fuzz: some kinds of messages never came up; more of them, or another seed")
      }
      return isBlind ? 1 : 0
    } catch {
      Self.complain("fuzz: \(error)")
      return 1
    }
  }

  private func callAPI() -> Int32 {
    let seed = seed ?? UInt64.random(in: 1...999_999_999)
    // Said first: whatever happens, it can be done again.
    Self.say("api, seed \(seed)")
    let began = ContinuousClock.now
    func seconds() -> Double { (ContinuousClock.now - began) / .seconds(1) }
    let amount = amount ?? .seconds(60)
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "fuzz"
    let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("moontide")
    let program = program ?? beside.path
    guard access(program, X_OK) == 0 else {
      Self.complain("fuzz: there is no program \(program)")
      return 1
    }
    let report = APIFuzz(program: program, folder: keep).run(
      seed: seed,
      isOver: { report in
        switch amount {
        case .count(let calls): report.calls >= calls
        case .seconds(let limit): report.scripts > 0 && seconds() >= limit
        }
      }, tell: Self.say)
    Self.say(
      "\(report.calls) calls in \(report.scripts) scripts, \(report.failures.count) of which failed; "
        + "\(Int(seconds().rounded())) s, the longest \(Int(report.longest.rounded())) s, "
        + "\(report.highest >> 20) MiB at most")
    return report.failures.isEmpty ? 0 : 1
  }

  private func feed() throws -> (String, Bool) {
    let seed = seed ?? 1
    switch decoder {
    case .api: preconditionFailure("has no messages")
    case .bela:
      let corpus = try captures.map { try BelaFuzz.Corpus(folder: $0) } ?? BelaFuzz.Corpus()
      let report = BelaFuzz.run(iterations: iterations, seed: seed, corpus: corpus)
      return ("\(report)", report.isBlind)
    case .synnax:
      let outcome = try SynnaxFuzz.run(iterations: iterations, seed: seed)
      return (
        "\(iterations) messages: \(outcome.accepted) read, \(outcome.refused) refused", outcome.isBlind
      )
    }
  }
}
