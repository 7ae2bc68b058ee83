/// Where a column simply goes on, during one burst: samples that follow its tail are written there without a look at the
/// column, which hears of them at the burst's end, or before anything else happens to it.
// Safety: the pointer is into the column's open storage, behind all that others see of it; used by one burst, under
// the stream's lock.
struct SampleLane: @unchecked Sendable {
  /// How many more samples fit.
  var room = 0
  var end = UnsafeMutableRawPointer(bitPattern: 16)!
  /// The shared stamps that would continue, and where.
  var stamps: ObjectIdentifier?
  var stampsAt = 0
  /// Bytes of a sample; 0 where they lie in the stamps themselves: an index's own.
  var width = 0
  /// Samples that the column has not heard of.
  var added = 0
  var isOpen = false

  /// False when these samples, at the stamps that came last, do not simply go on.
  @inline(__always)
  mutating func append(_ bytes: UnsafeRawPointer, _ count: Int, _ arena: borrowing StampArena)
    -> Bool
  {
    guard count <= room, arena.isAt(stamps, stampsAt) else { return false }
    let size = count &* width
    // Most frames have one sample of each.
    if size == 8 {
      end.storeBytes(of: bytes.loadUnaligned(as: UInt64.self), as: UInt64.self)
    } else if size > 0 {
      end.copyMemory(from: bytes, byteCount: size)
    }
    end += size
    room &-= count
    stampsAt &+= count
    added &+= count
    return true
  }
}

/// A lane for each slot of a stream; all are closed between bursts.
// Safety: belongs to one `StreamerCore` and is used under its lock.
final class SampleLanes: @unchecked Sendable {
  private(set) var base = UnsafeMutablePointer<SampleLane>.allocate(capacity: 0)
  private var count = 0

  /// Only between bursts.
  func grow(to count: Int) {
    guard count > self.count else { return }
    base.deinitialize(count: self.count)
    base.deallocate()
    self.count = max(count, 2 * self.count)
    base = .allocate(capacity: self.count)
    base.initialize(repeating: SampleLane(), count: self.count)
  }

  deinit {
    base.deinitialize(count: count)
    base.deallocate()
  }
}

/// What to copy from a message into the columns, for all messages of one form.
public struct SampleCopies: Sendable {
  public struct Copy: Sendable {
    let slot: Int
    let offset: Int
    let width: Int
    let arena: Int

    /// - Parameters:
    ///   - offset: where the samples are in the message.
    ///   - width: of the slot's type; 0 for an index channel, whose samples are the times that its arena got.
    ///   - arena: got the times of these samples.
    public init(slot: Int, offset: Int, width: Int, arena: Int) {
      (self.slot, self.offset, self.width, self.arena) = (slot, offset, width, arena)
    }
  }

  let copies: [Copy]
  let slots: Range<Int>

  /// - Precondition: each slot once, and at least one.
  public init(_ copies: [Copy]) {
    self.copies = copies
    slots = copies.map(\.slot).min()!..<copies.map(\.slot).max()! + 1
  }
}
