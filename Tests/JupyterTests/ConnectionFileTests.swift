import Jupyter
import Testing

@Suite struct ConnectionFileTests {
  private static let whole = """
    {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "ip": "127.0.0.1",
     "key": "k", "transport": "tcp", "signature_scheme": "hmac-sha256", "kernel_name": "moontide"}
    """

  private func read(_ text: String) throws -> ConnectionFile { try ConnectionFile(Array(text.utf8)) }

  @Test func saysWhereToListen() throws {
    let file = try read(Self.whole)
    #expect(file.endpoint(.shell) == "tcp://127.0.0.1:1" && file.endpoint(.hb) == "tcp://127.0.0.1:5")
    #expect(file.key == Array("k".utf8) && file.isLocal)
    let ipc = try read(
      Self.whole.replacing("tcp", with: "ipc").replacing("127.0.0.1", with: "/run/kernel"))
    #expect(ipc.endpoint(.iopub) == "ipc:///run/kernel-2" && ipc.isLocal)
    #expect(try read(Self.whole.replacing("127.0.0.1", with: "::1")).endpoint(.stdin) == "tcp://[::1]:3")
    #expect(try !read(Self.whole.replacing("127.0.0.1", with: "0.0.0.0")).isLocal)
  }

  @Test(arguments: [
    ("\"shell_port\": 1", "\"shell_port\": 70000"), ("\"shell_port\": 1, ", ""), ("\"tcp\"", "\"udp\""),
    ("hmac-sha256", "hmac-md5"), ("127.0.0.1", ""), ("{", "["), ("127.0.0.1", "\\u0000"),
  ])
  func whatIsWrongIsSaid(_ old: String, _ new: String) {
    #expect(throws: JupyterError.self) { try read(Self.whole.replacing(old, with: new)) }
  }

  @Test func everyBeginningOfAFileIsRefused() {
    for count in 0..<(Self.whole.utf8.count - 1) {
      #expect(throws: JupyterError.self) { try ConnectionFile(Array(Self.whole.utf8.prefix(count))) }
    }
  }
}
