import ArgumentParser
import Bela
import Foundation
import Glibc
import Synnax

/// `moontide fuzz …`, behind `scripts/fuzz`: what reads a device's bytes is fed random and mutated ones, and what scripts
/// can call is called at random.
struct Fuzz: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Feeds a decoder random and mutated messages.", shouldDisplay: false)

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

  func validate() throws {
    if decoder != .api, case .seconds? = amount { throw ValidationError("a number of messages expected") }
  }

  private var iterations: Int { if case .count(let count)? = amount { count } else { 10_000_000 } }

  func run() -> Int32 {
    if decoder == .api { return callAPI() }
    let seed = seed ?? 1
    let began = ContinuousClock.now
    do {
      let (text, isBlind) = try feed()
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      StandardOutput.print("\(decoder.rawValue), seed \(seed): \(text)")
      StandardOutput.print("\(Int(seconds.rounded())) s, \(usage.ru_maxrss / 1024) MiB at most")
      guard !isBlind else {
        StandardError.write("moontide: some kinds of messages never came up; more of them, or another seed\n")
        return ExitCode.failure
      }
      return ExitCode.success
    } catch {
      StandardError.write("moontide: \(error)\n")
      return ExitCode.failure
    }
  }

  private func callAPI() -> Int32 {
    let seed = seed ?? UInt64.random(in: 1...999_999_999)
    // Said first: whatever happens, it can be done again.
    StandardOutput.print("api, seed \(seed)")
    let began = ContinuousClock.now
    func seconds() -> Double { (ContinuousClock.now - began) / .seconds(1) }
    let amount = amount ?? .seconds(60)
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "moontide"
    let report = APIFuzz(program: program, folder: keep).run(
      seed: seed,
      isOver: { report in
        switch amount {
        case .count(let calls): report.calls >= calls
        case .seconds(let limit): report.scripts > 0 && seconds() >= limit
        }
      }, tell: { StandardOutput.print($0) })
    StandardOutput.print(
      "\(report.calls) calls in \(report.scripts) scripts, \(report.failures.count) of which failed; "
        + "\(Int(seconds().rounded())) s, \(report.highest >> 20) MiB at most")
    return report.failures.isEmpty ? ExitCode.success : ExitCode.failure
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
