import Locks

/// Holds what a stream sends: starts and stops it, keeps its newest samples, hands frames to any number of readers.
///
/// All members may be called on any thread. `receive` takes one lock, appends, and wakes outside it; it never waits
/// for a reader. What a slow reader misses is counted, and its next frame says so.
public final class Streamer: Sendable {
  /// Called on any thread, outside locks, for what happens to the stream without being asked, once each. An end is told
  /// before any reader sees it.
  public typealias Observer = @Sendable (StreamEvent) -> Void

  public let source: any Source
  private let clock: any TelemetryClock
  private let observer: Observer
  private let core: Guarded<StreamerCore>

  /// - Parameters:
  ///   - channels: what it will stream, as the source listed them.
  ///   - capacity: how much each channel keeps; nil for `Limits.bufferSamplesDefault`, or fewer where that many
  ///     channels would pass `Limits.bufferBytesMax` together.
  public init(
    source: any Source, channels: [Channel], capacity: BufferCapacity? = nil,
    clock: any TelemetryClock = SystemClock(), observer: @escaping Observer = { _ in }
  ) throws(TelemetryError) {
    self.source = source
    self.clock = clock
    self.observer = observer
    var core = StreamerCore()
    core.setChannels(channels)
    if let capacity { _ = try core.setCapacity(capacity) }
    self.core = Guarded(core)
  }

  // MARK: - Control

  /// Starts, and returns once the source has acknowledged; nothing happens while it is running already.
  /// - Parameters:
  ///   - samples: stop by itself after exactly so many samples of each channel.
  ///   - mirror: gets everything that the source delivers from the first sample on, in the same order, whatever the
  ///     buffers and readers make of it. Must not wait.
  /// - Throws: what the source throws; `busy` while another task starts or stops it; `cancelled` when it was stopped
  ///   before it had started; `closed`; `argument`.
  public func start(
    _ request: StreamRequest, samples: Int? = nil, mirror: (any StreamSink)? = nil
  ) async throws {
    if let samples, samples < 1 {
      throw TelemetryError("argument", "a stream ends after 1 sample at least, not after \(samples)")
    }
    let run: Int
    switch core.withLock({ $0.start(samples: samples) }) {
    case .nothing: return
    case .refuse: throw Self.closed
    case .busy: throw TelemetryError("busy", "this streamer is just being started or stopped by another task")
    case .open(let number): run = number
    }
    let feed: any Feed
    do {
      feed = try await source.open(request, sink: Inlet(self, run: run, mirror: mirror))
    } catch {
      wakeAll { $0.openFailed(run: run) }
      throw error
    }
    let channels = feed.channels
    let (action, full) = core.withLock { $0.opened(run: run, feed, channels) }
    guard action == .proceed else {
      try? await feed.stop()
      if state == "closed" { throw Self.closed }
      throw TelemetryError("cancelled", "the stream was stopped before it had started")
    }
    if full { await reachedSampleCount(run) }
  }

  private static let closed = TelemetryError("closed", "this streamer is closed", hint: "make a new one")

  /// Stops the capture; the last partial block has been delivered when it returns. Connection and buffer stay.
  /// A start that is under way is called off. When somebody else is stopping it, waits for that.
  /// - Returns: false when there was nothing to stop.
  @discardableResult
  public func stop() async throws -> Bool { try await stop(run: nil) }

  /// - Parameter run: only if it is still this one.
  private func stop(run: Int?) async throws -> Bool {
    let (action, feed) = core.withLock { core -> (StreamerStateMachine.StopAction, (any Feed)?) in
      guard run == nil || run == core.machine.run else { return (.nothing, nil) }
      let action = core.machine.stop()
      if action == .stopFeed { core.stopsUnderWay += 1 }
      return (action, action == .stopFeed ? core.takeFeed() : nil)
    }
    // What is held back comes now: the end is behind it.
    core.withLock { $0.takeRelief() }?()
    switch action {
    case .nothing: return false
    case .abandoned:
      wakeAll { $0.takeWakes() }
      return true
    case .wait:
      await stopsAreOver()
      return false
    case .stopFeed:
      defer { stopIsOver() }
      try await feed?.stop()
      return true
    }
  }

  /// Stops and releases; what is buffered stays readable. Idempotent; returns when everything has stopped.
  public func close() async {
    // Stopped first, so that the last samples come in; then for good, whoever started it anew meanwhile.
    _ = try? await stop()
    let (isRunning, feed, wakes) = core.withLock { core -> (Bool, (any Feed)?, [StreamerCore.Wake]) in
      guard core.machine.close() else { return (false, nil, core.takeWakes()) }
      core.stopsUnderWay += 1
      return (true, core.takeFeed(), [])
    }
    for wake in wakes { wake() }
    core.withLock { $0.takeRelief() }?()
    if isRunning {
      try? await feed?.stop()
      stopIsOver()
    }
    await stopsAreOver()
  }

