/// Who may write a channel: the writer with the highest authority, the earlier one on a tie (protocol, section 13.4).
/// A plain value.
struct CoreControl {
  struct Gate {
    var writer: Int
    var authority: UInt32
    var name: String
  }

  /// In the order of opening.
  private var gates: [UInt32: [Gate]] = [:]

  /// Who holds a channel now.
  func holder(_ key: UInt32) -> Gate? {
    guard let all = gates[key], let most = all.map(\.authority).max() else { return nil }
    return all.first { $0.authority == most }
  }

  /// - Parameter isShared: all writers of the highest authority hold such a channel.
  func controls(_ writer: Int, _ key: UInt32, isShared: Bool) -> Bool {
    guard let holder = holder(key) else { return false }
    if isShared { return gates[key]!.contains { $0.writer == writer && $0.authority == holder.authority } }
    return holder.writer == writer
  }

  mutating func open(_ writer: Int, _ key: UInt32, authority: UInt32, name: String) {
    gates[key, default: []].append(Gate(writer: writer, authority: authority, name: name))
  }

  mutating func set(_ writer: Int, _ key: UInt32, authority: UInt32) {
    guard let at = gates[key]?.firstIndex(where: { $0.writer == writer }) else { return }
    gates[key]![at].authority = authority
  }

  mutating func close(_ writer: Int, _ keys: some Sequence<UInt32>) {
    for key in keys {
      gates[key]?.removeAll { $0.writer == writer }
      if gates[key]?.isEmpty ?? false { gates[key] = nil }
    }
  }
}
