/// One lexical element of Lua 5.4 source; ranges are byte offsets.
package struct LuaToken: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case name
    case keyword(LuaKeyword)
    case symbol(LuaSymbol)
    case number
    /// A short string whose quote is closed, or a long one whose bracket is. Bad escapes are left to Lua.
    case string
    case comment
    /// The first line of a file when it begins with `#`.
    case shebang
    /// A short string that a line's end or the end of the source cuts.
    case unfinishedString
    case unfinishedLongString
    case unfinishedComment
    case malformedNumber
    /// A byte that no token of Lua begins with.
    case unknown
  }

  package let kind: Kind
  package let range: Range<Int>
  /// 1-based line on which the token begins.
  package let line: Int
  package let lastLine: Int

  package func `is`(_ keyword: LuaKeyword) -> Bool { kind == .keyword(keyword) }
  package func `is`(_ symbol: LuaSymbol) -> Bool { kind == .symbol(symbol) }

  /// False for what the parser of Lua never sees.
  package var isSignificant: Bool {
    switch kind {
    case .comment, .shebang, .unfinishedComment: false
    default: true
    }
  }
}

package enum LuaKeyword: String, CaseIterable, Sendable {
  case and, `break`, `do`, `else`, elseif, end, `false`, `for`, function, goto, `if`, `in`, local, `nil`, not,
    or
  case `repeat`, `return`, then, `true`, until, `while`
}

package enum LuaSymbol: String, CaseIterable, Sendable {
  case ellipsis = "..."
  case concatenate = ".."
  case equal = "=="
  case notEqual = "~="
  case lessEqual = "<="
  case greaterEqual = ">="
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case floorDivide = "//"
  case doubleColon = "::"
  case plus = "+"
  case minus = "-"
  case multiply = "*"
  case divide = "/"
  case modulo = "%"
  case power = "^"
  case length = "#"
  case ampersand = "&"
  case tilde = "~"
  case bar = "|"
  case less = "<"
  case greater = ">"
  case assign = "="
  case leftParenthesis = "("
  case rightParenthesis = ")"
  case leftBrace = "{"
  case rightBrace = "}"
  case leftBracket = "["
  case rightBracket = "]"
  case semicolon = ";"
  case colon = ":"
  case comma = ","
  case dot = "."
}
