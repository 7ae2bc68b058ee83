import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Unary HTTP/1.1 calls: one request, one whole answer, connections kept for the next call.
///
/// Not async-http-client: control calls need neither its proxies nor its streaming nor HTTP/2, and it adds minutes
/// to a user's first build.
public final class HTTPClient: Sendable {
  public struct Options: Sendable {
    public var tls = TLSOptions()
    public var connectTimeout = Duration.seconds(5)
    /// A larger answer fails with `tooLarge`.
    public var responseBytes = TransportLimits.responseBodyBytes
    /// A connection idle for longer is not used again: a core drops it after about 5 s.
    public var idleTimeout = Duration.seconds(4)
    /// Whether a call goes on over TLS when its answer says so.
    public var followsToTLS = true

    public init() {}
  }

  struct Origin: Hashable {
    var isSecure: Bool
    var host: String
    var port: Int
  }

  private struct Pool {
    var idle: [Origin: [HTTPClientConnection]] = [:]
    var busy: [Origin: [ObjectIdentifier: HTTPClientConnection]] = [:]
    /// Connections being made or in use.
    var inUse: [Origin: Int] = [:]
    var isClosed = false
  }

  private let options: Options
  private let group: TransportGroup
  private let pool = NIOLockedValueBox(Pool())

  public init(_ options: Options = Options(), group: TransportGroup = .shared) {
    self.options = options
    self.group = group
  }

  deinit { closeConnections() }

  /// Sends a JSON body; `Content-Type` is exactly `application/json`, as cores want it.
  public func postJSON(
    _ endpoint: Endpoint, body: [UInt8], headers: HTTPFields = [:], deadline: Duration = .seconds(5)
  ) async throws(TransportError) -> HTTPResponse {
    var headers = headers
    headers["Content-Type"] = "application/json"
    headers["Accept"] = "application/json"
    return try await send("POST", endpoint, headers: headers, body: body, deadline: deadline)
  }

  /// A GET request.
  public func get(
    _ endpoint: Endpoint, headers: HTTPFields = [:], deadline: Duration = .seconds(5)
  ) async throws(TransportError) -> HTTPResponse {
    try await send("GET", endpoint, headers: headers, body: [], deadline: deadline)
  }

