/// A type as the reference writes it: `Frame?`, `string|string[]`, `{span?:Span,max?:integer}`,
/// `fun(frame:Frame):boolean`.
indirect enum APIType: Equatable, Sendable {
  /// `any`, `string`, `Frame`, `Span`…
  case named(String)
  case list(APIType)
  /// Named keys in order; `listed` is what `[integer]` or `[1]` hold.
  case record([(name: String, type: APIType)], listed: APIType?)
  /// `table<string,integer>`
  case map(key: APIType, value: APIType)
  case function(parameters: [APIType], results: [APIType])
  case union([APIType])

  init(_ text: String) {
    var parser = Parser(Array(text.utf8))
    self = parser.union()
  }

  static func == (a: APIType, b: APIType) -> Bool { a.description == b.description }

  /// The alternatives of a union, else the type alone; without `nil` and `false`.
  var alternatives: [APIType] {
    guard case .union(let types) = self else { return [self] }
    return types.flatMap(\.alternatives).filter { $0 != .named("nil") && $0 != .named("false") }
  }

  var description: String {
    switch self {
    case .named(let name): name
    case .list(let element): "\(element.description)[]"
    case .record(let fields, let listed):
      "{"
        + (fields.map { "\($0.name):\($0.type.description)" }
        + (listed.map { ["[integer]:\($0.description)"] } ?? [])).joined(separator: ",") + "}"
    case .map(let key, let value): "table<\(key.description),\(value.description)>"
    case .function(let parameters, let results):
      "fun(\(parameters.map(\.description).joined(separator: ","))):\(results.map(\.description).joined(separator: ","))"
    case .union(let types): types.map(\.description).joined(separator: "|")
    }
  }
}

extension APIType {
  /// Takes anything: what is no type is named as it stands.
  private struct Parser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ text: String) -> Bool {
      while current == 0x20 { position += 1 }
      guard bytes[position...].starts(with: text.utf8) else { return false }
      position += text.utf8.count
      return true
    }

    private mutating func word() -> String {
      while current == 0x20 { position += 1 }
      let word = bytes[position...].prefix { $0.isNamePart || $0 == UInt8(ascii: ".") }
      position += word.count
      return String(decoding: word, as: UTF8.self)
    }

    mutating func union() -> APIType {
      var types = [single()]
      while take("|") { types.append(single()) }
      return types.count == 1 ? types[0] : .union(types)
    }

    private mutating func single() -> APIType {
      var type = primary()
      while true {
        if take("[]") {
          type = .list(type)
        } else if take("?") {
          type = .union([type, .named("nil")])
        } else {
          return type
        }
      }
    }

    private mutating func primary() -> APIType {
      if take("{") { return record() }
      if take("fun(") { return function() }
      let name = word()
      if name == "table", take("<") {
        let key = union()
        _ = take(",")
        let value = union()
        _ = take(">")
        return .map(key: key, value: value)
      }
      if name.isEmpty, position < bytes.count { position += 1 }
      return .named(name.isEmpty ? "any" : name)
    }

    private mutating func record() -> APIType {
      var fields: [(name: String, type: APIType)] = []
      var listed: APIType?
      while position < bytes.count, !take("}") {
        let isListed = take("[")
        let name = word()
        _ = take("]")
        _ = take("?")
        let type: APIType = take(":") ? union() : .named("any")
        if isListed { listed = type } else if !name.isEmpty { fields.append((name, type)) }
        if !take(","), current != UInt8(ascii: "}") { position += 1 }
      }
      return .record(fields, listed: listed)
    }

    private mutating func function() -> APIType {
      var parameters: [APIType] = []
      while position < bytes.count, !take(")") {
        _ = word()
        _ = take("?")
        parameters.append(take(":") ? union() : .named("any"))
        if !take(","), current != UInt8(ascii: ")") { position += 1 }
      }
      var results: [APIType] = []
      if take(":") {
        repeat { results.append(union()) } while take(",")
      }
      return .function(parameters: parameters, results: results)
    }
  }
}
