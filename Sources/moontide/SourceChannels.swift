import Bindings
import Lua

/// Connects to a source, as a script would, for the names of its channels.
enum SourceChannels {
  /// `sim`, `synnax:sim`, or what `connect` takes.
  static func list(_ url: String) throws(LuaError) -> (kind: String, names: [String]) {
    let isCore = url.hasPrefix("synnax")
    let connect =
      switch url {
      case "sim": "bela.connect('sim')"
      case "synnax:sim": "synnax.connect('sim')"
      default: "connect(...)"
      }
    let state = try LuaState()
    let library = try Library(state)
    library.simulators = ProgramSimulators()
    defer {
      library.closeAll()
      state.close()
    }
    let chunk = try state.load(
      Array(
        """
        local source <close> = setmetatable({ it = \(connect) }, { __close = function(t) t.it:close() end })
        local names = {}
        for position, channel in ipairs(source.it:channels()) do names[position] = channel.name end
        return table.concat(names, "\\n")
        """.utf8), chunkName: "=channels")
    switch state.scheduler.run(chunk, arguments: [.string(url)], name: "channels") {
    case .values(let values):
      let names = values.first?.string?.split(separator: "\n").map(String.init) ?? []
      return (isCore ? "synnax" : "bela", names)
    case .failed(let error, _): throw error
    case .exit: return (isCore ? "synnax" : "bela", [])
    }
  }
}
