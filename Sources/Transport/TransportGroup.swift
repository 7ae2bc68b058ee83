import NIOCore
import NIOPosix

/// The event-loop threads that sockets live on. Handlers run on them and must not block.
public final class TransportGroup: Sendable {
  /// The threads everybody shares; never shut down.
  public static let shared = TransportGroup(threads: TransportLimits.threads)

  let eventLoops: MultiThreadedEventLoopGroup

  /// Prefer ``shared``; a group of one's own needs ``shutdown()``.
  public init(threads: Int) {
    eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(threads, TransportLimits.threads)))
  }

  /// Ends the threads; connections on them must be closed before.
  public func shutdown() async {
    try? await eventLoops.shutdownGracefully()
  }
}
