import Lua
import TestSupport
import Testing

/// What a beginner gets wrong, and the words he gets back.
@Suite struct BadInputTests {
  static let mistakes: [(source: String, code: String, message: String)] = [
    ("s:set_buffer_size(-1)", "argument", "a buffer holds at least 1 sample, not -1"),
    ("s:set_buffer_size(1e15)", "memory", "do not fit into the memory cap"),
    ("s:set_buffer_size('soon')", "argument", "neither a number of samples nor a time"),
    ("s:read('x')", "argument", "\"x\" is no span of time"),
    ("s:read(-1)", "argument", "a wait cannot be negative"),
    ("s.read()", "argument", "calling 'read' on bad self"),
    ("s:start{ spam = 1 }", "argument", "has no option 'spam'"),
    ("board:streamer{ 'pot9' }", "unknown_channel", "no channel named \"pot9\""),
    ("s:update_channels{ 'pot1', 'nix' }", "unknown_channel", "no variable named \"nix\""),
    ("board:streamer{ 'pot2' }:read(1)", "not_started", "this streamer was never started"),
    ("return s.pot1", "argument", "a streamer has no field \"pot1\""),
    ("s.data('pot1')", "argument", "a frame is no function"),
    ("s:data('nix', 5)", "unknown_channel", "no channel named \"nix\" is streamed"),
    ("sleep({})", "argument", "span of time expected, got table"),
    ("sleep('5 apples')", "argument", "\"5 apples\" is no span of time"),
    ("connect('ftp://board')", "argument", "no source has addresses that begin with \"ftp:\""),
    ("bela.connect{ host = '127.0.0.1', port = 0 }", "argument", "1 to 65535 expected, got 0"),
    ("bela.connect{ host = '127.0.0.1', speed = 3 }", "argument", "only the simulated board has it"),
    ("x:quantile(2)", "argument", "2"),
    ("x:histogram(0)", "argument", "0"),
    ("return x + {}", "type", "a series cannot be combined with a table"),
    ("check(false, 'no touch seen')", "check_failed", "no touch seen"),
  ]

  @Test func eachErrorSaysWhatIsWrongAndTheStreamGoesOn() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      for (source, code, message) in Self.mistakes {
        let error = try bench.failure(source)
        #expect(error.code == code, "\(source): \(error)")
        #expect(error.message.contains(message), "\(source): \(error)")
      }
      #expect(
        try bench.run("return s.state, s:read(2) ~= nil, s:stats().gaps")
          == [.string("running"), .boolean(true), .integer(0)])
    }
  }

  @Test func aMistypedNameGetsASuggestion() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      #expect(try bench.failure("board:streamer{ 'ptt1' }").hint == "did you mean \"pot1\"?")
      #expect(try bench.failure("s:start{ spam = 1 }").hint == "did you mean 'span'?")
    }
  }
}
