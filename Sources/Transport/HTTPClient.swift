import Locks
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Unary HTTP/1.1 calls: a connection, one request, one whole answer.
///
/// A call is rare (a user's, a log-in), so a connection kept for the next one would save a millisecond and cost a pool,
/// and calls to be sent again because the peer had closed it just then. For the same reason it is not async-http-client,
/// which adds minutes to a user's first build.
public final class HTTPClient: Sendable {
  public struct Options: Sendable {
    public var tls = TLSOptions()
    public var connectTimeout = Duration.seconds(5)
    /// A larger answer fails with `tooLarge`.
    public var responseBytes = TransportLimits.responseBodyBytes
    /// Whether a call goes on over TLS when its answer says so.
    public var followsToTLS = true

    public init() {}
  }

  private struct State {
    /// Certificates are read once.
    var context: NIOSSLContext?
    var calls: [Int: EventLoopPromise<HTTPResponse>] = [:]
    var lastCall = 0
    var isClosed = false
  }

  private let options: Options
  private let group: TransportGroup
  private let state = Guarded(State())

  public init(_ options: Options = Options(), group: TransportGroup = .shared) {
    self.options = options
    self.group = group
  }

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
  /// that is how a secure core tells a client to speak TLS. Nothing is ever sent twice to one origin.
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

  /// Calls in progress and later ones fail with `closed`.
  public func close() {
    let calls = state.withLock { state in
      state.isClosed = true
      defer { state.calls = [:] }
      return state.calls.values
    }
    for call in calls { call.fail(Self.closed) }
  }

  private static let closed = TransportError(.closed, "the HTTP client is closed")

  private func attempt(
    _ method: String, _ endpoint: Endpoint, _ headers: HTTPFields, _ body: [UInt8],
    _ end: ContinuousClock.Instant
  ) async throws(TransportError) -> HTTPResponse {
    let peer = endpoint.authority
    let late = TransportError(.timeout, "\(peer) did not answer in time")
    let left = end - .now
    guard left > .zero else { throw late }
    let eventLoop = group.eventLoops.next()
    let answer = eventLoop.makePromise(of: HTTPResponse.self)
    let context: NIOSSLContext?
    let call: Int
    do {
      (call, context) = try begin(answer, endpoint)
    } catch {
      answer.fail(error)
      throw error
    }
    defer { state.withLock { _ = $0.calls.removeValue(forKey: call) } }
    // Also covers a name that resolves slowly.
    let timer = eventLoop.scheduleTask(in: left.timeAmount) { answer.fail(late) }
    defer { timer.cancel() }
    connect(endpoint, within: min(options.connectTimeout, left), context) { [options] in
      HTTPCall(Self.head(method, endpoint, headers, body), body, peer, options.responseBytes, answer)
    }
    .whenComplete { result in
      switch result {
      case .failure(let error): answer.fail(error)
      // However the call ends, its connection ends with it; so does one that comes after all.
      case .success(let channel): answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
      }
    }
    do {
      let response = try await withTaskCancellationHandler {
        try await answer.futureResult.get()
      } onCancel: {
        answer.fail(TransportError(.cancelled, "cancelled while waiting for \(peer)"))
      }
      return try Self.checked(response, endpoint)
    } catch {
      throw TransportError(mapping: error, peer: peer)
    }
  }

  private func begin(
    _ answer: EventLoopPromise<HTTPResponse>, _ endpoint: Endpoint
  ) throws(TransportError) -> (Int, NIOSSLContext?) {
    let result = state.withLock { state -> Result<(Int, NIOSSLContext?), TransportError> in
      if state.isClosed { return .failure(Self.closed) }
      guard state.calls.count < TransportLimits.calls else {
        return .failure(TransportError(.backlog, "too many calls to \(endpoint.authority) at a time"))
      }
      do throws(TransportError) {
        if endpoint.isSecure, state.context == nil { state.context = try options.tls.makeContext() }
      } catch {
        return .failure(error)
      }
      state.lastCall += 1
      state.calls[state.lastCall] = answer
      return .success((state.lastCall, endpoint.isSecure ? state.context : nil))
    }
    return try result.get()
  }

  /// A connection with the handlers of one call, which sends itself.
  private func connect(
    _ endpoint: Endpoint, within time: Duration, _ context: NIOSSLContext?,
    _ makeCall: @escaping @Sendable () -> HTTPCall
  ) -> EventLoopFuture<any Channel> {
    let (tls, responseBytes) = (options.tls, options.responseBytes)
    return ClientBootstrap(group: group.eventLoops)
      .connectTimeout(time.timeAmount)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .connect(host: endpoint.host, port: endpoint.port)
      .flatMapThrowing { channel in
        let pipeline = channel.pipeline.syncOperations
        do {
          if let context { try pipeline.addHandler(tls.makeHandler(context, host: endpoint.host)) }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: responseBytes))
          try pipeline.addHandler(makeCall())
        } catch {
          channel.close(promise: nil)
          throw error
        }
        return channel
      }
  }

  private static func head(
    _ method: String, _ endpoint: Endpoint, _ headers: HTTPFields, _ body: [UInt8]
  ) -> HTTPRequestHead {
    var fields = HTTPHeaders([("Host", endpoint.authority), ("Connection", "close")])
    for field in headers.all { fields.add(name: field.name, value: field.value) }
    if !body.isEmpty || method == "POST" || method == "PUT" {
      fields.replaceOrAdd(name: "Content-Length", value: String(body.count))
    }
    return HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: method), uri: endpoint.path, headers: fields)
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
}

/// Sends one request once the connection is there, and hands over the answer. On the event loop.
private final class HTTPCall: ChannelInboundHandler {
  typealias InboundIn = NIOHTTPClientResponseFull
  typealias OutboundOut = HTTPClientRequestPart

  private let head: HTTPRequestHead
  private let body: [UInt8]
  private let peer: String
  private let responseBytes: Int
  private let answer: EventLoopPromise<HTTPResponse>

  init(
    _ head: HTTPRequestHead, _ body: [UInt8], _ peer: String, _ responseBytes: Int,
    _ answer: EventLoopPromise<HTTPResponse>
  ) {
    self.head = head
    self.body = body
    self.peer = peer
    self.responseBytes = responseBytes
    self.answer = answer
  }

  func handlerAdded(context: ChannelHandlerContext) {
    guard context.channel.isActive else { return channelInactive(context: context) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let full = unwrapInboundIn(data)
    answer.succeed(
      HTTPResponse(
        status: Int(full.head.status.code), headers: HTTPFields(full.head.headers),
        body: full.body.map { Array($0.readableBytesView) } ?? []))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let isTooLarge = error as? NIOHTTPObjectAggregatorError == .frameTooLong
    answer.fail(
      isTooLarge
        ? TransportError(.tooLarge, "\(peer) answered with more than \(responseBytes) bytes")
        : TransportError(mapping: error, peer: peer))
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(TransportError(.closed, "\(peer) closed the connection without an answer"))
    context.fireChannelInactive()
  }
}

extension HTTPFields {
  init(_ headers: HTTPHeaders) {
    self = [:]
    for field in headers { add(field.name, field.value) }
  }
}
