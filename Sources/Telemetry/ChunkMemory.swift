import Glibc
import Locks

/// Memory for samples in blocks of one size, those of a full chunk. A stream that runs for long gives back a block for each
/// that it takes: here it gets that very one, without the system's clearing a page of it.
///
/// Blocks lie in slabs of 2 MiB. The first ones grow page by page; behind those, a slab is one page where the machine has
/// such: clearing it costs a fifth.
enum ChunkMemory {
  /// Bytes of a block: a chunk and what its storage has in front of it.
  static let blockBytes = Limits.chunkBytesMax + 64

  private static let slabBytes = 1 << 21
  private static let headerBytes = 64
  private static let blocksInSlab = (slabBytes - headerBytes) / blockBytes

  private struct Slab {
    var free: UnsafeMutableRawPointer?
    var used = 0
    /// Blocks that were never given out lie behind this many.
    var fresh = 0
    var next: UnsafeMutablePointer<Slab>?
    var previous: UnsafeMutablePointer<Slab>?
  }

  private struct State {
    // Slabs with a free block, and how many of all slabs are empty.
    var first: UnsafeMutablePointer<Slab>?
    var slabs = 0
    var empty = 0

    mutating func link(_ slab: UnsafeMutablePointer<Slab>) {
      (slab.pointee.previous, slab.pointee.next) = (nil, first)
      first?.pointee.previous = slab
      first = slab
    }

    mutating func unlink(_ slab: UnsafeMutablePointer<Slab>) {
      if let previous = slab.pointee.previous {
        previous.pointee.next = slab.pointee.next
      } else {
        first = slab.pointee.next
      }
      slab.pointee.next?.pointee.previous = slab.pointee.previous
    }
  }

  // Safety: reached only within `withLock`.
  private final class Pool: @unchecked Sendable {
    let state = Guarded(State())
  }

  private static let pool = Pool()

  /// A block of `blockBytes`, aligned to 64.
  static func take() -> UnsafeMutableRawPointer {
    pool.state.withLock { state in
      let slab = state.first ?? makeSlab(&state)
      if slab.pointee.used == 0 { state.empty -= 1 }
      slab.pointee.used += 1
      let block: UnsafeMutableRawPointer
      if let free = slab.pointee.free {
        slab.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
        block = free
      } else {
        block = UnsafeMutableRawPointer(slab) + headerBytes + slab.pointee.fresh * blockBytes
        slab.pointee.fresh += 1
      }
      if slab.pointee.used == blocksInSlab { state.unlink(slab) }
      return block
    }
  }

  static func giveBack(_ block: UnsafeMutableRawPointer) {
    let slab = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: block) & ~UInt(slabBytes - 1))!
      .assumingMemoryBound(to: Slab.self)
    let unused = pool.state.withLock { state -> UnsafeMutablePointer<Slab>? in
      if slab.pointee.used == blocksInSlab { state.link(slab) }
      block.storeBytes(of: slab.pointee.free, as: UnsafeMutableRawPointer?.self)
      slab.pointee.free = block
      slab.pointee.used -= 1
      guard slab.pointee.used == 0 else { return nil }
      state.empty += 1
      guard state.empty > Limits.emptySlabsMax else { return nil }
      state.unlink(slab)
      state.empty -= 1
      state.slabs -= 1
      return slab
    }
    if let unused { munmap(unused, slabBytes) }
  }

  private static func makeSlab(_ state: inout State) -> UnsafeMutablePointer<Slab> {
    // Twice as much has an aligned slab in it, wherever it lies; the rest goes back at once.
    guard
      let all = mmap(
        nil, 2 * slabBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      all != MAP_FAILED
    else { fatalError("no memory for samples") }
    let before = (slabBytes - Int(bitPattern: all) & (slabBytes - 1)) & (slabBytes - 1)
    let base = all + before
    if before > 0 { munmap(all, before) }
    munmap(base + slabBytes, slabBytes - before)
    if state.slabs >= Limits.smallPageSlabs { madvise(base, slabBytes, MADV_HUGEPAGE) }
    let slab = base.initializeMemory(as: Slab.self, repeating: Slab(), count: 1)
    state.slabs += 1
    state.empty += 1
    state.link(slab)
    return slab
  }
}
