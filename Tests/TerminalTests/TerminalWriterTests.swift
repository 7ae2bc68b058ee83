import Glibc
import Terminal
import TestSupport
import Testing

@Suite(.serialized) struct TerminalWriterTests {
  /// Two pipes or one terminal, and a clock that stands still.
  private final class Bench {
    var time = ContinuousClock.now
    let terminal: PseudoTerminal
    var writer: TerminalWriter!

    init() throws {
      TextWidth.useUTF8Locale()
      terminal = try PseudoTerminal(columns: 40, rows: 30)
      writer = TerminalWriter(
        output: terminal.slave, error: terminal.slave, now: { [unowned self] in time },
        giveUp: { [unowned self] in
          terminal.readAvailable(waitMs: 0)
          return false
        })
    }

    func pass(_ milliseconds: Int) {
      time += .milliseconds(milliseconds)
      writer.flushIfDue()
    }

    func edit(_ text: String) {
      let scalars = Array(text.unicodeScalars)
      writer.show(
        .init(prompt: { "[1]> " }, continuation: { "...> " }, text: scalars, cursor: scalars.count))
    }

    var text: String {
      terminal.readAvailable(waitMs: 0)
      return terminal.screen.text
    }
  }

  @Test func whatIsPrintedStandsAboveALivePicture() throws {
    let bench = try Bench()
    bench.writer.print("half a line")
    bench.writer.showPicture(["picture 1", "below"])
    #expect(bench.text == "half a line\npicture 1\nbelow")
    bench.writer.print("said\n", job: "talk")
    bench.pass(100)
    bench.writer.showPicture(["picture 2", "below"])
    #expect(bench.text == "half a line\n[talk] said\npicture 2\nbelow")
    bench.terminal.resize(columns: 50, rows: 30)
    bench.writer.showPicture(["wider"])
    #expect(bench.text == "wider")
    bench.writer.showPicture(nil)
    bench.writer.print("after\n")
    #expect(bench.text == "wider\nafter")
    #expect(bench.terminal.screen.modes.contains(25))
    // A line that is edited has the terminal.
    bench.edit("x")
    bench.writer.showPicture(["no"])
    #expect(bench.text == "wider\nafter\n[1]> x")
  }

  @Test func writesAboveTheEditedLineOnceForABurst() throws {
    let bench = try Bench()
    bench.edit("x =\n1")
    bench.pass(100)
    _ = bench.text
    let before = bench.terminal.received.count
    for index in 1...10 { bench.writer.print("line \(index)\n") }
    #expect(bench.text == "[1]> x =\n...> 1")
    #expect(bench.writer.deadline != nil)
    bench.pass(0)
    let lines = (1...10).map { "line \($0)\n" }.joined()
    #expect(bench.text == lines + "[1]> x =\n...> 1")
    let redraws = bench.terminal.received[before...].count { $0 == UInt8(ascii: "x") }
    #expect(redraws == 1)
    // The next burst waits for its turn.
    bench.writer.print("late\n")
    bench.pass(5)
    #expect(!bench.text.contains("late"))
    bench.pass(10)
    #expect(bench.text == lines + "late\n[1]> x =\n...> 1")
    #expect(bench.writer.deadline == nil)
  }

  @Test func capsAJobAndKeepsItsLog() throws {
    let bench = try Bench()
    bench.edit("x")
    for index in 0..<61 { bench.writer.print("\(index)\n", job: "watch") }
    bench.writer.print("calm\n", job: "other")
    bench.pass(20)
    let shown = (0..<20).map { "[watch] \($0)\n" }.joined()
    #expect(bench.text == shown + "[other] calm\n[1]> x")
    bench.pass(1_000)
    #expect(bench.text == shown + "[other] calm\n[watch] (+41 lines, :log watch)\n[1]> x")
    #expect(bench.writer.log(of: "watch") == (0..<61).map(String.init))
    #expect(bench.writer.loggedJobs == ["other", "watch"])
    bench.writer.print("again\n", job: "watch")
    bench.pass(20)
    #expect(bench.text.hasSuffix("[watch] again\n[1]> x"))
    for index in 0..<2_000 { bench.writer.print("\(index)\n", job: "watch") }
    #expect(bench.writer.log(of: "watch") == (1_000..<2_000).map(String.init))
  }

