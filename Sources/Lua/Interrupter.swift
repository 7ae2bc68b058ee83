import CShims

/// Stops what an interpreter runs, from any thread. Keep one for Ctrl-C and for time limits; it may outlive the
/// interpreter, and then does nothing.
// Safety: the C block is made for use from any thread (atomics, a mutex around the thread's identity) and lives
// exactly as long as this object.
public final class Interrupter: @unchecked Sendable {
  let irq: OpaquePointer

  init() throws(LuaError) {
    guard let irq = mt_irq_new() else {
      throw LuaError("memory", "no memory or no file descriptor for an interpreter")
    }
    self.irq = irq
  }

  deinit { mt_irq_free(irq) }

  /// Asks for the foreground to stop with the error `interrupted`, which no `pcall` eats; handlers of `<close>`
  /// variables run. A background task that keeps the foreground from running is stopped, too.
  public func interrupt() { mt_irq_request(irq) }

  /// An interrupt was asked for and has not struck.
  public var isRequested: Bool { mt_irq_requested(irq) }

  /// Takes a request back that has not struck; false when there was none. On the interpreter's thread.
  @discardableResult
  package func take() -> Bool { mt_irq_take(irq) }

  /// Asks for the foreground to go on in the background, at its next wait; see `Scheduler.runMovable`.
  public func moveToBackground() { mt_irq_call(irq) }

  /// Takes such a request back; false when there was none. On the interpreter's thread.
  @discardableResult
  public func takeMove() -> Bool { mt_irq_take_call(irq) }

  func ring() { mt_irq_ring(irq) }
}
