import Locks
import Bela
import Simulation
import Telemetry
import Testing

/// A simulated board and a client of it.
struct BoardRig {
  let board: SimulatedBoard
  let source: BelaSource

  static func with(
    _ configuration: BoardConfiguration, _ body: (BoardRig) async throws -> Void
  ) async throws {
    let board = try await SimulatedBoard.start(configuration)
    do {
      let source = try await BelaSource.connect(host: board.host, port: board.port)
      do {
        try await body(BoardRig(board: board, source: source))
      } catch {
        await source.close()
        throw error
      }
      await source.close()
    } catch {
      await board.stop()
      throw error
    }
    await board.stop()
  }

  /// The ten variables of the captures' program `alltypes`, with its values.
  static func allTypes(sparse interval: Double = 12) -> BoardConfiguration {
    var variables: [BoardConfiguration.Variable] = []
    for (mode, step) in [(Channel.Mode.dense, 1.0), (.sparse, interval)] {
      for type in BelaType.allCases {
        variables.append(.init("\(type.rawValue)_\(mode.rawValue)", type, mode, interval: step, .counter))
      }
    }
    return BoardConfiguration(variables: variables)
  }

  /// What `.counter` is after its way through a type.
  static func counter(_ tick: Int64, _ type: DataType) -> Sample {
    switch type {
    case .float32: .float(Double(Float(tick)))
    case .float64: .float(Double(tick))
    case .int32: .integer(Int64(Int32(truncatingIfNeeded: tick)))
    case .uint32: .integer(Int64(UInt32(truncatingIfNeeded: tick)))
    default: .integer(Int64(UInt8(truncatingIfNeeded: tick)))
    }
  }
}

/// A sink that keeps everything.
final class Collector: StreamSink {
  struct State {
    var series: [String: [Series]] = [:]
    var events: [StreamEvent] = []
    var frames = 0
  }

  let state = Guarded(State())

  func receive(_ frame: Frame) {
    state.withLock { state in
      state.frames += 1
      for one in frame.series { state.series[one.channel.name, default: []].append(one) }
    }
  }

  func handle(_ event: StreamEvent) { state.withLock { $0.events.append(event) } }

  var events: [StreamEvent] { state.withLock { $0.events } }

  func count(_ name: String) -> Int { state.withLock { $0.series[name]?.reduce(0) { $0 + $1.count } ?? 0 } }

  func samples(_ name: String) -> [(tick: Int64, value: Sample)] {
    state.withLock { state in
      (state.series[name] ?? []).flatMap { one in (0..<one.count).map { (one.time($0) ?? -1, one[$0]) } }
    }
  }

  func gaps(_ name: String) -> [Gap] { state.withLock { $0.series[name]?.flatMap(\.gaps) ?? [] } }

  /// Waits until it is so; false when that takes too long.
  func until(_ seconds: Double = 10, _ condition: (Collector) -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !condition(self) {
      if ContinuousClock.now > end { return false }
      try? await Task.sleep(for: .milliseconds(3))
    }
    return true
  }
}
