import Telemetry
import TestSupport
import Testing

@Suite struct StreamRequestTests {
  private struct Oven: SourceOptions {
    static let devices = "ovens"
    var heat = 0
    var names: [String] { heat == 0 ? [] : ["heat"] }
  }

  private struct Clock: SourceOptions {
    static let devices = "clocks"
    var names: [String] { ["alarm", "bell"] }
  }

  private let source = ScriptedSource("a")

  @Test func aSourceFindsItsOwnOptionsOrTheUsualOnes() throws {
    var oven = Oven()
    oven.heat = 3
    #expect(try StreamRequest(options: oven).options(as: Oven.self, of: source).heat == 3)
    #expect(try StreamRequest().options(as: Oven.self, of: source).heat == 0)
    try StreamRequest().refuseOptions(of: source)
  }

  @Test func optionsOfAnotherKindAreRefusedInOneSentence() {
    let request = StreamRequest(options: Clock())
    let error = #expect(throws: TelemetryError.self) { try request.options(as: Oven.self, of: source) }
    #expect(error?.code == "unsupported")
    #expect(error?.message == "'alarm, bell' is for clocks, and scripted is none")
    let other = #expect(throws: TelemetryError.self) { try request.refuseOptions(of: source) }
    #expect(other == error)
  }
}
