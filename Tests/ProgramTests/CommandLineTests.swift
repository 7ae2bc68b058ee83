import Foundation
import TestSupport
import Testing

/// Help, completions, and the command lines that the manual shows.
@Suite struct CommandLineTests {
  /// Lines of the manual's shell blocks in some sections, without comments; `# 65` behind one is how it ends.
  static let shown: [(line: String, code: Int32)] = {
    let path = DocumentTests.root.appendingPathComponent("REPL.md").path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    var found: [(line: String, code: Int32)] = []
    var section = ""
    var isShell = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("## ") { section = line }
      if line.hasPrefix("```") { isShell = line == "```sh" }
      guard isShell, line.hasPrefix("moontide "), !section.contains("Starting") else { continue }
      let parts = line.split(separator: "#", maxSplits: 1)
      let code = parts.count == 2 ? parts[1].firstMatch(of: /ends with (\d+)/).flatMap { Int32($0.1) } : nil
      found.append((String(parts[0]), code ?? 0))
    }
    return found
  }()

  @Test func theCommandLinesOfTheManualRun() async throws {
    try await onThread {
      #expect(Self.shown.count >= 8)
      let folder = try TemporaryFolder()
      _ = try folder.file(
        "heart.lua",
        "-- %% [markdown]\n-- # Heart\n\n-- %% tags=[\"parameters\"]\nseconds = 1\n\n-- %% Print\nprint(seconds)\n"
      )
      _ = try folder.file("typo.lua", "pritn(1)\n")
      _ = try folder.file("take.csv", "time,pot1,pot2\n0,1,2\n0.5,3,4\n1,5,6\n")
      let program = try ProgramRunner.program
      let bin = folder.path + "/bin"
      try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: false)
      try FileManager.default.createSymbolicLink(atPath: bin + "/moontide", withDestinationPath: program)
      for (line, code) in Self.shown {
        let answer = try Shell.run(
          "cd '\(folder.path)' && PATH='\(bin)':$PATH HOME='\(folder.path)' && (\(line)) 2>&1; echo \"=$?\"")
        #expect(answer.hasSuffix("=\(code)\n"), "\(line)\n\(answer)")
      }
    }
  }

  @Test func aProgramCopiedWithoutItsRecordingsSaysSo() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let copy = folder.path + "/moontide"
      // By a program of its own: a file that any child of this one still holds open for writing cannot be run.
      let answer = try Shell.run(
        """
        cp '\(try ProgramRunner.program)' '\(copy)'
        '\(copy)' -e 'print(1 + 1)'; '\(copy)' -e 'bela.connect("sim")' 2>&1
        echo "=$?"; '\(copy)' -e 'synnax.connect("sim")' 2>&1
        """)
      #expect(answer.hasPrefix("2\n") && answer.contains("=1\n"), "\(answer)")
      #expect(answer.contains("the recording ecg.csv is not beside the program"), "\(answer)")
      #expect(answer.contains("the recording motion.csv is not beside the program"), "\(answer)")
      #expect(answer.contains("copy moontide_Simulation.resources along"), "\(answer)")
    }
  }

  @Test func bashCompletesSubcommandsAndOptions() async throws {
    try await onThread {
      let program = try ProgramRunner.program
      func complete(_ words: String...) throws -> [Substring] {
        let list = words.map { "'\($0)'" }.joined(separator: " ")
        let answer = try Shell.run(
          """
          # As bash does it at a prompt.
          shopt -s extglob
          source <('\(program)' --generate-completion-script bash) 2>/dev/null
          COMP_WORDS=(\(list)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
          _moontide moontide "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null; printf '%s\\n' "${COMPREPLY[@]}"
          """)
        return answer.split(separator: "\n")
      }
      #expect(try complete("moontide", "ch") == ["check"])
      #expect(try complete("moontide", "re").sorted() == ["reference", "report"])
      #expect(try complete("moontide", "check", "--so") == ["--source"])
      #expect(try complete("moontide", "export", "--rec") == ["--record"])
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completionsAreMadeForAShell(_ shell: String) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["--generate-completion-script", shell])
      #expect(outcome.exitCode == 0 && outcome.errors.isEmpty)
      for word in ["check", "report", "export", "import", "convert", "simulate", "--junit", "--channels"] {
        #expect(outcome.output.contains(shell == "fish" ? word.trimmingPrefix("--") : word[...]), "\(word)")
      }
    }
  }

  @Test func helpAndVersionAreAnswers() async throws {
    try await onThread {
      #expect(try ProgramRunner.run(["--version"]).output.hasPrefix("moontide "))
      for command in [
        "run", "check", "report", "export", "import", "convert", "simulate", "reference", "notebook",
      ] {
        let help = try ProgramRunner.run(["help", command])
        #expect(help.exitCode == 0 && help.output.contains("USAGE: moontide"), "\(command)")
        #expect(try ProgramRunner.run(["--help"]).output.contains(command))
      }
    }
  }
}
