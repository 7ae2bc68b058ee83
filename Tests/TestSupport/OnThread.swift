import Foundation

/// Runs a body on a thread of its own: interpreters and programs are waited for, and the shared threads of
/// concurrency are few and needed by what is waited for.
package func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
  -> Result
{
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
    // Lua's C stack as the main thread has it.
    thread.stackSize = 8 << 20
    thread.start()
  }
}
