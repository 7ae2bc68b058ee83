extension Duration {
  /// As people read it: `0.5 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
  package var shortText: String {
    let seconds = inSeconds
    if seconds < 0.0995 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 59.95 {
      let tenths = Int((seconds * 10).rounded())
      return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return Self.two(whole / 60, "min", whole % 60, "s") }
    return Self.two(whole / 3600, "h", whole % 3600 / 60, "min")
  }

  private static func two(_ first: Int, _ unit: String, _ second: Int, _ smaller: String) -> String {
    second == 0 ? "\(first) \(unit)" : "\(first) \(unit) \(second) \(smaller)"
  }
}
