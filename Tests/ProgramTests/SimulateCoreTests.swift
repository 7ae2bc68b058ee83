import Foundation
import TestSupport
import Testing

/// `moontide simulate core` and who uses it, as separate programs.
@Suite struct SimulateCoreTests {
  /// A simulated core that runs beside the test; stopped with it.
  private final class Core {
    let process = Process()
    let port: Int

    init(_ arguments: [String] = []) throws {
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: try ProgramRunner.program)
      process.arguments = ["simulate", "core", "--port", "0"] + arguments
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      // The line is all it ever prints.
      let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
      guard let match = line.wholeMatch(of: /simulated core at synnaxs?:\/\/\w+@127\.0\.0\.1:(\d+)\n/),
        let port = Int(match.1)
      else { throw PseudoTerminal.Failure(description: "no address in \"\(line)\"") }
      self.port = port
    }

    deinit { if process.isRunning { stop(with: SIGKILL) } }

    /// Its exit code.
    @discardableResult
    func stop(with signal: Int32) -> Int32 {
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      return process.terminationStatus
    }

    func script(_ options: String, _ text: String) throws -> ProgramRunner.Outcome {
      try ProgramRunner.run([
        "-e", "core = synnax.connect{ host = \"127.0.0.1\", port = \(port)\(options) } \(text)",
      ])
    }
  }

  @Test func anotherProgramStreamsFromItUntilItIsStopped() async throws {
    try await onThread {
      let core = try Core(["--user", "ada", "--password", "lovelace"])
      let outcome = try core.script(
        ", username = \"ada\", password = \"lovelace\"",
        "local s = core:streamer{ \"acc_x\" }:start{ quiet = true } print(#s:collect(2).acc_x, core:info().simulated)"
      )
      #expect(outcome.output == "2\tfalse\n", "\(outcome)")
      let refused = try core.script(", username = \"ada\", password = \"byron\"", "")
      #expect(refused.exitCode == 69, "\(refused)")
      #expect(core.stop(with: SIGTERM) == 0)
    }
  }

  @Test func itPlaysARecordingAndKeepsWhatWasWritten() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let file = try folder.file("wave.csv", "time,left\n0,1\n0.02,2\n0.04,3\n")
      let store = ["--store", file + ".mtc"]
      let first = try Core(store + ["--play", file])
      let written = try first.script(
        "",
        """
        core:create_channel{ name = "t", data_type = "timestamp" }
        core:create_channel{ name = "v", data_type = "int16", index = "t" }
        local w = core:open_writer{ "v", start = 0 }
        w:write{ t = { 1, 2, 3 }, v = { 5, -6, 7 } }
        w:close()
        local s = core:streamer{ "left" }:start{ quiet = true }
        local f = s:collect(6)
        print((f.left[2] - f.left[1]) % 3, f.left:time(2) - f.left:time(1))
        """)
      #expect(written.output == "1.0\t20000000\n", "\(written)")
      #expect(first.stop(with: SIGINT) == 0)
      let second = try Core(store + ["--silent"])
      let read = try second.script("", "print(table.concat(core:read({ 0, 100 }, \"v\").v:table(), \" \"))")
      #expect(read.output == "5 -6 7\n", "\(read)")
    }
  }

  @Test(.enabled(if: SelfSignedCertificate.openssl != nil, "the program openssl is not installed"))
  func itsCertificateIsVerifiedUnlessToldOtherwise() async throws {
    try await onThread {
      let own = try SelfSignedCertificate()
      let core = try Core(["--tls-cert", own.certificate, "--tls-key", own.key])
      let stream = "local s = core:open_streamer(\"acc_x\") print(#s:collect(2).acc_x) s:close()"
      // Nothing vouches for it: neither a call nor a stream goes through.
      let refused = try core.script(", secure = true", "print(1)")
      #expect(refused.exitCode == 69 && refused.output.isEmpty, "\(refused)")
      #expect(refused.errors.contains("certificate") && refused.errors.contains("ca_file"), "\(refused)")
      let verified = try core.script(", ca_file = \"\(own.certificate)\"", stream)
      #expect(verified.output == "2\n" && !verified.errors.contains("NOT"), "\(verified)")
      let other = try SelfSignedCertificate()
      let wrong = try core.script(", ca_file = \"\(other.certificate)\"", stream)
      #expect(wrong.exitCode == 69 && wrong.output.isEmpty, "\(wrong)")
      let loud = try core.script(", secure = true, insecure_skip_verify = true", stream)
      #expect(
        loud.output == "2\n" && loud.errors.contains("certificates of 127.0.0.1 are NOT verified"), "\(loud)")
      let plain = try core.script("", "print(1)")
      #expect(plain.exitCode == 69 && plain.errors.contains("secure = true"), "\(plain)")
      let missing = try core.script(", ca_file = \"/nowhere.pem\"", "print(1)")
      #expect(missing.exitCode != 0 && missing.errors.contains("/nowhere.pem"), "\(missing)")
    }
  }

  @Test func olderClientsLogInToo() async throws {
    try await onThread {
      let core = try Core(["--login", "tokens"])
      let outcome = try core.script("", "print(core:info().version, #core:channels() > 5)")
      #expect(outcome.output == "0.58.0\ttrue\n", "\(outcome)")
    }
  }

  @Test(arguments: [
    (["--tls-cert", "/x.pem"], Int32(2), "--tls-cert and --tls-key"),
    (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], 66, "/nowhere.pem"),
    (["--login", "magic"], 2, "magic"),
    (["--rate", "0"], 2, "--rate is a number"), (["--play", "/nowhere.csv"], 66, "/nowhere.csv"),
    (["--silent", "--rate", "5"], 2, "--silent plays nothing"),
  ])
  func whatIsWrongIsSaid(_ arguments: [String], code: Int32, message: String) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["simulate", "core", "--port", "0"] + arguments)
      #expect(outcome.exitCode == code, "\(outcome)")
      #expect(outcome.errors.contains(message), "\(outcome)")
    }
  }
}
