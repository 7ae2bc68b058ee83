/// What this target reports when it cannot do its work.
package struct TerminalError: Error, Sendable, Equatable {
  package enum Code: Sendable {
    case notATerminal, history, output
  }

  package let code: Code
  package let message: String
  package let hint: String?

  package init(_ code: Code, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}
