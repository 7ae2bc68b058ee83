import DequeModule

/// Which of a stream's channels come together in a frame, by their slots, in the frame's order. One object serves all
/// frames that look alike.
public final class FramePattern: Sendable {
  public let slots: [Int]
  let layout: StreamLayout
  // By slot; -1 for those that are not in it.
  private let places: [Int32]

  init(_ slots: [Int], _ layout: StreamLayout) {
    self.slots = slots
    self.layout = layout
    var places = [Int32](repeating: -1, count: layout.channels.count)
    for (place, slot) in slots.enumerated() { places[slot] = Int32(place) }
    self.places = places
  }

  /// Where a slot is in `slots`.
  func place(of slot: Int) -> Int? {
    guard places.indices.contains(slot), places[slot] >= 0 else { return nil }
    return Int(places[slot])
  }

  /// Where a channel is in `slots`.
  func place(of name: String) -> Int? {
    if let slot = layout.slotOfName[name], let place = place(of: slot) { return place }
    // Under a name that another kind of channel has taken over, its last samples may still be unread.
    guard layout.hasNamesakes else { return nil }
    return slots.firstIndex { layout.channels[$0].name == name }
  }
}

/// A stream's channels by slot, as they are until its set changes.
final class StreamLayout: Sendable {
  let channels: [Channel]
  let slotOfName: [String: Int]
  /// Two slots have the same name.
  let hasNamesakes: Bool

  init(channels: [Channel], slotOfName: [String: Int]) {
    self.channels = channels
    self.slotOfName = slotOfName
    hasNamesakes = Set(channels.map(\.name)).count < channels.count
  }
}

/// What arrived together, for all readers of a stream: a row of entries that are a few words each, however many
/// channels a frame has. The samples are in the columns; an entry says how many of which came.
///
/// Invariant: `begin` plus the counts of all entries are the columns' ends.
struct FrameLog {
  struct Entry {
    var pattern: FramePattern
    /// Samples of each channel; with different counts those are in `counts`, in the pattern's order.
    var count: Int
    var counts: [Int]?

    func count(at place: Int) -> Int { counts?[place] ?? count }

    var sampleCount: Int { counts?.reduce(0, +) ?? count &* pattern.slots.count }
  }

  /// The frames' numbers.
  private(set) var first: Int64 = 0
  var end: Int64 { first &+ Int64(entries.count) }
  // By slot, the number of the first sample of the log's first frame, but for those that `gone` counts: frames leave the
  // log one by one, mostly alike.
  private var begins: [Int64] = []
  private var gone: (pattern: FramePattern, samples: Int64)?
  private var entries: Deque<Entry> = []

  subscript(number: Int64) -> Entry { entries[Int(number - first)] }

  mutating func append(_ entry: Entry) {
    entries.append(entry)
    if entries.count >= Limits.readerFramesMax { removeFirst() }
  }

  /// Forgets the oldest frame: who has not read it finds its samples joined with those before it.
  mutating func removeFirst() {
    guard let entry = entries.popFirst() else { return }
    first &+= 1
    guard entry.counts == nil else {
      settle()
      for (place, slot) in entry.pattern.slots.enumerated() {
        begins[slot] &+= Int64(entry.count(at: place))
      }
      return
    }
    if gone?.pattern !== entry.pattern {
      settle()
      gone = (entry.pattern, 0)
    }
    gone!.samples &+= Int64(entry.count)
  }

  /// The number of a slot's first sample in the log's first frame.
  func begin(of slot: Int) -> Int64 {
    guard let gone, gone.pattern.place(of: slot) != nil else { return begins[slot] }
    return begins[slot] &+ gone.samples
  }

  private mutating func settle() {
    guard let (pattern, samples) = gone else { return }
    gone = nil
    for slot in pattern.slots { begins[slot] &+= samples }
  }

  /// Forgets everything; the next frame begins at these numbers.
  mutating func removeAll(at ends: [Int64]) {
    first = end
    entries.removeAll()
    (begins, gone) = (ends, nil)
  }

  /// A slot is new, or has another channel.
  mutating func setSlot(_ slot: Int, begin number: Int64) {
    settle()
    while begins.count <= slot { begins.append(0) }
    begins[slot] = number
  }

  var oldest: Entry? { entries.first }

  /// The slots that any of the frames names.
  var slots: Set<Int> {
    var result: Set<Int> = []
    var last: FramePattern?
    for entry in entries where entry.pattern !== last {
      result.formUnion(entry.pattern.slots)
      last = entry.pattern
    }
    return result
  }
}

/// One reader's place in a stream: the next frame of the log, and of each column the next sample. What it missed
/// follows from where the columns begin now.
struct ReaderCursor {
  let id: Int
  var frame: Int64
  /// By slot.
  var next: [Int64]
  /// Samples that frames have said it missed.
  var told: Int64 = 0
  /// Those that no frame has told yet and that `next` has passed.
  var untold: Int64 = 0
  /// Somebody takes frames from it; one that nobody reads is waited for by nobody.
  var hasRead = false
  var wake: StreamerCore.Wake?

  mutating func takeWake() -> StreamerCore.Wake? {
    defer { wake = nil }
    return wake
  }

  /// A slot is new, or has another channel.
  mutating func setSlot(_ slot: Int, next number: Int64) {
    while next.count <= slot { next.append(0) }
    next[slot] = number
  }

  mutating func takeUntold() -> Int64 {
    defer { untold = 0 }
    told = told.addingSaturating(untold)
    return untold
  }
}
