import Testing
import Transport

@Suite(.timeLimit(.minutes(1))) struct HTTPServerTests {
  private func start(
    _ change: (inout HTTPServer.Options) -> Void = { _ in }, board: Bool = false,
    handler: Recorder = Recorder()
  ) async throws -> HTTPServer {
    var options = HTTPServer.Options()
    change(&options)
    return try await HTTPServer.start(
      options, upgrade: { _ in .accept(handler, options: board ? .belaBoard : WebSocketOptions()) },
      handler: { request in
        HTTPResponse(
          headers: ["X-Version": request.version],
          body: Array("\(request.method) \(request.path) \(request.query)|".utf8) + request.body)
      })
  }

  @Test func answersPipelinedRequestsInOrderAndKeepsTheConnection() async throws {
    let server = try await start()
    let client = try RawClient(port: server.port)
    client.send(
      "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz")
    client.send("HEAD /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    let text = await client.read()
    #expect(text.contains("\r\n\r\nGET /a x=1|HTTP/1.1 200 OK"))
    #expect(text.contains("POST /b |xyz"))
    #expect(!text.contains("HEAD /c"))
    #expect(text.contains("Connection: close"))
    await server.stop()
  }

  @Test func closesAfterHTTP10() async throws {
    let server = try await start()
    let client = try RawClient(port: server.port)
    client.send("GET /old HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n\r\n")
    let text = await client.read()
    #expect(text.contains("X-Version: 1.0"))
    #expect(text.hasSuffix("GET /old |"))
    await server.stop()
  }

  @Test func refusesWhatIsTooLargeTooSlowOrNotHTTP() async throws {
    let server = try await start { options in
      options.bodyBytes = 10
      options.requestTimeout = .milliseconds(150)
    }
    let many = (0..<200).map { "X-\($0): y\r\n" }.joined()
    let cases = [
      ("POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", "413"),
      (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + String(repeating: "x", count: 32),
        "413"
      ),
      ("GET / HTTP/1.1\r\nX: \(String(repeating: "y", count: 101_000))\r\n\r\n", "431"),
      ("GET / HTTP/1.1\r\n\(many)\r\n", "431"), ("nonsense\r\n\r\n", "400"),
      ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", "408"),
    ]
    for (request, status) in cases {
      let client = try RawClient(port: server.port)
      client.send(request)
      let text = await client.read()
      #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(40)): \(text.prefix(60))")
    }
    // Half a header, then nothing: dropped.
    let loris = try RawClient(port: server.port)
    loris.send("GET / HTTP/1.1\r\nHo")
    #expect(await !loris.read().contains("200"))
    await server.stop()
  }

  @Test func turnsAwayTooManyClients() async throws {
    let server = try await start { $0.connections = 1 }
    let first = try RawClient(port: server.port)
    first.send(RawClient.upgrade())
    #expect(await first.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 101"))
    let second = try RawClient(port: server.port)
    second.send("GET / HTTP/1.1\r\n\r\n")
    #expect(await second.read().hasPrefix("HTTP/1.1 503"))
    try await eventually { server.connectionCount == 1 }
    await server.stop(deadline: .milliseconds(50))
  }

  @Test func refusesUpgradesThatAreNone() async throws {
    let server = try await start()
    let good = RawClient.upgrade()
    let cases = [
      (good.replacing("Version: 13", with: "Version: 8"), "426"),
      (good.replacing("dGhlIHNhbXBsZSBub25jZQ==", with: "short"), "400"),
      (good.replacing("GET", with: "POST"), "400"),
      (good.replacing("keep-alive, Upgrade", with: "keep-alive"), "200"),
    ]
    for (request, status) in cases {
      let client = try RawClient(port: server.port)
      client.send(request)
      let text = await client.read(until: "\r\n\r\n")
      #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
    }
    await server.stop()
  }

  @Test func keepsFramesThatComeWithTheUpgradeRequest() async throws {
    let handler = Recorder()
    let server = try await start(board: true, handler: handler)
    let client = try RawClient(port: server.port)
    client.send(Array(RawClient.upgrade().utf8) + [0x81, 0x01, 0x61, 0x81, 0x81, 0, 0, 0, 0, 0x62])
    #expect(await client.read(until: "\r\n\r\n").contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    try await handler.wait { $0.messages.count == 2 }
    #expect(handler.story.messages == [.text("a"), .text("b")])
    await server.stop(deadline: .milliseconds(50))
  }

  @Test func bytesBehindAnUpgradeAreFramesHoweverTheHeaderIsWritten() async throws {
    let fields = [
      "Connection: Upgrade\r\nUpgrade: websocket\r\n",
      "Connection: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
      "CONNECTION: keep-alive ,  UPGRADE ,x\r\nupgrade: h2c , WebSocket\r\n",
      "Connection: upgrade,\r\nUpgrade: h2c\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
      "Connection: close, upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
      "Connection:\r\nConnection: keep-alive, close, upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n",
    ]
    for lines in fields {
      let handler = Recorder()
      let server = try await start(board: true, handler: handler)
      let client = try RawClient(port: server.port)
      // What follows is a frame, or at worst a broken one; it must never be taken for a second request.
      client.send(
        "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(lines)\r\n"
          + "GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
      let answer = await client.read()
      #expect(!answer.contains("second"), "\(lines)")
      #expect(answer.hasPrefix("HTTP/1.1 101") || answer.hasPrefix("HTTP/1.1 400"), "\(lines) \(answer)")
      await server.stop(deadline: .milliseconds(50))
    }
  }

  @Test func behavesAsTheBoardDoes() async throws {
    let masked: [UInt8] = [0, 0, 0, 0]
    let deadly: [[UInt8]] = [[0x88, 0x80] + masked, [0x01, 0x81] + masked + [0x61]]
    for frame in deadly {
      let server = try await start(board: true)
      let client = try RawClient(port: server.port)
      client.send(RawClient.upgrade())
      _ = await client.read(until: "\r\n\r\n")
      client.send(frame)
      #expect(await client.read() == "", "end of file without a word")
      await server.stop(deadline: .milliseconds(50))
    }
    let server = try await start(board: true)
    let client = try RawClient(port: server.port)
    client.send(RawClient.upgrade())
    _ = await client.read(until: "\r\n\r\n")
    client.send([0x89, 0x82] + masked + [0x68, 0x69])
    #expect(
      await client.read(until: "hi") == String(decoding: [0x8A, 0x02, 0x68, 0x69] as [UInt8], as: UTF8.self))
    await server.stop(deadline: .milliseconds(50))
  }

  @Test func stopsWithEverythingOpen() async throws {
    let server = try await HTTPServer.start(upgrade: { _ in .accept(Recorder()) }) { _ in
      try? await Task.sleep(for: .seconds(60))
      return HTTPResponse()
    }
    let client = Recorder()
    let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: client)
    let idle = try RawClient(port: server.port)
    let busy = try RawClient(port: server.port)
    busy.send("GET / HTTP/1.1\r\n\r\n")
    try await eventually { server.connectionCount == 3 }
    await server.stop()
    #expect(await connection.waitUntilClosed() == .remote(code: 1001, reason: ""))
    let (first, second) = (await idle.read(), await busy.read())
    #expect(first == "" && second == "")
    #expect(server.connectionCount == 0)
    await server.stop()
  }

  @Test func saysThatAnAddressIsTaken() async throws {
    let server = try await start()
    let port = server.port
    let error = await failure { try await start { $0.port = port } }
    #expect(error?.code == .system)
    await server.stop()
  }
}
