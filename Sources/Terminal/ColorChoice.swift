/// Whether to colour: `--color` beats NO_COLOR beats FORCE_COLOR beats the terminal test.
package enum ColorChoice: String, Sendable, CaseIterable {
  case always, auto, never

  /// - Parameter isTerminal: whether the stream in question is one; TERM=dumb counts as none.
  package func resolve(environment: [String: String], isTerminal: Bool) -> Bool {
    func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
    switch self {
    case .always: return true
    case .never: return false
    case .auto:
      if isSet("NO_COLOR") { return false }
      if isSet("FORCE_COLOR") { return environment["FORCE_COLOR"] != "0" }
      return isTerminal && environment["TERM"] != "dumb"
    }
  }
}
