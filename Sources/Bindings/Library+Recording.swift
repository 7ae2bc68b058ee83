import Bela
import Dispatch
import Lua
import Recording
import Telemetry

/// Saving, recording, loading.
extension Library {
  func defineRecording() {
    classes.streamer.method("save") { [unowned self] object, call throws(LuaError) in
      let options = try call.options(at: 2)
      return try save(object.streamer.snapshot(), object, call, options, span: waitingSpan(options, "span"))
    }
    classes.streamer.method("keep") { [unowned self] object, call throws(LuaError) in
      let span = try waitingSpan(call, 1)
      guard span > .zero else { throw call.bad(1, "a time above zero expected") }
      let options = try call.options(at: 3)
      return try save(object.streamer.snapshot(), object, call, options, path: 2, span: span)
    }
    classes.streamer.field(
      "recording",
      get: { [unowned self] object, call throws(LuaError) in call.results(recording(of: object)) })
    classes.frame.method("save") { [unowned self] box, call throws(LuaError) in
      let options = try call.options(at: 2)
      return try save(box.value, nil, call, options, span: waitingSpan(options, "span"))
    }
    classes.series.method("save") { [unowned self] box, call throws(LuaError) in
      let options = try call.options(at: 2)
      return try save(Frame([box.value]), nil, call, options, span: waitingSpan(options, "span"))
    }
  }

  /// Whether a string that `load` was given is a recording's name: "file" when there is such a file, else "name".
  func namesRecording(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let path = try call.string(1)
    guard !isSandboxed, Recording.isLoadable(path) || path.hasSuffix(".bin") else {
      return call.results(false)
    }
    return call.results(Recording.exists(path) ? "file" : "name")
  }

  // MARK: - Saving

  private func save(
    _ frame: Frame, _ object: StreamerObject?, _ call: borrowing LuaCall, _ options: LuaOptions,
    path position: Int = 1,
    span: TimeSpan?
  ) throws(LuaError) -> LuaResult {
    let path = try writablePath(call.string(position))
    let overwrite = try options.boolean("overwrite") ?? false
    let part = try span.map { span throws(LuaError) in try last(of: frame, span) } ?? frame
    guard part.sampleCount > 0 else {
      throw LuaError("argument", "there are no samples to save", hint: "start the stream, and let some come")
    }
    let origin = origin(of: object)
    let clock = clock
    return perform {
      try await Self.onThread {
        try Recording.save(part, to: path, overwrite: overwrite, origin: origin, clock: clock)
      }
    } then: { [unowned self] summary, _ throws(LuaError) in
      note("saved \(summary.text)")
      return .none
    }
  }

  /// The last part of all channels by their common clock.
  private func last(of frame: Frame, _ span: TimeSpan) throws(LuaError) -> Frame {
    let newest = frame.series.compactMap { $0.isEmpty ? nil : $0.time($0.count - 1) }.max()
    var parts: [Series] = []
    for series in frame.series {
      guard !series.isEmpty else {
        parts.append(series)
        continue
      }
      guard let newest, let own = series.time(series.count - 1), let units = series.clock.units(span) else {
        throw LuaError(
          "no_time", "nobody knows when the samples of \(series.channel.name) were taken",
          hint: "leave span out")
      }
      let left = units.subtractingSaturating(newest.subtractingSaturating(own))
      parts.append(left < 0 ? series[series.count..<series.count] : series.last(units: left))
    }
    return Frame(parts, dropped: frame.dropped)
  }

  private func writablePath(_ path: String) throws(LuaError) -> String {
    if isSandboxed { throw LuaError("unsupported", "a sandboxed script writes no files") }
    return path
  }

  private func origin(of object: StreamerObject?) -> RecordingOrigin {
    RecordingOrigin(
      source: object?.source.source.name ?? "", program: program, cell: currentCell(),
      isMonitor: object.map { !$0.periods.isEmpty } ?? false)
  }

  // MARK: - While a stream runs

  /// The recorder that `start{ save = path }` asks for.
  func recorder(
    _ object: StreamerObject, _ options: LuaOptions, samples: Int?
  ) throws(LuaError) -> StreamRecorder? {
    let overwrite = try options.boolean("overwrite") ?? false
    guard let text = try options.string("save") else {
      if overwrite { throw options.bad("overwrite", "it goes with save = path") }
      return nil
    }
    if object.streamer.isLive {
      throw LuaError(
        "busy", "this stream is running already, and a recording begins with the first sample",
        hint: "s:stop() first; or s:save(path) for what is in the buffer")
    }
    let path = try writablePath(text)
    let mailbox = mailbox
    let id = ObjectIdentifier(object.streamer)
    let channels = object.streamer.channels
    let recorder = try checked {
      try StreamRecorder(
        path: path, channels: channels, samples: samples, overwrite: overwrite, origin: origin(of: object),
        clock: clock
      ) { _ in
        mailbox.post { library in
          guard let object = library.openStreamers.first(where: { ObjectIdentifier($0.streamer) == id })
          else { return }
          if !object.isStopping { library.tellRecording(object) }
        }
      }
    }
    object.recorder = recorder
    object.isStopping = false
    object.isRecordingTold = false
    return recorder
  }

