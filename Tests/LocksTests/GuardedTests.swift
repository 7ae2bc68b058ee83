import Dispatch
import Locks
import Testing

@Suite struct GuardedTests {
  @Test func whatManyThreadsAddIsThere() {
    let sum = Guarded(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<10_000 { sum.withLock { $0 += 1 } }
    }
    #expect(sum.withLock { $0 } == 80_000)
  }

  @Test func anErrorComesOutAndTheLockIsFree() {
    struct Refusal: Error {}
    let value = Guarded([1])
    #expect(throws: Refusal.self) {
      try value.withLock { value throws(Refusal) in
        value.append(2)
        throw Refusal()
      }
    }
    #expect(value.withLock { $0 } == [1, 2])
  }

  @Test func whatItHoldsGoesWithIt() {
    final class Held {}
    weak var held: Held?
    do {
      let one = Held()
      held = one
      _ = Guarded(HeldBox(value: one))
    }
    #expect(held == nil)
  }

  // Safety: one test's own, which no other thread sees.
  private struct HeldBox: @unchecked Sendable { let value: AnyObject }
}
