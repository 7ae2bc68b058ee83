import ArgumentParser
import Bela
import Glibc
import Synnax

/// `moontide fuzz …`, behind `scripts/fuzz`: what reads a device's bytes is fed random and mutated ones.
struct Fuzz: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Feeds a decoder random and mutated messages.", shouldDisplay: false)

  enum Decoder: String, ExpressibleByArgument, CaseIterable { case bela, synnax }

  @Argument(help: "bela or synnax.")
  var decoder: Decoder

  @Argument(help: "How many messages.")
  var iterations = 10_000_000

  @Argument(help: "The same seed gives the same messages.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "Folder of a board's messages (.jsonl) and logs (.bin) to mutate.", valueName: "folder"))
  var captures: String?

  func validate() throws {
    guard iterations >= 1 else { throw ValidationError("at least one message") }
  }

  func run() -> Int32 {
    let began = ContinuousClock.now
    do {
      let (text, isBlind) = try feed()
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      print("\(decoder.rawValue), seed \(seed): \(text)")
      print("\(Int(seconds.rounded())) s, \(usage.ru_maxrss / 1024) MiB at most")
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

  private func feed() throws -> (String, Bool) {
    switch decoder {
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
