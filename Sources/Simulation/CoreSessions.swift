import Synnax
import Telemetry

/// Who is logged in. A plain value.
struct CoreSessions {
  /// Which log-in the core speaks.
  let login: CoreConfiguration.Login
  let user: String
  let password: String
  /// A session that nothing used for so long is over.
  let idleTimeout: TimeSpan
  let userKey = CoreSessions.identifier()

  private struct Entry {
    var session: SessionPayload
    var lastUsed: TimeSpan
  }
  private var entries: [String: Entry] = [:]

  init(login: CoreConfiguration.Login, user: String, password: String, idleTimeout: TimeSpan) {
    self.login = login
    self.user = user
    self.password = password
    self.idleTimeout = idleTimeout
  }

  mutating func create(
    _ proof: ProofPayload?, path: [String], now: TimeStamp, monotonic: TimeSpan
  ) throws(ErrorPayload) -> (token: String, session: SessionPayload) {
    guard let name = proof?.username, !name.isEmpty else {
      throw .path(path + ["username"], "unknown", "required")
    }
    guard let word = proof?.password, !word.isEmpty else {
      throw .path(path + ["password"], "unknown", "required")
    }
    guard name == user, word == password else {
      throw ErrorPayload(
        type: "sy.auth.invalid-credentials", data: "invalid credentials: invalid credentials: auth error")
    }
    entries = entries.filter { monotonic - $0.value.lastUsed < idleTimeout }
    if entries.count >= CoreLimits.sessions,
      let oldest = entries.min(by: { $0.value.lastUsed < $1.value.lastUsed })
    {
      entries[oldest.key] = nil
    }
    let session = SessionPayload(
      key: Self.identifier(), user: userKey, credential: Self.identifier(), lastActive: now.nanoseconds)
    let token = Self.identifier() + Self.identifier()
    entries[token] = Entry(session: session, lastUsed: monotonic)
    return (token, session)
  }

  /// - Parameter header: the value of `Authorization`.
  /// - Returns: a token to use from now on, where the one before is near its end (the older log-in).
  @discardableResult
  mutating func check(
    _ header: String?, now: TimeStamp, monotonic: TimeSpan
  ) throws(ErrorPayload) -> String? {
    guard let header, !header.isEmpty else {
      throw ErrorPayload(type: "sy.auth", data: "no authentication token provided: auth error")
    }
    let parts = header.split(separator: " ")
    guard parts.count == 2, parts[0] == "Bearer" else {
      throw ErrorPayload(type: "sy.auth", data: "invalid authorization header: auth error")
    }
    let token = String(parts[1])
    guard var entry = entries[token] else {
      throw login == .sessions
        ? ErrorPayload(type: "sy.auth.session_ended", data: "the session has ended: auth error")
        : ErrorPayload(type: "sy.auth.invalid_token", data: "invalid token: auth error")
    }
    guard monotonic - entry.lastUsed < idleTimeout else {
      entries[token] = nil
      throw login == .sessions
        ? ErrorPayload(type: "sy.auth.session_ended", data: "the session idled out: auth error")
        : ErrorPayload(type: "sy.auth.expired_token", data: "expired token: auth error")
    }
    if login == .tokens {
      // A token lives from its making on; use does not prolong it, a new one does.
      let left = idleTimeout - (monotonic - entry.lastUsed)
      guard left < TimeSpan(nanoseconds: idleTimeout.nanoseconds / 24) else { return nil }
      let fresh = Self.identifier() + Self.identifier()
      entry.lastUsed = monotonic
      entries[fresh] = entry
      return fresh
    }
    entry.lastUsed = monotonic
    entry.session.lastActive = Wide(now.nanoseconds)
    entries[token] = entry
    return nil
  }

  var all: [SessionPayload] { entries.values.map(\.session).sorted { $0.key < $1.key } }

  mutating func delete(_ keys: [String]) {
    entries = entries.filter { !keys.contains($0.value.session.key) }
  }

  /// Ends every session, as a restart or an administrator does.
  mutating func endAll() { entries = [:] }

  /// A random UUID (version 4) as text. Random even where data is not: it is the proof of being logged in.
  static func identifier() -> String {
    var generator = SystemRandomNumberGenerator()
    var digits = Array("00000000-0000-4000-8000-000000000000".utf8)
    let hex = Array("0123456789abcdef".utf8)
    for place in digits.indices where digits[place] == UInt8(ascii: "0") {
      digits[place] = hex[Int.random(in: 0..<16, using: &generator)]
    }
    return String(decoding: digits, as: UTF8.self)
  }
}
