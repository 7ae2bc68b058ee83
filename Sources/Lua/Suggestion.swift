/// The name that somebody probably meant.
public enum Suggestion {
  /// The nearest candidate within a third of the length (at least one, at most three edits), the more similar in
  /// its beginning first; nil when nothing is near. Equal but for case and underscores always counts as near.
  public static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    guard !name.isEmpty, name.utf8.count <= Limits.suggestionLength else { return nil }
    let wanted = Array(name.utf8)
    let folded = fold(wanted)
    let bound = min(3, max(1, wanted.count / 3))
    var best: (rank: Int, candidate: String)?
    for candidate in candidates where candidate != name && !candidate.isEmpty {
      let bytes = Array(candidate.utf8)
      guard bytes.count <= Limits.suggestionLength else { continue }
      let rank: Int
      if fold(bytes) == folded {
        rank = 0
      } else if let distance = distance(wanted, bytes, bound: bound),
        distance < max(wanted.count, bytes.count)
      {
        rank = distance * 4 + (bytes.first == wanted.first ? 0 : 1)
      } else {
        continue
      }
      if best.map({ (rank, candidate) < ($0.rank, $0.candidate) }) ?? true { best = (rank, candidate) }
    }
    return best?.candidate
  }

  private static func fold(_ bytes: [UInt8]) -> [UInt8] {
    bytes.compactMap { $0 == UInt8(ascii: "_") ? nil : ($0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0) }
  }

  /// Insertions, deletions, replacements and swaps of neighbours; nil beyond `bound`.
  package static func distance(_ a: [UInt8], _ b: [UInt8], bound: Int) -> Int? {
    guard abs(a.count - b.count) <= bound else { return nil }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      if row.min() ?? 0 > bound { return nil }
      (beforeLast, last) = (last, row)
    }
    return last[b.count] <= bound ? last[b.count] : nil
  }
}
