/// Why a kernel cannot start, or a message is none.
package struct JupyterError: Error, Equatable, Sendable {
  package let code: String
  package let message: String
  package let hint: String?

  package init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}
