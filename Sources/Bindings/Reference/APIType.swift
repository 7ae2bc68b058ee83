/// A type as the reference writes it: `Frame?`, `ChannelName|ChannelName[]`, `{span?:Span,max?:integer}`,
/// `fun(frame:Frame):boolean`. The one reading of that language: help, completion, `check`, the registered functions and
/// the editor definitions have their types from it.
package indirect enum APIType: Sendable {
  /// `any`, `string`, `Frame`, `Span`…
  case named(String)
  case optional(APIType)
  case list(APIType)
  /// Named keys in order; `listed` is what `[integer]` or `[1]` hold.
  case record([Field], listed: APIType?)
  /// `table<string,integer>`
  case map(key: APIType, value: APIType)
  case function(parameters: [Field], results: [APIType])
  case union([APIType])

  package struct Field: Sendable {
    package let name: String
    package let isOptional: Bool
    package let type: APIType
  }

  /// - Parameter text: of the program itself: one that is no type ends it.
  package init(_ text: String) {
    var parser = Parser(text)
    guard let type = parser.union(), parser.isAtEnd else {
      preconditionFailure("\"\(text)\" is no type of the reference")
    }
    self = type
  }

  /// The alternatives of a union, else the type alone; without nil and `false`, and with option tables by their keys.
  package var alternatives: [APIType] {
    switch self {
    case .union(let types): types.flatMap(\.alternatives)
    case .optional(let type): type.alternatives
    case .named("nil"), .named("false"): []
    case .named(let name): Reference.optionTypes[name]?.alternatives ?? [self]
    default: [self]
    }
  }

  /// All names of types in it.
  package var names: Set<String> {
    switch self {
    case .named(let name): [name]
    case .optional(let type), .list(let type): type.names
    case .record(let fields, let listed):
      fields.reduce(listed?.names ?? []) { $0.union($1.type.names) }
    case .map(let key, let value): key.names.union(value.names)
    case .function(let parameters, let results):
      (parameters.map(\.type) + results).reduce([]) { $0.union($1.names) }
    case .union(let types): types.reduce([]) { $0.union($1.names) }
    }
  }

  /// Whether a value of it may be of a type of this name.
  package func mayBe(_ name: String) -> Bool { alternatives.contains(.named(name)) }

  /// Whether a string of it names a channel that is there.
  package var mayBeChannel: Bool { mayBe("ChannelName") || mayBe("SourceChannel") }

  /// Keys of the options tables that it may be.
  var optionKeys: [String] {
    optionFields.reduce(into: []) { keys, field in
      if !keys.contains(field.name) { keys.append(field.name) }
    }
  }

  package var optionFields: [Field] {
    alternatives.flatMap { type -> [Field] in
      if case .record(let fields, _) = type { fields } else { [] }
    }
  }

  /// Keys that an options table may have here; nil where none stands, or any table is fine.
  package var options: [String]? {
    let hasTable = alternatives.contains { if case .record = $0 { true } else { false } }
    return hasTable && !takesAnyTable ? optionKeys : nil
  }

  /// A plain table may hold anything.
  private var takesAnyTable: Bool {
    alternatives.contains { type in
      switch type {
      case .map, .named("table"), .named("any"): true
      default: false
      }
    }
  }

  /// What stands in the lists that it may be.
  package var listed: [APIType] {
    alternatives.compactMap { type in
      switch type {
      case .list(let element), .record(_, listed: .some(let element)): element
      default: nil
      }
    }
  }

  /// Keys of the tables that have a value for each of something.
  package var mapKeys: [APIType] {
    alternatives.compactMap { if case .map(let key, _) = $0 { key } else { nil } }
  }
}

extension APIType: Equatable {
  package static func == (a: APIType, b: APIType) -> Bool { a.description == b.description }
}

extension APIType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .named(let name): name
    case .optional(let type): "\(type.bracketed)?"
    case .list(let element): "\(element.bracketed)[]"
    case .record(let fields, let listed):
      "{"
        + [listed.map { "[integer]:\($0)" }, fields.isEmpty ? nil : Self.list(fields)].compactMap(\.self)
        .joined(separator: ",") + "}"
    case .map(let key, let value): "table<\(key),\(value)>"
    case .function(let parameters, let results):
      "fun(\(Self.list(parameters)))"
        + (results.isEmpty ? "" : ":" + results.map(\.description).joined(separator: ","))
    case .union(let types): types.map(\.description).joined(separator: "|")
    }
  }

  private static func list(_ fields: [Field]) -> String {
    fields.map { "\($0.name)\($0.isOptional ? "?" : ""):\($0.type)" }.joined(separator: ",")
  }

  private var bracketed: String { if case .union = self { "(\(description))" } else { description } }
}

extension APIType {
  private struct Parser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = text.utf8.filter { $0 != UInt8(ascii: " ") } }

    var isAtEnd: Bool { position == bytes.count }

    private mutating func take(_ text: String) -> Bool {
      guard bytes[position...].starts(with: text.utf8) else { return false }
      position += text.utf8.count
      return true
    }

    private mutating func word() -> String {
      let word = bytes[position...].prefix { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
      position += word.count
      return String(decoding: word, as: UTF8.self)
    }

    /// What is between one sign and another, with commas between them.
    private mutating func items<Item>(until end: String, _ item: (inout Parser) -> Item?) -> [Item]? {
      var items: [Item] = []
      if take(end) { return items }
      repeat {
        guard let next = item(&self) else { return nil }
        items.append(next)
      } while take(",")
      return take(end) ? items : nil
    }

    mutating func union() -> APIType? {
      var types: [APIType] = []
      repeat {
        guard let type = single() else { return nil }
        types.append(type)
      } while take("|")
      return types.count == 1 ? types[0] : .union(types)
    }

    private mutating func single() -> APIType? {
      guard var type = primary() else { return nil }
      while true {
        if take("[]") {
          type = .list(type)
        } else if take("?") {
          type = .optional(type)
        } else {
          return type
        }
      }
    }

    private mutating func primary() -> APIType? {
      if take("{") { return record() }
      if take("fun(") { return function() }
      if take("(") {
        guard let inner = union(), take(")") else { return nil }
        return inner
      }
      let name = word()
      if name == "table", take("<") {
        guard let key = union(), take(","), let value = union(), take(">") else { return nil }
        return .map(key: key, value: value)
      }
      return name.isEmpty ? nil : .named(name)
    }

    private mutating func record() -> APIType? {
      var listed: APIType?
      let fields = items(until: "}") { parser -> Field? in
        let isListed = parser.take("[")
        let name = parser.word()
        guard !name.isEmpty, !isListed || parser.take("]") else { return nil }
        let isOptional = parser.take("?")
        guard parser.take(":"), let type = parser.union() else { return nil }
        if isListed { listed = type }
        return Field(name: isListed ? "" : name, isOptional: isOptional, type: type)
      }
      return fields.map { .record($0.filter { !$0.name.isEmpty }, listed: listed) }
    }

    private mutating func function() -> APIType? {
      let parameters = items(until: ")") { parser -> Field? in
        let name = parser.word()
        let isOptional = parser.take("?")
        guard !name.isEmpty, parser.take(":"), let type = parser.union() else { return nil }
        return Field(name: name, isOptional: isOptional, type: type)
      }
      var results: [APIType] = []
      if take(":") {
        repeat {
          guard let result = union() else { return nil }
          results.append(result)
        } while take(",")
      }
      return parameters.map { .function(parameters: $0, results: results) }
    }
  }
}
