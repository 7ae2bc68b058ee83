import Locks
public import Telemetry

/// What a caller says about a file that others wrote; what is nil is found out from the file.
public struct LoadOptions: Sendable {
  /// Which column holds the times.
  public enum TimeColumn: Sendable, Hashable {
    case named(String)
    /// No column does.
    case none
  }

  /// How times are written.
  public enum TimeUnit: String, CaseIterable, Sendable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"
    case ticks
    /// Nanoseconds since 1970.
    case unix = "unix_ns"
    /// Dates that begin with the day, or with the month.
    case dayFirst = "dmy"
    case monthFirst = "mdy"
  }

  public var time: TimeColumn?
  public var timeUnit: TimeUnit?
  /// One character: `,`, `;`, `|`, a tab; a blank stands for any number of blanks.
  public var delimiter: UInt8?
  /// `.` or `,`.
  public var decimal: UInt8?
  /// Lines above the header.
  public var skip = 0
  /// Further words for a value that is missing.
  public var missing: [String] = []
  /// Names of the columns, in order; a header is replaced.
  public var names: [String]?
  /// As iconv calls it.
  public var encoding: String?
  /// Of arrays of two dimensions: 0 makes a channel of each row, 1 of each column.
  public var axis: Int?

  public init() {}

  public static let names = [
    "time", "time_unit", "delimiter", "decimal", "skip", "missing", "names", "encoding", "axis",
  ]

  var isEmpty: Bool {
    time == nil && timeUnit == nil && delimiter == nil && decimal == nil && skip == 0 && missing.isEmpty
      && names == nil && encoding == nil && axis == nil
  }

  /// Takes an option as a command line has it: `skip=3`, lists with commas.
  /// - Throws: `argument`.
  public mutating func set(_ name: String, _ text: String) throws(RecordingError) {
    func bad(_ what: String) -> RecordingError { .argument("\(name) = \"\(text)\": \(what)") }
    switch name {
    case "time": time = ["false", "none"].contains(text) ? TimeColumn.none : .named(text)
    case "time_unit":
      guard let unit = TimeUnit(rawValue: text == "µs" ? "us" : text) else {
        let all = TimeUnit.allCases.map(\.rawValue).joined(separator: ", ")
        throw bad("a unit of times is one of \(all)")
      }
      timeUnit = unit
    case "delimiter":
      let plain = ["tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"][text] ?? text
      guard plain.utf8.count == 1, let byte = plain.utf8.first, byte != 0x22, byte != 0x0A, byte != 0x0D,
        byte != 0
      else { throw bad("a delimiter is one character such as , ; | or tab") }
      delimiter = byte
    case "decimal":
      guard text == "." || text == "," else { throw bad("the decimal sign is . or ,") }
      decimal = text.utf8.first
    case "skip":
      guard let lines = Int(text), (0...Limits.skippedLines).contains(lines) else {
        throw bad("a number of lines from 0 on expected")
      }
      skip = lines
    case "missing": missing = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    case "names": names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    case "encoding":
      guard Encoding.isKnown(text) else {
        throw bad("nobody knows this encoding; utf-8, latin1, utf-16, … are known")
      }
      encoding = text
    case "axis":
      guard let number = Int(text), number == 0 || number == 1 else {
        throw bad("0 makes a channel of each row, 1 of each column")
      }
      axis = number
    default: throw .argument("no option of a load is called \(name)")
    }
    if delimiter != nil, delimiter == decimal { throw bad("delimiter and decimal sign are the same") }
  }
}

/// A file's samples, and what was decided or left out on the way to them.
public struct LoadedRecording: Sendable {
  public var frame: Frame
  /// Of this program, pybela or a sidecar nothing has to be told; else one line, without the path.
  public var notes: [String]

  public init(frame: Frame, notes: [String] = []) {
    self.frame = frame
    self.notes = notes
  }

  public var note: String? { notes.isEmpty ? nil : notes.joined(separator: "; ") }
}

/// Watches a load from another thread.
public final class LoadWatch: Sendable {
  private let state = Guarded((done: 0, total: 0, isCancelled: false))

  public init() {}

  /// The next look at the file ends the load with `cancelled`.
  public func cancel() { state.withLock { $0.isCancelled = true } }

  /// From 0 to 1; nil where nobody knows how much there is.
  public var share: Double? {
    state.withLock { $0.total > 0 ? min(1, Double($0.done) / Double($0.total)) : nil }
  }

  func report(_ done: Int, of total: Int) throws(RecordingError) {
    let isCancelled = state.withLock {
      $0.done = done
      $0.total = total
      return $0.isCancelled
    }
    if isCancelled { throw RecordingError("cancelled", "the load was cancelled") }
  }
}
