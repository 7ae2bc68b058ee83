import Locks
import Foundation
public import Telemetry
package import Transport

/// One user's calls to one core: logs in, keeps the session, finds and creates channels.
///
/// Any thread. Every call has a deadline, and throws a `SynnaxError` with the core's own text.
public final class SynnaxClient: Sendable {
  public let configuration: SynnaxConfiguration
  let clock: any TelemetryClock
  private let http: HTTPClient
  private let session = Session()
  private let catalogue = Guarded(Catalogue())
  private let cluster = Guarded<Cluster?>(nil)
  private let isClosed = Guarded(false)

  /// What a core said about itself.
  public struct Cluster: Sendable, Hashable {
    public var key: String
    public var version: String
    /// This machine's clock minus the core's.
    public var skew: TimeSpan
    public var license: String
  }

  /// One log-in at a time; whoever comes meanwhile waits for its token.
  private actor Session {
    private(set) var token: String?
    private var running: Task<String, any Error>?

    /// A token other than `stale`.
    func token(unless stale: String?, logIn: @escaping @Sendable () async throws -> String) async throws
      -> String
    {
      if let token, token != stale { return token }
      if let running { return try await running.value }
      let task = Task { try await logIn() }
      running = task
      defer { running = nil }
      let fresh = try await task.value
      token = fresh
      return fresh
    }

    func refresh(_ fresh: String) { token = fresh }
  }

  private struct Catalogue {
    var byKey: [UInt32: ChannelPayload] = [:]
    var keyOfName: [String: UInt32] = [:]

    mutating func put(_ channels: [ChannelPayload]) {
      if byKey.count + channels.count > SynnaxLimits.cachedChannels { (byKey, keyOfName) = ([:], [:]) }
      for channel in channels {
        byKey[channel.key] = channel
        keyOfName[channel.name] = channel.key
      }
    }

    /// A key stays what it is; a name may have another one meanwhile.
    mutating func forget(_ names: [String]) {
      for name in names { if let key = keyOfName.removeValue(forKey: name) { byKey[key] = nil } }
    }
  }

  private init(_ configuration: SynnaxConfiguration, clock: any TelemetryClock) {
    self.configuration = configuration
    self.clock = clock
    var options = HTTPClient.Options()
    options.tls = TLSOptions(
      caFile: configuration.caFile, insecureSkipVerify: configuration.insecureSkipVerify)
    options.responseBytes = SynnaxLimits.responseBytes
    // A stream would not be; the user is to say what is meant.
    options.followsToTLS = false
    http = HTTPClient(options)
  }

  /// Logs in and asks the core about itself.
  public static func connect(
    _ configuration: SynnaxConfiguration, clock: any TelemetryClock = SystemClock()
  ) async throws(SynnaxError) -> SynnaxClient {
    if let file = configuration.caFile, !FileManager.default.isReadableFile(atPath: file) {
      throw SynnaxError("tls", "cannot read the certificates in \(file)", hint: "ca_file names a PEM file")
    }
    let client = SynnaxClient(configuration, clock: clock)
    do throws(SynnaxError) {
      // A core that speaks TLS says so before it gets to see a password in plain text.
      if !configuration.secure {
        _ = try await client.post("connectivity/check", Array("{}".utf8), token: nil)
      }
      _ = try await client.token(unless: nil)
    } catch  where error.code == "closed" {
      // Plain text to a port that speaks TLS meets no words.
      throw SynnaxError(
        "refused", error.message,
        hint: configuration.secure ? "is this a Synnax core?" : "if the core speaks TLS: secure = true")
    }
    _ = try await client.checkConnectivity()
    return client
  }

  /// Ends all connections for calls. Streams and writers have their own.
  public func close() {
    isClosed.withLock { $0 = true }
    http.close()
  }

