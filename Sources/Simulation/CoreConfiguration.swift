public import Telemetry
public import Transport

/// What a simulated core is like.
public struct CoreConfiguration: Sendable {
  /// Which log-in it speaks: that of 0.60, or that of 0.56 to 0.59.
  public enum Login: Sendable { case sessions, tokens }

  public var host = "127.0.0.1"
  /// 0 lets the system choose.
  public var port = 0
  public var user = "synnax"
  public var password = "seldon"
  public var login = Login.sessions
  /// A session that nothing used for so long is over.
  public var idleTimeout = TimeSpan.hour
  public var tls: TLSServerOptions?
  /// A file that keeps channels and samples (SQLite); nil keeps them in memory, bounded.
  public var store: String?
  /// Whether it writes channels of its own: the motion recording at 10 Hz, temperature and pressure, and a virtual
  /// channel.
  public var plays = true
  /// A CSV file with the time in its first column, played instead of the motion recording.
  public var recording: String?
  /// Rows a second; nil for the times in the file.
  public var playRate: Double? = 10
  /// Noise and everything else that is random in the data comes from this.
  public var seed: UInt64 = 1

  public init() {}

  var version: String { login == .sessions ? "0.60.0" : "0.58.0" }
}
