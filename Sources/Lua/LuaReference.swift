import Locks
import CShims

/// A table, function, userdata or coroutine that Swift keeps alive. Belongs to one `LuaState`; may be dropped on any
/// thread, after the state was closed, too.
public final class LuaReference {
  let slot: Int32
  private let releases: ReleaseQueue

  init(slot: Int32, releases: ReleaseQueue) {
    self.slot = slot
    self.releases = releases
  }

  deinit { releases.add(slot) }

  /// Once the state is closed, a reference leads nowhere; as a value it is nil then.
  public var isOpen: Bool { releases.isOpen }

  func belongs(to queue: ReleaseQueue) -> Bool { queue === releases }
}

extension LuaReference: Equatable {
  /// The same reference; two references to one table are not equal. `LuaState.areSame` asks Lua.
  public static func == (a: LuaReference, b: LuaReference) -> Bool { a === b }
}

@available(*, unavailable)
extension LuaReference: Sendable {}

/// Registry slots that are to be freed on the interpreter's thread. Bounded by the number of references.
final class ReleaseQueue: Sendable {
  private let slots = Guarded<[Int32]?>([])

  var isOpen: Bool { slots.withLock { $0 != nil } }

  func add(_ slot: Int32) { slots.withLock { $0?.append(slot) } }

  func take() -> [Int32] {
    slots.withLock { slots in
      guard let taken = slots, !taken.isEmpty else { return [] }
      slots = []
      return taken
    }
  }

  func close() { slots.withLock { $0 = nil } }
}
