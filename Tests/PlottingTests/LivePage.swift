import Locks
import Foundation
import Plotting
import Telemetry

/// A stream that is fed in real time from formulas, and the page that shows it.
final class LivePage: Sendable {
  let feed: Feed
  let plot: Plot
  let server: PlotServer
  let url: String

  /// Channels of one rate; `value` gives the sample of a channel (by place) with a number.
  final class Feed: Sendable {
    let stream: HandStream
    private let channels: [Channel]
    private let value: @Sendable (Int, Int) -> Double
    private let state: Guarded<(sent: Int, isHeld: Bool, isEnded: Bool)>

    /// - Parameter history: seconds that are in the buffer from the beginning.
    init(_ channels: [Channel], history: Double = 0, value: @escaping @Sendable (Int, Int) -> Double)
      async throws
    {
      self.channels = channels
      self.value = value
      stream = try await HandStream(channels, name: "bela ws://192.168.7.2:5555")
      state = Guarded((0, false, false))
      send(to: Int(history * rate))
    }

    var rate: Double { channels[0].rate ?? 1000 }
    var sent: Int { state.withLock { $0.sent } }

    func send(to end: Int) {
      let from = sent
      guard end > from else { return }
      stream.source.send(
        channels.enumerated().map { place, channel in
          Signal.series(channel, from: from, count: end - from) { value(place, $0) }
        })
      state.withLock { $0.sent = end }
    }

    /// Leaves samples out: a gap.
    func lose(_ count: Int) {
      state.withLock { $0.sent += count }
      stream.source.tell(.gap(.lost, samples: Int64(count), channels: []))
    }

    func hold(_ on: Bool) { state.withLock { $0.isHeld = on } }
    func end() { state.withLock { $0.isEnded = true } }

    func run() {
      Task.detached { [self] in
        var last = ContinuousClock.now
        var owed = 0.0
        while true {
          let (_, isHeld, isEnded) = state.withLock { $0 }
          if isEnded { return }
          let now = ContinuousClock.now
          let passed = (now - last).components
          last = now
          if !isHeld {
            owed += (Double(passed.seconds) + Double(passed.attoseconds) * 1e-18) * rate
            let whole = Int(owed)
            owed -= Double(whole)
            send(to: sent + whole)
          }
          try? await Task.sleep(for: .milliseconds(20))
        }
      }
    }
  }

  init(
    _ feed: Feed, options: PlotOptions = PlotOptions(), port: Int = 0, token: String? = nil,
    flags: [PlotFlag] = []
  )
    async throws
  {
    self.feed = feed
    plot = try Plot([.stream(feed.stream.streamer, label: nil)], options: options)
    for flag in flags { plot.add(flag) }
    server = try await PlotServer.start(port: port, assets: try PageAssets())
    if let token { url = try server.publish(plot, token: token) } else { url = try server.publish(plot) }
  }

  func end() async {
    feed.end()
    await server.stop()
  }
}
