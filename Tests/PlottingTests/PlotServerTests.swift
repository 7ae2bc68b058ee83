import Locks
import Foundation
import Glibc
import Plotting
import Telemetry
import Testing
import Transport

/// Wrong token, foreign pages, odd paths, oversized and many: refused or bounded.
@Suite struct PlotServerTests {
  struct Site {
    let server: PlotServer
    let plot: Plot
    let url: String
    var token: String { String(url.split(separator: "/")[2]) }
    var origin: String { "http://127.0.0.1:\(server.port)" }

    init() async throws {
      server = try await PlotServer.start()
      plot = try Plot([.frame(Frame(GoldenTests.threeLines), label: nil)])
      url = try server.publish(plot)
    }

    func get(_ path: String, method: String = "GET", headers: HTTPFields = [:], body: [UInt8] = [])
      async throws
      -> HTTPResponse
    {
      let client = HTTPClient()
      defer { client.close() }
      return try await client.send(
        method, try Endpoint(url: origin + path), headers: headers, body: body, deadline: .seconds(30))
    }

    func page(_ path: String? = nil, headers: HTTPFields? = nil, handler: Collector = Collector())
      async throws
      -> WebSocketConnection
    {
      try await WebSocketClient.connect(
        to: try Endpoint(url: "ws://127.0.0.1:\(server.port)\(path ?? "/\(token)/data")"),
        headers: headers ?? ["Origin": origin], handler: handler)
    }
  }

  /// Keeps what comes.
  final class Collector: WebSocketHandler {
    let texts = Guarded<[String]>([])
    let frames = Guarded<[[UInt8]]>([])
    let end = Guarded<CloseReason?>(nil)

