/// Header fields in order; names compare without regard to case.
public struct HTTPFields: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  public private(set) var all: [(name: String, value: String)] = []

  public init(dictionaryLiteral elements: (String, String)...) {
    all = elements.map { (name: $0.0, value: $0.1) }
  }

  /// The first field of that name. Setting replaces all of them, `nil` removes them.
  public subscript(name: String) -> String? {
    get { all.first { $0.name.lowercased() == name.lowercased() }?.value }
    set {
      all.removeAll { $0.name.lowercased() == name.lowercased() }
      if let newValue { all.append((name: name, value: newValue)) }
    }
  }

  public mutating func add(_ name: String, _ value: String) { all.append((name: name, value: value)) }

  /// Comma-separated tokens of all fields of that name, in lower case.
  package func tokens(_ name: String) -> [String] {
    all.filter { $0.name.lowercased() == name.lowercased() }.flatMap { field in
      field.value.split(separator: ",").map { token in
        token.lowercased().drop { $0 == " " || $0 == "\t" }
          .reversed().drop { $0 == " " || $0 == "\t" }.reversed()
      }.map { String($0) }
    }
  }

  /// A name must be a token and a value free of control characters, else it could forge further headers.
  func check() throws(TransportError) {
    for field in all {
      let isToken = !field.name.isEmpty && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
      guard isToken, field.value.utf8.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }) else {
        throw TransportError(.invalid, "header “\(field.name)” holds a character that is not allowed")
      }
    }
  }

  public static func == (a: Self, b: Self) -> Bool {
    a.all.elementsEqual(b.all) { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
  }
}

/// A request as a server sees it, or as a client sends it.
public struct HTTPRequest: Sendable {
  public var method: String
  /// Decoded of nothing: as it stood on the request line, without the query.
  public var path: String
  /// What follows the first `?`, without it; empty when there was none.
  public var query: String
  /// `1.0` or `1.1`.
  public var version: String
  public var headers: HTTPFields
  public var body: [UInt8]

  public init(
    method: String = "GET", path: String, query: String = "", version: String = "1.1",
    headers: HTTPFields = [:], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.version = version
    self.headers = headers
    self.body = body
  }

  /// Value of a query parameter, percent-decoded; `nil` when it is missing or not UTF-8.
  public func parameter(_ name: String) -> String? {
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if Self.decoded(parts[0]) == name { return Self.decoded(parts.count > 1 ? parts[1] : "") }
    }
    return nil
  }

  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// An answer as a server gives it, or as a client gets it.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var headers: HTTPFields
  public var body: [UInt8]

  public init(status: Int = 200, headers: HTTPFields = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A plain text answer.
  public init(status: Int, text: String) {
    self.init(
      status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
  }

  /// The body as text, malformed bytes replaced.
  public var text: String { String(decoding: body, as: UTF8.self) }
}