  private func stopIsOver() {
    let (wakes, over) = core.withLock { core -> ([StreamerCore.Wake], OneShot<Void>?) in
      core.stopsUnderWay -= 1
      core.machine.stopped()
      guard core.stopsUnderWay == 0 else { return (core.takeWakes(), nil) }
      defer { core.stopsOver = nil }
      return (core.takeWakes(), core.stopsOver)
    }
    for wake in wakes { wake() }
    over?.fulfill(())
  }

  /// Bounded by the deadlines of the source's own `stop`.
  private func stopsAreOver() async {
    let over = core.withLock { core -> OneShot<Void>? in
      guard core.stopsUnderWay > 0 else { return nil }
      if core.stopsOver == nil { core.stopsOver = OneShot() }
      return core.stopsOver
    }
    _ = await over?.wait()
  }

  /// Replaces the set of channels; what is buffered of those that stay stays.
  /// - Throws: before anything changes: `unknown_channel`, `closed`, `busy` while it is being started or stopped.
  public func update(_ names: [String]) async throws {
    let (state, feed) = core.withLock { ($0.machine.state, $0.feed) }
    switch state {
    case .closed: throw Self.closed
    case .starting, .stopping:
      throw TelemetryError("busy", "this streamer is just being started or stopped by another task")
    case .ready, .stopped, .lost:
      let known = try await source.channels()
      let wanted = try names.map { name throws(TelemetryError) in
        guard let channel = known.first(where: { $0.name == name }) else {
          throw TelemetryError("unknown_channel", "no channel named \"\(name)\"")
        }
        return channel
      }
      let isSet = core.withLock { core in
        guard !core.machine.isLive else { return false }
        core.setChannels(wanted)
        return true
      }
      // Somebody has started it meanwhile: then it is the feed's to change.
      if !isSet { try await update(names) }
    case .running, .reconnecting:
      guard let feed else { throw TelemetryError("busy", "this streamer is just being started") }
      try await update(names, of: feed)
    }
  }

