/// What a person is about to type at the cursor, found from the text before it alone.
package struct CompletionContext: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    case name(String)
    case index(Int64)
  }

  /// The function of a call: `bela.connect` is a path, `s:start` a path and a method.
  package struct Call: Equatable, Sendable {
    package var path: [Step]
    package var method: String?

    package init(path: [Step], method: String?) {
      self.path = path
      self.method = method
    }

    /// The function's own name.
    package var name: String? {
      if let method { return method }
      if case .name(let name) = path.last { return name }
      return nil
    }
  }

  package enum Kind: Equatable, Sendable {
    /// Nothing can be said: in a comment, a number, behind a call's result.
    case none
    /// `:sa|`
    case command
    /// `:load exa|`
    case commandArgument(command: String)
    case global
    /// `a.b.|`
    case field(of: [Step])
    /// `s:|`
    case method(of: [Step])
    /// Inside quotes; `key` when it is the value of an option, `argument` counts from 1.
    case string(call: Call?, argument: Int, key: String?)
    /// `s:start{ sp|`: a key of the options, or any value.
    case option(of: Call)
  }

  package var kind: Kind
  var isOption: Bool { if case .option = kind { true } else { false } }
  /// What stands there already.
  package var prefix: String
  /// The bytes that a candidate replaces: the prefix.
  package var range: Range<Int>

  /// - Parameter cursor: byte offset into the text; what is behind it does not matter.
  package init(_ text: [UInt8], cursor: Int) {
    let before = Array(text.prefix(max(0, cursor)))
    self.init(kind: .none, prefix: "", range: before.count..<before.count)
    if readCommand(before) { return }
    readLua(before)
  }

  private init(kind: Kind, prefix: String, range: Range<Int>) {
    self.kind = kind
    self.prefix = prefix
    self.range = range
  }

  private mutating func set(_ kind: Kind, _ bytes: [UInt8], from start: Int) {
    self.kind = kind
    prefix = String(decoding: bytes[start...], as: UTF8.self)
    range = start..<bytes.count
  }

  private mutating func readCommand(_ bytes: [UInt8]) -> Bool {
    let start = bytes.firstIndex { !$0.isLuaBlank && !$0.isLineEnd } ?? bytes.count
    guard start < bytes.count, bytes[start] == UInt8(ascii: ":") else { return false }
    let body = bytes[(start + 1)...]
    guard body.first.map({ $0.isNameStart }) ?? true, !body.contains(where: \.isLineEnd) else { return false }
    guard let blank = body.firstIndex(where: \.isLuaBlank) else {
      guard body.allSatisfy(\.isNamePart) else { return false }
      set(.command, bytes, from: start + 1)
      return true
    }
    let word = (bytes.lastIndex { $0.isLuaBlank } ?? blank) + 1
    set(
      .commandArgument(command: String(decoding: bytes[body.startIndex..<blank], as: UTF8.self)), bytes,
      from: word)
    return true
  }

  private mutating func readLua(_ bytes: [UInt8]) {
    let all = LuaLexer.tokens(bytes, trivia: true)
    if let last = all.last, !last.isSignificant, last.range.upperBound == bytes.count { return }
    let reader = Reader(bytes: bytes, tokens: all.filter(\.isSignificant))
    guard let last = reader.tokens.last else { return set(.global, bytes, from: bytes.count) }
    let touches = last.range.upperBound == bytes.count
    switch last.kind {
    case .unfinishedString where touches, .unfinishedLongString:
      let quote = bytes[last.range].prefix { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "=") }.count
      let index = reader.tokens.count - 1
      let (call, argument) = reader.call(around: index)
      set(
        .string(call: call, argument: argument, key: call == nil ? nil : reader.key(before: index)), bytes,
        from: last.range.lowerBound + max(1, quote))
      if let value = last.stringValue(in: bytes) { prefix = String(decoding: value, as: UTF8.self) }
    case .name where touches, .keyword where touches:
      set(reader.kind(at: reader.tokens.count - 1), bytes, from: last.range.lowerBound)
    case .number where touches, .malformedNumber where touches, .string where touches: return
    default: set(reader.kind(at: reader.tokens.count), bytes, from: bytes.count)
    }
  }
}

extension CompletionContext {
  /// Looks backwards through the tokens.
  private struct Reader {
    let bytes: [UInt8]
    let tokens: [LuaToken]

