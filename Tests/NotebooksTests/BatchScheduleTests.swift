import Notebooks
import Testing

@Suite struct BatchScheduleTests {
  private typealias Situation = BatchSchedule.Situation
  private let start = ContinuousClock.now

  private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

  @Test func startsAsManyAsThereAreJobs() {
    var schedule = BatchSchedule(count: 3, .init(jobs: 2))
    #expect(schedule.actions(at: at(0), [:]) == [.start(0), .start(1)])
    #expect(schedule.actions(at: at(1), [:]).isEmpty)
    schedule.ended(1, failed: false)
    #expect(schedule.actions(at: at(2), [:]) == [.start(2)])
    schedule.ended(0, failed: false)
    #expect(!schedule.isOver)
    schedule.ended(2, failed: false)
    #expect(schedule.isOver)
  }

  @Test(arguments: [false, true]) func afterAFailureNothingStartsUnlessItIsToGoOn(_ keepsGoing: Bool) {
    var schedule = BatchSchedule(count: 3, .init(jobs: 2, keepsGoing: keepsGoing))
    _ = schedule.actions(at: at(0), [:])
    schedule.ended(0, failed: true)
    #expect(schedule.actions(at: at(1), [:]) == (keepsGoing ? [.start(2)] : []))
    // What runs already runs to its end.
    #expect(schedule.runningCount == (keepsGoing ? 2 : 1) && !schedule.isOver)
  }

  @Test func aScriptBeyondItsTimeIsInterruptedUntilItEnds() {
    var schedule = BatchSchedule(count: 1, .init(timeout: .seconds(10)))
    _ = schedule.actions(at: at(0), [:])
    #expect(schedule.deadline([:]) == at(10))
    #expect(schedule.actions(at: at(9.9), [:]).isEmpty)
    let stop = BatchSchedule.Action.interrupt(0, .timeout(.seconds(10)))
    #expect(schedule.actions(at: at(10), [:]) == [stop])
    #expect(schedule.deadline([:]) == at(10.25))
    #expect(schedule.actions(at: at(10.1), [:]).isEmpty)
    #expect(schedule.actions(at: at(10.3), [:]) == [stop])
    // Its cells are over: it closes, and has time for that.
    #expect(schedule.actions(at: at(14), [0: Situation(isClosing: true)]).isEmpty)
    #expect(schedule.deadline([0: Situation(isClosing: true)]) == at(25))
  }

  @Test func aScriptThatNothingStopsIsWaitedForNoLonger() {
    var schedule = BatchSchedule(count: 1, .init(timeout: .seconds(1)))
    _ = schedule.actions(at: at(0), [:])
    _ = schedule.actions(at: at(1), [:])
    #expect(schedule.actions(at: at(6), [:]) == [.abandon(0, .timeout(.seconds(1)))])
    #expect(schedule.isOver)
  }

  @Test func aCellHasATimeOfItsOwn() {
    var schedule = BatchSchedule(count: 1, .init(timeout: .seconds(100), cellTimeout: .seconds(2)))
    _ = schedule.actions(at: at(0), [:])
    let first = [0: Situation(cellBegan: at(1))]
    let second = [0: Situation(cellBegan: at(2.5))]
    #expect(schedule.deadline(first) == at(3))
    #expect(schedule.actions(at: at(2.9), first).isEmpty)
    #expect(schedule.actions(at: at(3.5), second).isEmpty)
    #expect(schedule.actions(at: at(4.5), second) == [.interrupt(0, .cellTimeout(.seconds(2)))])
  }

  @Test func stoppingEverythingStartsNothingAndTheFirstReasonCounts() {
    var schedule = BatchSchedule(count: 9, .init(jobs: 2, keepsGoing: true))
    _ = schedule.actions(at: at(0), [:])
    schedule.stopEverything(.termination)
    schedule.stopEverything(.interrupt)
    #expect(schedule.actions(at: at(1), [:]) == [.interrupt(0, .termination), .interrupt(1, .termination)])
    schedule.ended(0, failed: true)
    schedule.ended(1, failed: true)
    #expect(schedule.actions(at: at(2), [:]).isEmpty && schedule.isOver)
  }

  @Test func nothingIsStartedWhileNobodyCanLookAfterIt() {
    var schedule = BatchSchedule(count: 1, .init())
    #expect(schedule.actions(at: at(0), [:], mayStart: false).isEmpty && !schedule.isOver)
    #expect(schedule.actions(at: at(0), [:]) == [.start(0)])
  }
}