  /// What a user should see once: unverified certificates, another version, a license that is missing.
  public var warnings: [String] {
    var warnings: [String] = []
    if configuration.secure, configuration.insecureSkipVerify {
      warnings.append(
        "TLS certificates of \(configuration.host) are NOT verified: anybody on the way can read and change the data"
      )
    }
    guard let cluster = cluster.withLock({ $0 }) else { return warnings }
    let version = cluster.version.split(separator: ".").prefix(2).joined(separator: ".")
    if !version.isEmpty, !["0.56", "0.57", "0.58", "0.59", "0.60", "0.0"].contains(version) {
      warnings.append("the core has version \(cluster.version); 0.56 to 0.60 are known to work")
    }
    if !["", "ok"].contains(cluster.license) { warnings.append("the core's license is \(cluster.license)") }
    if cluster.skew.nanoseconds.magnitude > 1_000_000_000 {
      warnings.append("this machine's clock and the core's are \(cluster.skew) apart")
    }
    return warnings
  }

  /// Asks the core for its version, its clock, its license.
  @discardableResult
  public func checkConnectivity() async throws(SynnaxError) -> Cluster {
    let before = clock.now
    let payload: ClusterPayload = try await call("connectivity/check", EmptyPayload())
    let middle = before + TimeSpan(nanoseconds: (clock.now - before).nanoseconds / 2)
    let skew = payload.nodeTime.map { middle - TimeStamp(nanoseconds: $0.value) } ?? .zero
    let result = Cluster(
      key: payload.clusterKey ?? "", version: payload.nodeVersion ?? "", skew: skew,
      license: payload.license ?? "")
    cluster.withLock { $0 = result }
    return result
  }

  /// Tells the core that the session is in use, so that it does not idle out under a long stream.
  func renew() async throws(SynnaxError) {
    let _: EmptyPayload = try await call("auth/session/renew", EmptyPayload())
  }

  // MARK: - Channels

  /// All channels that can be streamed but the core's own; with a regular expression, all whose names match. Asked anew.
  public func channels(matching pattern: String? = nil) async throws(SynnaxError) -> [Channel] {
    let found = try await retrieve(ChannelQueryPayload(names: pattern.map { [$0] }))
    return found.filter { pattern != nil || !$0.internal }.compactMap(\.channel).sorted { $0.key < $1.key }
  }

  /// Channels by name, or by key in digits, in that order; from memory where they are known. Throws `unknown_channel`,
  /// naming what is near.
  public func channels(named names: [String]) async throws(SynnaxError) -> [Channel] {
    var known = lookUp(names)
    if known.contains(where: { $0 == nil }) {
      let missing = Set(zip(names, known).filter { $0.1 == nil }.map(\.0))
      for key in missing.compactMap(Self.key).sorted() {
        // One that is missing would fail the others with it.
        do throws(SynnaxError) {
          _ = try await retrieve(ChannelQueryPayload(keys: [key]))
        } catch  where error.code == "not_found" {
          throw SynnaxError("unknown_channel", "no channel has the key \(key) on \(configuration.name)")
        }
      }
      let unknown = missing.filter { Self.key($0) == nil }.map(Self.escaped)
      if !unknown.isEmpty { _ = try await retrieve(ChannelQueryPayload(names: unknown.sorted())) }
      known = lookUp(names)
    }
    var result: [Channel] = []
    for (name, payload) in zip(names, known) {
      guard let payload else { throw await unknown(name) }
      guard let channel = payload.channel else {
        throw SynnaxError(
          "unknown_channel", "\"\(name)\" holds \(payload.dataType), a type that this version does not know")
      }
      result.append(channel)
    }
    return result
  }

  /// Does something with channels by name; once more with what the core says now, when it does not know the keys that
  /// were remembered: somebody deleted a channel and made it anew.
  func resolving<Result>(
    _ names: [String], _ body: ([Channel]) async throws(SynnaxError) -> Result
  ) async throws(SynnaxError) -> Result {
    let known = try await channels(named: names)
    do throws(SynnaxError) {
      return try await body(known)
    } catch  where error.code == "not_found" {
      return try await body(try await freshChannels(named: known.map(\.name)))
    }
  }

  /// As `channels(named:)`, but asks the core in any case: after a reconnection the same name may have a new key.
  func freshChannels(named names: [String]) async throws(SynnaxError) -> [Channel] {
    catalogue.withLock { $0.forget(names) }
    return try await channels(named: names)
  }

