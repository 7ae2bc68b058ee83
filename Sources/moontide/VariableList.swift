import Bindings
import Lua
import Notebooks

/// The globals that a person made, with what they hold.
struct VariableList {
  struct Variable {
    let name: String
    let type: String
    /// What it keeps alive, buffers included; of a table as far as one looked.
    let bytes: Int
    let value: LuaValue
  }

  let variables: [Variable]

  /// - Parameter known: globals that were there from the beginning.
  init(_ interpreter: Interpreter, without known: Set<String>, startingWith beginning: String = "") {
    let state = interpreter.state
    let library = interpreter.library
    guard case .table(let globals) = state.global("_G") else {
      variables = []
      return
    }
    variables = state.pairs(of: globals).compactMap { key, value in
      guard let name = key.string, !known.contains(name), name.hasPrefix(beginning) else { return nil }
      var measure = Measure(state: state, library: library)
      return Variable(
        name: name, type: library.className(of: value) ?? value.type.description,
        bytes: measure.bytes(of: value),
        value: value)
    }.sorted { $0.name < $1.name }
  }

  /// Adds up what a value takes, each object once. Tables are read raw, within bounds.
  private struct Measure {
    let state: LuaState
    let library: Library
    var seen: Set<Int> = []
    var left = Self.entriesMeasured

    /// A table of millions of entries is measured as far as a moment allows.
    static let entriesMeasured = 100_000

    mutating func bytes(of value: LuaValue, depth: Int = 0) -> Int {
      switch value {
      case .nil, .boolean, .integer, .number: return depth == 0 ? 8 : 0
      case .string(let text): return text.bytes.count + 24
      case .function, .thread: return 40
      case .userdata: return 40 + library.bufferedBytes(of: value)
      case .table(let table):
        guard seen.insert(state.identity(of: table)).inserted, depth < 20 else { return 0 }
        // 56 for the table, 16 an element of its list, 40 a key.
        let list = state.rawCount(table)
        var total = 56 + 16 * list
        for (key, entry) in state.pairs(of: table, limit: max(0, left)) {
          left -= 1
          if case .integer(let position) = key, position >= 1, position <= Int64(clamping: list) {
            total += bytes(of: entry, depth: depth + 1)
          } else {
            total += 40 + bytes(of: key, depth: depth + 1) + bytes(of: entry, depth: depth + 1)
          }
        }
        return total
      }
    }
  }
}
