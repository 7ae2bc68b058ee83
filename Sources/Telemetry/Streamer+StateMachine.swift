/// Where a streamer is in its life. A plain value: it is told what happened and answers what to do.
struct StreamerStateMachine: Sendable {
  enum State: Sendable, Equatable {
    case ready, starting, running, reconnecting, stopping, stopped, lost, closed
  }

  private(set) var state = State.ready
  /// Why the stream is not running, where somebody said so.
  private(set) var reason: String?

  /// The word scripts see.
  var name: String {
    switch state {
    case .ready, .starting: "ready"
    case .running, .stopping: "running"
    case .reconnecting: "reconnecting"
    case .stopped: "stopped"
    case .lost: "lost"
    case .closed: "closed"
    }
  }

  /// True while samples may still come.
  var isLive: Bool {
    switch state {
    case .starting, .running, .reconnecting, .stopping: true
    case .ready, .stopped, .lost, .closed: false
    }
  }

  enum StartAction: Equatable { case open, nothing, busy, refuse }

  mutating func start() -> StartAction {
    switch state {
    case .ready, .stopped, .lost:
      state = .starting
      reason = nil
      return .open
    case .running, .reconnecting: return .nothing
    case .starting, .stopping: return .busy
    case .closed: return .refuse
    }
  }

  enum OpenedAction: Equatable { case run, stopFeed }

  /// The source has acknowledged.
  mutating func opened() -> OpenedAction {
    switch state {
    case .starting:
      state = .running
      return .run
    // A short stream may have finished before its acknowledgement was looked at.
    case .stopped, .lost: return .run
    default: return .stopFeed
    }
  }

  mutating func openFailed() {
    if state == .starting { state = .ready }
  }

  enum StopAction: Equatable { case stopFeed, nothing }

  mutating func stop() -> StopAction {
    switch state {
    case .running, .reconnecting:
      state = .stopping
      return .stopFeed
    default: return .nothing
    }
  }

  mutating func stopped() {
    if state == .stopping { state = .stopped }
  }

  /// True when the event changes anything and should be told.
  mutating func handle(_ event: StreamEvent) -> Bool {
    switch event {
    case .finished:
      guard isLive else { return false }
      state = .stopped
    case .interrupted(let why):
      guard isLive else { return false }
      state = .stopped
      reason = why
    case .reconnecting(let why):
      guard state == .running else { return false }
      state = .reconnecting
      reason = why
    case .resumed:
      guard state == .reconnecting else { return false }
      state = .running
      reason = nil
    case .lost(let why):
      guard isLive else { return false }
      state = .lost
      reason = why
    case .gap: return isLive
    }
    return true
  }

  /// True the first time.
  mutating func close() -> Bool {
    defer { state = .closed }
    return state != .closed
  }
}
