/// Where a streamer is in its life. A plain value: it is told what happened and answers what to do.
package struct StreamerStateMachine: Sendable {
  package enum State: Sendable, Equatable {
    case ready, starting, running, reconnecting, stopping, stopped, lost, closed
  }

  package private(set) var state = State.ready
  /// Why the stream is not running, where somebody said so.
  package private(set) var reason: String?
  /// Counts starts. What a feed of an earlier one still sends is nobody's.
  package private(set) var run = 0
  /// True from the source's acknowledgement on: there is something to stop.
  private var isOpen = false
  // Where a start that fails goes back to.
  private var before: (state: State, reason: String?) = (.ready, nil)

  package init() {}

  /// The word scripts see.
  package var name: String {
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
  package var isLive: Bool {
    switch state {
    case .starting, .running, .reconnecting, .stopping: true
    case .ready, .stopped, .lost, .closed: false
    }
  }

  package enum StartAction: Equatable { case open(run: Int), nothing, busy, refuse }

  package mutating func start() -> StartAction {
    switch state {
    case .ready, .stopped, .lost:
      before = (state, reason)
      state = .starting
      reason = nil
      run += 1
      isOpen = false
      return .open(run: run)
    case .running, .reconnecting: return isOpen ? .nothing : .busy
    case .starting, .stopping: return .busy
    case .closed: return .refuse
    }
  }

  package enum OpenedAction: Equatable {
    case proceed
    /// Nobody wants it any more: it was stopped or closed meanwhile.
    case stopFeed
  }

  /// The source has acknowledged. A short stream may have finished before that was looked at, or be away.
  package mutating func opened(run: Int) -> OpenedAction {
    guard run == self.run, state != .closed else { return .stopFeed }
    isOpen = true
    if state == .starting { state = .running }
    return .proceed
  }

  package mutating func openFailed(run: Int) {
    guard run == self.run, state == .starting || state == .reconnecting else { return }
    (state, reason) = before
  }

  package enum StopAction: Equatable {
    case stopFeed
    /// It had not started yet: whoever starts it will find out.
    case abandoned
    /// Somebody else is stopping it: wait for that.
    case wait
    case nothing
  }

  package mutating func stop() -> StopAction {
    switch state {
    case .running where isOpen, .reconnecting where isOpen:
      state = .stopping
      return .stopFeed
    case .starting, .running, .reconnecting:
      run += 1
      state = .stopped
      return .abandoned
    case .stopping: return .wait
    case .ready, .stopped, .lost, .closed: return .nothing
    }
  }

  package mutating func stopped() {
    if state == .stopping { state = .stopped }
  }

  /// True when the event changes anything and should be told.
  package mutating func handle(_ event: StreamEvent) -> Bool {
    switch event {
    case .finished, .interrupted:
      // While it is being stopped its end is no news.
      guard isLive, state != .stopping else { return false }
      state = .stopped
      if case .interrupted(let why) = event { reason = why }
    case .reconnecting(let why):
      guard state == .running || state == .starting else { return false }
      state = .reconnecting
      reason = why
    case .resumed:
      guard state == .reconnecting else { return false }
      state = isOpen ? .running : .starting
      reason = nil
    case .lost(let why):
      guard isLive else { return false }
      state = .lost
      reason = why
    case .gap: return isLive
    }
    return true
  }

  /// True when there is a feed to be stopped now.
  package mutating func close() -> Bool {
    defer { state = .closed }
    return isOpen && (state == .running || state == .reconnecting)
  }
}