  /// Says once what became of a recording.
  func tellRecording(_ object: StreamerObject) {
    guard let outcome = object.recorder?.outcome, outcome.isOver, !object.isRecordingTold else { return }
    object.isRecordingTold = true
    if let error = outcome.error {
      failedRecordings += 1
      note(
        "recording of \(outcome.summary.text); then: \(error.message)" + (error.hint.map { " (\($0))" } ?? "")
      )
    } else if !object.isQuiet {
      note("saved \(outcome.summary.text)")
    }
  }

  /// The same for somebody who waits for the end of it: a failure is an error.
  func settleRecording(_ object: StreamerObject) throws(LuaError) {
    guard let outcome = object.recorder?.outcome, outcome.isOver else { return }
    if let error = outcome.error {
      let wasTold = object.isRecordingTold
      object.isRecordingTold = true
      object.recorder = nil
      if !wasTold { note("recording of \(outcome.summary.text)") }
      throw LuaError(error.code, error.message, hint: error.hint)
    }
    tellRecording(object)
  }

  private func recording(of object: StreamerObject) -> LuaValue {
    guard let outcome = object.recorder?.outcome else { return .nil }
    let table = state.newTable()
    state.rawSet(table, .string("path"), outcome.summary.path)
    state.rawSet(table, .string("samples"), outcome.summary.samples)
    state.rawSet(table, .string("gaps"), outcome.summary.gaps)
    state.rawSet(table, .string("dropped"), outcome.summary.dropped)
    state.rawSet(table, .string("running"), !outcome.isOver)
    if let error = outcome.error { state.rawSet(table, .string("error"), error.message) }
    return .table(table)
  }

  // MARK: - Loading

  func load(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let path = try call.string(1)
    let options = try loadOptions(call.options(at: 2))
    // One that has just ended may still be on its way to the disk.
    let ending = openStreamers.compactMap { object in
      object.streamer.isLive
        ? nil : object.recorder.flatMap { $0.path == path && !$0.outcome.isOver ? $0 : nil }
    }
    let watch = LoadWatch()
    let mailbox = mailbox
    return perform {
      for recorder in ending { _ = await recorder.finish() }
      let progress = Task { await Self.tellProgress(of: path, watch, mailbox) }
      defer { progress.cancel() }
      return try await withTaskCancellationHandler {
        try await Self.onThread {
          path.hasSuffix(".bin")
            ? LoadedRecording(frame: Frame([try BelaLog.read(path: path).series]))
            : try Recording.open(path, options, watch: watch)
        }
      } onCancel: {
        watch.cancel()
      }
    } then: { [unowned self] (loaded: LoadedRecording, call) throws(LuaError) in
      if let text = loaded.note { note("\(path): \(text)") }
      push(loaded.frame, call)
      return .values(1)
    }
  }

  /// Of what takes long: after two seconds, then each time twice as many later.
  private static func tellProgress(of path: String, _ watch: LoadWatch, _ mailbox: Mailbox) async {
    var pause = Duration.seconds(2)
    while true {
      try? await Task.sleep(for: pause)
      guard !Task.isCancelled else { return }
      if let share = watch.share {
        mailbox.post { $0.note("reading \(path): \(Int(share * 100)) %") }
      }
      pause *= 2
    }
  }

  /// `time` is a name, or false; lists are tables.
  private func loadOptions(_ options: LuaOptions) throws(LuaError) -> LoadOptions {
    var result = LoadOptions()
    for name in LoadOptions.names {
      let value = options.value(name)
      let text: String
      switch value {
      case .nil: continue
      case .boolean(false) where name == "time": text = "false"
      case .string(let plain) where name != "missing" && name != "names": text = plain.description
      case .table, .string:
        guard name == "missing" || name == "names" else {
          throw options.bad(name, "a table says nothing here")
        }
        let words = try strings(value, name, options)
        if name == "missing" { result.missing = words } else { result.names = words }
        continue
      default:
        guard let number = value.integer else { throw options.bad(name, "\(value.type) says nothing here") }
        text = "\(number)"
      }
      do throws(RecordingError) {
        try result.set(name, text)
      } catch {
        throw options.bad(name, error.message)
      }
    }
    return result
  }

  private func strings(_ value: LuaValue, _ name: String, _ options: LuaOptions) throws(LuaError) -> [String]
  {
    guard case .table(let table) = value else { return value.string.map { [$0] } ?? [] }
    var result: [String] = []
    while true {
      let word = state.rawGet(table, .integer(Int64(result.count + 1)))
      if word.isNil { return result }
      guard let text = word.string else { throw options.bad(name, "a list of strings expected") }
      result.append(text)
    }
  }

  /// Disks may take their time: off the threads that streams live on.
  private static func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws
    -> Value
  {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
  }
}
