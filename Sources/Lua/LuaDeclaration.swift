/// What is said of a function once, in a table of its own, beside the body that does it: the host's help is made from the
/// same table, so that the two cannot part.
public struct LuaDeclaration: Sendable {
  /// Keys of the options table at each position; none where only a list stands.
  public let options: [[String]]

  public init(options: [[String]] = []) { self.options = options }

  /// Of a name that a class or a table takes in: a host that declares everything ends the program at one that it does
  /// not know, so that no function goes without its entry.
  public typealias Lookup = (_ name: String) -> LuaDeclaration

  func options(at position: Int) -> [String] {
    options.indices.contains(position - 1) ? options[position - 1] : []
  }
}
