package import JSON

/// The line `-- %% title [markdown] key="value" tags=["parameters"]` that begins a cell, in jupytext's percent format.
package struct CellMarker: Equatable, Sendable {
  package enum Kind: String, Sendable { case code, markdown, raw }

  package var kind: Kind
  package var title: String
  /// In the order of the line; values are JSON.
  package var metadata: [JSON.Member]
  /// `%%` is 0, `%%%` 1: jupytext's sub-cells.
  package var level: Int

  package init(kind: Kind = .code, title: String = "", metadata: [JSON.Member] = [], level: Int = 0) {
    self.kind = kind
    self.title = title
    self.metadata = metadata
    self.level = level
  }

  package var tags: [String] {
    metadata.last { $0.key == "tags" }?.value.array?.compactMap(\.string) ?? []
  }

  /// Whether a line is one, without its line end.
  package static func matches(_ line: ArraySlice<UInt8>) -> Bool { content(of: line) != nil }

  /// Nil when the line is not a marker.
  package init?(line: ArraySlice<UInt8>) {
    guard let content = Self.content(of: line) else { return nil }
    self.init()
    level = content.prefix { $0 == UInt8(ascii: "%") }.count
    let whole = content.dropFirst(level).trimmed
    var rest = whole
    var titleEnd = rest.startIndex
    while true {
      rest = rest.drop(while: \.isLuaBlank)
      guard !rest.isEmpty else { break }
      if let (kind, length) = Self.kind(rest) {
        self.kind = kind
        rest = rest.dropFirst(length)
      } else if let (member, length) = Self.member(rest) {
        metadata.append(member)
        rest = rest.dropFirst(length)
      } else if metadata.isEmpty, kind == .code {
        rest = rest.drop { !$0.isLuaBlank }
        titleEnd = rest.startIndex
      } else {
        // Neither a value nor a title: the whole line is the title, nothing of it gets lost.
        self = CellMarker(title: String(decoding: whole, as: UTF8.self), level: level)
        return
      }
    }
    title = String(decoding: whole[..<titleEnd].trimmed, as: UTF8.self)
  }

  /// What follows `-- %%`, further `%` included.
  private static func content(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var rest = line.drop(while: \.isLuaBlank)
    guard rest.starts(with: [0x2D, 0x2D]) else { return nil }
    rest = rest.dropFirst(2).drop(while: \.isLuaBlank)
    guard rest.starts(with: [0x25, 0x25]) else { return nil }
    rest = rest.dropFirst(2)
    let behind = rest.drop { $0 == UInt8(ascii: "%") }
    guard behind.first.map({ $0.isLuaBlank || $0.isLineEnd }) ?? true else { return nil }
    return rest
  }

  private static func kind(_ text: ArraySlice<UInt8>) -> (Kind, Int)? {
    for (word, kind) in [
      ("[markdown]", Kind.markdown), ("[md]", .markdown), ("[raw]", .raw), ("[code]", .code),
    ]
    where text.starts(with: word.utf8) { return (kind, word.utf8.count) }
    return nil
  }

  private static func member(_ text: ArraySlice<UInt8>) -> (JSON.Member, Int)? {
    let key = text.prefix { $0.isNamePart || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    let rest = text.dropFirst(key.count)
    guard !key.isEmpty, rest.first == UInt8(ascii: "="),
      let (value, length) = try? JSON.prefix(of: rest.dropFirst()),
      text.dropFirst(key.count + 1 + length).first.map(\.isLuaBlank) ?? true
    else { return nil }
    return (JSON.Member(String(decoding: key, as: UTF8.self), value), key.count + 1 + length)
  }

  /// The line, without a line end.
  package var line: String {
    var parts = ["-- %%" + String(repeating: "%", count: level)]
    let title = String(decoding: title.utf8.map { $0.isLineEnd ? 0x20 : $0 }, as: UTF8.self)
    if !title.isEmpty { parts.append(title) }
    if kind != .code { parts.append("[\(kind.rawValue)]") }
    for member in metadata {
      parts.append("\(member.key)=\(member.value.encodedText())")
    }
    return parts.joined(separator: " ")
  }
}
