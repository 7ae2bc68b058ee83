import Telemetry
import TestSupport
import Testing

/// A run of samples that are their own times; a gap, if any, is before its first sample.
@Suite struct FrameAlignerTests {
  @Test func completeWaitsForAllAndCutsToTheCommonCount() throws {
    var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
    #expect(aligner.add(Frame([run("a", 0..<5), run("other", 0..<9)])) == nil)
    #expect(aligner.add(Frame([run("a", 5..<7)], dropped: 3)) == nil)
    let one = aligner.add(Frame([run("b", 0..<6)]))
    let first = try #require(one)
    #expect(first.names == ["a", "b"] && first.dropped == 3)
    #expect(range(first["a"]) == 0..<6 && range(first["b"]) == 0..<6)
    #expect(times(try #require(first["a"])) == (0..<6).map { $0 })
    let two = aligner.add(Frame([run("b", 6..<9), run("a", 7..<8)]))
    let second = try #require(two)
    #expect(range(second["a"]) == 6..<8 && range(second["b"]) == 6..<8 && second.dropped == 0)
    #expect(aligner.add(Frame([run("a", 0..<0)])) == nil)
    #expect(range(aligner.add(Frame([run("a", 8..<12)]))?["b"]) == 8..<9)
  }

  @Test func completePairsNothingThatWasSampledApart() throws {
    func of(_ name: String, _ index: UInt32?, _ range: Range<Int>) -> Series {
      let series = run(name, range)
      var channel = series.channel
      (channel.index, channel.isVirtual) = (index, index == nil)
      return Series(channel, chunks: series.chunks)
    }
    for index: UInt32? in [2, nil] {
      var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
      #expect(aligner.add(Frame([of("a", 1, 0..<2)])) == nil)
      #expect(aligner.add(Frame([of("a", 1, 2..<5)])) == nil)
      let first = aligner.add(Frame([of("b", index, 0..<1)]))
      #expect(range(first?["a"]) == 0..<5 && range(first?["b"]) == 0..<1)
      #expect(aligner.add(Frame([of("b", index, 1..<2)])) == nil)
      let second = aligner.add(Frame([of("a", 1, 5..<6)]))
      #expect(range(second?["a"]) == 5..<6 && range(second?["b"]) == 1..<2)
    }
  }

  @Test func channelsChangeAndKeepWhatWaits() throws {
    var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
    #expect(aligner.add(Frame([run("a", 0..<2)])) == nil)
    aligner.update(channels: ["c", "a"])
    let complete = aligner.add(Frame([run("c", 0..<2), run("b", 0..<2)]))
    #expect(complete?.names == ["c", "a"] && range(complete?["a"]) == 0..<2)
    var holding = FrameAligner(channels: ["a", "b"], mode: .hold)
    _ = holding.add(Frame([run("a", 0..<2), run("b", 0..<2)]))
    holding.update(channels: ["b", "c"])
    let held = holding.add(Frame([run("c", 5..<6)]))
    #expect(held?.names == ["b", "c"] && held?["b"].map(integers) == [1])
  }

  @Test func completeKeepsGapsWhereTheyAre() throws {
    var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
    _ = aligner.add(Frame([run("a", 0..<4)]))
    _ = aligner.add(Frame([run("a", 10..<14, missing: 6)]))
    let one = aligner.add(Frame([run("b", 0..<4)]))
    let first = try #require(one)
    #expect(first["a"]?.gaps == [])
    let two = aligner.add(Frame([run("b", 4..<8, missing: 2)]))
    let second = try #require(two)
    #expect(second["a"]?.gaps.map(\.samples) == [6] && second["b"]?.gaps.map(\.samples) == [2])
    let a = try #require(second["a"])
    #expect(a.gaps[0].at == a.first && range(a) == 10..<14)
  }

  @Test func completeLetsTheOldestGoOfAChannelThatRunsAhead() throws {
    var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
    for start in stride(from: 0, to: 200_000, by: 1000) {
      #expect(aligner.add(Frame([run("a", start..<start + 1000)])) == nil)
    }
    let last = aligner.add(Frame([run("b", 0..<10)]))
    let frame = try #require(last)
    let kept = try #require(range(frame["a"]))
    #expect(frame.dropped == kept.lowerBound && kept.count == 10 && kept.lowerBound > 100_000)
  }

  @Test func completeStartsAnewWhenAChannelChangesItsType() throws {
    var aligner = FrameAligner(channels: ["a", "b"], mode: .complete)
    _ = aligner.add(Frame([run("a", 0..<4)]))
    _ = aligner.add(Frame([pieces([1.5, 2.5], name: "a")]))
    let last = aligner.add(Frame([run("b", 0..<2)]))
    let frame = try #require(last)
    #expect(frame.dropped == 4 && frame["a"].map(values) == [1.5, 2.5])
  }

  @Test func completeMatchesPlainCuttingForRandomFrames() throws {
    for _ in 0..<50 {
      var aligner = FrameAligner(channels: ["a", "b", "c"], mode: .complete)
      var next = ["a": 0, "b": 0, "c": 0]
      var given: Int64 = 0
      for _ in 0..<60 {
        var series: [Series] = []
        for name in next.keys.sorted() where Bool.random() {
          let start = next[name]!
          next[name] = start + Int.random(in: 0...9)
          series.append(run(name, start..<next[name]!))
        }
        let common = Int64(next.values.min()!)
        let frame = aligner.add(Frame(series))
        #expect((frame == nil) == (common == given))
        for name in next.keys where frame != nil { #expect(range(frame?[name]) == given..<common) }
        given = common
      }
    }
  }

  @Test func holdRepeatsTheLastValueAtTheTimesOfTheOthers() throws {
    var aligner = FrameAligner(channels: ["a", "b", "c"], mode: .hold)
    #expect(aligner.add(Frame([run("other", 0..<2)])) == nil)
    #expect(aligner.add(Frame([], dropped: 2)) == nil)
    let one = aligner.add(Frame([run("b", 0..<3)]))
    let first = try #require(one)
    #expect(first.names == ["b"] && first.dropped == 2 && first["b"]?.isHeld == false)
    let two = aligner.add(Frame([run("c", 3..<5), run("a", 3..<7)]))
    let second = try #require(two)
    #expect(second.names == ["a", "b", "c"])
    let held = try #require(second["b"])
    #expect(held.isHeld && integers(held) == [2, 2, 2, 2] && times(held) == [3, 4, 5, 6])
    #expect(second["a"]?.isHeld == false && second["c"]?.count == 2)
    let three = aligner.add(Frame([run("b", 9..<10)]))
    let third = try #require(three)
    #expect(third["a"].map(integers) == [6] && third["c"].map(integers) == [4] && third["c"]?.isHeld == true)
  }

  @Test func holdWorksForTextAndForOtherClocks() throws {
    var aligner = FrameAligner(channels: ["words", "a"], mode: .hold)
    _ = aligner.add(Frame([text]))
    let last = aligner.add(Frame([run("a", 0..<2, clock: .ticks(rate: 10))]))
    let frame = try #require(last)
    let words = try #require(frame["words"])
    #expect(words.count == 2 && words[1] == .bytes(Array("c".utf8)) && times(words) == [20, 20])
  }
}
