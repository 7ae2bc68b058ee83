/// Numbers of cells as in `:save file.lua 1-3,5`.
package struct CellRanges: Equatable, Sendable {
  /// Closed ranges in the order given; `3-` reaches to the last cell, `-2` is the last but one.
  package let ranges: [ClosedRange<Int>]

  package struct ParseError: Error, Equatable, Sendable {
    package let message: String
  }

  /// - Parameter last: the highest number there is; what lies beyond it is an error.
  package init(_ text: some StringProtocol, last: Int) throws(ParseError) {
    var ranges: [ClosedRange<Int>] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
      func number(_ digits: Substring) throws(ParseError) -> Int {
        guard !digits.isEmpty, digits.utf8.allSatisfy(\.isDigit), let value = Int(digits) else {
          throw ParseError(message: "`\(part)` is no cell number or range, as in 1-3,5")
        }
        guard value >= 1, value <= last else {
          throw ParseError(
            message: "there is no cell \(value)" + (last > 0 ? ", the last one is \(last)" : ""))
        }
        return value
      }
      let bounds = Substring(part).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      if bounds.count == 1 {
        let value = try number(bounds[0])
        ranges.append(value...value)
      } else if bounds[0].isEmpty {
        let back = try number(bounds[1])
        ranges.append(last - back + 1...last - back + 1)
      } else {
        let first = try number(bounds[0])
        let end = bounds[1].isEmpty ? last : try number(bounds[1])
        guard first <= end else { throw ParseError(message: "`\(part)` runs backwards") }
        ranges.append(first...end)
      }
    }
    self.ranges = ranges
  }

  package var numbers: [Int] { ranges.flatMap { Array($0) } }
}

/// `file.lua 1-3,5`: a file name, in quotes when it has blanks, and the rest.
package struct FileArguments: Equatable, Sendable {
  package let path: String
  package let rest: String

  /// Nil without a name.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    let trimmed = bytes.trimmed
    guard let first = trimmed.first else { return nil }
    let isQuoted = first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
    let body = isQuoted ? trimmed.dropFirst() : trimmed
    let name = body.prefix { isQuoted ? $0 != first : !$0.isLuaBlank && !$0.isLineEnd }
    guard !name.isEmpty, !isQuoted || name.count < body.count else { return nil }
    path = String(decoding: name, as: UTF8.self)
    rest = String(decoding: body.dropFirst(name.count + (isQuoted ? 1 : 0)).trimmed, as: UTF8.self)
  }
}