  /// Any status but a redirection is an answer, not an error. A redirection throws `redirect` with `location`; only
  /// a 301 from `http` to `https` of the same host and path is followed, once and if the options allow it, because
  /// that is how a secure core tells a client to speak TLS. Nothing is ever sent twice to one origin, except a GET on a stale connection.
  /// `deadline` covers everything.
  public func send(
    _ method: String, _ endpoint: Endpoint, headers: HTTPFields = [:], body: [UInt8] = [],
    deadline: Duration = .seconds(5)
  ) async throws(TransportError) -> HTTPResponse {
    try headers.check()
    guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
      throw TransportError(.invalid, "“\(method)” is not a method")
    }
    let end = ContinuousClock.now + deadline
    do {
      return try await attempt(method, endpoint, headers, body, end)
    } catch  where error.code == .redirect && error.status == 301 {
      guard options.followsToTLS, let location = error.location, let target = try? Endpoint(url: location),
        !endpoint.isSecure,
        target.isSecure, target.host.lowercased() == endpoint.host.lowercased(), target.path == endpoint.path
      else { throw error }
      return try await attempt(method, target, headers, body, end)
    }
  }

  /// Closes all connections; calls in progress and later ones fail with `closed`.
  public func close() { closeConnections() }

  private func closeConnections() {
    let all = pool.withLockedValue { pool in
      pool.isClosed = true
      defer { (pool.idle, pool.busy) = ([:], [:]) }
      return pool.idle.values.flatMap { $0 } + pool.busy.values.flatMap { $0.values }
    }
    for connection in all { connection.channel.close(promise: nil) }
  }

  private func attempt(
    _ method: String, _ endpoint: Endpoint, _ headers: HTTPFields, _ body: [UInt8],
    _ end: ContinuousClock.Instant
  ) async throws(TransportError) -> HTTPResponse {
    let origin = Origin(isSecure: endpoint.isSecure, host: endpoint.host, port: endpoint.port)
    var connection = try reserve(origin, endpoint)
    let isReused = connection != nil
    defer { pool.withLockedValue { $0.inUse[origin, default: 1] -= 1 } }
    while true {
      let used: HTTPClientConnection
      if let connection { used = connection } else { used = try await open(origin, endpoint, end) }
      do {
        let response = try await exchange(used, method, endpoint, headers, body, end)
        giveBack(used, origin, keep: response.keepsAlive)
        return try Self.checked(response.response, endpoint)
      } catch {
        giveBack(used, origin, keep: false)
        guard isReused, connection != nil, error.code == .closed, method == "GET" else { throw error }
        connection = nil
      }
    }
  }

  private static func checked(
    _ response: HTTPResponse, _ endpoint: Endpoint
  ) throws(TransportError) -> HTTPResponse {
    guard (300..<400).contains(response.status), let location = response.headers["location"] else {
      return response
    }
    throw TransportError(
      .redirect, "\(endpoint.authority) answered \(response.status), pointing to \(location)",
      hint: "call that address", status: response.status,
      body: String(decoding: response.body.prefix(TransportLimits.refusalBodyBytes), as: UTF8.self),
      location: location)
  }

  /// Counts one more call, and takes an idle connection if there is a fresh one.
  private func reserve(_ origin: Origin, _ endpoint: Endpoint) throws(TransportError) -> HTTPClientConnection?
  {
    var stale: [HTTPClientConnection] = []
    let outcome = pool.withLockedValue { pool -> Result<HTTPClientConnection?, TransportError> in
      if pool.isClosed { return .failure(TransportError(.closed, "the HTTP client is closed")) }
      guard pool.inUse[origin, default: 0] < TransportLimits.busyConnections else {
        return .failure(TransportError(.backlog, "too many calls to \(endpoint.authority) at a time"))
      }
      pool.inUse[origin, default: 0] += 1
      while let connection = pool.idle[origin]?.popLast() {
        if connection.channel.isActive, connection.isFresh(options.idleTimeout) {
          pool.busy[origin, default: [:]][ObjectIdentifier(connection)] = connection
          return .success(connection)
        }
        stale.append(connection)
      }
      return .success(nil)
    }
    for connection in stale { connection.channel.close(promise: nil) }
    return try outcome.get()
  }

  private func giveBack(_ connection: HTTPClientConnection, _ origin: Origin, keep: Bool) {
    let isKept = pool.withLockedValue { pool in
      pool.busy[origin]?[ObjectIdentifier(connection)] = nil
      guard keep, !pool.isClosed, connection.channel.isActive,
        pool.idle[origin, default: []].count < TransportLimits.idleConnections
      else { return false }
      connection.touch()
      pool.idle[origin, default: []].append(connection)
      return true
    }
    if !isKept { connection.channel.close(promise: nil) }
  }

  private func open(
    _ origin: Origin, _ endpoint: Endpoint, _ end: ContinuousClock.Instant
  ) async throws(TransportError) -> HTTPClientConnection {
    let left = end - .now
    guard left > .zero else { throw TransportError(.timeout, "\(endpoint.authority) did not answer in time") }
    let tls = options.tls
    let context = origin.isSecure ? try tls.makeContext() : nil
    let responseBytes = options.responseBytes
    let eventLoop = group.eventLoops.next()
    let promise = eventLoop.makePromise(of: HTTPClientConnection.self)
    // A name that resolves slowly is not covered by the time-out of the connection.
    let timer = eventLoop.scheduleTask(in: left.timeAmount) {
      promise.fail(TransportError(.timeout, "\(endpoint.authority) did not answer in time"))
    }
    let attempt = ClientBootstrap(group: eventLoop)
      .connectTimeout(min(options.connectTimeout, left).timeAmount)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .connect(host: origin.host, port: origin.port)
      .flatMapThrowing { channel in
        let pipeline = channel.pipeline.syncOperations
        do {
          if let context { try pipeline.addHandler(tls.makeHandler(context, host: origin.host)) }
          let handler = HTTPClientHandler(authority: endpoint.authority, responseBytes: responseBytes)
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(handler)
          // Safety: the handler is only touched on this event loop; the box checks that.
          return HTTPClientConnection(channel: channel, handler: NIOLoopBound(handler, eventLoop: eventLoop))
        } catch {
          channel.close(promise: nil)
          throw error
        }
      }
    attempt.whenComplete { result in
      switch result {
      case .success(let connection): promise.succeed(connection)
      case .failure(let error): promise.fail(error)
      }
    }
    defer { timer.cancel() }
    do {
      let connection = try await promise.futureResult.get()
      let isClosed = pool.withLockedValue { pool in
        if !pool.isClosed { pool.busy[origin, default: [:]][ObjectIdentifier(connection)] = connection }
        return pool.isClosed
      }
      if isClosed {
        connection.channel.close(promise: nil)
        throw TransportError(.closed, "the HTTP client is closed")
      }
      return connection
    } catch {
      // One that comes after all is of no use.
      attempt.whenSuccess { $0.channel.close(promise: nil) }
      throw TransportError(mapping: error, peer: endpoint.authority)
    }
  }

  private func exchange(
    _ connection: HTTPClientConnection, _ method: String, _ endpoint: Endpoint, _ headers: HTTPFields,
    _ body: [UInt8], _ end: ContinuousClock.Instant
  ) async throws(TransportError) -> HTTPClientHandler.Answer {
    let eventLoop = connection.channel.eventLoop
    let promise = eventLoop.makePromise(of: HTTPClientHandler.Answer.self)
    @Sendable func giveUp(_ error: TransportError) {
      promise.fail(error)
      connection.channel.close(promise: nil)
    }
    let timer = eventLoop.scheduleTask(in: (end - .now).timeAmount) {
      giveUp(TransportError(.timeout, "\(endpoint.authority) did not answer in time"))
    }
    defer { timer.cancel() }
    var fields = HTTPHeaders([("Host", endpoint.authority)])
    for field in headers.all { fields.add(name: field.name, value: field.value) }
    if !body.isEmpty || method == "POST" || method == "PUT" {
      fields.replaceOrAdd(name: "Content-Length", value: String(body.count))
    }
    let head = HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: method), uri: endpoint.path, headers: fields)
    eventLoop.execute {
      connection.handler.value.start(head, body, channel: connection.channel, promise: promise)
    }
    do {
      return try await withTaskCancellationHandler {
        try await promise.futureResult.get()
      } onCancel: {
        giveUp(TransportError(.cancelled, "cancelled while waiting for \(endpoint.authority)"))
      }
    } catch {
      throw TransportError(mapping: error, peer: endpoint.authority)
    }
  }
}
