import Locks
import Dispatch
import Lua
import Notebooks
import Terminal

/// What a script's thread has to say to the thread that writes, in order and bounded: a script that prints faster than
/// it is taken waits, and only that one.
final class ScriptChannel: Sendable {
  /// A picture takes the place of the one before; one of no lines ends them.
  enum Stream: Sendable { case output, error, picture }

  struct Piece: Sendable {
    var stream: Stream
    /// The task that printed it.
    var job: String?
    var bytes: [UInt8]
  }

  private struct State {
    var pieces: [Piece] = []
    var count = 0
    var isWaiting = false
    var isOpen = true
  }

  private let state = Guarded(State())
  private let room = DispatchSemaphore(value: 0)
  private let arrived: DispatchSemaphore

  /// - Parameter arrived: signalled when there is something after there was nothing.
  init(arrived: DispatchSemaphore) { self.arrived = arrived }

  /// Blocks while the channel is full.
  func write(_ bytes: some Collection<UInt8>, to stream: Stream, job: String? = nil) {
    guard !bytes.isEmpty else { return }
    while true {
      let (isTaken, isFirst) = state.withLock { state -> (Bool, Bool) in
        guard state.isOpen else { return (true, false) }
        guard state.count < ProgramLimits.channelBytes else {
          state.isWaiting = true
          return (false, false)
        }
        let isFirst = state.pieces.isEmpty
        if let last = state.pieces.last, last.stream == stream, last.job == job, stream != .picture {
          state.pieces[state.pieces.count - 1].bytes.append(contentsOf: bytes)
        } else {
          state.pieces.append(Piece(stream: stream, job: job, bytes: Array(bytes)))
        }
        state.count += bytes.count
        return (true, isFirst)
      }
      if isFirst { arrived.signal() }
      if isTaken { return }
      room.wait()
    }
  }

  func write(_ text: String, to stream: Stream) { write(Array(text.utf8), to: stream) }

  /// Takes the place of a picture that nobody has seen yet.
  func show(picture lines: [String]?) {
    let bytes = Array((lines ?? []).joined(separator: "\n").utf8)
    let isFirst = state.withLock { state in
      guard state.isOpen else { return false }
      let isFirst = state.pieces.isEmpty
      if state.pieces.last?.stream == .picture, lines != nil { state.pieces.removeLast() }
      state.pieces.append(Piece(stream: .picture, bytes: bytes))
      return isFirst
    }
    if isFirst { arrived.signal() }
  }

  /// Everything that has come.
  func take() -> [Piece] {
    let (pieces, wasWaiting) = state.withLock { state in
      defer {
        state.pieces = []
        state.count = 0
        state.isWaiting = false
      }
      return (state.pieces, state.isWaiting)
    }
    if wasWaiting { room.signal() }
    return pieces
  }

  /// Nothing is taken any more, and nobody waits.
  func close() {
    let wasWaiting = state.withLock { state in
      state.isOpen = false
      state.pieces = []
      state.count = 0
      return state.isWaiting
    }
    if wasWaiting { room.signal() }
  }
}

/// The innermost display of a script: what a person sees while it runs.
final class ChannelDisplay: Display {
  private let channel: ScriptChannel
  /// With JSON lines on standard output, what the script prints there is in them.
  private let showsOutput: Bool
  /// Leaves notes such as "Streaming started..." out.
  private let isQuiet: Bool

  init(_ channel: ScriptChannel, showsOutput: Bool, isQuiet: Bool) {
    self.channel = channel
    self.showsOutput = showsOutput
    self.isQuiet = isQuiet
  }

  func echo(_ text: String, number: Int) {}
  func note(_ text: String) { if !isQuiet { channel.write(text + "\n", to: .error) } }
  func error(_ error: CellError) {
    channel.write(error.description + "\n", to: .error)
  }
  func taskFailed(_ name: String, _ error: CellError) {
    channel.write("\(name) failed: \(error.description)\n", to: .error)
  }
  func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    guard isError || showsOutput else { return }
    channel.write(bytes, to: isError ? .error : .output, job: task?.name)
  }
}

/// The terminal of a script that runs alone, by way of the thread that writes; several have none.
final class ScriptScreen: PictureScreen {
  private let channel: ScriptChannel
  let isTerminal: Bool
  let usesColor: Bool
  let isNotebook = false
  let isEditing = false

  init(_ channel: ScriptChannel, isTerminal: Bool, usesColor: Bool) {
    self.channel = channel
    self.isTerminal = isTerminal
    self.usesColor = usesColor
  }

  var size: TerminalSize { TerminalSize(of: 1) }
  func showPicture(_ lines: [String]?) { channel.show(picture: lines) }
}
