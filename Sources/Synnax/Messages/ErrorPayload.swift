import Foundation

/// An error as a core writes it (protocol, section 4).
package struct ErrorPayload: Error, Codable, Sendable, Hashable {
  package var type: String
  package var data: String

  package init(type: String, data: String) {
    self.type = type
    self.data = data
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    type = try container.decode(String.self, forKey: .type)
    data = try container.decodeIfPresent(String.self, forKey: .data) ?? ""
  }

  /// "No error", in the two forms a core has for it.
  package static let none = ErrorPayload(type: "", data: "")
  package static let nothing = ErrorPayload(type: "nil", data: "")
  package static let endOfStream = ErrorPayload(type: "freighter.eof", data: "EOF")

  package var isNone: Bool { type.isEmpty || type == "nil" }
  package var isEndOfStream: Bool { type == "freighter.eof" }

  /// A bad value at a place of the request; the error inside goes as JSON text.
  package static func path(_ path: [String], _ type: String, _ text: String) -> ErrorPayload {
    let inner = PathPayload(error: ErrorPayload(type: type, data: text), path: path)
    return ErrorPayload(type: "sy.validation.path", data: String(decoding: Wire.encode(inner), as: UTF8.self))
  }

  fileprivate struct PathPayload: Codable {
    var error: ErrorPayload?
    var path: [String]?
  }
}

extension SynnaxError {
  /// The core's own text goes through whole; what may be done about it comes from the class.
  package init(_ payload: ErrorPayload) {
    self.init(payload, depth: 0)
  }

  private init(_ payload: ErrorPayload, depth: Int) {
    let type = payload.type
    if type == "sy.validation.path", depth < SynnaxLimits.errorDepth,
      let inner = try? JSONDecoder().decode(ErrorPayload.PathPayload.self, from: Data(payload.data.utf8))
    {
      let cause = inner.error.map { SynnaxError($0, depth: depth + 1) }
      let path = (inner.path ?? []) + (cause?.path ?? [])
      self.init(
        "validation", "\(path.joined(separator: ".")): \(cause?.message ?? "not valid")", hint: cause?.hint,
        type: type, path: path)
      return
    }
    let (code, hint) =
      Self.classes.first { type == $0.prefix || type.hasPrefix($0.prefix + ".") }
      .map { ($0.code, $0.hint) } ?? ("unknown", nil)
    self.init(code, payload.data.isEmpty ? type : payload.data, hint: hint, type: type)
  }

  /// Longest first: new subtypes appear.
  private static let classes: [(prefix: String, code: String, hint: String?)] = [
    ("sy.auth.invalid-credentials", "auth", "is the user name right, and the password?"),
    ("sy.auth.access_denied", "access_denied", "this user may not do that; ask who runs the core"),
    ("sy.auth.session_ended", "auth", "log in again"),
    ("sy.auth", "auth", nil),
    ("sy.query.not_found", "not_found", nil),
    ("sy.query", "query", nil),
    ("sy.validation", "validation", nil),
    ("sy.control.unauthorized", "control", "another writer holds the channel; write with a higher authority"),
    ("sy.control", "control", nil),
    ("sy.route", "protocol", "is this a Synnax core, and of a version that knows this?"),
    ("sy.license", "license", "the core refuses because of its license"),
    ("freighter.unreachable", "unreachable", nil),
    ("freighter", "closed", nil),
  ]
}
