import Telemetry
import TestSupport
import Testing

@Suite struct FrameCutterTests {
  private let y = Channel.plain("y")

  private func all(_ cutter: inout FrameCutter) -> [[String: [Double]]] {
    var frames: [[String: [Double]]] = []
    while let frame = cutter.next() {
      frames.append(Dictionary(uniqueKeysWithValues: frame.series.map { ($0.channel.name, $0.values) }))
    }
    return frames
  }

  @Test func cutsExactlySoManySamplesOfEachChannelAndGivesTheRestAtTheEnd() {
    var cutter = FrameCutter(samples: 4)
    cutter.add(Frame([.ramp(0..<3), .ramp(0..<3, y)]))
    #expect(cutter.next() == nil)
    cutter.add(Frame([.ramp(3..<10), .ramp(3..<10, y)]))
    #expect(all(&cutter).map(\.["x"]) == [[0, 1, 2, 3], [4, 5, 6, 7]])
    let rest = cutter.finish()
    #expect(rest?["x"]?.values == [8, 9] && rest?["y"]?.values == [8, 9])
    #expect(cutter.finish() == nil)
  }

  @Test func blocksOfTwoChannelsThatComeOneAfterTheOtherAreInOneFrame() {
    var cutter = FrameCutter(samples: 256)
    cutter.add(Frame([.ramp(0..<1024, y)]))
    cutter.add(Frame([.ramp(0..<1024)]))
    cutter.add(Frame([.ramp(1024..<2048)]))
    // Of y nothing yet: it is one block behind, not slower.
    #expect(all(&cutter).count == 4)
    cutter.add(Frame([.ramp(1024..<2048, y)]))
    let frames = all(&cutter)
    #expect(frames.count == 4 && frames.allSatisfy { $0["x"] == $0["y"] && $0["x"]?.count == 256 })
  }

  @Test func aSlowChannelHoldsUpNobodyAndComesWholeToo() {
    var cutter = FrameCutter(samples: 10)
    var (fast, slow) = (0, 0)
    for block in 0..<1000 {
      cutter.add(
        Frame(
          block % 10 == 0
            ? [.ramp(block * 5..<block * 5 + 5), .ramp(block..<block + 1, y)]
            : [.ramp(block * 5..<block * 5 + 5)]))
      for frame in all(&cutter) {
        #expect(frame.values.allSatisfy { $0.count == 10 })
        fast += frame["x"]?.count ?? 0
        slow += frame["y"]?.count ?? 0
      }
    }
    #expect(fast >= 4900 && slow == 100)
  }

  @Test func aChannelThatHasNotSentYetIsWaitedForAndASilentOneNotForEver() {
    var cutter = FrameCutter(samples: 4)
    cutter.update(channels: ["x", "y"])
    cutter.add(Frame([.ramp(0..<4)]))
    #expect(cutter.next() == nil)
    cutter.add(Frame([.ramp(0..<4, y)]))
    #expect(cutter.next()?.names == ["x", "y"])
    for block in 1..<20 {
      cutter.add(Frame([.ramp(block * 4..<block * 4 + 4)]))
    }
    #expect(all(&cutter).count == 19)
    // It is not waited for again.
    cutter.add(Frame([.ramp(80..<84)]))
    #expect(all(&cutter).count == 1)
  }

  @Test func aChannelThatLeftTheStreamHoldsUpNobody() {
    var cutter = FrameCutter(samples: 4)
    cutter.add(Frame([.ramp(0..<4), .ramp(0..<3, y)]))
    #expect(cutter.next() == nil)
    cutter.update(channels: ["x"])
    #expect(all(&cutter).map(\.["x"]) == [[0, 1, 2, 3]])
    #expect(cutter.finish()?["y"]?.values == [0, 1, 2])
  }

  @Test func whatWasDroppedBeforeIsToldByTheNextFrame() {
    var cutter = FrameCutter(samples: 2)
    cutter.add(Frame([.ramp(0..<1)], dropped: 3))
    cutter.add(Frame([.ramp(1..<4)], dropped: 2))
    #expect(cutter.next()?.dropped == 5)
    #expect(cutter.next()?.dropped == 0)
  }

  @Test func gapsStayAtTheirPlaces() {
    var cutter = FrameCutter(samples: 4)
    cutter.add(Frame([.ramp(0..<3)]))
    cutter.add(Frame([.ramp(10..<13, gaps: [Gap(at: 0, samples: 7, reason: .lost)])]))
    #expect(cutter.next()?["x"]?.gaps.map(\.samples) == [7])
  }
}
