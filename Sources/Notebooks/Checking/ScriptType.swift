/// What is known of a value before anything runs.
struct ScriptType: Equatable, Sendable {
  enum Kind: Equatable, Sendable {
    /// Nothing; joins with all.
    case none
    /// Anything.
    case unknown
    case string
    /// Of a class of the API.
    case object(String)
    /// A table of functions, by its global name.
    case library(String)
    /// A function of the API, by its name.
    case function(String)
  }

  var kind: Kind
  /// Of a source and all that comes from it: `bela` or `synnax`.
  var device: String?
  /// Of a board's streamer and its frames: the channels it was made with.
  var channels: Set<String>?

  static let none = ScriptType(kind: .none)
  static let unknown = ScriptType(kind: .unknown)

  /// The API's name of what a call calls.
  var callee: String? {
    switch kind {
    case .function(let name), .library(let name): name
    default: nil
    }
  }
  var className: String? { if case .object(let name) = kind { name } else { nil } }

  func joined(_ other: ScriptType) -> ScriptType {
    if kind == .none { return other }
    if other.kind == .none { return self }
    guard kind == other.kind else { return .unknown }
    return ScriptType(
      kind: kind, device: device == other.device ? device : nil,
      channels: channels == other.channels ? channels : nil)
  }
}

/// Where a variable gets a value from.
indirect enum Definition {
  case value(LuaExpression, result: Int, cell: Int)
  /// A loop variable: what the expression gives on each turn.
  case turn(LuaExpression, result: Int, cell: Int)
  /// The parameter of a function that is an argument of a call.
  case callback(LuaExpression, argument: Int, parameter: Int, cell: Int)
  case unknown
}

/// A variable of a script: a local of one cell, or a global.
enum Variable: Hashable {
  case local(cell: Int, Int)
  case global(String)

  init?(_ name: LuaName, cell: Int) {
    if let local = name.variable {
      self = .local(cell: cell, local)
    } else if name.isGlobal {
      self = .global(name.text)
    } else {
      return nil
    }
  }
}
