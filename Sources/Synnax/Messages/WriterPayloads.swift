package enum WriterCommand: Int, Codable, Sendable { case open, write, commit, setAuthority }

/// Who writes, as other clients see it.
package struct ControlSubjectPayload: Codable, Sendable, Hashable {
  package var key: String
  package var name: String?
  package var group: UInt32?

  package init(key: String, name: String, group: UInt32) {
    self.key = key
    self.name = name
    self.group = group
  }
}

package struct WriterConfigPayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var start: Wide?
  package var mode: Int?
  package var authorities: [UInt32]?
  package var controlSubject: ControlSubjectPayload?
  package var errOnUnauthorized: Bool?
  package var enableAutoCommit: Bool?
  package var autoIndexPersistInterval: Wide?
  package var autoIndex: Bool?

  enum CodingKeys: String, CodingKey {
    case keys, start, mode, authorities
    case controlSubject = "control_subject"
    case errOnUnauthorized = "err_on_unauthorized"
    case enableAutoCommit = "enable_auto_commit"
    case autoIndexPersistInterval = "auto_index_persist_interval"
    case autoIndex = "auto_index"
  }

  package init(keys: [UInt32], authorities: [UInt32]) {
    self.keys = keys
    self.authorities = authorities
  }
}

package struct WriterRequestPayload: Codable, Sendable, Hashable {
  package var command: Int
  package var config: WriterConfigPayload?

  package init(_ command: WriterCommand, config: WriterConfigPayload? = nil) {
    self.command = command.rawValue
    self.config = config
  }

  /// A command that is missing is the first, as it is for a core.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    command = try container.decodeIfPresent(Int.self, forKey: .command) ?? 0
    config = try container.decodeIfPresent(WriterConfigPayload.self, forKey: .config)
  }
}

package struct WriterResponsePayload: Codable, Sendable, Hashable {
  package var err: ErrorPayload?
  package var end: Wide?
  package var command: Int?
  package var authorized: Bool?

  package init(
    _ command: WriterCommand = .open, err: ErrorPayload = .none, end: Int64 = 0, authorized: Bool = false
  ) {
    self.err = err
    self.end = Wide(end)
    self.command = command.rawValue
    self.authorized = authorized
  }
}
