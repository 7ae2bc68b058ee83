import Dispatch
import Lua
import Plotting
import Synchronization
import Telemetry

/// Shows a plot in the terminal, drawn anew ten times a second, until a key is pressed or its streams have ended.
/// However the wait ends, the terminal is given back.
final class LivePlotWait: LuaWait {
  /// States of a stream from which nothing comes.
  static let ended: Set<String> = ["stopped", "lost", "closed"]

  let object: PlotObject
  private unowned let library: Library
  private let front: any PlotFront
  private let then: (borrowing LuaCall) throws(LuaError) -> LuaResult
  private var beat: (any DispatchSourceTimer)?
  private var wakeup: Wakeup?
  private var isOver = false

  /// Pictures a second that are worth drawing in a terminal.
  private static let beatsPerSecond = 10

  init(
    _ object: PlotObject, on front: any PlotFront, of library: Library,
    then: @escaping (borrowing LuaCall) throws(LuaError) -> LuaResult
  ) {
    self.object = object
    self.front = front
    self.library = library
    self.then = then
    super.init()
  }

  override func poll() -> Bool { isOver }

  override func arm(_ wakeup: Wakeup) {
    guard front.beginPicture() else {
      isOver = true
      return
    }
    self.wakeup = wakeup
    library.livePlot = self
    object.wasShown = true
    draw()
    let timer = DispatchSource.makeTimerSource()
    let pending = Pending()
    let mailbox = library.mailbox
    let step = DispatchTimeInterval.milliseconds(1000 / Self.beatsPerSecond)
    timer.schedule(deadline: .now() + step, repeating: step)
    timer.setEventHandler {
      // While the interpreter computes, one picture waits, not hundreds.
      guard !pending.isPosted.exchange(true, ordering: .relaxed) else { return }
      mailbox.post { library in
        pending.isPosted.store(false, ordering: .relaxed)
        library.livePlot?.draw()
      }
    }
    beat = timer
    timer.resume()
  }

  private final class Pending: Sendable {
    let isPosted = Atomic(false)
  }

  private func draw() {
    if front.wantsPictureToEnd {
      isOver = true
    } else {
      // When nothing more will come the last picture is the picture.
      isOver = object.plot.streamers.allSatisfy { Self.ended.contains($0.state) }
      front.showPicture(front.draw(object, moves: true))
    }
    if isOver { wakeup?.fire() }
  }

  override func disarm() {
    guard let beat else { return }
    beat.cancel()
    self.beat = nil
    wakeup = nil
    library.livePlot = nil
    front.endPicture()
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    try then(call)
  }
}
