import Foundation

/// A certificate for `localhost` and `127.0.0.1` that nobody vouches for, made by `openssl` for one test.
package final class SelfSignedCertificate: Sendable {
  private let folder: String
  package var certificate: String { folder + "/cert.pem" }
  package var key: String { folder + "/key.pem" }

  package static let openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  package init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.openssl ?? "/usr/bin/openssl")
    process.arguments =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
      .split(separator: " ").map(String.init)
      + ["-keyout", key, "-out", certificate, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CocoaError(
        .fileWriteUnknown, userInfo: [NSLocalizedDescriptionKey: "openssl made no certificate"])
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }
}
