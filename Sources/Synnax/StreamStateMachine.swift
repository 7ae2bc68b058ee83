package import Telemetry

/// One stream on one connection, from the upgrade to the end (protocol, section 12.5). A plain value: it is told what
/// came and what time it is, and answers what to do.
package struct StreamStateMachine: Sendable {
  package enum State: Sendable, Equatable {
    case connecting, opening, acknowledging, streaming, draining, ended
  }

  /// How a stream came to its end.
  package enum End: Sendable, Equatable {
    /// It was asked to.
    case closed
    /// The core ended it, without an error.
    case endedByCore
    case failed(SynnaxError)
  }

  package enum Action: Sendable {
    case send([UInt8])
    /// The core has taken the first request.
    case acknowledged
    /// A frame, and the channels of the request that it answers.
    case deliver(WireFrame, StreamChannels)
    case end(End)
  }

  package struct Settings: Sendable {
    package var downsampleFactor = 1
    package var throttleRate = 0.0
    package var excludeGroups: [UInt32] = []
    /// What the core is asked for; zero for none.
    package var keepAlive = TimeSpan(nanoseconds: 5_000_000_000)
    /// For `open`, and for the acknowledgement.
    package var openTimeout = TimeSpan(nanoseconds: 5_000_000_000)
    package var closeTimeout = TimeSpan(nanoseconds: 2_000_000_000)

    package init() {}

    /// Nothing heard for so long means that the core is gone: three intervals. The interval is a user's.
    var silence: TimeSpan { keepAlive + keepAlive + keepAlive }
  }

  package private(set) var state = State.connecting
  /// When the machine wants to be told the time, at the latest.
  package private(set) var deadline: TimeSpan?
  private let settings: Settings
  private var codec = FrameCodec()
  /// By state number, for the states that frames may still name.
  private var sets: [(sequence: UInt32, channels: StreamChannels)] = []
  /// For the frames of the set in use and the stream's slots.
  private var plan: (sequence: UInt32, plan: StreamPlan)?
  private var current: StreamChannels
  private var lastHeard = TimeSpan.zero
  private var lastChecked = TimeSpan.zero
  private var isLivenessArmed = false

  package init(channels: StreamChannels, settings: Settings) {
    current = channels
    self.settings = settings
  }

  /// The number of the newest request with channels.
  package var sequence: UInt32 { codec.sequence }
  /// Requests with channels that no frame has answered yet.
  package var pendingStates: Int { max(0, codec.stateCount - 1) }

  // MARK: - What happens

  /// The upgrade is done.
  package mutating func upgraded(now: TimeSpan) {
    guard state == .connecting else { return }
    state = .opening
    lastHeard = now
    deadline = now + settings.openTimeout
  }

  /// A whole message, with its prefix byte.
  package mutating func received(_ message: UnsafeRawBufferPointer, now: TimeSpan) -> [Action] {
    guard state != .ended else { return [] }
    lastHeard = now
    guard let prefix = message.first else { return fail(SynnaxError("protocol", "an empty message")) }
    let body = UnsafeRawBufferPointer(rebasing: message[1...])
    do throws(SynnaxError) {
      switch prefix {
      case Wire.framePrefix: return try received(frame: body)
      case Wire.jsonPrefix: return try received(Wire.decode(Envelope<StreamResponsePayload>.self, body), now)
      default: throw SynnaxError("protocol", "a message that begins with \(prefix)")
      }
    } catch {
      return fail(error)
    }
  }

  /// A whole message, as `received`, where the stream's columns are at hand: a frame of the usual form goes there at
  /// once. False when the message has to be `received`.
  package mutating func ingest(
    _ message: UnsafeRawBufferPointer, now: TimeSpan, _ ingest: inout Ingest,
    _ tracker: inout AlignmentTracker
  ) -> Bool {
    guard state == .streaming, message.count > 5, message[0] == Wire.framePrefix, ingest.takesColumns else {
      return false
    }
    let body = UnsafeRawBufferPointer(rebasing: message[1...])
    let sequence = UInt32(littleEndian: body.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    guard let first = sets.first, first.sequence == sequence, codec.isInUse(sequence) else { return false }
    if plan?.sequence != sequence || plan?.plan.version != ingest.version {
      plan = StreamPlan(first.channels, &ingest, &tracker).map { (sequence, $0) }
    }
    tracker.sequence = sequence
    guard plan?.plan.ingest(body, &ingest, &tracker) == true else { return false }
    lastHeard = now
    return true
  }

  private mutating func received(frame body: UnsafeRawBufferPointer) throws(SynnaxError) -> [Action] {
    guard state == .streaming || state == .draining || state == .acknowledging else {
      throw SynnaxError("protocol", "a frame before the stream was open")
    }
    let frame = try codec.decode(body)
    while let first = sets.first, first.sequence != frame.sequence { sets.removeFirst() }
    guard let channels = sets.first?.channels, !frame.series.isEmpty else { return [] }
    return [.deliver(frame, channels)]
  }

  private mutating func received(_ message: Envelope<StreamResponsePayload>, _ now: TimeSpan) -> [Action] {
    switch message.kind {
    case .open:
      guard state == .opening else { return [] }
      state = .acknowledging
      deadline = now + settings.openTimeout
      return [request(current)]
    case .data:
      if message.payload?.isKeepAlive ?? message.payload?.isOldKeepAlive ?? false {
        isLivenessArmed = settings.keepAlive > .zero
        if state == .streaming { armLiveness(now) }
        return []
      }
      guard state == .acknowledging else { return [] }
      state = .streaming
      deadline = nil
      armLiveness(now)
      return [.acknowledged]
    case .close:
      let error = message.error ?? .none
      return end(error.isNone || error.isEndOfStream ? nil : SynnaxError(error))
    }
  }

  /// The connection is gone. `error` is nil for an orderly WebSocket close.
  package mutating func disconnected(_ error: SynnaxError?) -> [Action] {
    guard state != .ended else { return [] }
    return end(error)
  }

  /// Time passed; to be called when `deadline` has come.
  package mutating func checked(now: TimeSpan) -> [Action] {
    defer { lastChecked = now }
    guard let due = deadline, now >= due, state != .ended else { return [] }
    switch state {
    case .opening: return fail(SynnaxError("timeout", "the core did not open the stream in time"))
    case .acknowledging:
      return fail(SynnaxError("timeout", "the core did not acknowledge the stream in time"))
    case .draining: return end(nil)
    case .streaming where isLivenessArmed:
      let silence = settings.silence
      if now - lastHeard < silence {
        deadline = lastHeard + silence
        return []
      }
      // Nobody looked for a while: what is unread in the socket gets one more interval.
      if now - lastChecked > silence + settings.keepAlive {
        lastHeard = now + settings.keepAlive - silence
        deadline = now + settings.keepAlive
        return []
      }
      return fail(
        SynnaxError("closed", "the core fell silent: nothing, not even a keep-alive, for \(now - lastHeard)"))
    case .connecting, .streaming, .ended:
      deadline = nil
      return []
    }
  }

  private mutating func armLiveness(_ now: TimeSpan) {
    guard isLivenessArmed else { return }
    if deadline == nil { lastChecked = now }
    deadline = now + settings.silence
  }

  // MARK: - What is asked for

  /// Replaces the set of channels. Frames of the set before still come, and say so.
  package mutating func update(_ channels: StreamChannels) -> [Action] {
    current = channels
    switch state {
    // The request has not been sent yet, or never will be.
    case .connecting, .opening, .draining, .ended: return []
    case .acknowledging, .streaming: return [request(channels)]
    }
  }

  /// Asks the core to end the stream; frames come until it has.
  package mutating func close(now: TimeSpan) -> [Action] {
    switch state {
    case .ended, .draining: return []
    case .connecting: return end(nil)
    case .opening, .acknowledging, .streaming:
      state = .draining
      deadline = now + settings.closeTimeout
      return [.send(Wire.encode(Envelope<StreamRequestPayload>(.close)))]
    }
  }

  /// The core makes a state for each request with keys and for no other, so this side does too, before it sends.
  private mutating func request(_ channels: StreamChannels) -> Action {
    if !channels.entries.isEmpty {
      sets.append((codec.addState(channels.entries), channels))
    }
    let payload = StreamRequestPayload(
      keys: channels.entries.map(\.key), downsampleFactor: settings.downsampleFactor,
      throttleRate: settings.throttleRate, excludeGroups: settings.excludeGroups,
      keepAlive: settings.keepAlive.nanoseconds)
    return .send(Wire.encode(Envelope(.data, payload: payload)))
  }

  private mutating func end(_ error: SynnaxError?) -> [Action] {
    let asked = state == .draining || state == .connecting
    state = .ended
    deadline = nil
    if let error { return [.end(.failed(error))] }
    return [.end(asked ? .closed : .endedByCore)]
  }

  private mutating func fail(_ error: SynnaxError) -> [Action] {
    state = .ended
    deadline = nil
    return [.end(.failed(error))]
  }
}
