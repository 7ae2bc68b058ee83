import Locks

/// Says how far the board's clock has come, and waits in between.
struct BoardPacer {
  private let configuration: BoardConfiguration

  init(_ configuration: BoardConfiguration) { self.configuration = configuration }

  /// Where a clock that stood at a tick is after some seconds. Never more than can be counted: rate and speed come from
  /// scripts, and may be any number.
  static func ticks(from tick: Int64, _ seconds: Double, rate: Double, speed: Double) -> Int64 {
    let passed = seconds * rate * speed
    return Int64(min(max(Double(tick) + (passed.isNaN ? 0 : passed), Double(tick)), Limits.clockTicks))
  }

  func run(_ board: () -> SimulatedBoard?) async {
    // Where the clock was at a moment; it goes on from there.
    var base = (tick: configuration.firstTick, at: ContinuousClock.now)
    var program = 0
    while !Task.isCancelled {
      guard let current = board() else { return }
      let (now, running, start, isIdle) = current.state.withLock {
        ($0.machine.now, $0.program, $0.clockBegan, $0.machine.isIdle)
      }
      if running != program {
        (program, base) = (running, (configuration.firstTick, start))
      }
      // As fast as it goes, but only while somebody waits for it: an hour must not pass between two commands.
      let isFree = configuration.speed == .infinity && !isIdle
      var target = now + Limits.sliceTicks
      if configuration.ticksByBuffers {
        // Time stands still; buffers that wait are taken.
        target = now
      } else if isFree {
        base = (now, ContinuousClock.now)
      } else {
        let speed = configuration.speed == .infinity ? 1 : configuration.speed
        let elapsed = (ContinuousClock.now - base.at) / .seconds(1)
        let due = Self.ticks(
          from: base.tick - configuration.firstTick, elapsed, rate: configuration.rate, speed: speed)
        // Whole blocks only: that is when a program hands over.
        let block = Int64(max(1, configuration.block))
        target = min(target, configuration.firstTick + due / block * block)
      }
      let worked = ContinuousClock.now
      guard let backlog = current.advance(to: target) else { return }
      if target > now, ContinuousClock.now - worked > .milliseconds(1) {
        // Clients wait for the same lock, and a clock that is late must not keep them out.
        try? await Task.sleep(for: .microseconds(100))
      }
      if configuration.speed > 1, backlog > Limits.backlogBytes {
        // In fast motion time waits for the readers, and nothing is lost.
        let before = ContinuousClock.now
        try? await Task.sleep(for: .milliseconds(1))
        base.at += ContinuousClock.now - before
      } else if target <= now {
        try? await Task.sleep(for: .milliseconds(2))
      } else {
        // One that is late, or as fast as it can be, must leave room for others on its thread.
        await Task.yield()
      }
    }
  }
}
