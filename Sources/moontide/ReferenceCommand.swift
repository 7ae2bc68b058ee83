import ArgumentParser
import Bindings

/// `moontide reference`: what REPL.md and editors are made from.
struct ReferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reference",
    abstract: "Prints the reference of the Lua API: Markdown, or definitions for editors.")

  @Flag(help: "moontide.d.lua, for editors with the Lua language server.")
  var definitions = false

  func run() {
    StandardOutput.print(definitions ? Reference.definitions : Reference.markdown, terminator: "")
  }
}
