import Locks

/// Asynchronous work done from the main thread, which waits for it.
enum Blocking {
  static func wait<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value {
    let result = OneShot<Value>()
    Task.detached { result.fulfill(await work()) }
    return result.block()!
  }
}
