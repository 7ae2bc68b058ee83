import JSON

/// What a board says on its control socket.
package enum BelaReply: Sendable, Hashable {
  /// Sent to every control connection whenever anybody opens one.
  case connection(project: String?)
  case list(BelaList)
  case log(BelaLogReply)
  /// The seed command protocol.
  case command(SeedReply)
  /// JSON that means nothing to us: other events, keys of newer boards.
  case other
  /// Not JSON, or not an object.
  case garbage

  package init(_ text: some Sequence<UInt8>) {
    guard let json = JSON(board: text), json.members != nil else {
      self = .garbage
      return
    }
    if let watcher = json["watcher"] {
      if let list = BelaList(watcher) {
        self = .list(list)
        return
      }
      if let log = BelaLogReply(watcher) {
        self = .log(log)
        return
      }
    }
    if let reply = SeedReply(json) {
      self = .command(reply)
    } else if json["event"]?.string == "connection" {
      self = .connection(project: json["projectName"]?.string.map(Self.undoByteEscapes))
    } else {
      self = .other
    }
  }

  /// The board writes a name byte for byte, each byte as one escape (section 2).
  private static func undoByteEscapes(_ name: String) -> String {
    let scalars = name.unicodeScalars
    guard scalars.contains(where: { $0.value > 0x7F }), scalars.allSatisfy({ $0.value <= 0xFF }) else {
      return name
    }
    return String(validating: scalars.map { UInt8($0.value) }, as: UTF8.self) ?? name
  }
}

/// The board has accepted a log; it may begin later (section 4.6).
public struct BelaLogReply: Sendable, Hashable {
  public var variable: String
  public var fileName: String
  public var start: Int64
  /// Nil when open-ended.
  public var end: Int64?

  init?(_ json: JSON) {
    guard let variable = json["watcher"]?.string, let file = json["logFileName"]?.string else { return nil }
    self.variable = variable
    fileName = file
    start = json["timestamp"]?.tick ?? 0
    end = json["timestampEnd"]?.tick
    // 2^64 - 1 means for ever; nothing beyond what Int64 holds can be a tick of ours.
    if end == .max { end = nil }
  }
}
