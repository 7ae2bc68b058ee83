import Glibc
import Telemetry

/// Where samples come from, as files keep it.
public struct RecordingOrigin: Sendable, Hashable {
  /// The source's name: `bela ws://192.168.7.2:5555`.
  public var source: String
  /// The program that writes: `moontide 0.1.0`.
  public var program: String
  /// The text of the cell that asked for it.
  public var cell: String?
  /// Single values at intervals (a monitor), which pybela lays out in a way of its own.
  public var isMonitor: Bool

  public init(source: String = "", program: String = "moontide", cell: String? = nil, isMonitor: Bool = false)
  {
    self.source = source
    self.program = program
    self.cell = cell
    self.isMonitor = isMonitor
  }
}

/// What has been written.
public struct RecordingSummary: Sendable, Hashable {
  public var path: String
  public var samples: Int64 = 0
  /// Places where samples are missing, pauses not counted.
  public var gaps: Int64 = 0
  /// Samples that came and are not in the file, because the disk was too slow or the file has no place for them.
  public var dropped: Int64 = 0

  /// `run.csv: 44101 samples, no gaps`
  public var text: String {
    var text = "\(path): \(samples) samples, \(gaps == 0 ? "no" : "\(gaps)") gap\(gaps == 1 ? "" : "s")"
    if dropped > 0 { text += ", \(dropped) dropped" }
    return text
  }
}

extension TimeStamp {
  /// `2026-11-21T07:41:00Z`
  var iso8601: String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }
}
