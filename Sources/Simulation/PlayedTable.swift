import Foundation

/// A recording as text: columns of numbers, the first of which may be the time in seconds.
public struct PlayedTable: Sendable {
  public var names: [String]
  public var columns: [[Double]]
  /// Rows a second, from the time column; 1 when there is none.
  public var rate: Double

  /// Reads comma-separated values with a header; columns that are no numbers are left out.
  public init(csv text: some StringProtocol) throws(SimulationError) {
    var lines = text.utf8.split(separator: UInt8(ascii: "\n")).makeIterator()
    guard let head = lines.next() else { throw SimulationError("input", "the recording is empty") }
    let names = head.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
      Self.text($0)
    }
    var columns = [[Double]](repeating: [], count: names.count)
    var isNumeric = [Bool](repeating: true, count: names.count)
    var rows = 0
    while let line = lines.next(), rows < Limits.recordingRows {
      var fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).makeIterator()
      for column in names.indices {
        let value = fields.next().flatMap { Double(Self.text($0)) }
        if value == nil { isNumeric[column] = false }
        columns[column].append(value ?? .nan)
      }
      rows += 1
    }
    guard rows > 1 else { throw SimulationError("input", "the recording has no rows") }
    self.rate = 1
    self.names = []
    self.columns = []
    for column in names.indices where isNumeric[column] {
      if column == 0, names[0].hasPrefix("time") {
        let span = columns[0][rows - 1] - columns[0][0]
        if span > 0 { rate = (Double(rows - 1) / span * 1000).rounded() / 1000 }
      } else {
        self.names.append(names[column])
        self.columns.append(columns[column])
      }
    }
    guard !self.columns.isEmpty else {
      throw SimulationError("input", "the recording has no column of numbers")
    }
  }

  public init(contentsOf path: String) throws {
    try self.init(csv: String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self))
  }

  /// One of the recordings that come with the program: `ecg` or `motion`.
  public static func bundled(_ name: String) throws -> PlayedTable {
    let url = try BundledRecording.url(name)
    return try PlayedTable(csv: String(decoding: Data(contentsOf: url), as: UTF8.self))
  }

  private static func text(_ field: some Sequence<UInt8>) -> String {
    String(decoding: field.filter { $0 != 0x0d }, as: UTF8.self)
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
