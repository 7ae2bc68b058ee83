/// The codes of errors that scripts meet: what a function raises or returns when it cannot. A test compares them with those
/// that the sources raise.
public enum FailureCode: String, CaseIterable, Sendable {
  // Where a source is.
  case unreachable, refused, tls, auth, `protocol`, project, closed, lost
  // What is asked of it.
  case argument, unsupported, busy, timeout, cancelled
  case unknownChannel = "unknown_channel"
  case notStarted = "not_started"
  case notControlled = "not_controlled"
  case tooMany = "too_many"
  case tooLarge = "too_large"
  case memory
  // What a core refuses.
  case validation, control
  case accessDenied = "access_denied"
  // Of data.
  case empty, gap, type
  case noTime = "no_time"
  // Of files and tools.
  case exists, output, format, io, write, missing, tool, editor
  case noFile = "no_file"
  case notFound = "not_found"
  case checkFailed = "check_failed"
}

/// What happens when a function cannot: prose with codes in it, `"raises \(.timeout), \(.closed) when it has ended"`.
public struct Failures: ExpressibleByStringInterpolation, Sendable {
  public let text: String
  public let codes: [FailureCode]
  /// Entries that it fails like.
  public let models: [String]

  public init(stringLiteral value: String) {
    text = value
    codes = []
    models = []
  }

  public init(stringInterpolation parts: Parts) {
    text = parts.text
    codes = parts.codes
    models = parts.models
  }

  public struct Parts: StringInterpolationProtocol, Sendable {
    var text = ""
    var codes: [FailureCode] = []
    var models: [String] = []

    public init(literalCapacity: Int, interpolationCount: Int) {}
    public mutating func appendLiteral(_ literal: String) { text += literal }

    public mutating func appendInterpolation(_ code: FailureCode) {
      text += code.rawValue
      codes.append(code)
    }

    /// - Parameter name: as it is read; the entry's own name without it.
    public mutating func appendInterpolation(like entry: String, as name: String? = nil) {
      text += name ?? entry
      models.append(entry)
    }
  }
}
