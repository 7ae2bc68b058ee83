import Locks
import Transport

/// Shows plots as pages, to this machine only. One for the program; it lives until it is stopped.
///
/// Each plot has a random token in its address; without it, from another page's script, or under another host name
/// everything is refused. Pictures are made on a thread of its own, so that no stream waits for one.
public final class PlotServer: Sendable {
  private let server: HTTPServer
  private let group: TransportGroup
  private let shelf: Shelf

  /// Binds a free port of 127.0.0.1. Throws `missing` when dygraphs is not installed, `io` when nothing can be bound.
  public static func start() async throws(PlotError) -> PlotServer {
    try await start(port: 0, assets: try PageAssets())
  }

  /// At a port of one's own: a page that is open finds the plot again there.
  package static func start(port: Int, assets: PageAssets) async throws(PlotError) -> PlotServer {
    let shelf = Shelf(assets)
    let group = TransportGroup(threads: 1)
    var options = HTTPServer.Options()
    options.port = port
    options.bodyBytes = 0
    do {
      let server = try await HTTPServer.start(options, group: group, upgrade: shelf.upgrade) {
        shelf.answer($0)
      }
      return PlotServer(server, group, shelf)
    } catch {
      await group.shutdown()
      throw PlotError("io", "the plot page cannot be served: \(error.message)", hint: error.hint)
    }
  }

  private init(_ server: HTTPServer, _ group: TransportGroup, _ shelf: Shelf) {
    self.server = server
    self.group = group
    self.shelf = shelf
  }

  public var port: Int { server.port }

  /// Shows a plot until it is closed, and says where: `http://127.0.0.1:40123/3f…/`. Throws `too_many`.
  public func publish(_ plot: Plot) throws(PlotError) -> String {
    try publish(plot, token: Shelf.freshToken())
  }

  package func publish(_ plot: Plot, token: String) throws(PlotError) -> String {
    try shelf.put(plot, token: token)
    return server.url(path: "/\(token)/")
  }

  /// Pages that are open now.
  public var pageCount: Int { shelf.pageCount }

  /// Ends all pages and the server; at most a second. Plots live on.
  public func stop() async {
    await server.stop()
    await group.shutdown()
  }
}

/// The plots of a server by their tokens, and who may see them.
final class Shelf: Sendable {
  private struct Entry {
    var plot: Plot
    var pages: [PageSession] = []
  }

  private let assets: PageAssets
  private let entries = Guarded<[String: Entry]>([:])

  init(_ assets: PageAssets) { self.assets = assets }

  static func freshToken() -> String {
    // The system's generator is the kernel's, which nobody can guess.
    (0..<2).map { _ in
      let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  var pageCount: Int { entries.withLock { $0.values.reduce(0) { $0 + $1.pages.count } } }

  func put(_ plot: Plot, token: String) throws(PlotError) {
    let hasRoom = entries.withLock { entries in
      guard entries.count < PlotLimits.plotsMax || entries[token] != nil else { return false }
      entries[token] = Entry(plot: plot)
      return true
    }
    guard hasRoom else {
      throw PlotError(
        "too_many", "\(PlotLimits.plotsMax) plots are open already", hint: "close some: plot:close()")
    }
    plot.whenClosed { [weak self] in self?.remove(token) }
  }

  private func remove(_ token: String) {
    let pages = entries.withLock { $0.removeValue(forKey: token)?.pages ?? [] }
    for page in pages { page.close() }
  }

  // MARK: - Requests

  func answer(_ request: HTTPRequest) -> HTTPResponse {
    var response = page(request)
    for field in PageAssets.headers.all { response.headers[field.name] = field.value }
    return response
  }

  private func page(_ request: HTTPRequest) -> HTTPResponse {
    guard isLocal(request), let (token, name) = split(request.path),
      entries.withLock({ $0[token] != nil })
    else { return HTTPResponse(status: 403, text: "not for you\n") }
    guard request.method == "GET" || request.method == "HEAD" else {
      return HTTPResponse(status: 405, headers: ["Allow": "GET, HEAD"])
    }
    guard let file = assets.files[name] else { return HTTPResponse(status: 404, text: "no such file\n") }
    return HTTPResponse(headers: ["Content-Type": file.type], body: file.bytes)
  }

  func upgrade(_ request: HTTPRequest) -> UpgradeDecision {
    // A browser always says where a script came from; what does not is no page of ours.
    guard isLocal(request), request.headers["Origin"] != nil, let (token, name) = split(request.path),
      name == "data"
    else { return .refuse(403, "not for you\n") }
    let session: PageSession? = entries.withLock { entries in
      guard let entry = entries[token] else { return nil }
      return PageSession(plot: entry.plot) { [weak self] in self?.leave(token, $0) }
    }
    guard let session else { return .refuse(403, "not for you\n") }
    let hasRoom = entries.withLock { entries in
      guard let count = entries[token]?.pages.count, count < PlotLimits.pagesMax else { return false }
      entries[token]?.pages.append(session)
      return true
    }
    return hasRoom ? .accept(session, options: PageSession.options) : .refuse(503, "too many pages\n")
  }

  private func leave(_ token: String, _ session: PageSession) {
    entries.withLock { $0[token]?.pages.removeAll { $0 === session } }
  }

  /// `/token/name`; nothing else has two parts.
  private func split(_ path: String) -> (token: String, name: String)? {
    let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    return (String(parts[1]), String(parts[2]))
  }

  /// True for requests to this machine by its own names, from a page of the same address or none. The port may be
  /// another: that of an ssh tunnel.
  private func isLocal(_ request: HTTPRequest) -> Bool {
    guard let host = request.headers["Host"]?.lowercased(),
      ["127.0.0.1", "localhost"].contains(Self.name(host))
    else { return false }
    guard let origin = request.headers["Origin"]?.lowercased() else { return true }
    return origin == "http://" + host
  }

  private static func name(_ host: String) -> String {
    guard let colon = host.lastIndex(of: ":") else { return host }
    let port = host[host.index(after: colon)...]
    return !port.isEmpty && port.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? String(host[..<colon]) : host
  }
}
