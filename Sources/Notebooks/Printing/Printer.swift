package import Lua

/// Shows any value within bounds: depth, items, bytes and time. Tables are read raw; what a user wrote (`__tostring`)
/// is called with a limit on its time, an error in it is shown, never raised.
package struct Printer {
  /// An own picture of a value (a plot, a table); nil for Lua's. Asked for userdata first.
  package typealias Rendering = (LuaValue) -> String?

  package var rendering: Rendering?
  /// Columns within which a table stays on one line.
  package var width = 80
  private let state: LuaState
  private let tostring: LuaReference?

  /// Takes `tostring` as it is now: a script may replace it later.
  package init(_ state: LuaState) {
    self.state = state
    tostring = if case .function(let function) = state.global("tostring") { function } else { nil }
  }

  /// One value as the prompt echoes it. A string is shown without quotes.
  package func text(_ value: LuaValue) -> String {
    if case .string(let string) = value { return LuaText.plain(string) }
    var run = Run(printer: self, state: state, tostring: tostring)
    return run.text(value, depth: 0, indent: 0, column: 0)
  }

  /// A value as it stands among others: strings quoted, of many lines the first.
  package func short(_ value: LuaValue) -> String {
    var run = Run(printer: self, state: state, tostring: tostring)
    return run.text(value, depth: 1, indent: 0, column: 0)
  }

  /// Several values, as in `nil, "timeout"`; a line for each when they do not fit into one.
  package func text(_ values: [LuaValue]) -> String {
    if values.count == 1 { return text(values[0]) }
    var run = Run(printer: self, state: state, tostring: tostring)
    let shown = values.prefix(Limits.echoValues).map { run.text($0, depth: 1, indent: 0, column: 0) }
    let length = shown.reduce(0) { $0 + $1.unicodeScalars.count + 2 }
    let more = values.count > Limits.echoValues ? ["… (\(values.count) values)"] : []
    return (shown + more).joined(separator: length <= width + 2 ? ", " : ",\n")
  }
}

extension Printer {
  /// One answer, with what is left of its budgets.
  private struct Run {
    let printer: Printer
    let state: LuaState
    let tostring: LuaReference?
    let deadline = LuaInstant.now.advanced(by: Limits.printTime)
    var items = Limits.printItems
    var bytes = Limits.echoBytes
    /// Tables that are being shown, outermost first.
    var path: [Int] = []

    init(printer: Printer, state: LuaState, tostring: LuaReference?) {
      self.printer = printer
      self.state = state
      self.tostring = tostring
    }

    var isSpent: Bool { items <= 0 || bytes <= 0 || LuaInstant.now >= deadline }

    mutating func text(_ value: LuaValue, depth: Int, indent: Int, column: Int) -> String {
      let text: String
      switch value {
      case .nil: text = "nil"
      case .boolean(let value): text = value ? "true" : "false"
      case .integer(let value): text = LuaText.integer(value)
      case .number(let value): text = LuaText.number(value)
      case .string(let value): text = LuaText.quoted(value)
      case .function(let reference): text = "function: \(address(reference))"
      case .thread(let reference): text = "thread: \(address(reference))"
      case .userdata: text = described(value, depth: depth)
      case .table(let reference):
        if !state.metafield(value, "__tostring").isNil {
          text = described(value, depth: depth)
        } else {
          return table(reference, name: name(of: value), depth: depth, indent: indent, column: column)
        }
      }
      bytes -= text.utf8.count
      return text
    }

    private func address(_ reference: LuaReference) -> String {
      "0x" + String(UInt(bitPattern: state.identity(of: reference)), radix: 16)
    }

    private func name(of value: LuaValue) -> String? {
      guard case .string(let name) = state.metafield(value, "__name") else { return nil }
      return LuaText.plain(name, limit: Limits.nestedStringBytes)
    }

    /// Through `__tostring` and `__name`. Only the first line when it stands inside of something.
    private func described(_ value: LuaValue, depth: Int) -> String {
      let shown: LuaString
      if let text = printer.rendering?(value) {
        shown = LuaString(text)
      } else {
        let left = LuaInstant.now.duration(to: deadline)
        guard let tostring, left > .zero else { return anonymous(value, "") }
        switch Watchdog(state: state).call(tostring, value, within: left) {
        case .value(.string(let string)): shown = string
        case .value: return anonymous(value, "")
        case .failed(let message):
          return anonymous(
            value, "__tostring failed: \(LuaText.plain(LuaString(message), limit: Limits.nestedStringBytes))")
        case .tookTooLong: return anonymous(value, "__tostring took too long")
        case .interrupted: return anonymous(value, "interrupted")
        }
      }
      guard depth > 0 else { return LuaText.plain(shown) }
      let line = shown.bytes.prefix { !$0.isLineEnd }
      let text = LuaText.plain(LuaString(Array(line.prefix(Limits.nestedStringBytes))))
      return line.count < shown.bytes.count || line.count > Limits.nestedStringBytes ? text + "…" : text
    }