  /// Channels by key, in no order. A missing key is `not_found`.
  public func channels(keys: [UInt32]) async throws(SynnaxError) -> [Channel] {
    let wanted = Set(keys)
    let known = catalogue.withLock { catalogue in wanted.compactMap { catalogue.byKey[$0] } }
    let missing = wanted.subtracting(known.map(\.key))
    let found = missing.isEmpty ? [] : try await retrieve(ChannelQueryPayload(keys: missing.sorted()))
    return (known + found).compactMap(\.channel)
  }

  /// The index channels of these that are not among them.
  package func indexes(of channels: [Channel]) async throws(SynnaxError) -> [Channel] {
    let present = Set(channels.map(\.key))
    let keys = Set(channels.compactMap { $0.isVirtual ? nil : $0.index }).subtracting(present)
    return keys.isEmpty ? [] : try await self.channels(keys: keys.sorted())
  }

  /// Creates a channel: an index of type `timestamp`, a data channel with the name of its index, or a virtual one.
  /// - Parameter reuse: an existing channel of that name and type is answered instead of an error.
  public func createChannel(
    name: String, type: DataType, index: String? = nil, isIndex: Bool = false, virtual: Bool = false,
    reuse: Bool = false
  ) async throws(SynnaxError) -> Channel {
    if reuse, let existing = try? await channels(named: [name]).first {
      guard existing.type == type, existing.isIndex == isIndex, existing.isVirtual == virtual else {
        throw SynnaxError(
          "validation", "\"\(name)\" exists and is something else: \(existing.type.synnaxName)",
          hint: "choose another name")
      }
      return existing
    }
    var payload = ChannelPayload(name: name, dataType: type.synnaxName, isIndex: isIndex, virtual: virtual)
    if let index { payload.index = try await channels(named: [index])[0].key }
    let answer: ChannelsPayload = try await call("channel/create", ChannelsPayload([payload]))
    guard let made = answer.channels?.first, let channel = made.channel else {
      throw SynnaxError("protocol", "the core did not say what it created")
    }
    catalogue.withLock { $0.put([made]) }
    return channel
  }

  private func lookUp(_ names: [String]) -> [ChannelPayload?] {
    catalogue.withLock { catalogue in
      names.map { name in (Self.key(name) ?? catalogue.keyOfName[name]).flatMap { catalogue.byKey[$0] } }
    }
  }

