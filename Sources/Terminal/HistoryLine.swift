import JSON

/// One cell in the history file: a JSON object on a line, `{"t":1763690000.25,"session":"a1","cell":"…"}`.
package struct HistoryLine: Equatable {
  /// Seconds since 1970.
  package var time: Double
  package var session: String
  package var cell: String

  package init(time: Double, session: String, cell: String) {
    self.time = time
    self.session = session
    self.cell = cell
  }

  /// The object and its newline.
  package var encoded: [UInt8] {
    let json: JSON = [
      "t": .number((time * 1_000).rounded() / 1_000), "session": .string(session), "cell": .string(cell),
    ]
    return json.encoded(.line)
  }

  /// Nil for a line that is no such object: cut off, from another program, edited by hand.
  package init?(parsing line: some Collection<UInt8>) {
    guard let json = try? JSON(parsing: line), let cell = json["cell"]?.string else { return nil }
    self.init(time: json["t"]?.double ?? 0, session: json["session"]?.string ?? "", cell: cell)
  }
}
