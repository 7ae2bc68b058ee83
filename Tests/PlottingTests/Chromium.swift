import Locks
import Foundation
import Testing
import Transport

/// A real browser without a window, driven over its remote-debugging port.
final class Chromium: Sendable {
  static let program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  /// Printed once where the browser is missing, so that nobody takes silence for success.
  static let isInstalled: Bool = {
    if program == nil { print("skipped: browser checks need Chromium (apt install chromium)") }
    return program != nil
  }()

  private let process: Process
  private let profile: URL
  private let port: Int

  private init(process: Process, profile: URL, port: Int) {
    self.process = process
    self.profile = profile
    self.port = port
  }

  static func with<R>(_ body: (Chromium) async throws -> R) async throws -> R {
    let browser = try await start()
    do {
      let result = try await body(browser)
      await browser.stop()
      return result
    } catch {
      await browser.stop()
      throw error
    }
  }

  private static func start() async throws -> Chromium {
    let profile = FileManager.default.temporaryDirectory
      .appendingPathComponent("moontide-browser-\(UInt64.random(in: 0...UInt64.max))")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(program))
    process.arguments = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
      "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
      "--remote-allow-origins=*", "--user-data-dir=\(profile.path)", "about:blank",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let file = profile.appendingPathComponent("DevToolsActivePort")
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if let text = try? String(contentsOf: file, encoding: .utf8),
        let port = Int(text.split(separator: "\n").first ?? "")
      {
        return Chromium(process: process, profile: profile, port: port)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    process.terminate()
    throw BrowserError(text: "Chromium did not open its debugging port")
  }

  private func stop() async {
    process.terminate()
    let end = ContinuousClock.now + .seconds(5)
    while process.isRunning, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(20)) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: profile)
  }

  /// A new tab of that size that has begun to load an address.
  func open(_ url: String, width: Int = 1100, height: Int = 700, ratio: Double = 1) async throws -> Tab {
    let client = HTTPClient()
    defer { client.close() }
    let answer = try await client.send(
      "PUT", try Endpoint(url: "http://127.0.0.1:\(port)/json/new?about:blank"), deadline: .seconds(60))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
    let address = try #require(object["webSocketDebuggerUrl"] as? String)
    let tab = Tab()
    var options = WebSocketOptions()
    options.messageBytes = 64 << 20
    options.pingInterval = nil
    tab.connection.withLock { $0 = nil }
    let connection = try await WebSocketClient.connect(
      to: try Endpoint(url: address), options: options, handler: tab)
    tab.connection.withLock { $0 = connection }
    for domain in ["Page", "Runtime", "Network", "Log"] { _ = try await tab.call("\(domain).enable") }
    try await tab.resize(width, height, ratio: ratio)
    _ = try await tab.call("Page.navigate", ["url": url])
    return tab
  }
}

struct BrowserError: Error, CustomStringConvertible {
  var text: String
  var description: String { text }
}

/// One page of the browser.
final class Tab: WebSocketHandler {
  struct Happening: Sendable {
    var method: String
    var text: String
  }

  let connection = Guarded<WebSocketConnection?>(nil)
  private let waiting = Guarded<(next: Int, calls: [Int: OneShot<Result<Data, any Error>>])>((0, [:]))
  private let happened = Guarded<[Happening]>([])

  /// Script errors, and what the browser complained about (a blocked script, say); not what a page that is away does.
  var complaints: [String] {
    happened.withLock {
      $0.filter { ["Runtime.exceptionThrown", "Log.entryAdded"].contains($0.method) }.map(\.text)
    }
  }
  /// Addresses that the page asked for.
  var requests: [String] { happened.withLock { $0.filter { $0.method == "request" }.map(\.text) } }

