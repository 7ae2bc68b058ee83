import Glibc
public import Telemetry

/// What can go wrong with files of samples. Codes: `output` (cannot be written, disk full), `exists`, `no_file`,
/// `format`, `too_large`, `argument`.
public struct RecordingError: CodedError, Hashable {
  public var code: String
  public var message: String
  public var hint: String?

  public init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }

  static func argument(_ message: String, hint: String? = nil) -> RecordingError {
    RecordingError("argument", message, hint: hint)
  }

  static func format(_ path: String, _ what: String) -> RecordingError {
    RecordingError("format", "\(path): \(what)", hint: "is it a file that moontide, pybela or numpy wrote?")
  }

  static func tooManySamples(_ path: String) -> RecordingError {
    RecordingError(
      "too_large", "\(path) holds more samples than a load takes, which are \(Limits.loadSamples) at most")
  }

  /// The system refused to write.
  static func output(_ path: String, _ error: Int32) -> RecordingError {
    let hint: String? =
      switch error {
      case ENOENT: "make the folder first"
      case ENOSPC, EDQUOT: "free some space, or save elsewhere"
      case EACCES, EPERM, EROFS: "save to a folder that you may write to"
      default: nil
      }
    return RecordingError("output", "cannot write \(path): \(String(cString: strerror(error)))", hint: hint)
  }

  /// The system refused to read.
  static func input(_ path: String, _ error: Int32) -> RecordingError {
    error == ENOENT
      ? RecordingError("no_file", "there is no file \(path)", hint: "is the path right?")
      : RecordingError("no_file", "cannot read \(path): \(String(cString: strerror(error)))")
  }

  static func exists(_ path: String, free: String) -> RecordingError {
    RecordingError("exists", "\(path) exists already", hint: "\(free) is free; overwrite = true replaces it")
  }
}
