public import Telemetry

/// What can go wrong with plots. Codes: `argument`, `unknown_channel`, `missing` (a program or file that the system
/// has to provide), `exists`, `io`, `closed`, `too_many`.
public struct PlotError: CodedError, Hashable {
  public var code: String
  public var message: String
  public var hint: String?

  public init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}
