import Synnax
import Telemetry
import Transport

/// The unary calls of the core (protocol, sections 4 to 7, and 15).
extension CoreState {
  /// Every error of an application is a 400 with an error object; the rest is plain text.
  mutating func respond(_ request: HTTPRequest, now: TimeStamp, monotonic: TimeSpan) -> HTTPResponse {
    guard let path = Self.route(request.path) else {
      return HTTPResponse(status: 404, text: "Cannot find that")
    }
    if CoreSocket.Endpoint(path: path) != nil { return HTTPResponse(status: 426, text: "Upgrade Required") }
    guard Self.calls.contains(path) || path == loginPath else {
      return HTTPResponse(status: 404, text: "Cannot POST \(request.path)")
    }
    guard request.method == "POST" else { return HTTPResponse(status: 405, text: "Method Not Allowed") }
    guard request.headers["content-type"] == "application/json" else {
      return HTTPResponse(status: 415, text: "Unsupported Media Type")
    }
    let accept = request.headers["accept"] ?? "application/json"
    let wanted = path == "/frame/read" ? Self.frameType : "application/json"
    guard accept.contains(wanted) || accept.contains("*/*") || accept.contains("application/json") else {
      return HTTPResponse(status: 406, text: "Not Acceptable")
    }
    do {
      var fresh: String?
      if path != loginPath, path != "/connectivity/check" {
        fresh = try sessions.check(request.headers["authorization"], now: now, monotonic: monotonic)
      }
      var response = try answer(path, request.body, now: now, monotonic: monotonic)
      response.headers["Refresh-Token"] = fresh
      return response
    } catch let error as ErrorPayload {
      return Self.json(error, status: 400)
    } catch let error as SynnaxError {
      return Self.json(ErrorPayload(type: "unknown", data: error.message), status: 400)
    } catch {
      return Self.json(ErrorPayload(type: "unknown", data: "\(error)"), status: 400)
    }
  }

  static let frameType = "application/vnd.synnax.frame"

  private static let calls: Set<String> = [
    "/auth/session/renew", "/auth/session/retrieve", "/auth/session/delete", "/connectivity/check",
    "/channel/create", "/channel/retrieve", "/channel/delete", "/channel/rename", "/frame/read",
    "/frame/delete",
  ]

  private var loginPath: String { sessions.login == .sessions ? "/auth/session/create" : "/auth/login" }

  /// The path behind `/api/v1`, without a slash at its end.
  static func route(_ path: String) -> String? {
    guard path.hasPrefix("/api/v1/") else { return nil }
    let rest = path.dropFirst("/api/v1".count)
    return String(rest.hasSuffix("/") ? rest.dropLast() : rest)
  }

  private mutating func answer(
    _ path: String, _ body: [UInt8], now: TimeStamp, monotonic: TimeSpan
  ) throws -> HTTPResponse {
    let body = body.isEmpty ? Array("{}".utf8) : body
    switch path {
    case "/connectivity/check": return Self.json(cluster(now))
    case "/auth/session/create":
      let proof = try CoreMessage.decode(SessionCreatePayload.self, body, as: CoreMessage.logIn).proof
      let (token, session) = try sessions.create(proof, path: ["proof"], now: now, monotonic: monotonic)
      return Self.json(LoginAnswerPayload(token: token, session: session, user: user))
    case "/auth/login":
      let proof = try CoreMessage.decode(ProofPayload.self, body, as: CoreMessage.proof)
      let (token, _) = try sessions.create(proof, path: [], now: now, monotonic: monotonic)
      return Self.json(LoginAnswerPayload(token: token, user: user, clusterInfo: cluster(now)))
    case "/auth/session/renew": return Self.json(EmptyPayload())
    case "/auth/session/retrieve": return Self.json(["sessions": sessions.all])
    case "/auth/session/delete":
      sessions.delete(
        try CoreMessage.decode(KeysPayload.self, body, as: CoreMessage.deleteSessions).keys ?? [])
      return Self.json(EmptyPayload())
    case "/frame/read": return try read(body)
    case "/frame/delete":
      let request = try CoreMessage.decode(DeleteRequestPayload.self, body, as: CoreMessage.deleteFrames)
      try deleteFrames(
        keys: request.keys ?? [], names: request.names ?? [], request.bounds?.range ?? .all)
      return Self.json(EmptyPayload())
    default: return try answerChannels(path, body)
    }
  }

  private mutating func answerChannels(_ path: String, _ body: [UInt8]) throws -> HTTPResponse {
    switch path {
    case "/channel/create":
      let request = try CoreMessage.decode(CreateRequest.self, body, as: CoreMessage.createChannels)
      let made = try createChannels(
        request.channels ?? [], retrieveIfNameExists: request.retrieveIfNameExists ?? false)
      return Self.json(ChannelsPayload(made))
    case "/channel/retrieve":
      let query = try CoreMessage.decode(ChannelQueryPayload.self, body, as: CoreMessage.retrieveChannels)
      return Self.json(ChannelsPayload(try channels.retrieve(query)))
    case "/channel/delete":
      let query = try CoreMessage.decode(ChannelQueryPayload.self, body, as: CoreMessage.changeChannels)
      try deleteChannels(keys: query.keys ?? [], names: query.names ?? [])
    default:
      let query = try CoreMessage.decode(ChannelQueryPayload.self, body, as: CoreMessage.changeChannels)
      try renameChannels(keys: query.keys ?? [], names: query.names ?? [])
    }
    return Self.json(EmptyPayload())
  }

  private struct CreateRequest: Codable, Sendable {
    var channels: [ChannelPayload]?
    var retrieveIfNameExists: Bool?

    enum CodingKeys: String, CodingKey {
      case channels
      case retrieveIfNameExists = "retrieve_if_name_exists"
    }
  }

  /// Records: a kind, a length, and a frame; the last says that nothing was cut off.
  private func read(_ body: [UInt8]) throws -> HTTPResponse {
    let request = try CoreMessage.decode(ReadRequestPayload.self, body, as: CoreMessage.read)
    let reduction = try CoreReduction(request.reduction) ?? .stride(1)
    var bytes: [UInt8] = []
    func append(_ kind: UInt8, _ record: [UInt8]) {
      bytes.append(kind)
      withUnsafeBytes(of: UInt32(record.count).littleEndian) { bytes.append(contentsOf: $0) }
      bytes += record
    }
    for frame in try read(request.keys ?? [], request.bounds?.range ?? .all, reduction) {
      append(0, frame)
    }
    append(1, [])
    return HTTPResponse(headers: ["Content-Type": Self.frameType], body: bytes)
  }

  private var user: UserPayload { UserPayload(key: sessions.userKey, username: sessions.user) }

  private func cluster(_ now: TimeStamp) -> ClusterPayload {
    ClusterPayload(
      clusterKey: clusterKey, nodeVersion: configuration.version, nodeTime: now.nanoseconds,
      license: sessions.login == .sessions ? "ok" : nil)
  }

  private static func json(_ value: some Encodable, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: Wire.encode(value))
  }
}

extension CoreSocket.Endpoint {
  init?(path: String) {
    guard path.hasPrefix("/frame/") else { return nil }
    self.init(rawValue: String(path.dropFirst("/frame/".count)))
  }
}
