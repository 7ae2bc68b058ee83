package import Telemetry

/// A channel as a core describes it (protocol, section 7.3).
package struct ChannelPayload: Codable, Sendable, Hashable {
  package var key: UInt32
  package var name: String
  package var leaseholder: UInt32
  package var dataType: String
  package var isIndex: Bool
  package var index: UInt32
  package var alias: String
  package var virtual: Bool
  package var `internal`: Bool
  package var expression: String
  package var concurrency: Int

  enum CodingKeys: String, CodingKey {
    case key, name, leaseholder, index, alias, virtual, `internal`, expression, operations, concurrency
    case dataType = "data_type"
    case isIndex = "is_index"
  }

  package init(
    key: UInt32 = 0, name: String, leaseholder: UInt32 = 0, dataType: String, isIndex: Bool = false,
    index: UInt32 = 0, virtual: Bool = false, internal: Bool = false, concurrency: Int = 0
  ) {
    self.key = key
    self.name = name
    self.leaseholder = leaseholder
    self.dataType = dataType
    self.isIndex = isIndex
    self.index = index
    alias = ""
    self.virtual = virtual
    self.internal = `internal`
    expression = ""
    self.concurrency = concurrency
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys, or missing: T) throws -> T {
      try container.decodeIfPresent(T.self, forKey: key) ?? missing
    }
    key = try value(.key, or: 0)
    name = try value(.name, or: "")
    leaseholder = try value(.leaseholder, or: 0)
    dataType = try value(.dataType, or: "")
    isIndex = try value(.isIndex, or: false)
    index = try value(.index, or: 0)
    alias = try value(.alias, or: "")
    virtual = try value(.virtual, or: false)
    `internal` = try value(.internal, or: false)
    expression = try value(.expression, or: "")
    concurrency = try value(.concurrency, or: 0)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(key, forKey: .key)
    try container.encode(name, forKey: .name)
    try container.encode(leaseholder, forKey: .leaseholder)
    try container.encode(dataType, forKey: .dataType)
    try container.encode(isIndex, forKey: .isIndex)
    try container.encode(index, forKey: .index)
    try container.encode(alias, forKey: .alias)
    try container.encode(virtual, forKey: .virtual)
    try container.encode(`internal`, forKey: .internal)
    try container.encode(expression, forKey: .expression)
    // The official client refuses null here.
    try container.encode([Int](), forKey: .operations)
    try container.encode(concurrency, forKey: .concurrency)
  }

  /// Nil when the type of its samples is not known here.
  package var channel: Channel? {
    DataType(synnaxName: dataType).map {
      Channel(
        name: name, type: $0, clock: .unix, key: key, index: index == 0 ? nil : index, isIndex: isIndex,
        isVirtual: virtual)
    }
  }
}

package struct ChannelsPayload: Codable, Sendable {
  package var channels: [ChannelPayload]?
  package init(_ channels: [ChannelPayload]) { self.channels = channels }
}

/// What to look for; all of it must hold (protocol, section 7.5).
package struct ChannelQueryPayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var names: [String]?
  package var searchTerm: String?
  package var dataTypes: [String]?
  package var notDataTypes: [String]?
  package var virtual: Bool?
  package var isIndex: Bool?
  package var `internal`: Bool?
  package var nodeKey: UInt32?
  package var limit: Int?
  package var offset: Int?

  enum CodingKeys: String, CodingKey {
    case keys, names, virtual, `internal`, limit, offset
    case searchTerm = "search_term"
    case dataTypes = "data_types"
    case notDataTypes = "not_data_types"
    case isIndex = "is_index"
    case nodeKey = "node_key"
  }

  package init(keys: [UInt32]? = nil, names: [String]? = nil) {
    self.keys = keys
    self.names = names
  }
}
