import Bela
public import Lua
import Telemetry

/// The kinds of objects that scripts hold.
public final class Classes {
  let source = LuaClass<SourceObject>("Source")
  let log = LuaClass<BelaLogger>("Log")
  let streamer = LuaClass<StreamerObject>("Streamer")
  let reader = LuaClass<ReaderObject>("Reader")
  let within = LuaClass<WithinObject>("Within")
  let diagnosis = LuaClass<Diagnosis>("Diagnosis")
  let writer = LuaClass<WriterObject>("Writer")
  let frame = LuaClass<FrameBox>("Frame")
  let series = LuaClass<LuaBox<Series>>("Series")
  let channels = LuaClass<LuaBox<ChannelList>>("Channels")
  let timeSpan = LuaClass<LuaBox<TimeSpan>>("TimeSpan")
  let timeStamp = LuaClass<LuaBox<TimeStamp>>("TimeStamp")
  let task = LuaClass<LuaTask>("Task")
  let plot = LuaClass<PlotObject>("Plot")

  /// Methods and fields of each class, for completion and for the test that compares them with the reference.
  public var members: [(name: String, methods: [String], fields: [String])] {
    [
      (source.name, source.methodNames, source.fieldNames),
      (log.name, log.methodNames, log.fieldNames),
      (streamer.name, streamer.methodNames, streamer.fieldNames),
      (reader.name, reader.methodNames, reader.fieldNames),
      (within.name, within.methodNames, within.fieldNames),
      (diagnosis.name, diagnosis.methodNames, diagnosis.fieldNames),
      (writer.name, writer.methodNames, writer.fieldNames), (frame.name, frame.methodNames, frame.fieldNames),
      (series.name, series.methodNames, series.fieldNames),
      (channels.name, channels.methodNames, channels.fieldNames),
      (timeSpan.name, timeSpan.methodNames, timeSpan.fieldNames),
      (timeStamp.name, timeStamp.methodNames, timeStamp.fieldNames),
      (task.name, task.methodNames, task.fieldNames), (plot.name, plot.methodNames, plot.fieldNames),
    ]
  }
}

extension Library {
  public var classList: Classes { classes }

  func defineClasses() {
    defineTime()
    defineSeries()
    defineFrames()
    defineViews()
    defineReaders()
    defineStreamers()
    defineSignals()
    defineDoctor()
    defineRecording()
    defineSources()
    defineBela()
    defineBelaLog()
    defineWriters()
    defineTasks()
    definePlots()
    state.register(classes.source)
    state.register(classes.log)
    state.register(classes.streamer)
    state.register(classes.reader)
    state.register(classes.within)
    state.register(classes.diagnosis)
    state.register(classes.writer)
    state.register(classes.series)
    state.register(classes.frame)
    state.register(classes.channels)
    state.register(classes.timeSpan)
    state.register(classes.timeStamp)
    state.register(classes.task)
    state.register(classes.plot)
  }

  func globals() -> [(String, LuaValue)] {
    sourceGlobals() + synnaxGlobals() + recordingGlobals() + timeGlobals() + taskGlobals() + plotGlobals()
  }
}

extension Library {
  /// How an object of ours is shown: nil for any other value. Runs no user code.
  public func rendering(of value: LuaValue) -> String? {
    guard case .userdata = value else { return nil }
    // A picture that moved in the terminal stands there already.
    if let plot = state.object(value, classes.plot), plot.wasShown { return plot.summary }
    if let object = state.object(value, classes.streamer) { return picture(of: object) }
    return state.metafield(value, "__name").string.flatMap { name in
      classes.members.contains { $0.name == name } ? state.describe(value) : nil
    }
  }
}
