/// Decides what happens when in a run of several scripts: who starts, who is told to stop, who is waited for no more.
/// A plain value; the runner brings the time and does what it says.
package struct BatchSchedule {
  package typealias Instant = ContinuousClock.Instant
  package typealias Stop = ScriptCollector.Stop

  package struct Rules: Sendable {
    package var jobs: Int
    /// Goes on with the next script after one that failed.
    package var keepsGoing: Bool
    package var timeout: Duration?
    package var cellTimeout: Duration?

    package init(
      jobs: Int = 1, keepsGoing: Bool = false, timeout: Duration? = nil, cellTimeout: Duration? = nil
    ) {
      self.jobs = max(1, jobs)
      self.keepsGoing = keepsGoing
      self.timeout = timeout
      self.cellTimeout = cellTimeout
    }
  }

  package enum Action: Equatable, Sendable {
    case start(Int)
    /// Interrupt what it runs; said again until it has ended, for a task may have taken the last one.
    case interrupt(Int, Stop)
    /// It does not end: its results are what is known of it.
    case abandon(Int, Stop)
  }

  /// What a running script says of itself.
  package struct Situation: Sendable {
    /// When its present cell began; nil between cells.
    package var cellBegan: Instant?
    /// Its cells are over, and it closes what it opened.
    package var isClosing: Bool

    package init(cellBegan: Instant? = nil, isClosing: Bool = false) {
      self.cellBegan = cellBegan
      self.isClosing = isClosing
    }
  }

  private struct Running {
    var began: Instant
    var stop: (why: Stop, since: Instant, again: Instant)?
  }

  private let rules: Rules
  private let count: Int
  private var next = 0
  private var running: [Int: Running] = [:]
  /// Nothing is started any more, and why what ran was stopped.
  private var isHalted = false
  private var stopAll: Stop?

  package init(count: Int, _ rules: Rules) {
    self.count = count
    self.rules = rules
  }

  /// Nothing runs and nothing will.
  package var isOver: Bool { running.isEmpty && (isHalted || next == count) }
  package var runningCount: Int { running.count }
  /// Those that run, by age.
  package var indices: [Int] { running.keys.sorted() }

  /// Why a script was told to stop; nil when it was not.
  package func stop(of index: Int) -> Stop? { running[index]?.stop?.why }

  package mutating func ended(_ index: Int, failed: Bool) {
    running[index] = nil
    if failed, !rules.keepsGoing { isHalted = true }
  }

  /// A signal, or an output that takes no more: everything is to end.
  package mutating func stopEverything(_ why: Stop) {
    isHalted = true
    stopAll = stopAll ?? why
  }

  /// What is to be done now.
  /// - Parameter mayStart: false while nobody can look after a new script.
  package mutating func actions(
    at now: Instant, _ situations: [Int: Situation], mayStart: Bool = true
  ) -> [Action] {
    var actions: [Action] = []
    for index in indices { actions += act(on: index, at: now, situations[index] ?? Situation()) }
    while mayStart, !isHalted, next < count, running.count < rules.jobs {
      running[next] = Running(began: now)
      actions.append(.start(next))
      next += 1
    }
    return actions
  }

  private mutating func act(on index: Int, at now: Instant, _ situation: Situation) -> [Action] {
    guard var script = running[index] else { return [] }
    defer { if running[index] != nil { running[index] = script } }
    if script.stop == nil, let why = stopAll ?? overdue(script, at: now, situation) {
      script.stop = (why, since: now, again: now)
    }
    guard let stop = script.stop else { return [] }
    let patience = situation.isClosing ? Limits.closingTime : Limits.stoppingTime
    if now >= stop.since + patience {
      running[index] = nil
      return [.abandon(index, stop.why)]
    }
    // What closes is left alone: it is ending, and has deadlines of its own.
    guard !situation.isClosing, now >= stop.again else { return [] }
    script.stop?.again = now + Limits.interruptAgain
    return [.interrupt(index, stop.why)]
  }

  private func overdue(_ script: Running, at now: Instant, _ situation: Situation) -> Stop? {
    if situation.isClosing { return nil }
    if let limit = rules.timeout, now >= script.began + limit { return .timeout(limit) }
    if let limit = rules.cellTimeout, let began = situation.cellBegan, now >= began + limit {
      return .cellTimeout(limit)
    }
    return nil
  }

  /// When `actions` has something to say next without anything happening; nil for never.
  package func deadline(_ situations: [Int: Situation]) -> Instant? {
    running.compactMap { index, script -> Instant? in
      let situation = situations[index] ?? Situation()
      guard let stop = script.stop else {
        if situation.isClosing { return nil }
        let cell = rules.cellTimeout.flatMap { limit in situation.cellBegan.map { $0 + limit } }
        return [rules.timeout.map { script.began + $0 }, cell].compactMap { $0 }.min()
      }
      return situation.isClosing
        ? stop.since + Limits.closingTime : min(stop.again, stop.since + Limits.stoppingTime)
    }.min()
  }
}
