import Telemetry
import Testing

@Suite struct StreamerStateMachineTests {
  private func running() -> StreamerStateMachine {
    var machine = StreamerStateMachine()
    _ = machine.start()
    _ = machine.opened(run: 1)
    return machine
  }

  @Test func startsOnceAndRefusesWhenClosed() {
    var machine = StreamerStateMachine()
    #expect(machine.start() == .open(run: 1))
    #expect(machine.start() == .busy)
    #expect(machine.opened(run: 1) == .proceed)
    #expect(machine.start() == .nothing)
    #expect([machine.close(), machine.close()] == [true, false])
    #expect(machine.start() == .refuse)
  }

  @Test func aStartThatFailsGoesBackToWhereItCameFrom() {
    var machine = running()
    #expect(machine.handle(.lost("gone")) == true)
    #expect(machine.start() == .open(run: 2))
    #expect(machine.reason == nil)
    machine.openFailed(run: 1)
    #expect(machine.state == .starting)
    machine.openFailed(run: 2)
    #expect(machine.state == .lost)
    #expect(machine.reason == "gone")
  }

  @Test func aStopWhileStartingCallsTheStartOff() {
    var machine = StreamerStateMachine()
    _ = machine.start()
    #expect(machine.stop() == .abandoned)
    #expect(machine.state == .stopped)
    #expect(machine.start() == .open(run: 3))
    #expect(machine.opened(run: 1) == .stopFeed)
    #expect(machine.opened(run: 3) == .proceed)
    #expect(machine.stop() == .stopFeed)
    #expect(machine.stop() == .wait)
    machine.stopped()
    #expect(machine.stop() == .nothing)
  }

  @Test func aStreamMayEndOrGoAwayBeforeItsAcknowledgementIsLookedAt() {
    var machine = StreamerStateMachine()
    _ = machine.start()
    #expect(machine.handle(.finished) == true)
    #expect(machine.opened(run: 1) == .proceed)
    #expect(machine.state == .stopped)
    _ = machine.start()
    #expect(machine.handle(.reconnecting("away")) == true)
    #expect(machine.start() == .busy)
    #expect(machine.stop() == .abandoned)
    #expect(machine.opened(run: 2) == .stopFeed)
  }

  @Test func theEndOfAStreamThatIsBeingStoppedIsNoNews() {
    var machine = running()
    _ = machine.stop()
    #expect(machine.handle(.finished) == false)
    #expect(machine.handle(.interrupted("ended")) == false)
    #expect(machine.state == .stopping)
    #expect(machine.handle(.lost("gone")) == true)
    machine.stopped()
    #expect(machine.name == "lost")
  }

  @Test func eventsOutOfPlaceChangeNothing() {
    let all: [StreamEvent] = [
      .finished, .interrupted("x"), .reconnecting("x"), .resumed, .lost("x"),
      .gap(.lost, samples: 1, channels: []),
    ]
    var machine = StreamerStateMachine()
    for event in all { #expect(machine.handle(event) == false) }
    #expect(machine.state == .ready)
    machine = running()
    #expect(machine.handle(.resumed) == false)
    #expect(machine.handle(.reconnecting("x")) == true)
    #expect(machine.handle(.reconnecting("y")) == false)
    #expect(machine.name == "reconnecting")
    #expect(machine.handle(.resumed) == true)
    #expect(machine.reason == nil)
    _ = machine.close()
    for event in all { #expect(machine.handle(event) == false) }
  }
}