  /// A name never begins with a digit.
  private static func key(_ name: String) -> UInt32? {
    name.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } == true ? UInt32(name) : nil
  }

  private func retrieve(_ query: ChannelQueryPayload) async throws(SynnaxError) -> [ChannelPayload] {
    let answer: ChannelsPayload = try await call("channel/retrieve", query)
    let found = answer.channels ?? []
    catalogue.withLock { $0.put(found) }
    return found
  }

  private func unknown(_ name: String) async -> SynnaxError {
    let all = (try? await channels()) ?? []
    let near = all.map { ($0.name, Self.distance($0.name, name)) }.filter { $0.1 <= 2 }.min { $0.1 < $1.1 }
    return SynnaxError(
      "unknown_channel", "no channel named \"\(name)\" on \(configuration.name)",
      hint: near.map { "did you mean \"\($0.0)\"?" } ?? (all.isEmpty ? nil : "channels() lists them"))
  }

  /// A core takes a name with other characters than letters, digits and underscores for a regular expression.
  static func escaped(_ name: String) -> String {
    var result = ""
    for character in name {
      if character.isASCII, !character.isLetter, !character.isNumber, character != "_", character != " " {
        result += "\\"
      }
      result.append(character)
    }
    return result
  }

  /// How many letters differ, up to 3.
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    guard abs(a.count - b.count) <= 2 else { return 3 }
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var corner = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let cost = min(row[j] + 1, row[j + 1] + 1, corner + (x == y ? 0 : 1))
        corner = row[j + 1]
        row[j + 1] = cost
      }
    }
    return min(3, row[b.count])
  }

  // MARK: - Calls

  /// The header that a stream, too, must carry.
  package func authorization(unless stale: String? = nil) async throws(SynnaxError) -> String {
    "Bearer " + (try await token(unless: stale))
  }

  private func token(unless stale: String?) async throws(SynnaxError) -> String {
    do {
      return try await session.token(unless: stale) { try await self.logIn() }
    } catch {
      throw error as? SynnaxError ?? SynnaxError("unknown", "\(error)")
    }
  }

  /// The way of 0.60, then that of older cores.
  private func logIn() async throws(SynnaxError) -> String {
    let proof = ProofPayload(username: configuration.username, password: configuration.password.text)
    var withMethod = proof
    withMethod.method = "password"
    var response = try await post(
      "auth/session/create", Wire.encode(SessionCreatePayload(withMethod)), token: nil)
    if response.status == 404 { response = try await post("auth/login", Wire.encode(proof), token: nil) }
    return try Self.decode(LoginAnswerPayload.self, response, "the log-in").token
  }

  /// One unary call. A token that ended is replaced once.
  package func call<Answer: Decodable>(
    _ path: String, _ payload: some Encodable
  ) async throws(SynnaxError) -> Answer {
    try Self.decode(Answer.self, try await respond(path, Wire.encode(payload)), path)
  }

  /// As `call`, for answers that are not JSON.
  package func respond(
    _ path: String, _ body: [UInt8], accept: String = "application/json"
  ) async throws(SynnaxError) -> HTTPResponse {
    var token = try await token(unless: nil)
    var mayLogIn = true
    while true {
      let response = try await post(path, body, token: token, accept: accept)
      if let fresh = response.headers["Refresh-Token"], !fresh.isEmpty { await session.refresh(fresh) }
      guard response.status != 200, mayLogIn, let error = Self.error(response), error.remedy == .logIn else {
        return response
      }
      mayLogIn = false
      token = try await self.token(unless: token)
    }
  }

  private func post(
    _ path: String, _ body: [UInt8], token: String?, accept: String = "application/json"
  ) async throws(SynnaxError) -> HTTPResponse {
    if isClosed.withLock({ $0 }) { throw SynnaxError("closed", "\(configuration.name) was closed") }
    var headers: HTTPFields = ["Content-Type": "application/json", "Accept": accept]
    if let token { headers["Authorization"] = "Bearer " + token }
    do throws(TransportError) {
      return try await http.send(
        "POST", endpoint("/api/v1/\(path)"), headers: headers, body: body,
        deadline: configuration.timeout.duration)
    } catch {
      throw SynnaxError(error)
    }
  }

  func endpoint(_ path: String) throws(TransportError) -> Endpoint {
    try Endpoint(
      host: configuration.host, port: configuration.port, path: path, isSecure: configuration.secure)
  }

  var tls: TLSOptions {
    TLSOptions(caFile: configuration.caFile, insecureSkipVerify: configuration.insecureSkipVerify)
  }

  private static func decode<T: Decodable>(
    _ type: T.Type, _ response: HTTPResponse, _ what: String
  ) throws(SynnaxError) -> T {
    guard response.status == 200 else { throw refusal(response, what) }
    return try Wire.decode(type, response.body)
  }

  /// The error object of an answer; nil when it has none.
  private static func error(_ response: HTTPResponse) -> SynnaxError? {
    guard response.status != 200, let payload = try? Wire.decode(ErrorPayload.self, response.body),
      !payload.isNone
    else { return nil }
    return SynnaxError(payload)
  }

  static func refusal(_ response: HTTPResponse, _ what: String) -> SynnaxError {
    if let error = error(response) { return error }
    // One line of it; a page for browsers says nothing here.
    let line = response.text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    let text = line.hasPrefix("<") ? "" : ": " + line.prefix(SynnaxLimits.quotedCharacters)
    return SynnaxError(
      "protocol", "\(what) was answered with HTTP \(response.status)\(line.isEmpty ? "" : text)",
      hint: [404, 405, 501].contains(response.status) ? "is this a Synnax core, and is the port right?" : nil)
  }
}