  func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(message.array)) as? [String: Any] else {
      return
    }
    if let id = object["id"] as? Int {
      let call = waiting.withLock { $0.calls.removeValue(forKey: id) }
      if let error = object["error"] {
        call?.fulfill(.failure(BrowserError(text: "\(error)")))
      } else {
        call?.fulfill(.success(Data(message.array)))
      }
      return
    }
    let method = object["method"] as? String ?? ""
    let parameters = object["params"] as? [String: Any] ?? [:]
    if method == "Network.requestWillBeSent" || method == "Network.webSocketCreated" {
      let url =
        (parameters["request"] as? [String: Any])?["url"] as? String ?? parameters["url"] as? String ?? ""
      happened.withLock { $0.append(Happening(method: "request", text: url)) }
    } else if method == "Runtime.exceptionThrown" || method == "Log.entryAdded" {
      // Hints about speed are no errors.
      let level = (parameters["entry"] as? [String: Any])?["level"] as? String ?? "error"
      guard level == "error" else { return }
      happened.withLock { $0.append(Happening(method: method, text: message.text)) }
    }
  }

  func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
    let calls = waiting.withLock { state in
      defer { state.calls = [:] }
      return state.calls
    }
    let error = BrowserError(text: "the browser is gone: \(reason)")
    for call in calls.values { call.fulfill(.failure(error)) }
  }

  @discardableResult
  func call(_ method: String, _ parameters: [String: any Sendable] = [:]) async throws -> [String: Any] {
    let (id, connection) = (
      waiting.withLock { state in
        state.next += 1
        return state.next
      }, try #require(connection.withLock { $0 })
    )
    let body = try JSONSerialization.data(
      withJSONObject: ["id": id, "method": method, "params": parameters] as [String: Any])
    let answer = OneShot<Result<Data, any Error>>()
    waiting.withLock { $0.calls[id] = answer }
    do { try connection.send(textBytes: body) } catch {
      waiting.withLock { $0.calls[id] = nil }
      throw error
    }
    let data = try #require(await answer.wait()).get()
    let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return object?["result"] as? [String: Any] ?? [:]
  }

  /// The JSON of an expression's value, as Swift sees it.
  @discardableResult
  func value(_ expression: String) async throws -> Any? {
    let answer = try await call(
      "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
    if let failure = answer["exceptionDetails"] { throw BrowserError(text: "\(expression): \(failure)") }
    return (answer["result"] as? [String: Any])?["value"]
  }

  func number(_ expression: String) async throws -> Double {
    (try await value(expression) as? Double) ?? .nan
  }
  func text(_ expression: String) async throws -> String { (try await value(expression) as? String) ?? "" }
  func isTrue(_ expression: String) async throws -> Bool { (try await value(expression) as? Bool) ?? false }

  /// Waits until an expression is true; fails the test when it does not become so.
  func until(
    _ expression: String, seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      // Before the page is there, most expressions fail.
      if try await isTrue("(() => { try { return \(expression) } catch { return false } })()") { return }
      try await Task.sleep(for: .milliseconds(30))
    }
    Issue.record("not within \(seconds) s: \(expression)", sourceLocation: sourceLocation)
  }

  func resize(_ width: Int, _ height: Int, ratio: Double = 1) async throws {
    try await call(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": ratio, "mobile": false])
  }

  func mouse(
    _ type: String, _ x: Double, _ y: Double, clicks: Int = 0, deltaY: Double = 0, modifiers: Int = 0
  )
    async throws
  {
    var parameters: [String: any Sendable] = [
      "type": type, "x": x, "y": y, "modifiers": modifiers, "button": clicks > 0 ? "left" : "none",
      "buttons": type == "mouseMoved" && clicks > 0 || type == "mousePressed" ? 1 : 0, "clickCount": clicks,
    ]
    if type == "mouseWheel" {
      parameters["deltaX"] = 0
      parameters["deltaY"] = deltaY
    }
    try await call("Input.dispatchMouseEvent", parameters)
  }

  func drag(from: (Double, Double), to: (Double, Double)) async throws {
    try await mouse("mouseMoved", from.0, from.1)
    try await mouse("mousePressed", from.0, from.1, clicks: 1)
    for step in 1...4 {
      let part = Double(step) / 4
      try await mouse(
        "mouseMoved", from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part, clicks: 1)
    }
    try await mouse("mouseReleased", to.0, to.1, clicks: 1)
  }

  func doubleClick(_ x: Double, _ y: Double) async throws {
    for clicks in 1...2 {
      try await mouse("mousePressed", x, y, clicks: clicks)
      try await mouse("mouseReleased", x, y, clicks: clicks)
    }
  }

  func press(_ key: String, text: String? = nil) async throws {
    var parameters: [String: any Sendable] = ["type": "keyDown", "key": key]
    if let text { parameters["text"] = text }
    try await call("Input.dispatchKeyEvent", parameters)
    try await call("Input.dispatchKeyEvent", ["type": "keyUp", "key": key])
  }

  func screenshot() async throws -> Data {
    let answer = try await call("Page.captureScreenshot", ["format": "png"])
    return try #require(Data(base64Encoded: answer["data"] as? String ?? ""))
  }
}
