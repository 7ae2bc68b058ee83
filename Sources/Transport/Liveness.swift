/// Finds a peer that fell silent: a plain value that is told the time in nanoseconds of any monotonic clock.
package struct Liveness: Sendable {
  package enum Action: Equatable, Sendable {
    case wait
    case ping
    case dead
  }

  private let interval: Int64
  private let missesAllowed: Int
  private var lastHeard: Int64
  private var misses = 0

  package init(interval: Int64, missesAllowed: Int, now: Int64) {
    self.interval = max(1, interval)
    self.missesAllowed = max(1, missesAllowed)
    lastHeard = now
  }

  /// Any byte from the peer is a sign of life.
  package mutating func heard(now: Int64) {
    lastHeard = now
    misses = 0
  }

  /// To be called when the last answer's `next` is due. One call counts one miss at most, so a process that slept
  /// for an hour asks before it gives a peer up.
  package mutating func check(now: Int64) -> (action: Action, next: Int64) {
    let due = lastHeard + interval
    guard now >= due else { return (.wait, due) }
    misses += 1
    return misses >= missesAllowed ? (.dead, now) : (.ping, now + interval)
  }
}
