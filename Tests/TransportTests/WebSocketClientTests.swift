import SocketFaults
import Testing
import Transport

@Suite(.timeLimit(.minutes(1))) struct WebSocketClientTests {
  private func echo() -> Recorder {
    Recorder(onMessage: { message, connection in try? connection.sendAll([message]) })
  }

  @Test func carriesMessagesBothWaysInOrder() async throws {
    let server = try await serve { [handler = echo()] _ in .accept(handler) }
    let client = Recorder()
    let connection = try await WebSocketClient.connect(to: server.endpoint("/x?y=1"), handler: client)
    var sent: [WebSocketPayload] = [.text("grüße"), .text(""), .binary([]), .binary([1, 2, 3])]
    sent.append(.binary([UInt8](repeating: 9, count: 200_000)))
    sent += (0..<2000).map { .text("message \($0)") }
    for message in sent.prefix(5) {
      switch message {
      case .text(let text): try connection.send(text: text, flush: false)
      case .binary(let bytes): try connection.send(binary: bytes)
      }
    }
    try connection.sendAll(sent.dropFirst(5))
    try await client.wait { $0.messages.count == sent.count }
    #expect(client.story.messages == sent)
    #expect(client.story.bursts > 0)
    #expect(await connection.close() == .local)
    #expect(client.story.reasons == [.local])
    #expect(connection.isOpen == false)
    await #expect(failure { try connection.send(text: "late") }?.code == .closed)
    await server.stop()
  }

  @Test func sendsFromManyTasksKeepEachTasksOrder() async throws {
    let handler = Recorder()
    let server = try await serve { _ in .accept(handler) }
    let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: Recorder())
    await withTaskGroup { group in
      for task in 0..<8 {
        group.addTask { for n in 0..<500 { try? connection.send(text: "\(task) \(n)") } }
      }
    }
    try await handler.wait { $0.messages.count == 4000 }
    for task in 0..<8 {
      let own = handler.story.messages.filter {
        if case .text(let t) = $0 { t.hasPrefix("\(task) ") } else { false }
      }
      #expect(own == (0..<500).map { .text("\(task) \($0)") })
    }
    await server.stop()
  }

  @Test func keepsTheBytesBehindThe101() async throws {
    let answer =
      "HTTP/1.1 101 WebSocket Protocol Handshake\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
      + "Sec-WebSocket-Accept: $ACCEPT\r\n\r\n"
    let frames: [UInt8] = [0x81, 0x02, 0x68, 0x69, 0x82, 0x01, 0x07, 0x89, 0x00, 0x81, 0x05, 0x61]
    let server = try await serve { _ in .raw(Array(answer.utf8) + frames) }
    for _ in 0..<20 {
      let client = Recorder()
      let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: client)
      try await client.wait { $0.messages.count == 2 }
      #expect(client.story.messages == [.text("hi"), .binary([7])])
      connection.closeNow()
      #expect(await connection.waitUntilClosed() == .local)
    }
    await server.stop()
  }

  @Test func whatOpenedSendsComesFirst() async throws {
    let server = try await serve { _ in
      .accept(Recorder(onOpen: { try? $0.send(text: "welcome") }), headers: ["Sec-WebSocket-Protocol": "p"])
    }
    let client = Recorder()
    let connection = try await WebSocketClient.connect(
      to: server.endpoint(), headers: ["Sec-WebSocket-Protocol": "p"], handler: client)
    try await client.wait { !$0.messages.isEmpty }
    #expect(client.story.messages == [.text("welcome")])
    await connection.close()
    await server.stop()
  }

  @Test func reportsStatusAndBodyOfARefusal() async throws {
    let server = try await serve { request in
      request.path == "/moved"
        ? .refuse(301, headers: ["Location": "https://elsewhere/"])
        : .refuse(Int(request.path.dropFirst()) ?? 404, "why not " + String(repeating: "x", count: 9000))
    }
    for status in [401, 404, 415, 500] {
      let error = await failure {
        try await WebSocketClient.connect(to: server.endpoint("/\(status)"), handler: Recorder())
      }
      #expect(error?.code == .handshake)
      #expect(error?.status == status)
      #expect(error?.body.hasPrefix("why not x") == true)
      #expect(error?.body.utf8.count == 4096)
    }
    let moved = await failure {
      try await WebSocketClient.connect(to: server.endpoint("/moved"), handler: Recorder())
    }
    #expect(moved?.code == .redirect)
    #expect(moved?.location == "https://elsewhere/")
    await server.stop()
  }

  @Test func tellsBrokenHandshakesApart() async throws {
    var options = WebSocketOptions()
    options.handshakeTimeout = .milliseconds(100)
    let cases: [(UpgradeDecision, TransportError.Code)] = [
      (.raw(Array("SSH-2.0-x\r\n\r\n".utf8)), .protocol),
      (.raw([], isClosing: true), .closed),
      (.raw(Array("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".utf8)), .handshake),
      (.raw(Array("HTTP/1.1 101 x\r\nUpg".utf8)), .timeout), (.silence, .timeout),
    ]
    for (decision, code) in cases {
      let server = try await serve { _ in decision }
      let options = options
      let error = await failure {
        try await WebSocketClient.connect(to: server.endpoint(), options: options, handler: Recorder())
      }
      #expect(error?.code == code, "\(error as Any)")
      await server.stop()
    }
  }

  @Test func tellsWhyNothingAnswers() async throws {
    let server = try await serve { _ in .silence }
    let gone = try server.endpoint()
    await server.stop()
    let refused = await failure { try await WebSocketClient.connect(to: gone, handler: Recorder()) }
    #expect(refused?.code == .refused)
    let unknown = await failure {
      try await WebSocketClient.connect(
        to: Endpoint(host: "no-such-host.invalid", port: 1), handler: Recorder())
    }
    #expect(unknown?.code == .unknownHost || unknown?.code == .timeout, "\(unknown as Any)")
    let forged = await failure {
      try await WebSocketClient.connect(to: gone, headers: ["X": "a\r\nY: b"], handler: Recorder())
    }
    #expect(forged?.code == .invalid)
  }

  @Test func aCancelledTaskStopsConnecting() async throws {
    let server = try await serve { _ in .silence }
    let endpoint = try server.endpoint()
    let task = Task { await failure { try await WebSocketClient.connect(to: endpoint, handler: Recorder()) } }
    try await eventually { server.connectionCount == 1 }
    task.cancel()
    #expect(await task.value?.code == .cancelled)
    try await eventually { server.connectionCount == 0 }
    await server.stop()
  }

  @Test func findsADeadPeerAndOnlyThat() async throws {
    let handler = Recorder()
    let server = try await serve { _ in
      var quiet = WebSocketOptions()
      quiet.pingInterval = nil
      return .accept(handler, options: quiet)
    }
    var options = WebSocketOptions()
    options.pingInterval = .milliseconds(60)
    let client = Recorder()
    let connection = try await WebSocketClient.connect(
      to: server.endpoint(), options: options, handler: client)
    // The silent but living peer answers pings for many times the limit.
    let start = ContinuousClock.now
    await #expect(
      failure { try await connection.drained(below: -1, deadline: .milliseconds(700)) }?.code == .timeout)
    #expect(connection.isOpen)
    #expect(ContinuousClock.now - start >= .milliseconds(600))
    handler.story.connection?.fallSilent()
    guard case .failed(let error) = await connection.waitUntilClosed() else {
      Issue.record("no failure")
      return
    }
    #expect(error.code == .deadPeer)
    await server.stop()
  }

  @Test func closesWithoutAHandshakeInTime() async throws {
    // A board drops TCP at once.
    let board = try await serve { _ in .accept(Recorder(), options: .belaBoard) }
    let first = try await WebSocketClient.connect(to: board.endpoint(), handler: Recorder())
    #expect(await first.close(deadline: .seconds(30)) == .local)
    await board.stop()
    // This one never answers at all.
    let handler = Recorder()
    let mute = try await serve { _ in .accept(handler) }
    let second = try await WebSocketClient.connect(to: mute.endpoint(), handler: Recorder())
    handler.story.connection?.fallSilent()
    let start = ContinuousClock.now
    #expect(await second.close(deadline: .milliseconds(50)) == .local)
    #expect(ContinuousClock.now - start < .seconds(3))
    handler.story.connection?.closeNow()
    await mute.stop()
  }

  @Test func reportsHowThePeerEnded() async throws {
    let ends: [(@Sendable (WebSocketConnection) -> Void, (CloseReason) -> Bool)] = [
      ({ $0.beginClose(code: 1001, reason: "bye") }, { $0 == .remote(code: 1001, reason: "bye") }),
      ({ $0.closeNow() }, { $0 == .endOfFile }),
      ({ $0.sendRaw([0x88, 0x00]) }, { $0 == .remote(code: nil, reason: "") }),
      ({ $0.reset() }, { if case .failed(let e) = $0 { e.code == .closed } else { false } }),
      (
        {
          $0.sendRaw([0x81]); $0.closeNow()
        }, { $0 == .endOfFile }
      ),
      ({ $0.sendRaw([0xF1, 0x00]) }, { if case .failed(let e) = $0 { e.code == .protocol } else { false } }),
      (
        { $0.sendRaw([0x82, 0x7F, 0, 0, 0, 0, 0x10, 0, 0, 0]) },
        { if case .failed(let e) = $0 { e.code == .tooLarge } else { false } }
      ),
    ]
    for (index, (end, isExpected)) in ends.enumerated() {
      let server = try await serve { _ in .accept(Recorder(onMessage: { end($1) })) }
      let client = Recorder()
      let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: client)
      try connection.send(text: "end it")
      let reason = await connection.waitUntilClosed()
      #expect(isExpected(reason), "case \(index): \(reason)")
      #expect(client.story.reasons.count == 1)
      await server.stop()
    }
  }

  @Test func tellsThePeerThatAMessageIsTooLarge() async throws {
    let handler = Recorder()
    let server = try await serve { _ in
      var options = WebSocketOptions()
      options.messageBytes = 1000
      return .accept(handler, options: options)
    }
    let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: Recorder())
    try connection.send(binary: [UInt8](repeating: 0, count: 1000))
    try connection.send(binary: [UInt8](repeating: 0, count: 8_000_000))
    guard case .remote(let code, _) = await connection.waitUntilClosed() else {
      Issue.record("no Close frame")
      return
    }
    #expect(code == WebSocketCloseCode.tooLarge)
    #expect(handler.story.messages.count == 1)
    await server.stop()
  }

  @Test func boundsTheQueueForASlowReader() async throws {
    let handler = Recorder()
    let server = try await serve { _ in
      var options = WebSocketOptions()
      options.outboundBytes = 1 << 20
      options.pingInterval = nil
      return .accept(handler, options: options)
    }
    let client = Recorder()
    let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: client)
    connection.pauseReading()
    try await eventually { handler.story.connection != nil }
    let sender = try #require(handler.story.connection)
    let block = [UInt8](repeating: 1, count: 50_000)
    var sent = 0
    // Refused at once when the queue is full; a send that waits gives up when the socket's buffers are full too.
    var refusals: [TransportError.Code?] = []
    while refusals.last != .timeout, sent < 10_000 {
      let refusal = await failure { try sender.send(binary: block) }
      if refusal == nil { sent += 1 } else { refusals.append(refusal?.code) }
      if refusal?.code == .backlog {
        let late = await failure { try await sender.send(.binary(block), deadline: .milliseconds(50)) }
        if late == nil { sent += 1 } else { refusals.append(late?.code) }
      }
      #expect(sender.queuedBytes <= 1 << 20)
    }
    #expect(Set(refusals) == [.backlog, .timeout])
    // Once the reader goes on, all comes.
    async let waiting: Void = sender.send(.binary(block), deadline: .seconds(5))
    connection.resumeReading()
    try await waiting
    try await sender.drained(deadline: .seconds(5))
    let total = sent + 1
    try await client.wait { $0.messages.count == total }
    await server.stop()
  }

  @Test func aBoardCutsOffASlowReader() async throws {
    let handler = Recorder()
    let server = try await serve { _ in
      var options = WebSocketOptions.belaBoard
      options.outboundBytes = 1 << 20
      return .accept(handler, options: options)
    }
    let connection = try await WebSocketClient.connect(to: server.endpoint(), handler: Recorder())
    connection.pauseReading()
    try await eventually { handler.story.connection != nil }
    let sender = try #require(handler.story.connection)
    try await eventually { (try? sender.send(binary: [UInt8](repeating: 1, count: 500_000))) == nil }
    guard case .failed(let error) = await sender.waitUntilClosed() else {
      Issue.record("not cut")
      return
    }
    #expect(error.code == .backlog)
    connection.closeNow()
    await server.stop()
  }
}
