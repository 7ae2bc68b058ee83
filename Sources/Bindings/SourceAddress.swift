import Lua
import Telemetry

/// Where a source is, as a script names it.
struct SourceAddress: Sendable {
  /// What the simulated board can be told.
  static let simulation = Reference.options("BoardSimulation")

  var host = "192.168.7.2"
  var port = 5555
  var isSimulated = false
  var options: [String: String] = [:]
  var timeout = TimeSpan(nanoseconds: 5_000_000_000)

  /// A board's host name, `"sim"`, or nil for the board's own address.
  init(belaHost: String?) {
    guard let host = belaHost else { return }
    isSimulated = host == "sim"
    let parts = host.split(separator: ":", maxSplits: 1)
    self.host = parts.first.map(String.init) ?? host
    if parts.count == 2, let port = Int(parts[1]) { self.port = port }
  }

  /// `bela://host[:port]`, `ws://host[:port]`, `sim:?speed=10`, `sim?speed=10`
  init(url: String) throws(LuaError) {
    let scheme = url.prefix { $0 != ":" && $0 != "?" }
    var rest = url.dropFirst(scheme.count)
    if rest.first == ":" { rest.removeFirst() }
    let query = rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] } ?? ""
    rest = rest.prefix { $0 != "?" }
    switch scheme {
    case "bela", "ws":
      self.init(belaHost: String(rest.drop { $0 == "/" }.prefix { $0 != "/" }))
    case "sim": self.init(belaHost: "sim")
    default:
      throw LuaError(
        "argument", "no source has addresses that begin with \"\(scheme):\"",
        hint: "bela://host[:port] is a board, synnax://host[:port] a core, sim: the simulated board")
    }
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, isSimulated, Self.simulation.contains(String(parts[0])) else {
        throw LuaError(
          "argument", "\"\(pair)\" in \"\(url)\" is no option",
          hint: "options: \(Self.simulation.joined(separator: ", "))")
      }
      options[String(parts[0])] = String(parts[1])
    }
  }
}
