import Lua
import Recording
public import Telemetry

/// A streamer as scripts hold it: the engine's, with its own reader and what `start` is to ask for.
public final class StreamerObject {
  public let streamer: Streamer
  let source: SourceObject
  private(set) var reader: ReaderObject!
  /// What every `start` begins with: downsampling, a project's name.
  var request: StreamRequest
  /// Ticks from one value to the next of each channel, when it is a monitor.
  var periods: [String: Int64] = [:]
  /// What `start` does without options of its own (the seed constructor's `time_ms`).
  var defaultSpan: TimeSpan?
  /// Channels computed from this stream: they start with it.
  var derived: [StreamerObject] = []
  /// How it is computed, when it is.
  var derivation: Derivation?
  var isStarting = false
  /// What happened to a stream while its start was not told yet: it is told behind that.
  var heldNotes: [String]?
  var isQuiet = false
  /// Writes the stream that was started last into a file, when that was asked for.
  var recorder: StreamRecorder?
  var isRecordingTold = false
  /// Bytes of all samples that had come when a script last asked for the data.
  var snapshotBytes = 0
  /// Somebody waits for the end, and says what became of the recording.
  var isStopping = false

  init(_ streamer: Streamer, source: SourceObject, request: StreamRequest) throws(LuaError) {
    self.streamer = streamer
    self.source = source
    self.request = request
    reader = try ReaderObject(self, isOwn: true)
  }

  /// Its frames are made of other streams, which say already what happens.
  var isMadeHere: Bool { source.kind == .computed || source.kind == .joined }

  /// Somebody reads it frame by frame; who only looks at `data` misses nothing that falls out unread.
  public var isRead: Bool { reader.isUsed }

  /// What messages call it: its channels.
  public var title: String {
    let names = streamer.channels.map(\.name)
    return names.count <= 4
      ? names.joined(separator: ", ") : "\(names[0]), \(names[1]) … (\(names.count) channels)"
  }
}