    func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
      if message.kind == .text {
        texts.withLock { $0.append(message.text) }
      } else {
        frames.withLock { $0.append(message.array) }
      }
    }
    func closed(_ reason: CloseReason, _ connection: WebSocketConnection) { end.withLock { $0 = reason } }
  }

  static func until(_ seconds: Double = 30, _ isTrue: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while !isTrue(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
    #expect(isTrue())
  }

  static func view(
    pixels: UInt16 = 500, revision: UInt32 = 0, mode: UInt8 = 0, a: Double = .nan, b: Double = 0
  )
    -> [UInt8]
  {
    var bytes: [UInt8] = [1, mode, UInt8(pixels & 0xFF), UInt8(pixels >> 8)]
    withUnsafeBytes(of: revision.littleEndian) { bytes += $0 }
    withUnsafeBytes(of: a.bitPattern.littleEndian) { bytes += $0 }
    withUnsafeBytes(of: b.bitPattern.littleEndian) { bytes += $0 }
    return bytes
  }

  @Test func servesThePageAndLocksItIn() async throws {
    let site = try await Site()
    for name in ["", "page.js", "raster.js", "page.css", "dygraph.js", "dygraph.css", "icon.svg"] {
      let answer = try await site.get("/\(site.token)/\(name)")
      #expect(answer.status == 200)
      #expect(!answer.body.isEmpty)
      #expect(answer.headers["Cache-Control"] == "no-store")
      #expect(
        answer.headers["Content-Security-Policy"]?.hasPrefix(
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'")
          == true
      )
    }
    #expect(site.url == "\(site.origin)/\(site.token)/")
    #expect(site.token.count == 32)
    await site.server.stop()
  }

  @Test(arguments: [
    "/", "/TOKEN", "/wrong/", "/wrong/page.js", "//TOKEN/", "/../TOKEN/", "/data", "/page.js", "/TOKENx/",
    "/%2e%2e/TOKEN/",
  ])
  func refusesWhatHasNotTheToken(path: String) async throws {
    let site = try await Site()
    let answer = try await site.get(path.replacing("TOKEN", with: site.token))
    #expect(answer.status == 403)
    #expect(!answer.text.contains(site.token))
    await site.server.stop()
  }

  @Test(arguments: [
    "/TOKEN/../../etc/passwd", "/TOKEN/%2e%2e/%2e%2e/etc/passwd", "/TOKEN//etc/passwd", "/TOKEN/page.js/",
    "/TOKEN/..", "/TOKEN/%00", "/TOKEN/dygraph.min.js.map", "/TOKEN/page.js%00",
  ])
  func hasNothingButItsFiles(path: String) async throws {
    let site = try await Site()
    let answer = try await site.get(path.replacing("TOKEN", with: site.token))
    #expect(answer.status == 404)
    await site.server.stop()
  }

  static let foreign: [[String]] =
    [
      "evil.example", "evil.example:80", "127.0.0.1.evil.example:80", "", "localhost:80:80", "127.0.0.1:8a",
      "[::1]:80", "0.0.0.0:80",
    ].map { ["Host: \($0)", "Origin: http://\($0)"] }
    + [
      "http://evil.example", "null", "https://127.0.0.1:PORT", "http://127.0.0.1:1", "http://localhost:PORT",
      "",
    ].map {
      ["Host: 127.0.0.1:PORT", "Origin: \($0)"]
    } + [
      ["Origin: http://127.0.0.1:PORT"],
      ["Host: 127.0.0.1:PORT", "Host: evil.example", "Origin: http://evil.example"],
    ]

  @Test(arguments: foreign) func refusesForeignHostsAndOrigins(headers: [String]) async throws {
    let site = try await Site()
    let fields = headers.map { $0.replacing("PORT", with: "\(site.server.port)") }
    let upgrade = [
      "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    for lines in [
      ["GET /\(site.token)/ HTTP/1.1"] + fields, ["GET /\(site.token)/data HTTP/1.1"] + fields + upgrade,
    ] {
      let answer = try await RawHTTP.ask(site.server.port, lines)
      #expect(["HTTP/1.1 403", "HTTP/1.1 400"].contains(String(answer.prefix(12))))
      #expect(!answer.contains(site.token))
    }
    // The same with its own names works.
    let good =
      ["GET /\(site.token)/data HTTP/1.1", "Host: localhost:8000", "Origin: http://localhost:8000"] + upgrade
    #expect(try await RawHTTP.ask(site.server.port, good).hasPrefix("HTTP/1.1 101"))
    await site.server.stop()
  }

  @Test func refusesStreamsWithoutOriginOrToken() async throws {
    let site = try await Site()
    for (path, headers) in [
      ("/\(site.token)/data", [:] as HTTPFields), ("/wrong/data", ["Origin": site.origin]),
      ("/\(site.token)/", ["Origin": site.origin]), ("/\(site.token)/data/", ["Origin": site.origin]),
    ] {
      await #expect {
        _ = try await site.page(path, headers: headers)
      } throws: { error in
        (error as? TransportError)?.status == 403
      }
    }
    await site.server.stop()
  }

  @Test func takesNoBodiesAndNoOtherMethods() async throws {
    let site = try await Site()
    #expect(try await site.get("/\(site.token)/", method: "DELETE").status == 405)
    #expect(
      try await site.get("/\(site.token)/", method: "POST", body: Array(repeating: 0x41, count: 1000)).status
        == 413)
    await site.server.stop()
  }

  @Test func answersAViewWithNewsAndAFrame() async throws {
    let site = try await Site()
    let collector = Collector()
    let page = try await site.page(handler: collector)
    try page.send(binary: Self.view())
    try await Self.until { collector.frames.withLock { $0.count } == 1 }
    let news = try #require(collector.texts.withLock { $0.first })
    let object = try #require(try JSONSerialization.jsonObject(with: Data(news.utf8)) as? [String: Any])
    #expect(
      (object["lines"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == [
        "pot1", "pot2", "count",
      ])
    let frame = try #require(collector.frames.withLock { $0.first })
    #expect(Array(frame.prefix(4)) == Array("MTP1".utf8))
    // The same question again: nothing changed, and no more news.
    let revision = UInt32(frame[4]) | UInt32(frame[5]) << 8
    for _ in 0..<2 { try page.send(binary: Self.view(revision: revision)) }
    try await Self.until { collector.frames.withLock { $0.count } == 3 }
    #expect(collector.frames.withLock { $0.map(\.count) }.dropFirst(2) == [56])
    #expect(collector.texts.withLock { $0.count } == 1)
    await site.server.stop()
  }

  @Test func endsPagesThatDoNotSpeakTheProtocol() async throws {
    let site = try await Site()
    var bad: [[UInt8]] = [
      [], [1], Array(repeating: 0xFF, count: 24), Self.view(pixels: 0), Self.view(pixels: 65_000),
    ]
    bad += [
      Self.view(mode: 7), Self.view(a: -1), Self.view(a: .infinity), Self.view(mode: 1, a: 2, b: 1),
      Self.view(mode: 1, a: .nan, b: 1), Self.view(mode: 1, a: 0, b: 1e300),
      Self.view() + Array(repeating: 0, count: 300),
      Array(repeating: 1, count: 100_000),
    ]
    for message in bad {
      let collector = Collector()
      let page = try await site.page(handler: collector)
      // It may be ended before all of a long one is sent.
      try? page.send(binary: message)
      try await Self.until { collector.end.withLock { $0 } != nil }
      #expect(collector.frames.withLock { $0.isEmpty })
    }
    #expect(try await site.get("/\(site.token)/").status == 200)
    try await Self.until { site.server.pageCount == 0 }
    await site.server.stop()
  }

  @Test func aHundredPagesAreBounded() async throws {
    let site = try await Site()
    var open: [WebSocketConnection] = []
    var refused = 0
    for _ in 0..<100 {
      do { open.append(try await site.page()) } catch { refused += 1 }
    }
    #expect(open.count == PlotLimits.pagesMax)
    #expect(refused == 100 - PlotLimits.pagesMax)
    #expect(site.server.pageCount == PlotLimits.pagesMax)
    for page in open { page.closeNow() }
    try await Self.until { site.server.pageCount == 0 }
    _ = try await site.page()
    await site.server.stop()
  }

  /// What is refused after the plot has agreed is no page.
  @Test func upgradesThatFailAreNoPages() async throws {
    let site = try await Site()
    let good = [
      "GET /\(site.token)/data HTTP/1.1", "Host: 127.0.0.1", "Origin: http://127.0.0.1", "Upgrade: websocket",
      "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    let bad = [("Version: 13", "Version: 12"), ("dGhlIHNhbXBsZSBub25jZQ==", "short"), ("GET", "POST")]
    for round in 0..<PlotLimits.pagesMax + 3 {
      let (old, new) = bad[round % bad.count]
      let answer = try await RawHTTP.ask(
        site.server.port, good.map { $0.replacing(old, with: new) })
      #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer)")
    }
    #expect(site.server.pageCount == 0)
    let page = try await site.page()
    #expect(site.server.pageCount == 1)
    page.closeNow()
    await site.server.stop()
  }

  @Test func closingAPlotEndsItsPages() async throws {
    let site = try await Site()
    let collector = Collector()
    _ = try await site.page(handler: collector)
    site.plot.close()
    try await Self.until { collector.end.withLock { $0 } != nil }
    #expect(collector.end.withLock { $0 } == .remote(code: 1000, reason: "closed"))
    #expect(try await site.get("/\(site.token)/").status == 403)
    await site.server.stop()
  }

  @Test func saysWhichPackageIsMissing() throws {
    let error = #expect(throws: PlotError.self) { try PageAssets(folders: ["/nowhere"]) }
    #expect(error?.code == "missing")
    #expect(error?.hint?.contains("libjs-dygraphs") == true)
    #expect(
      PageAssets.folders(["MOONTIDE_ASSETS": "/a"]) == [
        "/a", "/a/dygraphs", "/usr/share/javascript/dygraphs",
      ])
  }
}

/// Requests as no client of ours would send them.
enum RawHTTP {
  /// The start of what comes back. On a thread of its own: it waits.
  static func ask(_ port: Int, _ lines: [String]) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try answer(port, lines) }) }
    }
  }

  private static func answer(_ port: Int, _ lines: [String]) throws -> String {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
    let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    try #require(send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
    var answer = [UInt8](repeating: 0, count: 4096)
    let count = recv(socket, &answer, answer.count, 0)
    return String(decoding: answer.prefix(max(0, count)), as: UTF8.self)
  }
}
