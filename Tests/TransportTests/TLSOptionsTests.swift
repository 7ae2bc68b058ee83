import Foundation
import Testing
import Transport

/// Certificates made by `openssl` for this run: an authority, and a server.
private struct Certificates {
  let folder: URL
  var authority: String { folder.appendingPathComponent("ca.pem").path }
  var server: TLSServerOptions {
    TLSServerOptions(
      certificateFile: folder.appendingPathComponent("server.pem").path,
      keyFile: folder.appendingPathComponent("server.key").path)
  }

  static let program = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  init(for names: String = "DNS:localhost,IP:127.0.0.1") throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try "subjectAltName=\(names)".write(
      to: folder.appendingPathComponent("names"), atomically: true, encoding: .utf8)
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    try openssl("req -x509 \(key) -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority")
    try openssl("req \(key) -keyout server.key -out server.csr -subj /CN=localhost")
    try openssl(
      "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 -extfile names -out server.pem"
    )
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  private func openssl(_ arguments: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program ?? "")
    process.arguments = arguments.split(separator: " ").map { String($0) }
    process.currentDirectoryURL = folder
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "openssl \(arguments)")
  }
}

@Suite(
  .timeLimit(.minutes(1)), .enabled(if: Certificates.program != nil, "the program openssl is not installed"))
struct TLSOptionsTests {
  @Test func verifiesUnlessToldOtherwise() async throws {
    let certificates = try Certificates()
    defer { certificates.remove() }
    var options = HTTPServer.Options()
    options.tls = certificates.server
    let server = try await HTTPServer.start(
      options, upgrade: { _ in .accept(Recorder(onOpen: { try? $0.send(text: "over TLS") })) }
    ) { _ in HTTPResponse(status: 200, text: "secret") }

    /// The codes of a WebSocket and of an HTTP call.
    func attempt(_ tls: TLSOptions, host: String = "127.0.0.1") async -> [String] {
      let client = Recorder()
      var options = HTTPClient.Options()
      options.tls = tls
      do {
        let endpoint = try Endpoint(host: host, port: server.port, isSecure: true)
        let error = await failure {
          let connection = try await WebSocketClient.connect(to: endpoint, tls: tls, handler: client)
          try await client.wait { $0.messages == [.text("over TLS")] }
          await connection.close()
        }
        let http = HTTPClient(options)
        defer { http.close() }
        let second = await failure {
          let text = try await http.get(endpoint).text
          #expect(text == "secret")
        }
        return [error?.code.rawValue ?? "ok", second?.code.rawValue ?? "ok"]
      } catch { return ["\(error)"] }
    }

    #expect(await attempt(TLSOptions()) == ["tls", "tls"])
    #expect(await attempt(TLSOptions(insecureSkipVerify: true)) == ["ok", "ok"])
    #expect(await attempt(TLSOptions(caFile: certificates.authority)) == ["ok", "ok"])
    #expect(await attempt(TLSOptions(caFile: certificates.authority), host: "localhost") == ["ok", "ok"])
    let address = await attempt(TLSOptions(caFile: certificates.authority, serverName: "127.0.0.2"))
    #expect(address == ["tls", "tls"])
    #expect(await attempt(TLSOptions(caFile: certificates.folder.path + "/none")) == ["tls", "tls"])
    await server.stop()
  }

  @Test func verifiesTheNameGiven() async throws {
    let certificates = try Certificates(for: "DNS:localhost")
    defer { certificates.remove() }
    var options = HTTPServer.Options()
    options.tls = certificates.server
    let server = try await HTTPServer.start(options, upgrade: { _ in .accept(Recorder()) }) { _ in
      HTTPResponse()
    }
    let endpoint = try server.endpoint(isSecure: true)
    for (name, code) in [("localhost", nil), (nil, .tls), ("elsewhere.example", TransportError.Code.tls)] {
      let error = await failure {
        let tls = TLSOptions(caFile: certificates.authority, serverName: name)
        await (try WebSocketClient.connect(to: endpoint, tls: tls, handler: Recorder())).close()
      }
      #expect(error?.code == code, "\(name ?? "no name")")
    }
    await server.stop()
  }

  @Test func plainAgainstTLSAndTLSAgainstPlainFail() async throws {
    let certificates = try Certificates()
    defer { certificates.remove() }
    var options = HTTPServer.Options()
    options.tls = certificates.server
    let secure = try await HTTPServer.start(options) { _ in HTTPResponse() }
    let plain = try await HTTPServer.start { _ in HTTPResponse() }
    let first = await failure {
      try await WebSocketClient.connect(to: secure.endpoint(), handler: Recorder())
    }
    #expect(first != nil)
    let second = await failure {
      try await WebSocketClient.connect(to: plain.endpoint(isSecure: true), handler: Recorder())
    }
    #expect(second?.code == .tls, "\(second as Any)")
    await secure.stop()
    await plain.stop()
  }

  @Test func followsOneRedirectionToTLSOfTheSameHost() async throws {
    let certificates = try Certificates()
    defer { certificates.remove() }
    var options = HTTPServer.Options()
    options.tls = certificates.server
    let secure = try await HTTPServer.start(options) { HTTPResponse(body: $0.body) }
    let port = secure.port
    let plain = try await HTTPServer.start { request in
      HTTPResponse(status: 301, headers: ["Location": "https://127.0.0.1:\(port)\(request.path)"])
    }
    var clientOptions = HTTPClient.Options()
    clientOptions.tls.caFile = certificates.authority
    let client = HTTPClient(clientOptions)
    let response = try await client.postJSON(plain.endpoint("/api/v1"), body: Array("{}".utf8))
    #expect(response.text == "{}")
    await secure.stop()
    await plain.stop()
  }

  @Test func saysWhichFilesDoNotLoad() async throws {
    var options = HTTPServer.Options()
    options.tls = TLSServerOptions(certificateFile: "/none.pem", keyFile: "/none.key")
    let settings = options
    let error = await failure { try await HTTPServer.start(settings) { _ in HTTPResponse() } }
    #expect(error?.code == .tls)
    #expect(error?.message.contains("/none.pem") == true)
  }
}
