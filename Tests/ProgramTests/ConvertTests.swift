import Foundation
import TestSupport
import Testing

/// `moontide convert` as a user runs it; what the formats hold is tested where they are.
@Suite struct ConvertTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func moontide(_ arguments: String...) throws -> ProgramRunner.Outcome {
    try ProgramRunner.run(arguments, directory: folder.path)
  }

  /// The samples of a file, as a script reads them.
  private func samples(_ path: String) throws -> String {
    try moontide(
      "-e",
      "local f = load('\(path)') print(table.concat(f.pot1:table(), ' '), f.pot1.type, f.pot1.clock, f.pot1:time(2))"
    ).output
  }

  @Test func samplesGoThroughEveryFormatAndStayTheSame() async throws {
    try await onThread {
      let made = try moontide(
        "-e",
        """
        local s = bela.connect("sim"):streamer{ "pot1", "pot2" }
        s:start{ ticks = 99, quiet = true }
        for f in s do end
        s:save("a.mtr")
        """)
      #expect(made.exitCode == 0, "\(made)")
      let original = try samples("a.mtr")
      #expect(original.split(separator: " ").count > 90)
      for (from, to) in [("a.mtr", "b.csv"), ("b.csv", "c.jsonl"), ("c.jsonl", "d.npz"), ("d.npz", "e.mtr")] {
        let outcome = try moontide("convert", from, to)
        #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("\(to): "), "\(outcome)")
        #expect(try samples(to) == original, "\(to)")
      }
      let one = try moontide("convert", "--channels", "pot1", "a.mtr", "one.npy")
      #expect(one.exitCode == 0, "\(one)")
    }
  }

  @Test func whatIsWrongIsSaid() async throws {
    try await onThread {
      _ = try folder.file("a.csv", "time,x\n0,1\n1,2\n")
      _ = try folder.file("b.csv", "time,x\n0,1\n")
      _ = try folder.file("bad.mtr", "no database")
      let cases: [([String], Int32, String)] = [
        (["a.csv", "b.csv"], 73, "--overwrite replaces it"), (["nowhere.csv", "c.csv"], 66, "nowhere.csv"),
        (["bad.mtr", "c.csv"], 65, "bad.mtr"), (["a.csv", "c.xyz"], 2, "does not say in which format"),
        (["--channels", "y", "a.csv", "c.csv"], 2, "no channel \"y\""),
        (["a.csv", "/nowhere/c.csv"], 73, "cannot write"), (["a.csv"], 2, "output"),
      ]
      for (arguments, code, message) in cases {
        let outcome = try ProgramRunner.run(["convert"] + arguments, directory: folder.path)
        #expect(outcome.exitCode == code && outcome.output.isEmpty, "\(arguments) \(outcome)")
        #expect(outcome.errors.contains(message), "\(arguments) \(outcome)")
      }
      let replaced = try moontide("convert", "--overwrite", "a.csv", "b.csv")
      #expect(replaced.exitCode == 0, "\(replaced)")
    }
  }
}
