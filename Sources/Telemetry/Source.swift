/// Where streams come from: one Bela board, one Synnax cluster, one recording.
///
/// A new kind of device is a type that does these six things, in a target of its own; nothing here has to know of it.
/// What only it understands is a type of its own, too: `SourceOptions`.
///
/// Control calls are `async`, with deadlines of their own, and throw a `CodedError`. Samples come on any thread,
/// only through a `StreamSink`. A lost connection is the source's business: it reconnects with back-off, asks for
/// the streams again, and marks a gap.
public protocol Source: AnyObject, Sendable {
  /// What messages call it: `bela ws://192.168.7.2:5555`.
  var name: String { get }
  /// `"open"`, `"reconnecting"`, `"lost"` or `"closed"`.
  var state: String { get }
  /// Whose clock the samples' times are on: times of two sources with the same one can be compared. Its own, unless it
  /// computes its samples from another's.
  var timekeeper: any Source { get }
  /// All channels that can be streamed, asked for anew.
  func channels() async throws -> [Channel]
  /// Starts a stream; returns once the source has acknowledged it. Frames may come before that.
  func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed
  /// Ends all feeds and the connection. Idempotent, at most 2 s.
  func close() async
}

extension Source {
  public var timekeeper: any Source { self }
}

/// The running stream behind a `Streamer`, in the hands of its source.
public protocol Feed: AnyObject, Sendable {
  /// The channels that it sends, in the order asked for.
  var channels: [Channel] { get }
  /// Ends the stream; returns when the last samples have been delivered, after 2 s at most. Idempotent.
  func stop() async throws
  /// Replaces the set of channels. Throws before anything changes when a name is unknown.
  func update(_ names: [String]) async throws -> [Channel]
}

/// Where a source delivers. Any thread, in order, never two calls for one stream at once.
public protocol StreamSink: AnyObject, Sendable {
  func receive(_ frame: Frame)
  /// For a source that decodes straight into the stream's columns: calls once, with the columns, and returns; false,
  /// without a call, when they are not to be had and frames have to come by `receive`.
  func ingest(_ body: (inout Ingest) -> Void) -> Bool
  func handle(_ event: StreamEvent)
  /// Frames of these channels may come from now on, beside those that are streamed already: a source says so before
  /// it changes the set of a running stream.
  func prepare(_ channels: [Channel])
  /// For a source that can hold back and lose nothing by it: true while readers that read have much to catch up with.
  /// - Parameter relief: called once when they have, or when the stream is to end; on any thread. Nil only asks.
  func isBehind(_ relief: (@Sendable () -> Void)?) -> Bool
}

extension StreamSink {
  public func ingest(_ body: (inout Ingest) -> Void) -> Bool { false }
  public func prepare(_ channels: [Channel]) {}
  public func isBehind(_ relief: (@Sendable () -> Void)?) -> Bool { false }
}

/// What happens to a stream without being asked.
public enum StreamEvent: Sendable, Hashable {
  /// The fixed period is over; all its samples have been delivered.
  case finished
  /// The program on the device ended or began anew, and the stream will not go on.
  case interrupted(String)
  /// The connection is away; the source is trying.
  case reconnecting(String)
  /// It is back; each channel has a gap.
  case resumed
  /// The source has given up.
  case lost(String)
  /// Samples are missing on these channels (all when empty) before the next ones.
  case gap(Gap.Reason, samples: Int64?, channels: [String])
}
