/// One colour for each line, the same in page, terminal and stills; readable on both grounds and told apart by most
/// people who see colours differently.
package struct LineColour: Sendable, Hashable {
  package let onLight: String
  package let onDark: String
  /// Its neighbour among the 256 colours of terminals.
  package let terminal: Int

  static let all: [LineColour] = [
    LineColour(onLight: "#1268b3", onDark: "#58a6ff", terminal: 75),
    LineColour(onLight: "#c9510c", onDark: "#ff9f43", terminal: 208),
    LineColour(onLight: "#1e7d35", onDark: "#5bd47a", terminal: 77),
    LineColour(onLight: "#8b2fb8", onDark: "#d291f5", terminal: 177),
    LineColour(onLight: "#b81f2e", onDark: "#ff7b80", terminal: 203),
    LineColour(onLight: "#007a82", onDark: "#3ecfd8", terminal: 44),
    LineColour(onLight: "#7d6200", onDark: "#e9c62f", terminal: 220),
    LineColour(onLight: "#c2255c", onDark: "#ff85b0", terminal: 211),
    LineColour(onLight: "#5235c7", onDark: "#a592ff", terminal: 141),
    LineColour(onLight: "#505a64", onDark: "#c3ccd5", terminal: 250),
  ]
}
