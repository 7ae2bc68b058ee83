import Lua
import Telemetry

/// A source that a sandboxed script may use: `sim`, `host`, `host:port`, `bela://host`, `synnax://host:port`.
public struct AllowedSource: Sendable, Hashable {
  let scheme: String?
  let host: String
  let port: Int?

  /// Nil for what names no source.
  public init?(_ text: String) {
    var rest = Substring(text.lowercased())
    if rest == "sim:" { rest = "sim" }
    var scheme: String?
    if let mark = rest.firstRange(of: "://") {
      let name = String(rest[..<mark.lowerBound])
      let known = ["bela": "bela", "ws": "bela", "synnax": "synnax", "synnaxs": "synnax"]
      guard let kind = known[name] else { return nil }
      scheme = kind
      rest = rest[mark.upperBound...].prefix { $0 != "/" && $0 != "?" }
      // A user and a password are not part of where it is.
      if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
    }
    self.scheme = scheme
    var (host, port) = (rest, Substring())
    if rest.first == "[", let end = rest.firstIndex(of: "]") {
      host = rest[rest.index(after: rest.startIndex)..<end]
      port = rest[rest.index(after: end)...]
    } else if let colon = rest.lastIndex(of: ":"), rest.firstIndex(of: ":") == colon {
      (host, port) = (rest[..<colon], rest[colon...])
    }
    guard !host.isEmpty, !host.contains("/") else { return nil }
    self.host = String(host)
    if port.isEmpty {
      self.port = nil
    } else {
      guard let number = Int(port.dropFirst()), (1...65535).contains(number) else { return nil }
      self.port = number
    }
  }

  func covers(_ kind: String, _ host: String, _ port: Int, isSimulated: Bool) -> Bool {
    guard scheme ?? kind == kind else { return false }
    if isSimulated { return self.host == "sim" }
    return self.host == host.lowercased() && self.port ?? port == port
  }
}

extension Library {
  /// Refuses a source that a sandboxed script was not given.
  func permit(_ kind: String, _ host: String, _ port: Int, isSimulated: Bool) throws(LuaError) {
    guard let allowedSources,
      !allowedSources.contains(where: { $0.covers(kind, host, port, isSimulated: isSimulated) })
    else { return }
    let name = isSimulated ? "sim" : "\(kind)://\(host):\(port)"
    throw LuaError(
      "sandbox", "scripts in the sandbox may not connect to \(name)", hint: "start with --allow \(name)")
  }

  func refuseInSandbox(_ what: String) throws(LuaError) {
    if isSandboxed { throw LuaError("sandbox", "scripts in the sandbox \(what)") }
  }

  // MARK: - Memory

  /// Counts what streams buffer as this interpreter's memory, and keeps it to half of the limit.
  public func countBuffers() {
    guard memoryLimit > 0 else { return }
    let share = memoryLimit / 2 / max(1, openStreamers.count)
    for object in openStreamers { object.streamer.setBufferBytes(share) }
    let bytes = openStreamers.reduce(0) { $0 + $1.streamer.stats.bufferedBytes }
    state.externalBytes += bytes - countedBuffers
    countedBuffers = bytes
  }
}
