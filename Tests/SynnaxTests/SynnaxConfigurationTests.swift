import Foundation
import Synnax
import Testing

@Suite struct SynnaxConfigurationTests {
  @Test func neverShowsAPassword() {
    let configuration = SynnaxConfiguration(password: Secret("hunter2"))
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", "\(configuration.password)", String(reflecting: configuration), dumped] {
      #expect(!text.contains("hunter2"))
    }
  }

  @Test func readsAPasswordFromAFileThatOnlyItsOwnerMayRead() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = FileManager.default.createFile(
      atPath: path, contents: Data("seldon\nmore\n".utf8), attributes: [.posixPermissions: 0o600])
    #expect(try Secret(file: path) == Secret("seldon"))
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    let error = #expect(throws: SynnaxError.self) { try Secret(file: path) }
    #expect(error?.hint == "chmod 600 \(path)")
    #expect(throws: SynnaxError.self) { try Secret(file: path + ".missing") }
    #expect(throws: SynnaxError.self) { try Secret(environment: "MOONTIDE_NO_SUCH_VARIABLE") }
  }
}