  @Test func holdsTextUntilItsLineIsWhole() throws {
    let bench = try Bench()
    bench.edit("x")
    bench.writer.print("ab")
    bench.writer.print("job", job: "j")
    bench.pass(20)
    #expect(bench.text == "[1]> x")
    bench.writer.print("c\nd")
    bench.pass(20)
    #expect(bench.text == "abc\n[1]> x")
    bench.pass(300)
    #expect(Set(bench.text.split(separator: "\n")) == ["abc", "d", "[j] job", "[1]> x"])
  }

  @Test func beginsThePromptOnARowOfItsOwn() throws {
    let bench = try Bench()
    bench.writer.print("dots ...")
    #expect(bench.text == "dots ...")
    bench.writer.print("from a job\n", job: "j")
    bench.pass(20)
    bench.writer.print("\u{1b}[31mred\n\u{1b}[0m")
    bench.writer.print("more")
    bench.edit("x")
    #expect(bench.text == "dots ...\n[j] from a job\nred\nmore\n[1]> x")
    bench.writer.finishEditing(Array("x".unicodeScalars))
    bench.writer.print("out")
    #expect(bench.text.hasSuffix("[1]> x\nout"))
  }

  @Test func redrawsProgressInItsPlace() throws {
    let bench = try Bench()
    bench.writer.progress("1 %")
    bench.writer.progress("2 %")
    #expect(bench.text == "1 %")
    bench.pass(100)
    #expect(bench.text == "2 %")
    bench.writer.print("a line\n")
    #expect(bench.text == "a line")
    bench.pass(100)
    #expect(bench.text == "a line\n2 %")
    bench.writer.progress(nil)
    #expect(bench.text == "a line")
    bench.writer.progress(String(repeating: "x", count: 60))
    bench.pass(100)
    #expect(bench.text == "a line\n" + String(repeating: "x", count: 38) + "…")
  }

  @Test func givesPipesEveryByteApart() throws {
    var output: [Int32] = [0, 0]
    var errors: [Int32] = [0, 0]
    #expect(pipe(&output) == 0 && pipe(&errors) == 0)
    let writer = TerminalWriter(output: output[1], error: errors[1])
    writer.print("a\u{1b}[31m", job: "j")
    writer.print("e")
    writer.print("warning\n", to: .error)
    writer.print("\n")
    writer.progress("50 %")
    writer.flush()
    #expect(read(output[0]) == "a\u{1b}[31me\n")
    #expect(read(errors[0]) == "warning\n")
    #expect(writer.log(of: "j") == ["a\u{1b}[31m"])
    for descriptor in output + errors { close(descriptor) }
  }

  @Test func reportsAReaderThatIsGoneAndGivesUpOnOneThatIsStuck() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    var asked = 0
    let writer = TerminalWriter(
      output: ends[1], error: ends[1],
      giveUp: {
        asked += 1
        return true
      })
    var failures: [Int32] = []
    writer.onFailure = { failures.append($1) }
    writer.print([UInt8](repeating: 0x61, count: 1 << 20))
    #expect(asked == 1)
    close(ends[0])
    writer.print("x\n", to: .error)
    writer.print("y\n", to: .error)
    #expect(failures == [EPIPE])
    close(ends[1])
  }

  private func read(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }

  @Test(arguments: [
    (ColorChoice.always, ["NO_COLOR": "1"], false, true), (.never, ["FORCE_COLOR": "1"], true, false),
    (.auto, ["NO_COLOR": "1", "FORCE_COLOR": "1"], true, false), (.auto, ["FORCE_COLOR": "1"], false, true),
    (.auto, ["FORCE_COLOR": "0"], true, false), (.auto, [:], true, true), (.auto, [:], false, false),
    (.auto, ["NO_COLOR": ""], true, true), (.auto, ["TERM": "dumb"], true, false),
  ])
  func decidesOnColours(choice: ColorChoice, environment: [String: String], isTerminal: Bool, expected: Bool)
  {
    #expect(choice.resolve(environment: environment, isTerminal: isTerminal) == expected)
  }
}
