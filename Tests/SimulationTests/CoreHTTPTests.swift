import Locks
import Foundation
import Simulation
import Synnax
import Telemetry
import TestSupport
import Testing
import Transport

/// What a core answers to calls, byte for byte where clients look.
@Suite struct CoreHTTPTests {
  private func call(
    _ core: SimulatedCore, _ path: String, _ body: String = "{}", method: String = "POST",
    headers: HTTPFields = ["Content-Type": "application/json"], token: String? = nil
  ) async throws -> HTTPResponse {
    var headers = headers
    if let token { headers["Authorization"] = "Bearer \(token)" }
    let http = HTTPClient()
    defer { http.close() }
    return try await http.send(
      method, Endpoint(host: "127.0.0.1", port: core.port, path: path), headers: headers,
      body: Array(body.utf8))
  }

  private func start(_ change: (inout CoreConfiguration) -> Void = { _ in }) async throws -> SimulatedCore {
    var configuration = CoreConfiguration()
    configuration.plays = false
    change(&configuration)
    return try await SimulatedCore.start(configuration)
  }

  private func logIn(_ core: SimulatedCore) async throws -> String {
    let proof = #"{"proof":{"username":"synnax","password":"seldon","method":"password"}}"#
    let answer = try await call(core, "/api/v1/auth/session/create/", proof)
    return try Wire.decode(LoginAnswerPayload.self, answer.body).token
  }

  @Test func answersWhatIsNoCallInPlainText() async throws {
    let core = try await start()
    let cases: [(String, String, HTTPFields, Int)] = [
      ("POST", "/api/v1/nothing", ["Content-Type": "application/json"], 404),
      ("POST", "/channel/retrieve", ["Content-Type": "application/json"], 404),
      ("POST", "/api/v1/auth/login", ["Content-Type": "application/json"], 404),
      ("GET", "/api/v1/frame/stream", [:], 426), ("GET", "/api/v1/channel/retrieve", [:], 405),
      ("POST", "/api/v1/connectivity/check", ["Content-Type": "application/json; charset=utf-8"], 415),
      (
        "POST", "/api/v1/connectivity/check", ["Content-Type": "application/json", "Accept": "text/html"], 406
      ),
      ("POST", "/api/v1/connectivity/check/", ["Content-Type": "application/json"], 200),
    ]
    for (method, path, headers, status) in cases {
      let answer = try await call(core, path, method: method, headers: headers)
      #expect(answer.status == status, "\(method) \(path)")
      #expect((try? Wire.decode(ErrorPayload.self, answer.body)) == nil)
    }
    await core.stop()
  }