    private func anonymous(_ value: LuaValue, _ reason: String) -> String {
      guard let reference = value.reference else { return value.type.description }
      let what = "\(name(of: value) ?? value.type.description): \(address(reference))"
      return reason.isEmpty ? what : "\(what) (\(reason))"
    }

    private mutating func table(
      _ table: LuaReference, name: String?, depth: Int, indent: Int, column: Int
    ) -> String {
      let prefix = name.map { "\($0) " } ?? ""
      let identity = state.identity(of: table)
      if path.contains(identity) { return prefix + "<cycle>" }
      let isEmpty = state.pairs(of: table, limit: 1).isEmpty
      if isEmpty { return prefix + "{}" }
      guard depth < Limits.printDepth, !isSpent else { return prefix + "{…}" }
      path.append(identity)
      defer { path.removeLast() }
      let entries = entries(of: table, depth: depth, indent: indent + 2)
      bytes -= 2 * entries.count + 4
      let line = "\(prefix){ \(entries.joined(separator: ", ")) }"
      if column + indent + line.unicodeScalars.count <= printer.width, !line.contains("\n") { return line }
      let margin = String(repeating: " ", count: indent + 2)
      return "\(prefix){\n\(margin)\(entries.joined(separator: ",\n\(margin)"))\n\(margin.dropLast(2))}"
    }

    private mutating func entries(of table: LuaReference, depth: Int, indent: Int) -> [String] {
      var entries: [String] = []
      let listCount = state.rawCount(table)
      var position = 0
      while position < listCount, !isSpent, position < Limits.printItemsPerTable {
        let value = state.rawGet(table, .integer(Int64(position + 1)))
        // A list with holes: what is behind them has its key written out.
        if value.isNil { break }
        position += 1
        items -= 1
        entries.append(text(value, depth: depth + 1, indent: indent, column: 0))
      }
      let shown = position
      let scanned = state.pairs(of: table, limit: Limits.scannedPairs + shown)
      let isListLeft = shown < listCount && (isSpent || shown == Limits.printItemsPerTable)
      let others = scanned.filter { pair in
        guard case .integer(let key) = pair.key else { return true }
        return key < 1 || key > (isListLeft ? Int64(clamping: listCount) : Int64(shown))
      }
      var keyed = 0
      for pair in others.map({ (key: SortKey($0.key), pair: $0) }).sorted(by: { $0.key < $1.key }).map(\.pair)
      {
        guard !isSpent, keyed < Limits.printItemsPerTable else { break }
        keyed += 1
        items -= 1
        let key = keyText(pair.key, depth: depth)
        bytes -= key.utf8.count + 3
        // An echo goes into records; print shows it to who asks.
        let isSecret =
          pair.key.string.map { SourceSecrets.isSecretName($0.utf8) } == true && pair.value.type == .string
        entries.append(
          "\(key) = "
            + (isSecret
              ? "\"\(SourceSecrets.mark)\""
              : text(pair.value, depth: depth + 1, indent: indent, column: key.utf8.count + 3)))
      }
      let isMore = scanned.count == Limits.scannedPairs + shown
      let left = max(0, isListLeft ? listCount - shown : 0) + others.count - keyed
      if left > 0 || isMore { entries.append("… (\(left)\(isMore && !isListLeft ? "+" : "") more)") }
      return entries
    }

    private mutating func keyText(_ key: LuaValue, depth: Int) -> String {
      if case .string(let string) = key, string.bytes.count <= Limits.nestedStringBytes,
        LuaText.isName(string.bytes)
      {
        return string.description
      }
      // A table as a key is named, not opened.
      if case .table(let reference) = key { return "[\(name(of: key) ?? "table"): \(address(reference))]" }
      return "[\(text(key, depth: depth + 1, indent: 0, column: 0))]"
    }
  }

  /// Numbers by value, then strings by bytes, then the rest.
  private enum SortKey: Comparable {
    case number(Double, Int64)
    case string([UInt8])
    case other(Int)

    init(_ value: LuaValue) {
      switch value {
      case .integer(let value): self = .number(Double(value), value)
      case .number(let value): self = .number(value, 0)
      case .string(let value): self = .string(value.bytes)
      case .boolean(let value): self = .other(value ? 1 : 0)
      default: self = .other(2)
      }
    }

    static func < (a: SortKey, b: SortKey) -> Bool {
      switch (a, b) {
      case (.number(let x, let i), .number(let y, let j)): (x, i) < (y, j)
      case (.string(let x), .string(let y)): x.lexicographicallyPrecedes(y)
      case (.other(let x), .other(let y)): x < y
      case (.number, _), (.string, .other): true
      default: false
      }
    }
  }
}
