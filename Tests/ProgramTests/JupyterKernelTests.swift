import Foundation
import TestSupport
import Testing

/// The built program as a kernel, against Jupyter's own test suite and clients; skipped, with the reason, where they
/// cannot be had.
@Suite(.serialized) struct JupyterKernelTests {
  private static let python = DocumentTests.root.appendingPathComponent("Tests/ProgramTests/Python").path
  /// Installs the kernel into a folder of its own and runs a command there; nil where Jupyter or libzmq is missing.
  private func jupyter(_ command: String, in folder: TemporaryFolder) throws -> String? {
    guard Python.prepared("jupyter-clients") != nil else { return nil }
    let program = try ProgramRunner.program
    let output = try Shell.run(
      """
      export JUPYTER_DATA_DIR='\(folder.path)/data' JUPYTER_RUNTIME_DIR='\(folder.path)/run' HOME='\(folder.path)'
      export PATH='\(Python.folder("jupyter-clients"))/venv/bin':$PATH
      cd '\(folder.path)'
      '\(program)' jupyter install || exit
      [ $(/sbin/ldconfig -p | grep -cE 'lib(zmq.so.5|sodium.so.23) ') = 2 ] || { echo 'libzmq5 is missing'; exit; }
      \(command) 2>&1
      echo "ended with $?"
      """)
    guard !output.hasSuffix("libzmq5 is missing\n") else {
      print("skipped: \(output)")
      return nil
    }
    return output
  }

  @Test func passesJupytersOwnSuiteOfKernels() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      guard let output = try jupyter("timeout 200 python '\(Self.python)/jupyter_suite.py'", in: folder)
      else {
        return
      }
      #expect(output.hasSuffix("OK\nended with 0\n") && !output.contains("skipped"), "\(output.suffix(4000))")
    }
  }

  @Test func answersInterruptsInputTasksAndStrangers() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      guard let output = try jupyter("timeout 200 python '\(Self.python)/jupyter_checks.py'", in: folder)
      else {
        return
      }
      #expect(output.hasSuffix("68 checks\nended with 0\n"), "\(output.suffix(4000))")
    }
  }

  @Test func notebooksRunInNbclientAndPapermill() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      _ = try folder.file(
        "tide.lua",
        """
        -- %% [markdown]
        -- # A tide
        -- %% tags=["parameters"]
        level = 0.5
        -- %% one
        s = bela.connect("sim"):streamer{ "pot1" }
        s:start()
        frame = s:collect(500)
        #frame.pot1
        -- %% two
        check(frame.pot1:max() <= 1, "in range")
        print("done", level)
        s:stop()
        """)
      let program = try ProgramRunner.program
      guard
        let output = try jupyter(
          """
          '\(program)' export tide.lua tide.ipynb && jupyter nbconvert --to notebook --execute tide.ipynb \
          --output out.ipynb && papermill tide.ipynb paper.ipynb && cat out.ipynb paper.ipynb
          """, in: folder)
      else { return }
      #expect(output.hasSuffix("ended with 0\n"), "\(output.suffix(4000))")
      #expect(output.components(separatedBy: "done\\t0.5").count == 3, "\(output.suffix(4000))")
      #expect(output.components(separatedBy: "\"500\"").count == 3, "\(output.suffix(4000))")
    }
  }

  @Test func isInstalledListedAndRemoved() throws {
    let folder = try TemporaryFolder()
    let program = try ProgramRunner.program
    let output = try Shell.run(
      """
      export JUPYTER_DATA_DIR='\(folder.path)/data' HOME='\(folder.path)' JUPYTER_PATH='\(folder.path)/p/share/jupyter'
      '\(program)' jupyter install --name tide
      '\(program)' jupyter install --prefix '\(folder.path)/p'
      '\(program)' jupyter list | grep '\(folder.path)'
      '\(program)' jupyter uninstall --name tide
      '\(program)' jupyter uninstall --name tide 2>&1
      '\(program)' jupyter install --name ../x 2>&1 | head -1
      '\(program)' jupyter list | grep '\(folder.path)'
      cat '\(folder.path)/p/share/jupyter/kernels/moontide/kernel.json'
      """)
    let lines = output.components(separatedBy: "\n")
    let (own, other) = ("\(folder.path)/data/kernels/tide", "\(folder.path)/p/share/jupyter/kernels/moontide")
    #expect(
      Array(lines.prefix(7)) == [
        "installed \(own)", "installed \(other)", other, own, "removed \(own)",
        "moontide: \(own) is no kernel of moontide",
        "Error: a kernel's name has letters, digits, - _ . and nothing else",
      ], "\(output)")
    #expect(lines.dropFirst(7).first == other, "\(output)")
    #expect(output.contains("\"kernel\"") && output.contains("{connection_file}"))
  }
}
