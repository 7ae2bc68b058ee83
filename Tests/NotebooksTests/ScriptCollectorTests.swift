import Bindings
import Lua
import Notebooks
import Testing

@Suite struct ScriptCollectorTests {
  /// Runs a script's text and answers what was collected.
  private func collect(
    _ text: String, parameters: [Parameter] = [], stop: ScriptCollector.Stop? = nil, failsOnGap: Bool = false,
    totals: StreamTally.Totals = .init()
  ) throws -> (result: ScriptResult, shown: RecordingDisplay) {
    let state = try LuaState()
    let library = try Library(state)
    let shown = RecordingDisplay()
    let collector = ScriptCollector(ScriptResult(script: "a.lua", label: "a"), around: shown) { stop }
    let session = Session(state, display: collector)
    library.onCheck = { session.display.checked($0) }
    let file = NotebookFile(Array(text.utf8))
    collector.begin(file)
    let interrupter = state.interrupter
    state.setGlobal(
      "interrupt_me",
      state.function(name: "interrupt_me") { _ throws(LuaError) in
        interrupter.interrupt()
        return .none
      })
    let outcome = session.run(file, name: "a.lua", parameters: parameters)
    collector.finish(exitCode: outcome.exitCode, failsOnGap: failsOnGap, totals)
    library.closeAll()
    state.close()
    return (collector.result, shown)
  }

  @Test func cellsKnowWhetherTheyRan() throws {
    let (result, shown) = try collect(
      "-- %% one\nx = 1\n-- %% [markdown]\n-- text\n-- %%\n-- nothing here\n-- %% two\nerror('no')\n-- %% three\nx = 2"
    )
    #expect(result.cells.map(\.title) == ["one", "two", "three"] && result.cells.map(\.line) == [2, 8, 10])
    #expect(result.cells[0].state == .passed && result.cells[2].state == .notRun)
    guard case .failed(let error) = result.cells[1].state else { return #expect(Bool(false)) }
    #expect(error.message == "no" && shown.errors == [error])
    #expect(result.ending == .failed && result.reason == "a.lua:8: no")
  }

  @Test func checksAreCountedByTheirLine() throws {
    let (result, _) = try collect(
      "for i = 1, 5 do\n  check(i < 9, 'small')\n  try(check, i ~= 3, 'three')\nend\ncheck.equal(1, 1)")
    #expect(result.checks.map(\.line) == [2, 3, 5] && result.checks.map(\.passed) == [5, 4, 1])
    #expect(result.checks[1].failed == 1 && result.checks[1].message == "three")
    #expect(result.checks[0].text == "check(i < 9, 'small')")
    // Nobody may hide a failed check.
    #expect(result.ending == .failed && result.reason == "a.lua:3: three")
    #expect(result.cells.map(\.state) == [.passed])
  }

  @Test func aFailedCheckShowsTheScriptAndNotTheLibrary() throws {
    let (result, shown) = try collect("check.near(1, 2)")
    #expect(result.reason == "a.lua:1: expected 2 ± 1e-09, got 1")
    #expect(shown.errors.first?.traceback.map(\.place) == ["a.lua:1"])
  }

  @Test(arguments: [
    (
      ScriptCollector.Stop.timeout(.seconds(60)), ScriptResult.Ending.timedOut,
      "the script ran longer than 1 min"
    ),
    (.cellTimeout(.seconds(2)), .timedOut, "the cell ran longer than 2 s"),
    (.interrupt, .interrupted, "interrupted"), (.termination, .terminated, "terminated"),
    (.unwritable(28), .unwritable, "the output cannot be written"),
  ])
  func aScriptThatIsStoppedSaysWhy(
    _ stop: ScriptCollector.Stop, _ ending: ScriptResult.Ending, _ message: String
  ) throws {
    let (result, shown) = try collect("interrupt_me() while true do end", stop: stop)
    #expect(result.ending == ending && result.reason == "a.lua:1: \(message)")
    #expect(shown.errors.map(\.message) == [message])
  }

  @Test func aReaderWhoHasHadEnoughIsNoError() throws {
    let (result, shown) = try collect("interrupt_me() while true do end", stop: .unheard)
    #expect(result.ending == .unheard && result.reason.isEmpty)
    #expect(shown.errors.isEmpty)
  }

  @Test func gapsFailWhereNoneAreAllowed() throws {
    var totals = StreamTally.Totals()
    (totals.samples, totals.gaps, totals.lost) = (100, 2, 7)
    #expect(try collect("x = 1", totals: totals).result.ending == .passed)
    let result = try collect("x = 1", failsOnGap: true, totals: totals).result
    #expect(result.ending == .failed && result.reason == "2 gaps: 7 samples lost, 0 dropped unread")
  }

  @Test(arguments: [
    ("os.exit(0)", ScriptResult.Ending.passed), ("os.exit(9)", .exit(9)), ("x = = 1", .syntax),
    ("error{ code = 'refused', message = 'm' }", .unavailable),
    ("error{ code = 'lost', message = 'm' }", .lost),
    ("error{ code = 'timeout', message = 'm' }", .failed), ("check(false)", .failed),
  ])
  func endings(_ text: String, _ ending: ScriptResult.Ending) throws {
    #expect(try collect(text).result.ending == ending)
  }

  @Test func aPasswordAmongTheParametersIsNotTold() throws {
    #expect(Parameter("password=geheim")?.shown == "•••" && Parameter("password=geheim")?.value == "geheim")
    #expect(Parameter("n=0x10")?.shown == "0x10" && Parameter("n=0x10")?.value == 16)
  }
}
