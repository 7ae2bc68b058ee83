import Locks
import Foundation
public import Telemetry

/// Streams or data being shown: on a page, in the terminal, as stills. One more reader of what the buffers hold;
/// it takes snapshots when somebody looks, and never slows a stream.
///
/// All members may be called on any thread.
public final class Plot: Sendable {
  private let core: Guarded<PlotCore>
  private let closing = Guarded<(isClosed: Bool, actions: [@Sendable () -> Void])>((false, []))

  /// Throws `argument` and `unknown_channel`.
  public init(
    _ inputs: [PlotInput], options: PlotOptions = PlotOptions(), clock: any TelemetryClock = SystemClock()
  )
    throws(PlotError)
  {
    core = Guarded(try PlotCore(inputs, options: options, clock: clock))
  }

  public var options: PlotOptions { core.withLock { $0.options } }

  /// Changes what is shown, for everybody who looks. Throws `argument`; nothing changes then.
  public func change(_ body: (inout PlotOptions) -> Void) throws(PlotError) {
    try core.withLock { core throws(PlotError) in try core.change(body) }
  }

  /// Shows a moment; the newest `PlotLimits.flagsMax` stay.
  public func add(_ flag: PlotFlag) {
    core.withLock { $0.add(flag) }
  }

  /// Flags a moment of what is shown: the newest sample's, or `time` in units of the first line's clock. Throws `empty`
  /// before the first sample.
  public func mark(_ label: String, kind: PlotFlag.Kind = .mark, time: Int64? = nil) throws(PlotError) {
    try core.withLock { core throws(PlotError) in
      core.update()
      guard let flag = core.flag(label, kind: kind, time: time) else {
        throw PlotError("empty", "there is no sample yet whose moment could be marked")
      }
      core.add(flag)
    }
  }

  /// The streams among what is shown.
  public var streamers: [Streamer] { core.withLock { $0.streamers } }

  /// Names of the channels shown.
  public var channels: [String] { core.withLock { $0.lines.map(\.name) } }

  // MARK: - Terminal

  /// The newest window as rows of text, `height` at most, without line ends.
  /// - Parameter moves: true for one of many pictures of a stream that goes on; all of those show equally much time.
  public func terminalPicture(width: Int, height: Int, style: TerminalStyle, moves: Bool = false) -> [String]
  {
    let columns = TerminalPicture.columns(width: width, style: style)
    let picture = picture(moves ? .follow(span: nil) : .still, columns: columns)
    return TerminalPicture(picture, width: width, height: height, style: style).lines()
  }

  // MARK: - Stills

  /// The newest window as SVG. The same bytes for the same data.
  /// - Parameter span: how much time to show instead.
  public func svg(width: Int = 960, height: Int = 540, span: TimeSpan? = nil, isDark: Bool = false) -> String
  {
    SVGPicture(
      picture(span.map { .follow(span: $0.seconds) } ?? .still, columns: width), width: width, height: height,
      theme: isDark ? .dark : .light
    ).svg()
  }

  /// One still of loaded data, or of what a stream holds at this moment, as SVG: what reports embed. Throws as `init`.
  public static func svg(
    of input: PlotInput, options: PlotOptions = PlotOptions(), width: Int = 960, height: Int = 540
  ) throws(PlotError) -> String {
    try Plot([input], options: options).svg(width: width, height: height)
  }

  /// Writes a still; the format is the name's ending: `.svg`, `.png`, `.pdf`. Blocks for about 0.1 s for the latter two.
  ///
  /// Throws `argument` for another ending, `exists` when there is such a file (unless `overwrite`), `io` when it cannot
  /// be written, `missing` without `rsvg-convert`.
  public func save(_ path: String, span: TimeSpan? = nil, overwrite: Bool = false, isDark: Bool = false)
    throws(PlotError)
  {
    let ending = path.split(separator: "/").last?.split(separator: ".").last?.lowercased() ?? ""
    guard ["svg", "png", "pdf"].contains(ending) else {
      throw PlotError("argument", "a plot is saved as .svg, .png or .pdf, not as “\(path)”")
    }
    guard overwrite || !FileManager.default.fileExists(atPath: path) else {
      throw PlotError(
        "exists", "\(path) exists already", hint: "\(Self.freeName(path)) is free, or pass overwrite = true")
    }
    let text = svg(span: span, isDark: isDark)
    if let format = StillConverter.Format(rawValue: ending) {
      try StillConverter().convert(text, to: format, path: path)
      return
    }
    do {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    } catch {
      throw PlotError("io", "could not write \(path): \(error.localizedDescription)")
    }
  }

  /// `run.svg` → `run-2.svg`, the first that does not exist.
  private static func freeName(_ path: String) -> String {
    let dot = path.lastIndex(of: ".") ?? path.endIndex
    for number in 2...1000 {
      let candidate = "\(path[..<dot])-\(number)\(path[dot...])"
      if !FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    return "another name"
  }

  private func picture(_ view: PlotView, columns: Int) -> PlotPicture {
    core.withLock { core in
      core.update()
      return core.picture(view, columns: columns)
    }
  }

  // MARK: - Page

  /// For the page: a picture and what it is a picture of, or nil when nothing changed since `version`.
  package func picture(
    _ view: PlotView, columns: Int, unless version: UInt64?, isShown: (Int) -> Bool = { _ in true }
  ) -> (picture: PlotPicture, version: UInt64, revision: UInt32, bufferedBytes: Int, window: Double)? {
    core.withLock { core in
      core.update()
      let now = core.version
      guard now != version else { return nil }
      return (
        core.picture(view, columns: columns, isShown: isShown), now, core.revision, core.bufferedBytes(),
        core.followedSeconds
      )
    }
  }

  // MARK: - End

  public var isClosed: Bool { closing.withLock { $0.isClosed } }

  /// Ends the page; what is shown in the terminal or saved stays. Idempotent.
  public func close() {
    let actions = closing.withLock { state in
      defer { state = (true, []) }
      return state.actions
    }
    for action in actions { action() }
  }

  /// Called once when the plot is closed, at once when it is already.
  package func whenClosed(_ action: @escaping @Sendable () -> Void) {
    let isClosed = closing.withLock { state in
      if !state.isClosed { state.actions.append(action) }
      return state.isClosed
    }
    if isClosed { action() }
  }
}
