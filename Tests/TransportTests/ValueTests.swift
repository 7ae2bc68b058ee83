import Randomness
import Testing
import Transport

@Suite struct BackOffTests {
  @Test func growsToItsMaximumAndStartsAnew() {
    var generator = SplitMix(seed: 1)
    var backOff = BackOff(initial: .milliseconds(100), factor: 2, max: .milliseconds(500), jitter: 0)
    let waits = (0..<5).map { _ in backOff.next(using: &generator) }
    #expect(waits == [100, 200, 400, 500, 500].map { .milliseconds($0) })
    #expect(backOff.attempts == 5)
    backOff.reset()
    #expect(backOff.next(using: &generator) == .milliseconds(100))
  }

  @Test func jitterStaysInItsShareAndUnderTheMaximum() {
    var generator = SplitMix(seed: 2)
    var seen: Set<Duration> = []
    for _ in 0..<200 {
      var backOff = BackOff(initial: .seconds(1), factor: 2, max: .seconds(10), jitter: 0.2)
      let wait = backOff.next(using: &generator)
      #expect((.milliseconds(800)...(.milliseconds(1200))).contains(wait))
      seen.insert(wait)
    }
    #expect(seen.count > 100)
    var wild = BackOff(initial: .seconds(1), factor: .nan, max: .zero, jitter: .infinity)
    #expect(wild.next(using: &generator) == .seconds(1))
  }
}

@Suite struct LivenessTests {
  @Test func asksTwiceThenGivesUpAfterThreeIntervals() {
    var liveness = Liveness(interval: 3, missesAllowed: 3, now: 0)
    #expect(liveness.check(now: 3) == (.ping, 6))
    #expect(liveness.check(now: 6) == (.ping, 9))
    #expect(liveness.check(now: 9).action == .dead)
  }

  @Test func anyByteStartsTheCountAnew() {
    var liveness = Liveness(interval: 3, missesAllowed: 3, now: 0)
    _ = liveness.check(now: 3)
    liveness.heard(now: 5)
    #expect(liveness.check(now: 6) == (.wait, 8))
    #expect(liveness.check(now: 8).action == .ping)
  }

  @Test func aLongSleepIsOneMiss() {
    var liveness = Liveness(interval: 3, missesAllowed: 3, now: 0)
    #expect(liveness.check(now: 10_000).action == .ping)
  }
}

@Suite struct EndpointTests {
  @Test(arguments: [
    ("ws://192.168.7.2:5555/gui_data", false, "192.168.7.2", 5555, "/gui_data"),
    ("wss://host", true, "host", 443, "/"), ("http://host?a=b#c", false, "host", 80, "/?a=b"),
    ("https://[::1]:9090/api/", true, "::1", 9090, "/api/"), ("WS://h/", false, "h", 80, "/"),
  ])
  func readsURLs(url: String, isSecure: Bool, host: String, port: Int, path: String) throws {
    #expect(try Endpoint(url: url) == Endpoint(host: host, port: port, path: path, isSecure: isSecure))
  }

  @Test(arguments: [
    "", "host:80", "ftp://host", "ws://", "ws://host:x", "ws://host:0", "ws://host:65536", "ws://user@host",
    "ws://[::1", "ws://[::1]9", "ws://h/a b", "ws://h/\r\nX: y", "ws://h:1:2",
  ])
  func refusesWhatIsNotOne(url: String) {
    #expect(throws: TransportError.self) { try Endpoint(url: url) }
  }
}

@Suite struct HTTPMessagesTests {
  @Test func decodesParameters() {
    let request = HTTPRequest(path: "/", query: "token=a%2Bb+c&empty&bad=%FF&half=%4")
    #expect(request.parameter("token") == "a+b c")
    #expect(request.parameter("empty") == "")
    #expect(request.parameter("bad") == nil)
    #expect(request.parameter("half") == "%4")
    #expect(request.parameter("none") == nil)
  }

  @Test func fieldsIgnoreCase() {
    var fields: HTTPFields = ["Connection": "keep-alive, Upgrade"]
    fields.add("connection", " x ")
    #expect(fields.tokens("CONNECTION") == ["keep-alive", "upgrade", "x"])
    fields["CONNECTION"] = "close"
    #expect(fields.all.count == 1)
    fields["connection"] = nil
    #expect(fields == [:])
  }
}

@Suite struct WebSocketHandshakeTests {
  @Test func digestsTheStandardsVectors() {
    func hex(_ text: String) -> String {
      SHA1.digest(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    #expect(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(
      hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
    #expect(hex(String(repeating: "a", count: 1000)) == "291e9a6c66994949b57ba5e650361e98fc36b1ba")
  }

  @Test func answersTheKeyOfTheRFC() {
    #expect(WebSocketHandshake.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }
}
