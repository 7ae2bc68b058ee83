/// The texts of the last cells by number, in one piece of memory: a session of days has ten thousand short ones.
package struct CellTexts {
  private let limit: Int
  // Ascending, and where in `bytes` each one's text ends.
  private var numbers: [Int] = []
  private var ends: [Int] = []
  private var bytes: [UInt8] = []

  package init(limit: Int) { self.limit = limit }

  /// A number that is not above all others begins anew: the count was set back.
  package mutating func add(_ text: [UInt8], number: Int) {
    if let last = numbers.last, number <= last { self = CellTexts(limit: limit) }
    numbers.append(number)
    bytes += text
    ends.append(bytes.count)
    guard numbers.count > limit else { return }
    // A tenth at once: removing from the front costs the length.
    let old = max(1, limit / 10)
    let length = ends[old - 1]
    numbers.removeFirst(old)
    ends.removeFirst(old)
    for index in ends.indices { ends[index] -= length }
    bytes.removeFirst(length)
  }

  package subscript(number: Int) -> ArraySlice<UInt8>? {
    var range = numbers.startIndex..<numbers.endIndex
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if numbers[middle] == number { return bytes[(middle == 0 ? 0 : ends[middle - 1])..<ends[middle]] }
      range = numbers[middle] < number ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return nil
  }
}
