/// What Lua 5.4 source says, with byte ranges. Chains (`a.b:c()`, `1 + 2 + 3`) and `elseif`s are flat lists, so that
/// a tree is never deeper than the levels that the parser allows.
package struct LuaTree: Sendable {
  package var body: [LuaStatement]
  /// Every local that is declared, parameters and loop variables included; `LuaName.variable` is a place in it.
  package var variables: [LuaVariable]
}

/// A local variable.
package struct LuaVariable: Sendable {
  package enum Attribute: Sendable { case const, close }

  package let name: String
  /// Empty for `self` of a method.
  package let range: Range<Int>
  package internal(set) var attribute: Attribute?
}

/// A name where it is used.
package struct LuaName: Sendable {
  package let text: String
  package let range: Range<Int>
  /// The local that it stands for; nil for a global.
  package let variable: Int?
  /// A global, but of a `local _ENV`: what it means is up to that table.
  package let isOfOwnEnvironment: Bool

  package var isGlobal: Bool { variable == nil && text != "_ENV" && !isOfOwnEnvironment }
}

package struct LuaExpression: Sendable {
  package indirect enum Kind: Sendable {
    case `nil`, `true`, `false`, number, vararg
    /// Escapes resolved.
    case string([UInt8])
    case name(LuaName)
    case function(LuaFunction)
    case table([LuaField])
    case parenthesized(LuaExpression)
    /// At least one suffix.
    case chain(LuaExpression, [LuaSuffix])
    case unary(LuaSymbolOrKeyword, LuaExpression)
    /// Operators of one precedence, from left to right; at least one.
    case binary(LuaExpression, [LuaOperand])
  }

  package let kind: Kind
  package let range: Range<Int>
}

/// An operator: `not`, `and`, `or` are words.
package enum LuaSymbolOrKeyword: Equatable, Sendable {
  case symbol(LuaSymbol)
  case keyword(LuaKeyword)
}

package struct LuaOperand: Sendable {
  package let `operator`: LuaSymbolOrKeyword
  package let value: LuaExpression
}

package struct LuaSuffix: Sendable {
  package enum Kind: Sendable {
    /// `.name`
    case field(String)
    /// `[expression]`
    case index(LuaExpression)
    case call([LuaExpression])
    /// `:name(arguments)`
    case method(String, arguments: [LuaExpression])
  }

  package let kind: Kind
  /// The name of a field or method, else all of the suffix.
  package let range: Range<Int>
}

package struct LuaField: Sendable {
  package enum Key: Sendable {
    case position
    case name(String)
    case computed(LuaExpression)
  }

  package let key: Key
  package let value: LuaExpression
  /// The key, else the value.
  package let range: Range<Int>
}

package struct LuaFunction: Sendable {
  /// `self` included.
  package let parameters: [Int]
  package let isVararg: Bool
  package let body: [LuaStatement]
}

package struct LuaStatement: Sendable {
  package indirect enum Kind: Sendable {
    case call(LuaExpression)
    case assignment([LuaExpression], [LuaExpression])
    case local([Int], [LuaExpression])
    case localFunction(Int, LuaFunction)
    /// `function a.b:c() … end`; the target ends with the method's name as a field.
    case function(LuaExpression, LuaFunction)
    case block([LuaStatement])
    case `while`(LuaExpression, [LuaStatement])
    case `repeat`([LuaStatement], until: LuaExpression)
    /// `if` and `elseif`s.
    case `if`([LuaBranch], otherwise: [LuaStatement])
    case numericFor(Int, [LuaExpression], [LuaStatement])
    case genericFor([Int], [LuaExpression], [LuaStatement])
    case `return`([LuaExpression])
    case `break`
    case goto(String)
    case label(String)
  }

  package let kind: Kind
  package let range: Range<Int>
}

package struct LuaBranch: Sendable {
  package let condition: LuaExpression
  package let body: [LuaStatement]
}

/// Why source does not parse: Lua's own words.
package struct LuaSyntaxError: Error, Equatable, Sendable {
  /// Without position: `'then' expected near 'x'`.
  package let message: String
  /// 1-based, as Lua counts.
  package let line: Int
  /// Where the token that is wrong begins, in bytes; the source's length at its end.
  package let offset: Int
  /// More text could make it right.
  package var isIncomplete: Bool { message.hasSuffix("<eof>") }
}
