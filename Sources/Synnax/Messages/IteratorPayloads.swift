package enum IteratorCommand: Int, Codable, Sendable {
  case open, next, previous, seekFirst, seekLast, seekAtMost, seekAtLeast, valid, error, setBounds
}

package struct IteratorRequestPayload: Codable, Sendable, Hashable {
  package var command: Int
  package var bounds: BoundsPayload?
  package var keys: [UInt32]?
  /// A plain number, as everything that is neither a time stamp nor a time span.
  package var chunkSize: Int64?
  package var span: Wide?
  package var stamp: Wide?
  package var downsampleFactor: Int?
  package var reduction: ReductionPayload?

  enum CodingKeys: String, CodingKey {
    case command, bounds, keys, span, stamp, reduction
    case chunkSize = "chunk_size"
    case downsampleFactor = "downsample_factor"
  }

  package init(_ command: IteratorCommand) { self.command = command.rawValue }

  /// A command that is missing is the first, as it is for a core.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    command = try container.decodeIfPresent(Int.self, forKey: .command) ?? 0
    bounds = try container.decodeIfPresent(BoundsPayload.self, forKey: .bounds)
    keys = try container.decodeIfPresent([UInt32].self, forKey: .keys)
    chunkSize = try container.decodeIfPresent(Int64.self, forKey: .chunkSize)
    span = try container.decodeIfPresent(Wide.self, forKey: .span)
    stamp = try container.decodeIfPresent(Wide.self, forKey: .stamp)
    downsampleFactor = try container.decodeIfPresent(Int.self, forKey: .downsampleFactor)
    reduction = try container.decodeIfPresent(ReductionPayload.self, forKey: .reduction)
  }
}

/// Fewer samples than there are: every n-th, or about so many for each channel.
package struct ReductionPayload: Codable, Sendable, Hashable {
  package var variant: String
  package var factor: Int?
  package var aggregation: String?
  package var pointLimit: Int?

  enum CodingKeys: String, CodingKey {
    case variant, factor, aggregation
    case pointLimit = "point_limit"
  }
}

package struct IteratorResponsePayload: Codable, Sendable, Hashable {
  package var error: ErrorPayload?
  package var frame: EmptyFramePayload?
  package var seqNum: Int?
  package var nodeKey: Int?
  package var variant: Int?
  package var command: Int?
  package var ack: Bool?

  enum CodingKeys: String, CodingKey {
    case error, frame, variant, command, ack
    case seqNum = "seq_num"
    case nodeKey = "node_key"
  }

  /// What a core sends with `open` and `close`.
  package init() {
    frame = EmptyFramePayload()
    (seqNum, nodeKey, variant, command, ack) = (0, 0, 0, 0, false)
  }

  package init(_ command: Int, ack: Bool, error: ErrorPayload = .nothing) {
    self.init()
    (self.variant, self.command, self.ack, self.error) = (1, command, ack, error)
  }

  /// The error is written as null where there is none: the official client wants the field.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(error, forKey: .error)
    try container.encode(frame, forKey: .frame)
    try container.encode(seqNum, forKey: .seqNum)
    try container.encode(nodeKey, forKey: .nodeKey)
    try container.encode(variant, forKey: .variant)
    try container.encode(command, forKey: .command)
    try container.encode(ack, forKey: .ack)
  }
}

/// `/frame/delete`.
package struct DeleteRequestPayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var names: [String]?
  package var bounds: BoundsPayload?
}

/// `/frame/read` of 0.60.
package struct ReadRequestPayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var bounds: BoundsPayload?
  package var timestampsIncluded: Bool?
  package var reduction: ReductionPayload?

  enum CodingKeys: String, CodingKey {
    case keys, bounds, reduction
    case timestampsIncluded = "timestamps_included"
  }

  package init(keys: [UInt32], bounds: TimeRange) {
    self.keys = keys
    self.bounds = BoundsPayload(bounds)
    timestampsIncluded = false
  }
}