    func text(_ index: Int) -> String { tokens[index].text(in: bytes) }

    /// For a name that is, or would be, the token at `index`.
    func kind(at index: Int) -> Kind {
      guard index > 0 else { return .global }
      let before = tokens[index - 1]
      if before.is(.dot) { return path(endingAt: index - 2).map { .field(of: $0) } ?? .none }
      if before.is(.colon) { return path(endingAt: index - 2).map { .method(of: $0) } ?? .none }
      if before.is(.leftBrace) || before.is(.comma) || before.is(.semicolon),
        let (opening, call, _) = enclosing(index), tokens[opening].is(.leftBrace), let call
      {
        return .option(of: call)
      }
      switch before.kind {
      // A new name is being made.
      case .keyword(.local), .keyword(.function), .keyword(.goto), .keyword(.for): return .none
      default: return .global
      }
    }

    /// `a.b[1]["c"]`; nil for what must be run to be known.
    func path(endingAt end: Int) -> [Step]? {
      var steps: [Step] = []
      var index = end
      while index >= 0 {
        let token = tokens[index]
        if token.kind == .name {
          steps.append(.name(text(index)))
          guard index > 0 else { return steps.reversed() }
          if tokens[index - 1].is(.dot) {
            index -= 2
            continue
          }
          return tokens[index - 1].is(.colon) ? nil : steps.reversed()
        }
        guard token.is(.rightBracket), index >= 3, tokens[index - 2].is(.leftBracket) else { return nil }
        switch tokens[index - 1].kind {
        case .string:
          steps.append(.name(String(decoding: tokens[index - 1].stringValue(in: bytes) ?? [], as: UTF8.self)))
        case .number:
          guard let value = Int64(text(index - 1)) else { return nil }
          steps.append(.index(value))
        default: return nil
        }
        index -= 3
      }
      return nil
    }

    /// The function that is called when an argument follows the token at `end`.
    func callee(endingAt end: Int) -> Call? {
      guard end >= 0 else { return nil }
      if tokens[end].kind == .name, end >= 2, tokens[end - 1].is(.colon) {
        return path(endingAt: end - 2).map { Call(path: $0, method: text(end)) }
      }
      // `function f(`: not a call.
      guard let path = path(endingAt: end) else { return nil }
      let start = end - (2 * path.count - 2)
      if start > 0, start <= end, tokens[start - 1].is(.function) { return nil }
      return Call(path: path, method: nil)
    }

    /// The innermost open bracket before `index`, the call that it is an argument list or an options table of, and the
    /// argument's number.
    func enclosing(_ index: Int) -> (opening: Int, call: Call?, argument: Int)? {
      var depth = 0
      var commas = 0
      var position = index - 1
      while position >= 0 {
        let token = tokens[position]
        if token.is(.rightParenthesis) || token.is(.rightBrace) || token.is(.rightBracket) {
          depth += 1
        } else if token.is(.leftParenthesis) || token.is(.leftBrace) || token.is(.leftBracket) {
          if depth == 0 {
            if token.is(.leftBracket) { return (position, nil, 0) }
            if let call = callee(endingAt: position - 1) {
              return (position, call, token.is(.leftParenthesis) ? commas + 1 : 1)
            }
            // A table among the arguments in parentheses.
            if token.is(.leftBrace), let outer = enclosing(position),
              tokens[outer.opening].is(.leftParenthesis)
            {
              return (position, outer.call, outer.argument)
            }
            return (position, nil, 0)
          }
          depth -= 1
        } else if depth == 0, token.is(.comma) {
          commas += 1
        }
        position -= 1
      }
      return nil
    }

    /// For a string at `index`: `f "…`, `f("…`, `f{ "…`.
    func call(around index: Int) -> (Call?, argument: Int) {
      if index > 0, tokens[index - 1].kind == .name || tokens[index - 1].is(.rightBracket) {
        return (callee(endingAt: index - 1), 1)
      }
      guard let (_, call, argument) = enclosing(index) else { return (nil, 0) }
      return (call, call == nil ? 0 : argument)
    }

    func key(before index: Int) -> String? {
      guard index >= 2, tokens[index - 1].is(.assign), tokens[index - 2].kind == .name else { return nil }
      return text(index - 2)
    }
  }
}
