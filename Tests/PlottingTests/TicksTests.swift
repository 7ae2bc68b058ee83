import Plotting
import Testing

@Suite struct TicksTests {
  @Test(arguments: [
    (0.0...1.0, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    (-1...1, 4, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
    (0...100_000, 2, ["0", "50000", "100000"]), (0...3e7, 3, ["0", "1e7", "2e7", "3e7"]),
    (1_234_560...1_234_580, 2, ["1.23456e6", "1.23457e6", "1.23458e6"]),
    (0...2e-4, 2, ["0", "1e-4", "2e-4"]),
    (0.1...0.10001, 1, ["0.10000", "0.10001"]),
  ])
  func valuesHaveRoundSteps(range: ClosedRange<Double>, most: Int, labels: [String]) {
    #expect(Ticks.values(range, atMost: most).map(\.label) == labels)
  }

  @Test func stepsAreOneTwoOrFive() {
    for exponent in -12...12 {
      for factor in 1...99 {
        let width = Double(factor) * Double(sign: .plus, exponent: exponent * 3, significand: 1)
        let step = Ticks.step(over: width, atMost: 7)
        #expect(width / step <= 7 * (1 + 1e-9) && width / step > 7 / 2.5 - 1e-9)
      }
    }
  }

  @Test func theTimeOfDayHasTheDigitsItNeeds() {
    let noon = HorizontalAxis.wall(origin: 1_750_075_200_000_000_000, utcOffset: 0)
    func labels(_ range: ClosedRange<Double>, _ width: Double, offset: Int = 0) -> [String] {
      let axis =
        offset == 0 ? noon : HorizontalAxis.wall(origin: 1_750_075_200_000_000_000, utcOffset: offset)
      return axis.ticks(range, width: width, gap: 2) { Double($0.count) }.map(\.label)
    }
    #expect(labels(0...10, 40) == ["12:00:00", "12:00:05", "12:00:10"])
    #expect(labels(0...0.01, 60).first == "12:00:00.000")
    #expect(
      labels(0...7200, 60) == [
        "12:00", "12:15", "12:30", "12:45", "13:00", "13:15", "13:30", "13:45", "14:00",
      ])
    #expect(labels(-43_200...129_600, 40) == ["2025-06-16", "2025-06-17", "2025-06-18"])
    #expect(labels(-3600...10_800, 60)[0...1] == ["11:00", "11:30"])
    #expect(labels(36_000...54_000, 70) == ["22:00", "23:00", "2025-06-17", "01:00", "02:00", "03:00"])
    #expect(labels(0...10, 40, offset: 7200)[0] == "14:00:00")
    #expect(labels(59.9999...60.0001, 80).contains { $0.hasPrefix("12:01:00.0000") })
    #expect(labels(0...10, 4) == [])
  }

  @Test func labelsNeverTouch() {
    let axes: [HorizontalAxis] = [.seconds, .frequency, .wall(origin: 0, utcOffset: 3600), .count("samples")]
    for axis in axes {
      for width in stride(from: 10.0, through: 200, by: 7) {
        for range in [0...1, -5...5, 1e6...1e6 + 1, 0...1e-6, 0...1e7] as [ClosedRange<Double>] {
          let ticks = axis.ticks(range, width: width, gap: 2) { Double($0.count) }
          for (a, b) in zip(ticks, ticks.dropFirst()) {
            let distance = (b.value - a.value) / (range.upperBound - range.lowerBound) * width
            #expect(distance + 1e-4 >= Double(max(a.label.count, b.label.count)) + 2)
          }
        }
      }
    }
  }

  @Test func anyScaleHasMarksOrNone() {
    let ends = [0, tiny, -tiny, 1e-300, 1, 1e300, -1e308, .greatestFiniteMagnitude]
    for low in ends {
      for high in ends where low <= high {
        for tick in Ticks.values(low...high, atMost: 9) { #expect(tick.value.isFinite, "\(low) to \(high)") }
        for axis in [
          HorizontalAxis.seconds, .wall(origin: .min, utcOffset: 50_000), .wall(origin: .max, utcOffset: -9),
        ] {
          _ = axis.ticks(low...high, width: 80, gap: 2) { Double($0.count) }
        }
      }
    }
    #expect(Ticks.labels([0, .nan, .infinity], step: 0).count == 3)
  }
}

private let tiny = Double.leastNonzeroMagnitude
