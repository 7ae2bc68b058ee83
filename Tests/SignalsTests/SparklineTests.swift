import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct SparklineTests {
  @Test func showsTheShape() {
    #expect(pieces([0.0, 1, 2, 3, 4, 5, 6, 7]).sparkline(width: 8) == "▁▂▃▄▅▆▇█")
    #expect(pieces([Int32](0..<800)).sparkline(width: 4) == "▁▃▆█")
    #expect(pieces([1.0, 2]).sparkline(width: 40) == "▁█")
  }

  @Test(arguments: [0, 1, 4_567, 9_999])
  func aSingleSpikeIsSeen(at: Int) {
    var samples = [Double](repeating: 1, count: 10_000)
    samples[at] = 2
    let line = pieces(samples, sizes: [1000, 7]).sparkline(width: 10)
    #expect(line.count == 10 && line.filter { $0 == "█" }.count == 1)
    samples[at] = 0
    #expect(pieces(samples).sparkline(width: 10).filter { $0 == "▁" }.count == 1)
  }

  @Test func constantsHolesAndInfinities() {
    #expect(pieces([5.0, 5, 5]).sparkline(width: 3) == "▄▄▄")
    #expect(pieces([0, .nan, 1]).sparkline(width: 3) == "▁ █")
    #expect(pieces([Double.nan, .nan]).sparkline(width: 2) == "  ")
    #expect(pieces([-Double.infinity, 0, 1, .infinity]).sparkline(width: 4) == "▁▁██")
    let ends = pieces([-Double.greatestFiniteMagnitude, .greatestFiniteMagnitude])
    #expect(ends.sparkline(width: 2) == "▁█")
  }

  @Test func truthValuesCountAndTextDoesNot() {
    #expect(pieces([UInt8(0), 1, 0], as: .bool).sparkline(width: 3) == "▁█▁")
    #expect(text.sparkline(width: 3) == "")
    #expect(pieces([1.0]).sparkline(width: 0) == "" && pieces([Double]()).sparkline(width: 3) == "")
  }

  @Test func rangesTooSmallToHalveAreLevel() {
    for pair in [[0.0, tiny], [-tiny, 0], [tiny, 2 * tiny]] {
      #expect(pieces(pair).sparkline(width: 2).count == 2)
    }
  }
}

private let tiny = Double.leastNonzeroMagnitude
