import Synchronization

/// Says how far the board's clock has come, and waits in between.
struct BoardPacer {
  private let configuration: BoardConfiguration

  init(_ configuration: BoardConfiguration) { self.configuration = configuration }

  func run(_ board: () -> SimulatedBoard?) async {
    var began = ContinuousClock.now
    let isFree = configuration.speed == .infinity
    var paused = Duration.zero
    var program = 0
    while !Task.isCancelled {
      guard let current = board() else { return }
      let (now, running, start) = current.state.withLock { ($0.machine.now, $0.program, $0.clockBegan) }
      if running != program {
        (program, began, paused) = (running, start, .zero)
      }
      var target = now + Limits.sliceTicks
      if configuration.ticksByBuffers {
        // Time stands still; buffers that wait are taken.
        target = now
      } else if !isFree {
        let elapsed = ContinuousClock.now - began - paused
        let due = Int64(elapsed / .seconds(1) * configuration.rate * configuration.speed)
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
        paused += ContinuousClock.now - before
      } else if target <= now {
        try? await Task.sleep(for: .milliseconds(2))
      } else if isFree {
        await Task.yield()
      }
    }
  }
}
