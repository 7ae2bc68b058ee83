/// Where to connect: scheme, host, port and path of a `ws`, `wss`, `http` or `https` URL.
public struct Endpoint: Sendable, Equatable, Hashable {
  public var isSecure: Bool
  /// A name or an address; IPv6 without brackets.
  public var host: String
  public var port: Int
  /// Begins with a slash and includes the query.
  public var path: String

  /// Throws `invalid` for an empty host, a port outside 1…65535, or a path that is not printable ASCII.
  public init(
    host: String, port: Int, path: String = "/", isSecure: Bool = false
  ) throws(TransportError) {
    func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
    guard !host.isEmpty, isPlain(host), !host.utf8.contains(where: { "/?#@[]\\".utf8.contains($0) }) else {
      throw TransportError(.invalid, "“\(host)” is not a host name")
    }
    guard (1...65535).contains(port) else { throw TransportError(.invalid, "port \(port) is not in 1…65535") }
    guard isPlain(path) else {
      throw TransportError(.invalid, "a path may only hold printable ASCII", hint: "percent-encode it")
    }
    self.isSecure = isSecure
    self.host = host
    self.port = port
    self.path = path.hasPrefix("/") ? path : "/" + path
  }

  /// Reads `ws://host:port/path?query`; the port is 80 or 443 when missing. Credentials in a URL are refused,
  /// a fragment is dropped.
  public init(url: String) throws(TransportError) {
    let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw TransportError(.invalid, "“\(url)” is not a URL", hint: "write it like ws://host:port/path")
    }
    let isSecure: Bool
    switch parts[0].lowercased() {
    case "ws", "http": isSecure = false
    case "wss", "https": isSecure = true
    default:
      throw TransportError(.invalid, "unknown scheme “\(parts[0])”", hint: "use ws, wss, http or https")
    }
    let rest = parts[1].prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let path = rest.dropFirst(authority.count)
    var host = authority
    var port: Substring?
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      host = authority[authority.index(after: authority.startIndex)..<end]
      let tail = authority[authority.index(after: end)...]
      guard tail.isEmpty || tail.hasPrefix(":") else {
        throw TransportError(.invalid, "“\(authority)” is not a host")
      }
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard let number = port.map({ Int($0) }) ?? (isSecure ? 443 : 80) else {
      throw TransportError(.invalid, "“\(port ?? "")” is not a port")
    }
    try self.init(
      host: String(host), port: number, path: path.isEmpty ? "/" : String(path), isSecure: isSecure)
  }

  /// What belongs into a `Host` header.
  var authority: String {
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }
}
