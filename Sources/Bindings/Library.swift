import Locks
import Dispatch
public import Lua
public import Plotting
import Recording
import Synnax
public import Telemetry

/// Everything that scripts can call, in one interpreter: sources, streamers, frames, tasks, time.
///
/// Belongs to the interpreter's thread, as its `LuaState` does. Prints nothing: what a person should read goes to
/// `note`.
public final class Library {
  /// Starts the built-in simulated devices; the program supplies it, so that this target needs to know no simulator.
  public var simulators: (any Simulators)?
  /// Shows one message, such as "Streaming started...". Called on the interpreter's thread.
  public var note: (String) -> Void = { _ in }

  /// A value as messages quote it. What a table's own `__tostring` says may be called for it.
  public lazy var show: (LuaValue) -> String = { [unowned state] in state.describe($0) }

  public let state: LuaState
  let clock: any TelemetryClock
  let classes = Classes()
  /// Counts of all streams, for whoever shows or judges them.
  public let tally = StreamTally()
  /// Boards are shared with the other interpreters of the process; nil for connections of one's own.
  public var boards: BoardPool?
  /// Where events of streams, which come on any thread, find this library again.
  let mailbox: Mailbox

  /// Sources and streamers that were opened and not closed, oldest first.
  public internal(set) var openSources: [SourceObject] = []
  public internal(set) var openStreamers: [StreamerObject] = []
  public internal(set) var openWriters: [WriterObject] = []
  /// Plots that have a page and were not closed, oldest first.
  public internal(set) var openPlots: [PlotObject] = []
  /// Where plots show; nil where nobody looks.
  public var plotFront: (any PlotFront)?
  /// Told about every plot that a script makes, as soon as it is made.
  public var onPlot: ((Plot) -> Void)?
  let plotPages = PlotPages()
  /// The one that moves in the terminal now.
  weak var livePlot: LivePlotWait?
  /// Scripts may not read files nor the environment, so no option of ours may do it for them.
  public let isSandboxed: Bool
  /// What a sandboxed script may connect to; nil for everything.
  public var allowedSources: [AllowedSource]?
  /// Bytes for Lua and the buffers of its streams together, of which those get half at most; 0 for no limit.
  public var memoryLimit = 0
  /// What of them is counted as Lua's.
  var countedBuffers = 0
  /// The board that `Streamer{…}` means: the one connected last.
  var defaultBoard: SourceObject?
  /// The metatable of one sample of each channel.
  private(set) lazy var sampleRow = makeSampleRow()
  /// Where in a frame a channel is.
  private(set) lazy var frameNames = FrameNames(
    state, taken: classes.frame.methodNames + classes.frame.fieldNames)
  /// The prelude's part of `on_frame`.
  var onFrames: LuaReference?
  /// And of `derive`.
  var deriving: LuaReference?
  /// Told how far the cell in the foreground has come with something that takes a while; nil when it is done.
  public var onProgress: ((String?) -> Void)?
  /// Told about every `check`, before a failed one raises.
  public var onCheck: ((Check) -> Void)?
  /// A signal check that failed just now, and in which task: the `check` around it takes it.
  var lastSignal: (signal: FailedSignal, task: Int?)?
  /// What files that scripts save say of their making: the program and its version, and the text of the cell that runs.
  public var program = "moontide"
  public var currentCell: () -> String? = { nil }
  /// Streams, writers and sources that are being closed.
  let closings = Shared(Closings())
  /// Recordings of streams that could not be written to their end.
  public internal(set) var failedRecordings = 0

  /// Opens the library in an interpreter.
  public init(_ state: LuaState, clock: any TelemetryClock = SystemClock()) throws(LuaError) {
    self.state = state
    self.clock = clock
    isSandboxed = state.global("io").isNil
    mailbox = Mailbox(inbox: state.scheduler.inbox)
    mailbox.library = self
    defineClasses()
    try runPrelude()
  }

  /// Ends all plots, streams, writers and connections; for the end of a session. Waits, at most 3 s for each kind.
  public func closeAll() {
    let objects = openStreamers
    let streamers = objects.map(\.streamer)
    let sources = openSources
    let writers = openWriters.map(\.writer)
    openStreamers = []
    openWriters = []
    openSources = []
    for object in openPlots { object.plot.close() }
    openPlots = []
    let pages = plotPages
    waitForAll([{ await pages.stop() }], atMost: .seconds(3))
    let tally = tally
    waitForAll(streamers.map { streamer in { await streamer.close() } }, atMost: .seconds(3))
    for streamer in streamers { tally.retire(streamer) }
    // A slow disk gets its time.
    waitForAll(
      objects.compactMap(\.recorder).map { recorder in { _ = await recorder.finish() } }, atMost: .seconds(30)
    )
    for object in objects { tellRecording(object) }
    waitForAll(writers.map { writer in { try? await writer.close() } }, atMost: .seconds(3))
    waitForAll(sources.map { source in source.closing([], tally) }, atMost: .seconds(3))
    waitForAll(Array(closings.withLock { $0.running.values }), atMost: .seconds(3))
  }

  // MARK: - Time

  /// When a wait of this length ends.
  func deadline(_ span: TimeSpan?) -> LuaInstant? {
    span.map { state.scheduler.clock.now().advanced(by: $0.duration) }
  }
}

@available(*, unavailable)
extension Library: Sendable {}

/// Starts simulated devices on free ports of this machine.
public protocol Simulators: Sendable {
  /// - Parameter options: from the script: `speed`, `rate`, … with their values as text.
  func startBoard(_ options: [String: String]) async throws -> any SimulatedDevice
  /// A core with the user `synnax` and the password `seldon`.
  /// - Parameter options: from the script: `play` (a CSV file), `rate` (its rows a second), `seed`, `login`.
  func startCore(_ options: [String: String]) async throws -> any SimulatedDevice
}

/// A simulated device that runs until it is closed.
public protocol SimulatedDevice: Sendable {
  var host: String { get }
  var port: Int { get }
  /// Where on this machine its log files are; nil for a device that writes none.
  var logFolder: String? { get }
  /// Its time stands still while readers are behind, so nothing is lost.
  var waitsForReaders: Bool { get }
  func close() async
}

extension SimulatedDevice {
  public var logFolder: String? { nil }
  public var waitsForReaders: Bool { false }
}

/// A mutex by reference, for closures that outlive who made it.
final class Shared<Value: Sendable>: Sendable {
  private let value: Guarded<Value>
  init(_ value: Value) { self.value = Guarded(value) }
  func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
}

/// Carries calls from any thread to the library on its own.
// Safety: `library` is set once before the mailbox is shared and read only in closures that run on the interpreter's
// thread, where the library lives and dies.
final class Mailbox: @unchecked Sendable {
  weak var library: Library?
  private let inbox: Inbox
  private let letters = Guarded<[@Sendable (Library) -> Void]>([])

  init(inbox: Inbox) { self.inbox = inbox }

  /// For the moment between two tasks, or the next `deliver`.
  func post(_ body: @escaping @Sendable (Library) -> Void) {
    let isTaken = letters.withLock { letters in
      guard letters.count < Limits.letters else { return false }
      letters.append(body)
      return true
    }
    if isTaken { _ = inbox.post { [weak self] _ in self?.deliver() } }
  }

  /// What was posted comes now: a script that sees a stream's end has been told of it. On the interpreter's thread.
  func deliver() {
    let waiting = letters.withLock { letters in
      defer { letters = [] }
      return letters
    }
    guard let library else { return }
    for letter in waiting { letter(library) }
  }
}
