import Glibc
public import Telemetry

/// What a plot shows and how, the same for page, terminal and stills.
public struct PlotOptions: Sendable, Hashable {
  public enum Kind: String, Sendable, CaseIterable {
    /// Values over time.
    case time
    /// Magnitude in dB over frequency, of the newest `spectrumSize` samples.
    case spectrum
    /// Values over the values of the channel named `x`.
    case xy
  }

  public enum Layout: String, Sendable, CaseIterable {
    /// All lines on one scale.
    case overlay
    /// Each line in a row of its own, with a scale of its own.
    case lanes
  }

  public var kind: Kind
  public var layout: Layout
  /// Names of the channels wanted; empty for all that have numbers.
  public var channels: [String]
  /// The channel whose values are the horizontal axis (`xy` only).
  public var x: String?
  /// How much time is seen at once. Nil for what fits best: of a stream that goes on `defaultWindow`, of one that has
  /// ended, and in stills, no more of it than there is; of loaded data everything.
  public var window: TimeSpan?
  /// The vertical scale; nil follows the data.
  public var y: ClosedRange<Double>?
  public var title: String?
  /// Samples of a spectrum, a power of two.
  public var spectrumSize: Int
  /// Seconds that local time is ahead of UTC; wall-clock labels use it.
  public var utcOffset: Int

  public init(
    kind: Kind = .time, layout: Layout = .overlay, channels: [String] = [], x: String? = nil,
    window: TimeSpan? = nil, y: ClosedRange<Double>? = nil,
    title: String? = nil, spectrumSize: Int = 4096, utcOffset: Int? = nil
  ) {
    self.kind = kind
    self.layout = layout
    self.channels = channels
    self.x = x
    self.window = window
    self.y = y
    self.title = title
    self.spectrumSize = spectrumSize
    self.utcOffset = utcOffset ?? Self.localOffset
  }

  public static let defaultWindow = TimeSpan(nanoseconds: 10_000_000_000)

  private static var localOffset: Int {
    var now = time(nil)
    var parts = tm()
    return localtime_r(&now, &parts) == nil ? 0 : parts.tm_gmtoff
  }

  /// Throws `argument` for what cannot be drawn.
  func check() throws(PlotError) {
    guard window ?? Self.defaultWindow > .zero else {
      throw PlotError("argument", "a plot's window must be above zero")
    }
    if let y {
      guard y.lowerBound.isFinite, y.upperBound.isFinite, y.lowerBound / 2 < y.upperBound / 2 else {
        throw PlotError("argument", "a fixed scale needs two different numbers, the lower one first")
      }
    }
    guard (kind == .xy) == (x != nil) else {
      throw PlotError(
        "argument",
        kind == .xy ? "an x-y plot needs the name of its x channel" : "x belongs to kind = \"xy\"",
        hint: "plot{ kind = \"xy\", x = \"pot1\" }")
    }
    guard spectrumSize >= 16, spectrumSize <= PlotLimits.spectrumSizeMax, spectrumSize.nonzeroBitCount == 1
    else {
      throw PlotError(
        "argument", "the size of a spectrum is a power of two from 16 to \(PlotLimits.spectrumSizeMax)")
    }
  }
}

/// A moment worth seeing: a trigger that hit, a mark that a user set.
public struct PlotFlag: Sendable, Hashable {
  public enum Kind: String, Sendable { case trigger, mark }

  public var kind: Kind
  public var label: String
  /// When, in units of `clock`.
  public var time: Int64
  public var clock: ClockDomain

  public init(kind: Kind, label: String, time: Int64, clock: ClockDomain) {
    self.kind = kind
    self.label = label
    self.time = time
    self.clock = clock
  }
}

/// Something with samples that a plot can show.
public enum PlotInput: Sendable {
  /// A stream, as it goes on. `label` tells its channels from those of the same name in other inputs.
  case stream(Streamer, label: String?)
  /// Loaded data, or a series.
  case frame(Frame, label: String?)
}
