import Foundation
public import Recording
import Telemetry

/// A recording to play: columns of numbers, a row each step.
public struct PlayedTable: Sendable {
  public var names: [String] = []
  public var columns: [[Double]] = []
  /// Rows a second, from the times; 1 when there are none.
  public var rate = 1.0
  /// What was decided about the file, and what is not played.
  public var notes: [String] = []

  /// Reads a table; columns that are no numbers are left out.
  public init(csv text: some StringProtocol) throws {
    try self.init(Recording.open(table: Array(text.utf8), name: "the recording"), name: "the recording")
  }

  public init(contentsOf path: String, _ options: LoadOptions = LoadOptions()) throws {
    try self.init(Recording.open(path, options), name: path)
  }

  private init(_ loaded: LoadedRecording, name: String) throws(SimulationError) {
    notes = loaded.notes
    let series = loaded.frame.series
    let numeric = series.filter { ($0.type.isNumeric || $0.type == .bool) && !$0.isEmpty }
    guard let longest = numeric.max(by: { $0.count < $1.count }) else {
      throw SimulationError("input", "\(name) has no column of numbers")
    }
    guard longest.count > 1 else { throw SimulationError("input", "\(name) has no rows to play") }
    let left = series.map(\.channel.name).filter { one in !numeric.contains { $0.channel.name == one } }
    if !left.isEmpty { notes.append("not played, since no numbers: \(left.joined(separator: ", "))") }
    if longest.time(0) != nil {
      rate = longest.measuredRate ?? 1
      let step = 1 / rate
      guard step <= Limits.playedStep else {
        throw SimulationError(
          "input", "\(name): a row every \(Int64(saturating: step.rounded())) s: are the times microseconds?",
          hint: "--time-unit us (ms, us, ns) says what they are, --time false that no column holds times")
      }
      rate = max(rate, 1 / Limits.playedStep)
      if rate > 1000 || rate.rounded() == rate { rate = (rate * 1000).rounded() / 1000 }
    }
    // All as long as the longest: a cell that is empty holds the value before it.
    let rows = min(longest.count, Limits.recordingRows)
    for one in numeric {
      var values: [Double] = []
      values.reserveCapacity(rows)
      var (place, last) = (0, one[0].number ?? .nan)
      for row in 0..<rows {
        let moment = longest.time(row)
        while place < one.count, moment == nil || (one.time(place) ?? .max) <= moment! {
          if let value = one[place].number, !value.isNaN { last = value }
          place += 1
          if moment == nil { break }
        }
        values.append(last)
      }
      names.append(one.channel.name)
      columns.append(values)
    }
    let held = numeric.filter { $0.count < longest.count }.map(\.channel.name)
    if !held.isEmpty {
      notes.append("with empty cells, which hold the value before: \(held.joined(separator: ", "))")
    }
  }

  /// One of the recordings that come with the program: `ecg` or `motion`.
  public static func bundled(_ name: String) throws -> PlayedTable {
    try PlayedTable(contentsOf: BundledRecording.url(name).path)
  }
}

/// What a simulator cannot do as it was told.
public struct SimulationError: Error, Hashable, Sendable {
  public var code: String
  public var message: String
  public var hint: String?

  public init(_ code: String, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }
}
