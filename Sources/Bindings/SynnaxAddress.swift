import Foundation
import Lua
import Synnax
import Telemetry

/// Where a core is and how to log in, as a script names it. Its errors never quote what it was given: that may hold a
/// password.
struct SynnaxAddress {
  /// What the simulated core can be told.
  static let simulation = Reference.options("CoreSimulation")

  var configuration = SynnaxConfiguration()
  var isSimulated = false
  var simulator: [String: String] = [:]

  init() {}

  /// `"sim"`, `host`, `host:port`, `[::1]:port`, `synnax://user:password@host:port`, `synnaxs://…` for TLS
  init(_ text: String) throws(LuaError) {
    guard text != "sim" else {
      isSimulated = true
      return
    }
    var rest = Substring(text)
    if let scheme = text.firstRange(of: "://") {
      let name = text[..<scheme.lowerBound]
      guard name == "synnax" || name == "synnaxs" else {
        throw LuaError(
          "argument", "\"\(name)\" is no core's scheme", hint: "synnax://host[:port], or synnaxs:// with TLS")
      }
      configuration.secure = name == "synnaxs"
      rest = text[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    }
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      configuration.username = try Self.decoded(parts[0])
      if parts.count == 2 { configuration.password = Secret(try Self.decoded(parts[1])) }
      rest = rest[rest.index(after: at)...]
    }
    try setPlace(rest)
  }

  /// `host`, `host:port`, `[::1]:port`
  mutating func setPlace(_ text: Substring) throws(LuaError) {
    var (host, port) = (text, Substring())
    if text.first == "[", let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      port = text[text.index(after: end)...]
    } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
      (host, port) = (text[..<colon], text[colon...])
    }
    guard !host.isEmpty else { throw LuaError("argument", "the core's host is missing") }
    configuration.host = String(host)
    if port.isEmpty { return }
    guard port.first == ":", let number = Int(port.dropFirst()) else {
      throw LuaError("argument", "the core's port is no number")
    }
    try setPort(number)
  }

  mutating func setPort(_ port: Int) throws(LuaError) {
    guard (1...65535).contains(port) else {
      throw LuaError("argument", "a port is a number from 1 to 65535, not \(port)")
    }
    configuration.port = port
  }

  private static func decoded(_ text: Substring) throws(LuaError) -> String {
    guard let plain = text.removingPercentEncoding else {
      throw LuaError("argument", "the address has a % that stands for nothing", hint: "write % as %25")
    }
    return plain
  }
}
