import JSON
import Bela
import Testing

@Suite struct BelaCommandTests {
  @Test func commandsAreWrittenAsTheBoardReadsThem() throws {
    let cases: [([BelaCommand], String)] = [
      ([.list], #"{"watcher":[{"cmd":"list"}]}"#),
      (
        [.unwatch([.init("a")]), .watch([.init("a", at: 5, ticks: 7), .init("b")])],
        #"{"watcher":[{"cmd":"unwatch","watchers":["a"]},{"cmd":"watch","durations":[7,0],"timestamps":[5,0],"watchers":["a","b"]}]}"#
      ),
      (
        [.monitor([.init("a", ticks: 1000)])],
        #"{"watcher":[{"cmd":"monitor","periods":[1000],"watchers":["a"]}]}"#
      ),
      (
        [.set([.init("ä", value: 4.6)])], #"{"watcher":[{"cmd":"set","values":[4.6],"watchers":["\u00e4"]}]}"#
      ),
      (
        [.setMask([.init("a", value: 255, mask: 15)])],
        #"{"watcher":[{"cmd":"setMask","masks":[15],"values":[255],"watchers":["a"]}]}"#
      ),
    ]
    for (commands, text) in cases { #expect(try BelaCommand.messages(commands) == [text]) }
  }

  /// Section 13, and what else the board misunderstands.
  @Test(
    arguments: [
      .watch([.init("a", at: -1)]), .watch([.init("a", ticks: -5)]), .unwatch([.init("a", at: 1 << 60)]),
      .monitor([.init("a", ticks: -1)]), .monitor([.init("a", ticks: 1 << 31)]),
      .set([.init("a", value: .nan)]),
      .control([""]), .log([.init(String(repeating: "x", count: 2000))]),
    ] as [BelaCommand])
  func dangerousCommandsAreRefused(_ command: BelaCommand) {
    #expect(throws: BelaError.self) { try BelaCommand.messages([command]) }
  }

  @Test func manyNamesAreSplit() throws {
    let names = (0..<1000).map { "variable number \($0) ä" }
    let messages = try BelaCommand.messages([.watch(names.map { .init($0, at: 1, ticks: 2) })])
    #expect(messages.count > 1)
    #expect(messages.allSatisfy { $0.utf8.count <= 16_376 && $0.utf8.allSatisfy { $0 < 0x7F } })
    let sent = messages.compactMap { JSON(board: $0)?["watcher"]?.array }.flatMap(\.self)
    #expect(sent.flatMap { $0["watchers"]?.array ?? [] } == names.map { .string($0) })
    #expect(sent.allSatisfy { $0["watchers"]?.array?.count == $0["timestamps"]?.array?.count })
  }

  @Test func buffersHaveTheBoardsLayout() throws {
    let bytes = try BelaBuffer(id: 3, type: .float64, values: [1.5, -2]).bytes
    // The count of a double buffer is in units of four bytes (section 9).
    #expect(bytes.prefix(16) == [3, 0, 0, 0, UInt8(ascii: "d"), 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0])
    #expect(bytes.count == 32)
    #expect(try BelaBuffer(id: 0, type: .char, values: [-1, 255, 65]).bytes.suffix(3) == [255, 255, 65])
    #expect(
      try BelaBuffer(id: 0, type: .uint32, values: [4_294_967_295]).bytes.suffix(4) == [255, 255, 255, 255])
    #expect(
      try BelaBuffer(id: 0, type: .float32, values: Array(repeating: 0, count: 4090)).bytes.count == 16_376)
  }

  @Test func impossibleBuffersAreRefused() {
    #expect(throws: BelaError.self) { try BelaBuffer(id: -1, type: .float32, values: []) }
    #expect(throws: BelaError.self) {
      try BelaBuffer(id: 0, type: .float32, values: Array(repeating: 0, count: 4091))
    }
    #expect(throws: BelaError.self) { try BelaBuffer(id: 0, type: .int32, values: [3e9]) }
    #expect(throws: BelaError.self) { try BelaBuffer(id: 0, type: .uint32, values: [-1]) }
    #expect(throws: BelaError.self) { try BelaBuffer(id: 0, type: .char, values: [.nan]) }
  }
}
