import Bindings
import Telemetry

/// What streams missed while the program stood (Ctrl-Z): counted before and some time after.
struct GapReport {
  private struct Count {
    var title: String
    var samples: Int64
    var lost: Int64
  }

  private var before: [ObjectIdentifier: Count] = [:]

  /// How long sources get to deliver what waited for us.
  static let patience = Duration.seconds(1)

  init(_ streamers: [StreamerObject]) {
    for object in streamers where object.streamer.isLive {
      let stats = object.streamer.stats
      before[ObjectIdentifier(object)] = Count(
        title: object.title, samples: stats.samples, lost: Self.lost(object))
    }
  }

  var isEmpty: Bool { before.isEmpty }

  private static func lost(_ object: StreamerObject) -> Int64 {
    object.streamer.stats.lost + (object.isRead ? object.streamer.stats.dropped : 0)
  }

  /// A line for each stream that was live then.
  func lines(_ streamers: [StreamerObject]) -> [String] {
    streamers.compactMap { object in
      guard let count = before[ObjectIdentifier(object)] else { return nil }
      let stats = object.streamer.stats
      let came = stats.samples - count.samples
      let lost = Self.lost(object) - count.lost
      let state = object.streamer.state
      return "\(count.title): \(grouped(came)) samples came since, \(lost == 0 ? "none" : grouped(lost)) lost"
        + (state == "running" ? "" : ", now \(state)")
    }
  }
}
