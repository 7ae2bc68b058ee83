import Bela
import Telemetry

/// A session of the seed command protocol on the board's side (section 16.2): streams of its own, numbered by the
/// session's variables, and an end message that counts what was sent.
struct BoardSession: Sendable {
  private var streams: [BoardVariable]
  private let positions: [Int]
  private var client: Int
  private var command = "start_streamer"
  private var ending = SeedReply.finished

  init(_ positions: [Int], client: Int, timeMs: Int64, _ configuration: BoardConfiguration, now: Int64) {
    self.positions = positions
    self.client = client
    let ticks = (Double(timeMs) / 1000 * configuration.rate).rounded()
    streams = positions.enumerated().map { index, position in
      var stream = BoardVariable(configuration.variables[position], id: index)
      stream.begin(start: now, duration: timeMs == 0 ? 0 : Int64(min(1e15, max(1, ticks))), now: now)
      return stream
    }
  }

  /// Every stream ends with its next assignment.
  mutating func stop(client: Int, now: Int64) {
    self.client = client
    command = "stop_streamer"
    ending = SeedReply.stopped
    for index in streams.indices { streams[index].end(at: 0, now: now) }
  }

  /// Answers the end message once all streams have sent their last blocks, which go before it.
  mutating func advance(
    from start: Int64, to end: Int64, _ configuration: BoardConfiguration, isActive: Bool,
    send: (BoardMachine.Item) -> Void
  ) -> BoardMachine.Reply? {
    for index in streams.indices {
      let header = streams[index].header
      let seed = configuration.seed &+ UInt64(positions[index])
      streams[index].advance(
        from: start, to: end, rate: configuration.rate, seed: seed, isActive: isActive, keepsStale: false
      ) { tick, made in
        guard case .payload(let payload) = made else { return }
        send(BoardMachine.Item(tick: tick, position: index, header: header, payload: payload))
      }
    }
    guard streams.allSatisfy(\.isQuiet) else { return nil }
    var reply = SeedReply(command: command, message: ending)
    reply.counts = streams.map(\.sent)
    return BoardMachine.Reply(client: client, message: reply.json)
  }
}
