/// What a client asks of `/frame/stream`: first, and for each change of channels (protocol, section 12.1).
package struct StreamRequestPayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var downsampleFactor: Int?
  package var throttleRate: Double?
  /// The name that clients up to 0.59 used.
  package var throttleRateHz: Double?
  package var excludeGroups: [UInt32]?
  package var keepAlive: Wide?
  /// The name that the first cores with keep-alives knew.
  package var keepalive: Wide?

  enum CodingKeys: String, CodingKey {
    case keys, keepalive
    case downsampleFactor = "downsample_factor"
    case throttleRate = "throttle_rate"
    case throttleRateHz = "throttle_rate_hz"
    case excludeGroups = "exclude_groups"
    case keepAlive = "keep_alive"
  }

  package init(
    keys: [UInt32], downsampleFactor: Int, throttleRate: Double, excludeGroups: [UInt32], keepAlive: Int64
  ) {
    self.keys = keys
    self.downsampleFactor = downsampleFactor
    self.throttleRate = throttleRate
    throttleRateHz = throttleRate
    self.excludeGroups = excludeGroups
    self.keepAlive = Wide(keepAlive)
    keepalive = Wide(keepAlive)
  }
}

/// A frame in JSON; samples never travel in it here, so it is empty.
package struct EmptyFramePayload: Codable, Sendable, Hashable {
  package var keys: [UInt32]?
  package var series: [Anything]?

  package init() {
    keys = []
    series = []
  }

  package var isEmpty: Bool { (keys ?? []).isEmpty && (series ?? []).isEmpty }
}

/// What a core says on a stream: the acknowledgement, and keep-alives.
package struct StreamResponsePayload: Codable, Sendable, Hashable {
  package var frame: EmptyFramePayload?
  package var group: UInt32?
  package var isKeepAlive: Bool?
  /// The name that the first cores with keep-alives used.
  package var isOldKeepAlive: Bool?

  enum CodingKeys: String, CodingKey {
    case frame, group
    case isKeepAlive = "keep_alive"
    case isOldKeepAlive = "keepalive"
  }

  package init(isKeepAlive: Bool = false) {
    frame = EmptyFramePayload()
    group = 0
    self.isKeepAlive = isKeepAlive
  }
}