  private func update(_ names: [String], of feed: any Feed) async throws {
    do {
      let channels = try await feed.update(names)
      let (full, run) = core.withLock { core in
        core.setChannels(channels)
        return (core.checkLimit(), core.machine.run)
      }
      if full { await reachedSampleCount(run) }
    } catch {
      // It may have prepared for channels that will not come now.
      let channels = feed.channels
      core.withLock { if $0.channels != channels { $0.setChannels(channels) } }
      throw error
    }
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
  /// - Throws: `argument`; `memory` for more samples than fit into `Limits.bufferBytesMax`. A time is taken as it is, and
  ///   kept as far as that memory goes.
  @discardableResult
  public func setCapacity(_ capacity: BufferCapacity) throws(TelemetryError) -> BufferCapacity {
    try core.withLock { core throws(TelemetryError) in try core.setCapacity(capacity) }
  }

  /// Bytes that all channels together may keep, `Limits.bufferBytesMax` unless told; the newest samples stay.
  public func setBufferBytes(_ bytes: Int) {
    core.withLock { $0.setBytesMax(max(1, min(bytes, Limits.bufferBytesMax))) }
  }

  /// Forgets the buffered samples, and what readers have not read of them.
  public func clear() {
    let relief = core.withLock { core in
      core.clear()
      return core.takeRelief()
    }
    relief?()
  }

  /// A reader with a place of its own, from the next frame on. It ends with its last reference.
  public func makeReader() throws(TelemetryError) -> StreamReader {
    let id = try core.withLock { core throws(TelemetryError) in try core.addReader() }
    return StreamReader(streamer: self, id: id)
  }

  /// What each channel keeps, as far as the memory goes.
  public var capacity: BufferCapacity { core.withLock { $0.capacity } }
  public var channels: [Channel] { core.withLock { $0.channels } }
  public var state: String { core.withLock { $0.machine.name } }
  public var isLive: Bool { core.withLock { $0.machine.isLive } }
  /// Why it is reconnecting, lost or interrupted.
  public var reason: String? { core.withLock { $0.machine.reason } }

  public var stats: StreamStats {
    let now = clock.monotonic
    return core.withLock { $0.stats(now: now) }
  }

  // MARK: - From the source

  fileprivate func receive(_ frame: Frame, run: Int) {
    let (now, wall) = (clock.monotonic, clock.now)
    let (wakes, full) = core.withLock { $0.receive(frame, run: run, now: now, wall: wall) }
    for wake in wakes { wake() }
    if full { Task { await reachedSampleCount(run) } }
  }

  /// Lends the columns for a burst; false when nothing was taken, since the stream does not run any more.
  /// - Returns: what came, where a recorder wants it.
  fileprivate func ingest(run: Int, isMirrored: Bool, _ body: (inout Ingest) -> Void) -> (
    isTaken: Bool, Frame?
  ) {
    let (now, wall) = (clock.monotonic, clock.now)
    let (wakes, full, frame, isTaken) = core.withLock { core -> ([StreamerCore.Wake], Bool, Frame?, Bool) in
      guard run == core.machine.run, core.machine.isLive else { return ([], false, nil, false) }
      return withUnsafeMutablePointer(to: &core) { core in
        var ingest = Ingest(core, isMirrored: isMirrored)
        body(&ingest)
        core.pointee.closeLanes()
        guard ingest.received > 0 else { return ([], false, nil, true) }
        let frame = ingest.mirrored
        core.pointee.trim()
        let (wakes, full) = core.pointee.settle(ingest.received, now: now, wall: wall)
        return (wakes, full, frame, true)
      }
    }
    for wake in wakes { wake() }
    if full { Task { await reachedSampleCount(run) } }
    return (isTaken, frame)
  }

  fileprivate func handle(_ event: StreamEvent, run: Int) {
    let (tell, over) = core.withLock { $0.handle(event, run: run) }
    if tell != .nothing { observer(event) }
    if tell == .end { wakeAll { $0.endIsTold() } }
    withExtendedLifetime(over) {}
  }

  fileprivate func prepare(_ channels: [Channel], run: Int) {
    core.withLock { if $0.machine.run == run && $0.machine.isLive { $0.prepare(channels) } }
  }

  fileprivate func isBehind(_ relief: (@Sendable () -> Void)?) -> Bool {
    core.withLock { $0.isBehind(relief) }
  }

  private func reachedSampleCount(_ run: Int) async {
    core.withLock { $0.endsUntold += 1 }
    // An error of the source's stop does not make the samples fewer.
    var wasStopped = true
    do { wasStopped = try await stop(run: run) } catch {}
    if wasStopped { observer(.finished) }
    wakeAll { $0.endIsTold() }
  }

  private func wakeAll(_ change: (inout StreamerCore) -> [StreamerCore.Wake]) {
    for wake in core.withLock({ change(&$0) }) { wake() }
  }

  // MARK: - For readers

  func take(_ id: Int) -> StreamReader.Outcome { taking { $0.take(id) } }

  func takeBatch(_ id: Int) -> (FrameBatch?, rest: StreamReader.Outcome) {
    taking { core in
      let batch = core.takeBatch(id)
      return (batch, core.rest)
    }
  }

  func takeJoined(_ id: Int) -> StreamReader.Outcome {
    taking { core in core.takeJoined(id).map { .frame($0) } ?? core.rest }
  }

  private func taking<Result>(_ body: (inout StreamerCore) -> Result) -> Result {
    let (result, relief) = core.withLock { core in (body(&core), core.takeRelief()) }
    relief?()
    return result
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
    let relief = core.withLock { core in
      core.removeReader(id)
      return core.takeRelief()
    }
    relief?()
  }
}

/// What one start of a streamer gives to its source: a feed of an earlier start that goes on delivering reaches nobody.
private final class Inlet: StreamSink {
  private let streamer: Streamer
  private let run: Int
  private let mirror: (any StreamSink)?

  init(_ streamer: Streamer, run: Int, mirror: (any StreamSink)?) {
    self.streamer = streamer
    self.run = run
    self.mirror = mirror
  }

  func receive(_ frame: Frame) {
    streamer.receive(frame, run: run)
    mirror?.receive(frame)
  }

  func handle(_ event: StreamEvent) {
    streamer.handle(event, run: run)
    mirror?.handle(event)
  }

  func ingest(_ body: (inout Ingest) -> Void) -> Bool {
    let (isTaken, frame) = streamer.ingest(run: run, isMirrored: mirror != nil, body)
    if let frame { mirror?.receive(frame) }
    return isTaken
  }

  func prepare(_ channels: [Channel]) { streamer.prepare(channels, run: run) }
  func isBehind(_ relief: (@Sendable () -> Void)?) -> Bool { streamer.isBehind(relief) }
}
