import Glibc

/// The environment, read as it is needed: Foundation's whole dictionary costs more than the start of the program.
enum Environment {
  static subscript(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  /// The variables that the terminal's parts ask for.
  static var terminal: [String: String] {
    var values: [String: String] = [:]
    for name in [
      "NO_COLOR", "FORCE_COLOR", "TERM", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "MOONTIDE_HISTORY",
    ] {
      values[name] = self[name]
    }
    return values
  }

  /// `$MOONTIDE_INIT`, else `moontide/init.lua` below the user's configuration; nil when it is switched off.
  static var initFile: String? {
    if let path = self["MOONTIDE_INIT"] { return path.isEmpty ? nil : path }
    if let base = self["XDG_CONFIG_HOME"], !base.isEmpty { return base + "/moontide/init.lua" }
    return self["HOME"].map { $0 + "/.config/moontide/init.lua" }
  }
}
