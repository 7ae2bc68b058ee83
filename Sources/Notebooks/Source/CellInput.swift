/// What a person typed at the prompt: a question, a command, or Lua.
package enum CellInput: Equatable, Sendable {
  case empty
  /// `name?`, `?name`, `object:method?`, `"channel"?`, `:command?`: the text without question marks and quotes.
  case help(String)
  /// `:save file.lua 1-3`: name and everything behind it.
  case command(name: String, arguments: String)
  case code(CellSource)

  package init(_ text: [UInt8]) {
    let trimmed = text.trimmed
    if trimmed.isEmpty {
      self = .empty
    } else if let topic = Self.topic(trimmed) {
      self = .help(topic)
    } else if let command = Self.command(trimmed) {
      self = command
    } else {
      self = .code(CellSource(text))
    }
  }

  /// A lone `?` is a question without a topic.
  private static func topic(_ text: ArraySlice<UInt8>) -> String? {
    let mark = UInt8(ascii: "?")
    var topic = text
    if text.last == mark {
      topic = topic.dropLast(text.reversed().prefix { $0 == mark }.count)
    } else if text.first == mark {
      topic = topic.drop { $0 == mark }
    } else {
      return nil
    }
    topic = topic.trimmed
    if let quote = topic.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      guard topic.count >= 2, topic.last == quote, !topic.dropFirst().dropLast().contains(quote) else {
        return nil
      }
      return String(decoding: topic.dropFirst().dropLast(), as: UTF8.self)
    }
    let path = topic.first == UInt8(ascii: ":") ? topic.dropFirst() : topic
    guard !topic.contains(mark), isPath(path) else { return nil }
    return String(decoding: topic, as: UTF8.self)
  }

  /// Names joined by `.` and `:`, indices by a literal included; keywords count as names (`for?` is a fair question).
  private static func isPath(_ text: ArraySlice<UInt8>) -> Bool {
    if text.isEmpty { return true }
    var expectsName = true
    var brackets = 0
    for token in LuaLexer.tokens(Array(text), trivia: true) {
      switch token.kind {
      case .name where expectsName, .keyword where expectsName: expectsName = false
      case .symbol(.dot) where !expectsName && brackets == 0,
        .symbol(.colon) where !expectsName && brackets == 0:
        expectsName = true
      case .symbol(.leftBracket) where !expectsName && brackets == 0: brackets += 1
      case .symbol(.rightBracket) where brackets == 1: brackets -= 1
      case .number where brackets == 1, .string where brackets == 1: break
      default: return false
      }
    }
    return !expectsName && brackets == 0
  }

  private static func command(_ text: ArraySlice<UInt8>) -> CellInput? {
    let rest = text.dropFirst()
    guard text.first == UInt8(ascii: ":"), let first = rest.first, first.isNameStart else { return nil }
    let name = rest.prefix { $0.isNamePart || $0 == UInt8(ascii: "-") }
    let behind = rest.dropFirst(name.count)
    guard behind.first.map({ $0.isLuaBlank || $0.isLineEnd }) ?? true else { return nil }
    return .command(
      name: String(decoding: name, as: UTF8.self), arguments: String(decoding: behind.trimmed, as: UTF8.self))
  }
}

extension BidirectionalCollection where Element == UInt8, SubSequence == ArraySlice<UInt8> {
  /// Without blanks and line ends on both sides.
  package var trimmed: ArraySlice<UInt8> {
    guard let first = firstIndex(where: { !$0.isLuaBlank && !$0.isLineEnd }),
      let last = lastIndex(where: { !$0.isLuaBlank && !$0.isLineEnd })
    else { return self[startIndex..<startIndex] }
    return self[first...last]
  }
}
