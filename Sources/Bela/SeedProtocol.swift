package import JSON

/// The older seed command protocol (section 16): what a client says.
package enum SeedCommand: Sendable, Hashable {
  case startStreamer(project: String, timeMs: Int64, variables: [String])
  case stopStreamer(project: String)

  package var name: String {
    switch self {
    case .startStreamer: "start_streamer"
    case .stopStreamer: "stop_streamer"
    }
  }

  package var message: String {
    switch self {
    case .startStreamer(let project, let timeMs, let variables):
      var members: [JSON.Member] = [
        .init("command", .string(name)), .init("project_name", .string(project)),
        .init("time_ms", .integer(timeMs)),
      ]
      if !variables.isEmpty { members.append(.init("variables", .array(variables.map { .string($0) }))) }
      return JSON.object(members).boardText
    case .stopStreamer(let project):
      return (["command": .string(name), "project_name": .string(project)] as JSON).boardText
    }
  }

  /// What came on control, for the board's side: nil when it is no command object at all.
  package struct Request: Sendable, Hashable {
    package var name: String
    package var project: String?
    /// Nil when missing; a value that is no whole number of at least 0 is refused.
    package var timeMs: Int64?
    package var variables: [String]?
    /// A field has the wrong type.
    package var isMalformed = false

    package init?(_ json: JSON) {
      guard let name = json["command"] else { return nil }
      self.name = name.string ?? ""
      isMalformed = name.string == nil
      project = json["project_name"]?.string
      if let time = json["time_ms"] {
        if let whole = time.integer, whole >= 0 {
          timeMs = whole
        } else {
          isMalformed = true
        }
      }
      if let list = json["variables"] {
        let names = list.array?.compactMap(\.string)
        isMalformed = isMalformed || names == nil || names!.count != list.array!.count
        variables = names
      }
    }
  }
}

/// What a board answers to them.
package struct SeedReply: Sendable, Hashable {
  package static let started = "Streaming started..."
  package static let stopped = "Streaming stopped"
  package static let finished = "Streaming finished"

  package var command: String?
  package var status: Int
  package var message: String
  package var timeMs: Int64?
  package var variables: [String]?
  package var types: [String]?
  package var modes: [Int]?
  /// Values sent of each variable, on an end message.
  package var counts: [Int64]?

  package init(command: String?, status: Int = 1, message: String) {
    self.command = command
    self.status = status
    self.message = message
  }

  package init?(_ json: JSON) {
    guard json["watcher"] == nil, json["event"] == nil else { return nil }
    let message = json["message"]?.string
    guard let status = json["status_code"]?.tick ?? (message == "Watcher not running" ? 503 : nil),
      let status = Int(exactly: status)
    else { return nil }
    self.status = status
    self.message = message ?? json["status"]?.string ?? ""
    command = json["command"]?.string
    timeMs = json["time_ms"]?.tick
    variables = json["variables"]?.array?.compactMap(\.string)
    types = json["types"]?.array?.compactMap(\.string)
    modes = json["timestamp_modes"]?.array?.compactMap { $0.tick.map { $0 == 1 ? 1 : 0 } }
    counts = json["counts"]?.array?.compactMap(\.tick)
  }

  package var isSuccess: Bool { status == 1 }

  /// What the reply says of itself, by `command` where it is there and by its text else.
  package enum Meaning: Sendable, Equatable { case started, ended, failed, unknown }

  package var meaning: Meaning {
    guard isSuccess else { return .failed }
    switch message {
    case Self.started: return .started
    case Self.stopped, Self.finished: return .ended
    default: return .unknown
    }
  }

  package var json: JSON {
    let members: [(String, JSON?)] = [
      ("status_code", .integer(Int64(status))), ("message", .string(message)),
      ("command", command.map { .string($0) }), ("time_ms", timeMs.map { .integer($0) }),
      ("variables", variables.map { .array($0.map { .string($0) }) }),
      ("types", types.map { .array($0.map { .string($0) }) }),
      ("timestamp_modes", modes.map { .array($0.map { .integer(Int64($0)) }) }),
      ("counts", counts.map { .array($0.map { .integer($0) }) }),
    ]
    return .object(members.compactMap { key, value in value.map { JSON.Member(key, $0) } })
  }
}