  @Test func answersEveryErrorWith400AndItsClass() async throws {
    let core = try await start()
    let token = try await logIn(core)
    let cases: [(String, String, String?, String)] = [
      (
        "/auth/session/create", #"{"proof":{"username":"synnax","password":"x"}}"#, nil,
        "sy.auth.invalid-credentials"
      ),
      ("/auth/session/create", #"{"proof":{"username":"synnax"}}"#, nil, "sy.validation.path"),
      ("/channel/retrieve", "{}", nil, "sy.auth"),
      ("/channel/retrieve", "{}", "wrong", "sy.auth.session_ended"),
      ("/channel/retrieve", #"{"keys":[7]}"#, token, "sy.query.not_found"),
      ("/channel/retrieve", "not JSON", token, "unknown"),
      ("/channel/create", #"{"channels":[{"name":"","data_type":"int8"}]}"#, token, "sy.validation.path"),
      ("/channel/create", #"{"channels":[{"name":"a","data_type":"int8"}]}"#, token, "sy.validation.path"),
      (
        "/channel/create", #"{"channels":[{"name":"a","data_type":"int8","virtual":true,"leaseholder":9}]}"#,
        token,
        "sy.query.not_found"
      ),
      ("/frame/read", #"{"keys":[9],"bounds":{"start":0,"end":"5"}}"#, token, "sy.query.not_found"),
    ]
    for (path, body, token, type) in cases {
      let answer = try await call(core, "/api/v1" + path, body, token: token)
      #expect(answer.status == 400)
      #expect(try Wire.decode(ErrorPayload.self, answer.body).type == type, "\(path) \(body)")
    }
    await core.stop()
  }

  @Test func endsSessionsThatAreDeletedOrIdle() async throws {
    let core = try await start()
    let token = try await logIn(core)
    let list = try await call(core, "/api/v1/auth/session/retrieve", #"{"subjects":[]}"#, token: token)
    let key = try #require(list.text.firstMatch(of: /"key":"([^"]+)","last_active"/)).1
    #expect(try await call(core, "/api/v1/auth/session/renew", token: token).status == 200)
    let gone = try await call(
      core, "/api/v1/auth/session/delete", #"{"keys":["\#(key)","other"]}"#, token: token)
    #expect(gone.status == 200 && gone.text == "{}")
    #expect(try await call(core, "/api/v1/auth/session/renew", token: token).text.contains("session_ended"))
    await core.stop()
  }

  @Test func readsRecordsThatEndWithATerminator() async throws {
    let core = try await start()
    let client = try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: core.port))
    _ = try await client.createChannel(name: "t", type: .timestamp, isIndex: true)
    let value = try await client.createChannel(name: "a", type: .float64, index: "t")
    var options = SynnaxWriter.Options()
    options.start = TimeStamp(nanoseconds: 0)
    let writer = try await SynnaxWriter.open(client, channels: ["a"], options: options)
    let time = writer.channels[1]
    try await writer.write([
      Series(time, SampleStorage([Int64(1), 2], as: .timestamp)), Series(value, SampleStorage([0.5, 1.5])),
    ])
    try await writer.close()
    let body = Wire.encode(ReadRequestPayload(keys: [value.key], bounds: .all))
    let answer = try await client.respond("frame/read", body, accept: "application/vnd.synnax.frame")
    #expect(answer.headers["content-type"] == "application/vnd.synnax.frame")
    let length = Int(answer.body[1])
    var codec = FrameCodec([.init(key: value.key, type: .float64)])
    let frame = try codec.decode(Array(answer.body[5..<5 + length]))
    #expect(frame.series[0].timeRange == TimeRange(start: 1, end: 3))
    #expect(Array(answer.body[(5 + length)...]) == [1, 0, 0, 0, 0])
    await core.stop()
  }

  @Test func handsOutAFreshTokenBeforeTheOldOneEnds() async throws {
    let core = try await start {
      $0.login = .tokens
      // A token lives so short that each call is near its end.
      $0.idleTimeout = TimeSpan(nanoseconds: 600_000_000)
    }
    let client = try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: core.port))
    for _ in 0..<12 {
      _ = try await client.channels()
      try await Task.sleep(for: .milliseconds(100))
    }
    await core.stop()
  }

  @Test func waitsForAnAnswerNoLongerThanItMay() async throws {
    let core = try await start()
    var configuration = SynnaxConfiguration(host: "127.0.0.1", port: core.port)
    configuration.timeout = .second
    core.setFaults { $0.answerDelay = .minute }
    let error = await #expect(throws: SynnaxError.self) { try await SynnaxClient.connect(configuration) }
    #expect(error?.code == "timeout")
    await core.stop()
  }

  @Test(arguments: [
    (404, "Cannot POST /x", ": Cannot POST /x"), (501, "<!DOCTYPE HTML>\n<html>\n", ""), (502, "", ""),
  ]) func saysThatThisIsNoCore(_ status: Int, _ body: String, _ quoted: String) async throws {
    var options = HTTPServer.Options()
    options.host = "127.0.0.1"
    let server = try await HTTPServer.start(options, upgrade: { _ in .refuse(404) }) { _ in
      HTTPResponse(status: status, text: body)
    }
    let error = await #expect(throws: SynnaxError.self) {
      try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: server.port))
    }
    #expect(
      error?.code == "protocol" && error?.message == "the log-in was answered with HTTP \(status)\(quoted)")
    #expect((error?.hint == nil) == (status == 502))
    await server.stop()
  }

  /// A core in secure mode answers plain HTTP this way.
  @Test func saysThatACoreSpeaksTLS() async throws {
    var options = HTTPServer.Options()
    options.host = "127.0.0.1"
    let passwords = Guarded(0)
    let server = try await HTTPServer.start(options, upgrade: { _ in .refuse(404) }) { request in
      if String(decoding: request.body, as: UTF8.self).contains("seldon") { passwords.withLock { $0 += 1 } }
      return HTTPResponse(status: 301, headers: ["Location": "https://127.0.0.1\(request.path)"], body: [])
    }
    let error = await #expect(throws: SynnaxError.self) {
      try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: server.port))
    }
    #expect(
      error?.code == "refused" && error?.hint?.contains("secure = true") == true,
      "\(String(describing: error))")
    #expect(passwords.withLock { $0 } == 0)
    await server.stop()
  }

  @Test(.enabled(if: SelfSignedCertificate.openssl != nil, "the program openssl is not installed"))
  func verifiesCertificatesUnlessToldOtherwise() async throws {
    let own = try SelfSignedCertificate()
    let core = try await start {
      $0.tls = TLSServerOptions(certificateFile: own.certificate, keyFile: own.key)
    }
    var configuration = SynnaxConfiguration(host: "127.0.0.1", port: core.port, secure: true)
    let error = await #expect(throws: SynnaxError.self) { try await SynnaxClient.connect(configuration) }
    #expect(error?.code == "tls")
    configuration.caFile = own.certificate
    #expect(try await SynnaxClient.connect(configuration).warnings.isEmpty)
    configuration.caFile = nil
    configuration.insecureSkipVerify = true
    #expect(try await SynnaxClient.connect(configuration).warnings.count == 1)
    await core.stop()
    withExtendedLifetime(own) {}
  }
}
