import Synchronization

/// Holds what a stream sends: starts and stops it, keeps its newest samples, hands frames to any number of readers.
///
/// All members may be called on any thread. `receive` takes one lock, appends, and wakes outside it; it never waits
/// for a reader. What a slow reader misses is counted, and its next frame says so.
public final class Streamer: StreamSink {
  /// Called on any thread, outside locks, for what happens to the stream without being asked.
  public typealias Observer = @Sendable (StreamEvent) -> Void

  public let source: any Source
  private let clock: any TelemetryClock
  private let observer: Observer
  private let core: Mutex<StreamerCore>

  /// - Parameters:
  ///   - channels: what it will stream, as the source listed them.
  ///   - capacity: how much each channel keeps; bounded by `Limits.bufferBytesMax` for all of them.
  public init(
    source: any Source, channels: [Channel], capacity: BufferCapacity = .samples(Limits.bufferSamplesDefault),
    clock: any TelemetryClock = SystemClock(), observer: @escaping Observer = { _ in }
  ) throws(TelemetryError) {
    self.source = source
    self.clock = clock
    self.observer = observer
    var core = StreamerCore()
    core.setChannels(channels)
    _ = try core.setCapacity(capacity)
    self.core = Mutex(core)
  }

  // MARK: - Control

  /// Starts, and returns once the source has acknowledged; nothing happens while it is running already.
  /// - Parameter samples: stop by itself after so many samples of each channel.
  public func start(_ request: StreamRequest, samples: Int? = nil) async throws {
    switch core.withLock({ $0.start(samples: samples, now: clock.monotonic) }) {
    case .nothing: return
    case .refuse: throw TelemetryError("closed", "this streamer is closed", hint: "make a new one")
    case .busy: throw TelemetryError("busy", "this streamer is just being started or stopped by another task")
    case .open: break
    }
    do {
      let feed = try await source.open(request, sink: self)
      let action = core.withLock { $0.opened(feed) }
      if action == .stopFeed { try? await feed.stop() }
    } catch {
      core.withLock { $0.openFailed() }
      throw error
    }
  }

  /// Stops the capture; the last partial block has been delivered when it returns. Connection and buffer stay.
  /// - Returns: false when nothing was running.
  @discardableResult
  public func stop() async throws -> Bool {
    let (action, feed) = core.withLock { ($0.machine.stop(), $0.feed) }
    guard action == .stopFeed else { return false }
    defer { finish { $0.machine.stopped() } }
    try await feed?.stop()
    return true
  }

  /// Stops and releases; what is buffered stays readable. Idempotent.
  public func close() async {
    let (first, feed, live) = core.withLock { core in
      let live = core.machine.isLive
      return (core.machine.close(), core.feed, live)
    }
    guard first else { return }
    if live { try? await feed?.stop() }
    finish { $0.feed = nil }
  }

  /// Replaces the set of channels; what is buffered of those that stay stays.
  public func update(_ names: [String]) async throws {
    guard let feed = core.withLock({ $0.machine.isLive ? $0.feed : nil }) else {
      let known = try await source.channels()
      let wanted = try names.map { name throws(TelemetryError) in
        guard let channel = known.first(where: { $0.name == name }) else {
          throw TelemetryError("unknown_channel", "no channel named \"\(name)\"")
        }
        return channel
      }
      core.withLock { $0.setChannels(wanted) }
      return
    }
    let channels = try await feed.update(names)
    core.withLock { $0.setChannels(channels) }
  }

  // MARK: - Data

  /// Everything received and still in the buffer, as it is now. Copies no sample.
  public func snapshot() -> Frame {
    core.withLock { $0.snapshot() }
  }

  public func snapshot(of name: String) -> Series? {
    core.withLock { $0.buffer(named: name)?.snapshot() }
  }

  /// Sets how much each channel keeps; the newest stay. Returns what it was.
  @discardableResult
  public func setCapacity(_ capacity: BufferCapacity) throws(TelemetryError) -> BufferCapacity {
    try core.withLock { core throws(TelemetryError) in try core.setCapacity(capacity) }
  }

  /// Forgets the buffered samples, and what readers have not read of them.
  public func clear() {
    core.withLock { $0.clear() }
  }

  /// A reader with a place of its own, from the next frame on. It ends with its last reference.
  public func makeReader() throws(TelemetryError) -> StreamReader {
    let id = try core.withLock { core throws(TelemetryError) in try core.addReader() }
    return StreamReader(streamer: self, id: id)
  }

  public var capacity: BufferCapacity { core.withLock { $0.capacity } }
  public var channels: [Channel] { core.withLock { $0.channels } }
  public var state: String { core.withLock { $0.machine.name } }
  public var isLive: Bool { core.withLock { $0.machine.isLive } }
  /// Why it is reconnecting, lost or interrupted.
  public var reason: String? { core.withLock { $0.machine.reason } }
  public var stats: StreamStats { core.withLock { $0.stats(now: clock.monotonic) } }

  // MARK: - StreamSink

  public func receive(_ frame: Frame) {
    let (wakes, full) = core.withLock { $0.receive(frame, now: clock.monotonic) }
    for wake in wakes { wake() }
    if full { Task { await reachedSampleCount() } }
  }

  public func handle(_ event: StreamEvent) {
    let (told, wakes) = core.withLock { $0.handle(event) }
    for wake in wakes { wake() }
    if told { observer(event) }
  }

  public func prepare(_ channels: [Channel]) {
    core.withLock { $0.prepare(channels) }
  }

  private func reachedSampleCount() async {
    if (try? await stop()) == true { observer(.finished) }
  }

  /// A change that ends the stream: readers must look again.
  private func finish(_ change: (inout StreamerCore) -> Void) {
    let wakes = core.withLock { core in
      change(&core)
      return core.takeWakes()
    }
    for wake in wakes { wake() }
  }

  // MARK: - For readers

  func take(_ id: Int) -> StreamReader.Outcome {
    core.withLock { $0.take(id) }
  }

  func arm(_ id: Int, _ wake: @escaping @Sendable () -> Void) -> StreamReader.Armed {
    core.withLock { $0.arm(id, wake) }
  }

  func disarm(_ id: Int) {
    core.withLock { $0.disarm(id) }
  }

  func lag(_ id: Int) -> (frames: Int, dropped: Int64) {
    core.withLock { $0.lag(id) }
  }

  func removeReader(_ id: Int) {
    core.withLock { $0.removeReader(id) }
  }
}
