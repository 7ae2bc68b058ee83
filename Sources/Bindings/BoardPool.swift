import Locks
import Bela
import Telemetry

/// Boards that several interpreters of one process use side by side, one connection each.
///
/// What a board streams belongs to the board, not to the connection that asked for it: two connections would stop each
/// other's streams, one that serves many feeds does not.
public final class BoardPool: Sendable {
  struct Address: Hashable {
    var host: String
    var port: Int
  }

  private struct Entry {
    var number: Int
    var users = 1
    var connecting: Task<BelaSource, any Error>
    var board: BelaSource?

    /// Not one that is gone for good.
    var isUsable: Bool { board.map { $0.state != "lost" && $0.state != "closed" } ?? true }
  }

  private struct State {
    var entries: [Address: Entry] = [:]
    var next = 0
  }

  private let state = Guarded(State())

  public init() {}

  /// The board at an address, connected when nobody uses it yet.
  func board(at address: Address, timeout: TimeSpan) async throws -> BoardLease {
    let entry = state.withLock { state -> Entry in
      if var entry = state.entries[address], entry.isUsable {
        entry.users += 1
        state.entries[address] = entry
        return entry
      }
      state.next += 1
      let connecting = Task.detached {
        try await BelaSource.connect(host: address.host, port: address.port, timeout: timeout)
      }
      let entry = Entry(number: state.next, connecting: connecting)
      state.entries[address] = entry
      return entry
    }
    do {
      let board = try await entry.connecting.value
      state.withLock { state in
        if state.entries[address]?.number == entry.number { state.entries[address]!.board = board }
      }
      return BoardLease(board, number: entry.number, address: address, pool: self)
    } catch {
      _ = leave(address, entry.number)
      throw error
    }
  }

  /// True when the last user left.
  fileprivate func leave(_ address: Address, _ number: Int) -> Bool {
    state.withLock { state in
      // An entry that was replaced belongs to those who have it: its connection is dead.
      guard let entry = state.entries[address], entry.number == number else { return false }
      if entry.users > 1 {
        state.entries[address]!.users -= 1
        return false
      }
      state.entries[address] = nil
      return true
    }
  }
}

/// One user's share of a board; given back at the latest when it goes.
final class BoardLease: Sendable {
  let board: BelaSource
  private let number: Int
  private let address: BoardPool.Address
  private let pool: BoardPool
  private let isOver = Guarded(false)

  fileprivate init(_ board: BelaSource, number: Int, address: BoardPool.Address, pool: BoardPool) {
    self.board = board
    self.number = number
    self.address = address
    self.pool = pool
  }

  /// The last one closes the connection.
  func end() async {
    if isLast() { await board.close() }
  }

  private func isLast() -> Bool {
    let wasOver = isOver.withLock { isOver in
      defer { isOver = true }
      return isOver
    }
    return !wasOver && pool.leave(address, number)
  }

  deinit {
    guard isLast() else { return }
    let board = board
    Task.detached { await board.close() }
  }
}

/// What stands in the place of a shared board that this interpreter has closed.
final class ClosedSource: Source {
  let name: String
  var state: String { "closed" }

  init(_ name: String) { self.name = name }

  private var error: TelemetryError { TelemetryError("closed", "\(name) is closed", hint: "connect again") }

  func channels() async throws -> [Channel] { throw error }
  func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed { throw error }
  func close() async {}
}
