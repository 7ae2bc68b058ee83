import Locks
import Testing
import Transport

@Suite(.timeLimit(.minutes(1))) struct HTTPClientTests {
  private func serve(_ handler: @escaping HTTPServer.Handler) async throws -> HTTPServer {
    try await HTTPServer.start(handler: handler)
  }

  @Test func postsJSONAndLeavesNoConnection() async throws {
    let server = try await serve { request in
      HTTPResponse(
        status: request.headers["content-type"] == "application/json" ? 200 : 415,
        headers: ["X-Auth": request.headers["authorization"] ?? ""], body: request.body)
    }
    let client = HTTPClient()
    for n in 0..<20 {
      let response = try await client.postJSON(
        server.endpoint("/api"), body: Array("{\"n\":\(n)}".utf8), headers: ["Authorization": "Bearer x"])
      #expect(response.status == 200)
      #expect(response.text == "{\"n\":\(n)}")
      #expect(response.headers["x-auth"] == "Bearer x")
    }
    try await eventually { server.connectionCount == 0 }
    client.close()
    await #expect(failure { try await client.get(server.endpoint()) }?.code == .closed)
    await server.stop()
  }

  @Test func answersManyCallsAtATimeEachWithItsOwn() async throws {
    let server = try await serve { HTTPResponse(body: $0.body) }
    let client = HTTPClient()
    let endpoint = try server.endpoint()
    await withTaskGroup(of: Bool.self) { group in
      for n in 0..<12 {
        group.addTask { (try? await client.postJSON(endpoint, body: [UInt8(n)]))?.body == [UInt8(n)] }
      }
      for await isRight in group { #expect(isRight) }
    }
    try await eventually { server.connectionCount == 0 }
    client.close()
    await server.stop()
  }

  @Test func anErrorStatusIsAnAnswerARedirectionIsNot() async throws {
    let server = try await serve { request in
      request.path == "/moved"
        ? HTTPResponse(status: 301, headers: ["Location": "http://other/"])
        : HTTPResponse(status: 400, text: "{}")
    }
    let client = HTTPClient()
    #expect(try await client.get(server.endpoint()).status == 400)
    let error = await failure { try await client.get(server.endpoint("/moved")) }
    #expect(error?.code == .redirect && error?.location == "http://other/" && error?.status == 301)
    await server.stop()
  }

  @Test func hasDeadlinesAndLimits() async throws {
    let server = try await serve { request in
      if request.path == "/slow" { try? await Task.sleep(for: .seconds(60)) }
      return HTTPResponse(body: [UInt8](repeating: 0, count: 2000))
    }
    var options = HTTPClient.Options()
    options.responseBytes = 1999
    let client = HTTPClient(options)
    let slow = await failure { try await client.get(server.endpoint("/slow"), deadline: .milliseconds(100)) }
    #expect(slow?.code == .timeout)
    await #expect(failure { try await client.get(server.endpoint("/")) }?.code == .tooLarge)
    let endpoint = try server.endpoint("/slow")
    let task = Task { await failure { try await client.get(endpoint, deadline: .seconds(30)) } }
    try await eventually { server.connectionCount > 0 }
    task.cancel()
    #expect(await task.value?.code == .cancelled)
    await server.stop()
    await #expect(failure { try await client.get(endpoint) }?.code == .refused)
  }

  @Test func whatEndedMeanwhileIsNothingToTheNextCall() async throws {
    let count = Guarded(0)
    let server = try await serve { _ in
      count.withLock { $0 += 1 }
      return HTTPResponse()
    }
    let client = HTTPClient()
    _ = try await client.get(server.endpoint())
    server.cutConnections()
    try await eventually { server.connectionCount == 0 }
    #expect(try await client.get(server.endpoint()).status == 200)
    #expect(count.withLock { $0 } == 2)
    await server.stop()
  }

  @Test func closingFailsTheCallsThatWait() async throws {
    let server = try await serve { _ in
      try? await Task.sleep(for: .seconds(60))
      return HTTPResponse()
    }
    let client = HTTPClient()
    let endpoint = try server.endpoint()
    let task = Task { await failure { try await client.get(endpoint, deadline: .seconds(30)) } }
    try await eventually { server.connectionCount > 0 }
    client.close()
    #expect(await task.value?.code == .closed)
    try await eventually { server.connectionCount == 0 }
    await server.stop()
  }

  @Test func callsHaveABound() async throws {
    let server = try await serve { _ in
      try? await Task.sleep(for: .seconds(60))
      return HTTPResponse()
    }
    let client = HTTPClient()
    let endpoint = try server.endpoint()
    let tasks = (0..<200).map { _ in
      Task { await failure { try await client.get(endpoint, deadline: .seconds(30)) } }
    }
    try await eventually { server.connectionCount == TransportLimits.calls }
    client.close()
    var codes: [TransportError.Code: Int] = [:]
    for task in tasks { if let code = await task.value?.code { codes[code, default: 0] += 1 } }
    #expect(codes[.backlog, default: 0] <= 200 - TransportLimits.calls)
    #expect(codes[.backlog, default: 0] + codes[.closed, default: 0] == 200, "\(codes)")
    await server.stop()
  }
}
