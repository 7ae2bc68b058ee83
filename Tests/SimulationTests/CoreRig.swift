import Locks
import Simulation
import Synnax
import Telemetry
import Testing

/// A core and a client connected to it; the core has `t` with `a`, and `u` with `b`.
final class CoreRig: Sendable {
  let core: SimulatedCore
  let source: SynnaxSource
  /// Between the two, where asked for.
  let relay: Relay?
  /// What `write` uses; never behind the relay.
  private let near: SynnaxClient
  private let writers = Guarded<[String: SynnaxWriter]>([:])

  init(
    plays: Bool = false, relayed: Bool = false, _ change: (inout CoreConfiguration) -> Void = { _ in },
    client changeClient: (inout SynnaxConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = CoreConfiguration()
    configuration.plays = plays
    change(&configuration)
    core = try await SimulatedCore.start(configuration)
    relay = relayed ? try Relay(to: core.port) : nil
    var client = SynnaxConfiguration(host: "127.0.0.1", port: relay?.port ?? core.port)
    client.giveUpAfter = TimeSpan(nanoseconds: 20_000_000_000)
    changeClient(&client)
    source = try await SynnaxSource.connect(client)
    near =
      relayed
      ? try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: core.port))
      : source.client
    guard !plays else { return }
    for (index, data) in [("t", "a"), ("u", "b")] {
      _ = try await source.client.createChannel(name: index, type: .timestamp, isIndex: true)
      _ = try await source.client.createChannel(name: data, type: .float64, index: index)
    }
  }

  func close() async {
    await source.close()
    await core.stop()
    relay?.close()
  }

  /// A running streamer.
  func stream(
    _ names: [String], capacity: BufferCapacity = .samples(100_000), span: TimeSpan? = nil,
    _ change: (inout SynnaxStreamOptions) -> Void = { _ in }
  ) async throws -> Streamer {
    let channels = try await source.client.channels(named: names)
    let streamer = try Streamer(source: source, channels: channels, capacity: capacity)
    var options = SynnaxStreamOptions()
    change(&options)
    try await streamer.start(StreamRequest(channels: names, span: span, options: options))
    return streamer
  }

  /// Writes one frame, for streams only; one writer for each set of channels and group.
  func write(_ columns: [(String, [Double])], group: UInt32 = 0) async throws {
    let names = columns.map(\.0)
    let writer = try await writer(names, group: group)
    let channels = try await near.channels(named: names)
    try await writer.write(
      zip(channels, columns).map { channel, column in
        Series(
          channel,
          channel.isIndex
            ? SampleStorage(column.1.map { Int64($0) }, as: .timestamp) : SampleStorage(column.1))
      })
  }

  /// Until the core has taken all frames.
  func commit() async throws {
    for writer in writers.withLock({ Array($0.values) }) { try await writer.commit() }
  }

  /// After their connections were cut.
  func forgetWriters() { writers.withLock { $0 = [:] } }

  private func writer(_ names: [String], group: UInt32) async throws -> SynnaxWriter {
    let id = "\(group)" + names.joined()
    if let known = writers.withLock({ $0[id] }) { return known }
    var options = SynnaxWriter.Options()
    options.mode = .stream
    options.start = TimeStamp(nanoseconds: 0)
    options.group = group
    let made = try await SynnaxWriter.open(near, channels: names, options: options)
    writers.withLock { $0[id] = made }
    return made
  }
}

/// Waits for a condition.
func until(
  _ what: Comment? = nil, within: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + within
  while try await !condition() {
    guard ContinuousClock.now < end else {
      Issue.record(what ?? "it did not happen in time")
      throw SynnaxError("timeout", "the test waited too long")
    }
    try await Task.sleep(for: .milliseconds(2))
  }
}
