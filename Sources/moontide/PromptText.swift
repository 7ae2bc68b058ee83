import Bindings
import Telemetry

/// The prompt: `[3]> `, with live streams `[3] 2~> `, with `!` when one of them is in trouble.
///
/// Streams are looked at a few times a second at most, whoever asks.
final class PromptText {
  private struct Look {
    var lost: Int64
    var troubleUntil: ContinuousClock.Instant?
  }

  private var looks: [ObjectIdentifier: Look] = [:]
  private var lookedAt: ContinuousClock.Instant?
  /// Somebody asked too soon after the last look.
  private var isBehind = false
  private(set) var marks = ""
  private var stallsCountFrom: ContinuousClock.Instant?
  private let now: () -> ContinuousClock.Instant

  /// Streams are looked at no more often than this.
  static let interval = Duration.milliseconds(200)
  /// A stream that had frames and gets no more for so long is stalled.
  private static let stall = TimeSpan(nanoseconds: 2_000_000_000)
  /// Lost samples are news for so long.
  private static let news = Duration.seconds(5)

  init(now: @escaping () -> ContinuousClock.Instant = { .now }) { self.now = now }

  func text(number: Int) -> String { "[\(number)]\(marks)> " }

  /// The program stood still, and so did everything that it could have received.
  func forgiveStalls() { stallsCountFrom = now() + Self.news }

  /// Looks again when it is time to; true when the marks have changed.
  func update(_ streamers: [StreamerObject], force: Bool = false) -> Bool {
    let now = now()
    if !force, let lookedAt, now - lookedAt < Self.interval {
      isBehind = true
      return false
    }
    lookedAt = now
    isBehind = false
    let live = streamers.filter { $0.streamer.isLive }
    var isTroubled = false
    var kept: [ObjectIdentifier: Look] = [:]
    for object in live {
      let stats = object.streamer.stats
      let id = ObjectIdentifier(object)
      var look = looks[id] ?? Look(lost: 0)
      let lost = stats.lost + (object.isRead ? stats.dropped : 0)
      if lost > look.lost { look.troubleUntil = now + Self.news }
      look.lost = lost
      kept[id] = look
      let isStalled =
        (stallsCountFrom.map { $0 <= now } ?? true) && stats.idle.map { $0 > Self.stall } ?? false
      if isStalled || object.streamer.state == "reconnecting" || look.troubleUntil.map({ $0 > now }) ?? false
      {
        isTroubled = true
      }
    }
    looks = kept
    let before = marks
    marks = live.isEmpty ? "" : " \(live.count)~\(isTroubled ? "!" : "")"
    return marks != before
  }

  /// When to look again; nil when only an event can change anything.
  var nextLook: ContinuousClock.Instant? {
    guard let lookedAt, isBehind || !marks.isEmpty else { return nil }
    return lookedAt + Self.interval * (isBehind ? 1 : 5)
  }
}
