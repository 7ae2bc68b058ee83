package import JSON

/// JSON as a board means it: all numbers are doubles, and `nan`, `inf` may stand bare where a fast-math build put them.
extension JSON {
  /// Nil for anything else.
  package init?(board text: some Sequence<UInt8>) {
    guard let json = try? JSON(parsing: text, JSON.Reading(depth: BelaLimits.jsonDepth, takesNonFinite: true))
    else { return nil }
    self = json
  }

  package init?(board text: String) { self.init(board: text.utf8) }

  /// In ASCII only, as the board demands (section 3), keys in alphabetical order, as it writes them.
  package var boardText: String { encodedText(.board) }

  /// Booleans count as 0 and 1, `null` is what the board makes of a value that is no number.
  package var boardNumber: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .null: .nan
    default: double
    }
  }

  package var boardFlag: Bool? { bool ?? double.map { $0 != 0 } }

  /// A count of ticks; numbers that no `Int64` holds stick to its ends.
  package var tick: Int64? {
    if let integer { return integer }
    guard let value = boardNumber, !value.isNaN else { return nil }
    return Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
  }
}

extension JSON.Writing {
  /// Whole numbers stand without a point.
  package static let board: JSON.Writing = {
    var writing = JSON.Writing()
    writing.sortsKeys = true
    writing.isASCII = true
    writing.number = { value in
      if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
      return shortest(value)
    }
    return writing
  }()
}
