import CShims
import Foundation
import Lua
import TestSupport
import Testing

@Suite struct SchedulerTests {
  @Test func tenThousandTasksSleepTwice() throws {
    let bench = try Bench()
    let duration = try seconds {
      try bench.run(
        """
        done = 0
        for i = 1, 10000 do spawn(function() sleep(0.001 * (i % 7)) sleep(0.002) done = done + 1 end) end
        while done < 10000 do sleep(0.005) end
        """)
    }
    #expect(bench.state.global("done") == 10_000)
    #expect(duration < 4, "\(duration) s")
    #expect(bench.scheduler.tasks.isEmpty)
  }

  @Test func keepsTheOrderOfTimers() throws {
    let bench = try Bench(clock: .simulated)
    try bench.run(
      """
      for i = 9, 1, -1 do spawn(function() sleep(i * 1000) print(i) end) end
      spawn(function() sleep(3000) print("three") end)
      sleep(1e6)
      """)
    #expect(bench.printed == "1\n2\n3\nthree\n4\n5\n6\n7\n8\n9\n")
  }

  @Test func tasksTakeTurns() throws {
    let bench = try Bench(clock: .simulated)
    try bench.run(
      """
      for i = 1, 2 do spawn(function() for n = 1, 3 do print(i, n) coroutine.yield() end end) end
      sleep(1)
      """)
    #expect(bench.printed == "1\t1\n2\t1\n1\t2\n2\t2\n1\t3\n2\t3\n")
  }

  @Test func aTaskWhoseWaitsAreAlwaysOverLetsOthersRun() throws {
    let bench = try Bench()
    bench.define("poll") { _ throws(LuaError) in .wait(LuaWait(poll: { true })) }
    try bench.run("spawn(function() stop = true end) while not stop do poll() end")
    #expect(bench.state.global("stop") == true)
  }

  @Test func cancelsWhereItWaits() throws {
    let bench = try Bench()
    try bench.run(
      """
      local a = spawn(function()
        local x <close> = setmetatable({}, { __close = function() print("closed") end })
        print(pcall(sleep, 100))
        print(pcall(sleep, 100))
      end)
      local b = spawn(function() sleep(100) end)
      local c = spawn(function() while true do pcall(sleep, 0.01) end end)
      local e = spawn(function() while true do coroutine.yield() end end)
      sleep(0)
      local d = spawn(function() print("never") end)
      cancel(a) cancel(b) cancel(c) cancel(d) cancel(e)
      sleep(0.3)
      """)
    #expect(bench.printed == "false\tcancelled\nclosed\n")
    #expect(bench.scheduler.tasks.isEmpty)
  }

  @Test func reportsHowTasksEnd() throws {
    let bench = try Bench()
    var ended: [String] = []
    bench.scheduler.onTaskEnd = { ended.append("\($0.name) \($0.status) \($0.error?.bareMessage ?? "")") }
    let good = bench.scheduler.spawn(
      try bench.state.load("return 1, ...", chunkName: "=t"), arguments: [2], name: "good")
    let bad = bench.scheduler.spawn(try bench.state.load("error('no')", chunkName: "=t"), name: "bad")
    var seen = 0
    good.onEnd { _ in seen += 1 }
    bench.scheduler.runReady()
    good.onEnd { _ in seen += 1 }
    #expect(good.status == .done && good.results == [1, 2] && seen == 2)
    #expect(bad.status == .failed && bad.error?.position?.line == 1 && !bad.isErrorObserved)
    #expect(ended == ["good done ", "bad failed no"])
  }

