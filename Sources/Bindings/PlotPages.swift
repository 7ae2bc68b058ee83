import Locks
import Plotting

/// The pages of one interpreter's plots: a server that starts with the first of them.
final class PlotPages: Sendable {
  private let server = Guarded<PlotServer?>(nil)

  func publish(_ plot: Plot) async throws -> String {
    if let server = server.withLock({ $0 }) { return try server.publish(plot) }
    let new = try await PlotServer.start()
    // Two tasks may have been at it at once.
    let kept = server.withLock { server in
      server = server ?? new
      return server!
    }
    if kept !== new { await new.stop() }
    return try kept.publish(plot)
  }

  func stop() async {
    let server = server.withLock { server in
      defer { server = nil }
      return server
    }
    await server?.stop()
  }
}
