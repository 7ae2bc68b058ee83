import Locks
import Dispatch
public import Lua
import Signals
public import Telemetry

/// Runs closing work to its end on other threads, for the end of a program when no Lua runs any more.
func waitForAll(_ work: [@Sendable () async -> Void], atMost limit: DispatchTimeInterval) {
  guard !work.isEmpty else { return }
  let group = DispatchGroup()
  for one in work {
    group.enter()
    Task.detached {
      await one()
      group.leave()
    }
  }
  _ = group.wait(timeout: .now() + limit)
}

extension TelemetryError: LuaErrorConvertible {
  public var luaError: LuaError { LuaError(code, message, hint: hint) }
}

extension Library {
  /// Does something that takes time elsewhere, without stopping other tasks; the call goes on with its result.
  func perform<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value, ended: ((Bool) -> Void)? = nil,
    then: @escaping (Value, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) -> LuaResult {
    .wait(
      .async(
        {
          do {
            return try await work()
          } catch let error as any CodedError {
            throw LuaError(error.code, error.message, hint: error.hint)
          }
        }, ended: ended, then: then))
  }

  /// As `perform`, for what has to be done even if its caller is cancelled, interrupted, or out of time: closing. The work
  /// begins at once; what is waited for is its end.
  func conclude<Value: Sendable>(
    until deadline: LuaInstant? = nil, _ work: @escaping @Sendable () async throws -> Value,
    timedOut: ((borrowing LuaCall) throws(LuaError) -> LuaResult)? = nil,
    then: @escaping (Value, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) -> LuaResult {
    let closings = closings
    let id = closings.withLock { closings in
      closings.next += 1
      return closings.next
    }
    let task = Task.detached { try await work() }
    let end: @Sendable () async -> Void = { _ = try? await task.value }
    closings.withLock { $0.running[id] = end }
    Task.detached {
      await end()
      closings.withLock { $0.running[id] = nil }
    }
    return .wait(
      .async(
        deadline: deadline,
        {
          do {
            return try await task.value
          } catch let error as any CodedError {
            throw LuaError(error.code, error.message, hint: error.hint)
          }
        }, timedOut: timedOut, then: then))
  }

  /// Closings that are under way: the end of a session waits for them.
  struct Closings: Sendable {
    var next = 0
    var running: [Int: @Sendable () async -> Void] = [:]
  }

  /// Runs a throwing call of the engine; its errors become Lua's.
  func checked<Value>(_ body: () throws -> Value) throws(LuaError) -> Value {
    do {
      return try body()
    } catch let error as LuaError {
      throw error
    } catch let error as any CodedError {
      throw LuaError(error.code, error.message, hint: error.hint)
    } catch {
      throw LuaError(error)
    }
  }
}

/// A `Collector` that a chain of waits shares.
final class CollectorBox {
  private var collector: Collector
  /// How long it waits for more of a span; nil for a number of samples.
  let patience: TimeSpan?
  /// When the caller gives up.
  let end: LuaInstant?
  /// From here on it has taken so long that a person wants to see how far it is.
  let showsFrom: LuaInstant

  /// - Parameter now: when it begins.
  init(channels: [Channel], amount: BufferCapacity, now: LuaInstant, end: LuaInstant?) {
    showsFrom = now.advanced(by: .milliseconds(500))
    collector = Collector(channels: channels, amount: amount)
    patience = if case .span(let span) = amount { span + .second + .second } else { nil }
    self.end = end
  }

  func finish() -> Frame { collector.finish() }

  func add(_ frame: Frame) -> Frame? { collector.add(frame) }
  var progress: String { collector.progress }

  /// `collecting ━━━━━━━━────────────  40 %  pot1 400 of 1000 samples`
  var bar: String {
    let share = min(1, max(0, collector.share))
    let filled = Int(saturating: share * Double(Self.barColumns))
    let bar =
      String(repeating: "━", count: filled) + String(repeating: "─", count: Self.barColumns - filled)
    let percent = "\(Int(saturating: share * 100))"
    let margin = String(repeating: " ", count: 3 - percent.count)
    return "collecting \(bar) \(margin)\(percent) %  \(collector.progress)"
  }

  private static let barColumns = 20
}
