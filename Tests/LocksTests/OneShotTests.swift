import Dispatch
import Locks
import Testing

@Suite(.timeLimit(.minutes(1))) struct OneShotTests {
  @Test func whatCameBeforeIsThereAtOnce() async {
    let shot = OneShot<Int>()
    shot.fulfill(1)
    #expect(shot.value == 1)
    #expect(await shot.wait() == 1)
    #expect(await shot.wait(.zero) == 1)
    #expect(shot.block() == 1)
  }

  @Test func theFirstCounts() async {
    let shot = OneShot<Int>()
    shot.fulfill(1)
    shot.fulfill(2)
    shot.abandon()
    #expect(await shot.wait() == 1)
  }

  @Test func allWhoWaitGetIt() async {
    let shot = OneShot<Int>()
    let sum = await withTaskGroup(of: Int?.self) { group in
      for number in 0..<20 {
        group.addTask { number % 2 == 0 ? await shot.wait() : await shot.wait(.seconds(50)) }
      }
      group.addTask {
        shot.fulfill(3)
        return 0
      }
      return await group.reduce(0) { $0 + ($1 ?? 100) }
    }
    #expect(sum == 60)
  }

  @Test func aTimeThatIsOverEndsOneWaitOnly() async {
    let shot = OneShot<Int>()
    async let patient = shot.wait(.seconds(50))
    #expect(await shot.wait(.milliseconds(5)) == nil)
    #expect(shot.block(.milliseconds(5)) == nil)
    #expect(await shot.wait(.zero) == nil)
    #expect(shot.value == nil)
    shot.fulfill(4)
    #expect(await patient == 4)
    #expect(await shot.wait(.zero) == 4)
  }

  @Test func aCancelledTaskWaitsNoLonger() async {
    let shot = OneShot<Int>()
    let waiting = Task { await shot.wait(.seconds(50)) }
    waiting.cancel()
    #expect(await waiting.value == nil)
    // And the wait that nothing ends goes on.
    let certain = Task { await shot.wait() }
    certain.cancel()
    shot.fulfill(5)
    #expect(await certain.value == 5)
  }

  @Test func whatIsAbandonedSendsEverybodyAway() async {
    let shot = OneShot<Int>()
    async let one = shot.wait(.seconds(50))
    async let other = shot.wait()
    shot.abandon()
    shot.fulfill(1)
    #expect(await one == nil)
    #expect(await other == nil)
    #expect(shot.block() == nil)
    #expect(shot.value == nil)
  }

  @Test func aThreadWaitsAsATaskDoes() async {
    for _ in 0..<200 {
      let shot = OneShot<Int>()
      DispatchQueue.global().async { shot.fulfill(6) }
      #expect(shot.block(.seconds(50)) == 6)
    }
  }

  @Test func nothingIsLostWhenAllComesAtOnce() async {
    await withTaskGroup(of: Void.self) { group in
      for round in 0..<500 {
        group.addTask {
          let shot = OneShot<Int>()
          let waiting = Task { await shot.wait(.microseconds(round % 50)) }
          let certain = Task { await shot.wait() }
          if round % 3 == 0 { waiting.cancel() }
          shot.fulfill(round)
          #expect(await certain.value == round)
          let value = await waiting.value
          #expect(value == nil || value == round)
        }
      }
    }
  }
}
