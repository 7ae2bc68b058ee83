package import Glibc

/// A value behind a lock: the only kind of lock here.
///
/// A pthread mutex: `Synchronization.Mutex` hands a contended lock over through the kernel, which cost a sixth of a full
/// stream's time, and the thread sanitizer does not see it. The value lies in memory of its own, so that reaching it
/// costs no look at who else does.
// Safety: the value is reached only inside `withLock`, which holds the mutex; both live as long as this object.
package final class Guarded<Value>: @unchecked Sendable {
  // Seen by other modules, so that the type in their hands is known to the compiler there.
  @usableFromInline let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  @usableFromInline let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

  package init(_ value: sending Value) {
    self.value.initialize(to: value)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    value.deinitialize(count: 1)
    value.deallocate()
  }

  /// Never call out from `body`, nor keep anything of the value that another thread must not see.
  @inlinable package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value.pointee)
  }
}