  @Test func exitUnwindsEverything() throws {
    let bench = try Bench()
    let closing = "local x <close> = setmetatable({}, { __close = function() print('closed') end })"
    #expect(try bench.run("\(closing) pcall(os.exit, 3) print('no')") == .exit(3))
    #expect(
      try bench.run("\(closing) coroutine.wrap(function() \(closing) os.exit(false) end)()") == .exit(1))
    #expect(try bench.run("\(closing) spawn(os.exit, 7) sleep(100)") == .exit(7))
    #expect(
      try bench.run("spawn(os.exit) table.sort({ 1, 2 }, function() sleep(0.01) end) sleep(5)") == .exit(0))
    #expect(bench.printed == "closed\nclosed\nclosed\nclosed\n")
    // However short its waits are, or without any.
    #expect(try bench.run("spawn(os.exit, 7) while true do sleep(0) end") == .exit(7))
    #expect(try bench.run("spawn(os.exit, 8) while true do pcall(sleep, 0) end") == .exit(8))
    #expect(try bench.run("spawn(os.exit, 9) while true do coroutine.yield() end") == .exit(9))
    #expect(try bench.run("return 1") == .values([1]))
  }

  @Test func turnWaitsForKeysAndDeadlines() async throws {
    try await onThread {
      let bench = try Bench()
      var ends: [Int32] = [0, 0]
      pipe(&ends)
      defer { ends.forEach { close($0) } }
      let interrupter = bench.state.interrupter
      bench.scheduler.spawn(try bench.state.load("sleep(0.01) print('tick')", chunkName: "=t"))
      #expect(
        bench.scheduler.turn(waitingFor: ends[0], deadline: .now.advanced(bySeconds: 0.05)) == .deadline)
      #expect(bench.printed == "tick\n")
      write(ends[1], "x", 1)
      #expect(bench.scheduler.turn(waitingFor: ends[0]) == .readable)
      let drain = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
      read(ends[0], drain, 1)
      drain.deallocate()
      Thread.detachNewThread { interrupter.interrupt() }
      #expect(bench.scheduler.turn(waitingFor: ends[0]) == .interrupted)
      bench.scheduler.spawn(try bench.state.load("os.exit(4)", chunkName: "=t"))
      #expect(bench.scheduler.turn(waitingFor: ends[0]) == .exit(4))
    }
  }

  @Test func runsWhatOtherThreadsPost() async throws {
    try await onThread {
      let bench = try Bench()
      let inbox = bench.scheduler.inbox
      Thread.detachNewThread {
        for number in 1...1000 {
          let accepted = inbox.post { state in state.setGlobal("posted", number) }
          #expect(accepted)
        }
      }
      try bench.run("while posted ~= 1000 do sleep(0.001) end")
      bench.state.close()
      #expect(!inbox.post { _ in })
    }
  }

  @Test func stopsATaskThatHogsWhileTheForegroundWaits() async throws {
    try await onThread {
      let bench = try Bench()
      var stopped: [String] = []
      bench.scheduler.onTaskEnd = { stopped.append($0.error?.code ?? "none") }
      let interrupter = bench.state.interrupter
      Thread.detachNewThread {
        usleep(30_000)
        interrupter.interrupt()
      }
      var outcome = LuaOutcome.exit(0)
      let duration = try seconds {
        outcome = try bench.run("spawn(function() while true do end end) sleep(100) return 1")
      }
      guard case .failed(let error, _) = outcome else {
        Issue.record("\(outcome)")
        return
      }
      #expect(error.code == "interrupted" && stopped == ["interrupted"])
      #expect(duration < 0.4)
    }
  }

  /// One request is enough, however many tasks there are that never wait, and whatever the foreground does.
  @Test(arguments: [
    "sleep(100)", "while true do sleep(0) end", "table.sort({ 2, 1 }, function() sleep(100) end)",
  ])
  func anInterruptReachesTheForegroundPastAllThatHog(_ cell: String) async throws {
    try await onThread {
      let bench = try Bench()
      let interrupter = bench.state.interrupter
      Thread.detachNewThread {
        usleep(30_000)
        interrupter.interrupt()
      }
      var code: String?
      let duration = try seconds {
        code = try bench.error(
          """
          for i = 1, 20 do
            spawn(function() if i % 2 == 0 then while true do end end while true do pcall(function() while true do end end) end end)
          end
          \(cell)
          """
        ).code
      }
      #expect(code == "interrupted")
      #expect(duration < 0.03 + 0.3, "\(duration) s")
      #expect(!interrupter.isRequested)
    }
  }

  @Test func aTurnEndsAtItsDeadlineThoughATaskIsAlwaysReady() throws {
    var present: Int64 = 0
    let clock = LuaClock(now: {
      present += 1_000_000
      return LuaInstant(nanoseconds: present)
    })
    let bench = try Bench(clock: clock)
    bench.scheduler.spawn(
      try bench.state.load("while true do sleep(0) count = (count or 0) + 1 end", chunkName: "=busy"))
    for end in [100, 200, 300] as [Int64] {
      #expect(bench.scheduler.turn(deadline: LuaInstant(nanoseconds: end * 1_000_000)) == .deadline)
      #expect(present >= end * 1_000_000 && present < (end + 50) * 1_000_000)
    }
    #expect(try bench.values("return count > 10") == [true])
  }

  @Test func sparesATaskThatIsOnlyBusy() async throws {
    try await onThread {
      let bench = try Bench()
      let interrupter = bench.state.interrupter
      Thread.detachNewThread {
        usleep(30_000)
        interrupter.interrupt()
      }
      let error = try bench.error(
        """
        spawn(function() while not over do for i = 1, 1e4 do end sleep(0) count = (count or 0) + 1 end print("lives") end)
        sleep(100)
        """)
      #expect(error.code == "interrupted")
      try bench.run("over = true sleep(0.05)")
      #expect(bench.printed == "lives\n")
    }
  }

  @Test func forgetsTimersOfWaitsThatEndedEarly() throws {
    let bench = try Bench()
    bench.define("brief") { _ throws(LuaError) in
      var asked = 0
      let wait = LuaWait(
        deadline: .now.advanced(bySeconds: 1000),
        poll: {
          asked += 1
          return asked > 2
        },
        arm: { wakeup in wakeup.fire() })
      return .wait(wait)
    }
    try bench.run("for i = 1, 5000 do brief() end")
    #expect(bench.scheduler.timerCount < 200)
  }

  @Test func aTaskTakesAndGivesAnyNumberOfValues() throws {
    let bench = try Bench()
    let function = try bench.state.load("return ...", chunkName: "=t")
    for count in [0, 5, 100_000, 999_000, 999_990, 2_000_000] {
      let task = bench.scheduler.spawn(function, arguments: .init(repeating: .boolean(true), count: count))
      bench.scheduler.runReady()
      #expect(task.isEnded)
      if count <= 100_000 { #expect(task.results.count == count) }
      if count > 1_000_000 { #expect(task.error?.message.contains("stack overflow") == true) }
    }
    let many = try bench.state.load(
      "local t = {} for i = 1, 999990 do t[i] = t end return table.unpack(t, 1, (...))", chunkName: "=t")
    for count in [900_000, 999_900, 999_980, 999_990] as [LuaValue] {
      let task = bench.scheduler.spawn(many, arguments: [count])
      bench.scheduler.runReady()
      #expect(task.isEnded)
    }
  }

  @Test func observersCanBeTakenBack() throws {
    let bench = try Bench()
    let task = bench.scheduler.spawn(try bench.state.load("return 1", chunkName: "=t"))
    var told: [Int] = []
    let first = task.onEnd { _ in told.append(1) }
    task.onEnd { _ in told.append(2) }
    task.forget(first)
    #expect(task.observerCount == 1)
    bench.scheduler.runReady()
    #expect(told == [2] && task.observerCount == 0)
  }

  @Test func exitInATaskReachesBeyondANestedRun() throws {
    let bench = try Bench()
    let scheduler = bench.scheduler
    // As the printer does for a `__tostring` that a user wrote.
    bench.define("show") { call throws(LuaError) in
      switch scheduler.run(try call.function(1)) {
      case .values(let values): call.results(values.first ?? .nil)
      case .failed(let error, _): call.results(error.message)
      case .exit: call.results("exit")
      }
    }
    for end in ["sleep(100)", "while true do end", "return 1", "while true do show(function() end) end"] {
      #expect(
        try bench.run("spawn(function() os.exit(7) end) show(function() sleep(0.01) end) \(end)") == .exit(7),
        "\(end)")
    }
    #expect(try bench.run("return 1") == .values([1]))
  }

  @Test func whatIsDueBetweenTasksIsDoneThoughOneIsAlwaysReady() throws {
    let bench = try Bench()
    var calls = 0
    bench.scheduler.onIdle = {
      calls += 1
      return nil
    }
    let busy = try bench.state.load("while true do sleep(0) end", chunkName: "=busy")
    let task = bench.scheduler.spawn(busy)
    _ = try bench.run("sleep(0.1)")
    #expect(calls >= 4)
    let before = calls
    bench.scheduler.onIdle = {
      calls += 1; return nil
    }
    _ = try bench.run("table.sort({ 2, 1 }, function() sleep(0.05) end)")
    #expect(calls > before)
    let after = calls
    #expect(bench.scheduler.turn(deadline: .now.advanced(bySeconds: 0.1)) == .deadline)
    #expect(calls > after)
    task.cancel()
    bench.scheduler.runReady()
  }
}
