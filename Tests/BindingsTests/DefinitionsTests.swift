import Bindings
import Lua
import TestSupport
import Testing

/// `moontide.d.lua`, which editors read.
@Suite struct DefinitionsTests {
  @Test func theyAreLuaAndNameEveryFunction() throws {
    let state = try LuaState()
    defer { state.close() }
    let text = Reference.definitions
    #expect(text.hasPrefix("---@meta\n"))
    let chunk = try state.load(text, chunkName: "=moontide.d.lua")
    // Run as a program it only makes tables and empty functions, of everything that can be called.
    try state.call(chunk)
    for entry in Reference.entries where entry.kind == .function || entry.kind == .method {
      let path = entry.name.replacing(":", with: ".").split(separator: ".").map(String.init)
      var value = state.global(path[0])
      for name in path.dropFirst() {
        guard case .table(let table) = value else { break }
        value = state.rawGet(table, .string(name))
      }
      // `TimeSpan(…)` is called and has fields: a table here.
      let isCallable = if case .function = value { true } else { false }
      #expect(isCallable || text.contains("---@overload fun") || path.count == 1, "\(entry.name) is missing")
      for parameter in entry.parameters where parameter.name != "..." {
        #expect(text.contains("---@param \(parameter.name)") || path.count == 1, "\(entry.name)")
      }
    }
    for entry in Reference.entries where entry.kind == .field || entry.kind == .constant {
      #expect(text.contains("---@field \(entry.member) "), "\(entry.name) is missing")
    }
  }

  @Test func whatIsCalledAndHasMembersIsATableThatCanBeCalled() throws {
    let text = Reference.definitions
    for name in ["TimeSpan", "TimeStamp", "check"] {
      #expect(text.contains("---@class \(name)\n"), "\(name)")
      #expect(!text.contains("function \(name)("), "\(name) would replace the table")
      #expect(text.contains("---@overload fun("), "\(name)")
    }
  }
}

/// What `name?` says of channels.
@Suite struct ChannelDescriptionTests {
  @Test func theyTellTypeUnitAndRateOfWhatStreamsAndOfWhatCould() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        board = bela.connect{ "sim", rate = 8000 }
        s = board:streamer{ "pot1" }:start{ quiet = true }
        s:collect(100)
        """)
      let live = try #require(bench.library.channelDescriptions(named: "pot1").first)
      #expect(live.hasPrefix("pot1: channel of bela ws://"), "\(live)")
      #expect(live.contains("f32, dense, 8 kHz, times in ticks, streaming\n  pot1: "), "\(live)")
      // A board is asked, and not waited for long.
      var other: [String] = []
      let deadline = ContinuousClock.now + .seconds(20)
      while other.isEmpty, ContinuousClock.now < deadline {
        other = bench.library.channelDescriptions(named: "pot2")
      }
      #expect(other.count == 1 && other[0].hasSuffix("f32, dense, times in ticks"), "\(other)")
      #expect(bench.library.channelDescriptions(named: "nothing").isEmpty)
      try bench.run("board:close()")
      #expect(bench.library.channelDescriptions(named: "pot2").isEmpty)
    }
  }
}
