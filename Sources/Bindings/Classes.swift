import Bela
public import Lua
public import Plotting
public import Telemetry

/// The kinds of objects that scripts hold. What they can do is declared in the reference, each method and field of it.
public final class Classes {
  let source = LuaClass<SourceObject>("Source", declaration: Reference.declaration)
  let log = LuaClass<BelaLogger>("Log", declaration: Reference.declaration)
  let streamer = LuaClass<StreamerObject>("Streamer", declaration: Reference.declaration)
  let reader = LuaClass<ReaderObject>("Reader", declaration: Reference.declaration)
  let within = LuaClass<WithinObject>("Within", declaration: Reference.declaration)
  let diagnosis = LuaClass<Diagnosis>("Diagnosis", declaration: Reference.declaration)
  let writer = LuaClass<WriterObject>("Writer", declaration: Reference.declaration)
  let frame = LuaClass<FrameBox>("Frame", declaration: Reference.declaration)
  let series = LuaClass<LuaBox<Series>>("Series", declaration: Reference.declaration)
  let channels = LuaClass<LuaBox<ChannelList>>("Channels", declaration: Reference.declaration)
  let timeSpan = LuaClass<LuaBox<TimeSpan>>("TimeSpan", declaration: Reference.declaration)
  let timeStamp = LuaClass<LuaBox<TimeStamp>>("TimeStamp", declaration: Reference.declaration)
  let task = LuaClass<LuaTask>("Task", declaration: Reference.declaration)
  let plot = LuaClass<PlotObject>("Plot", declaration: Reference.declaration)

  /// All of them; a class of parts stands before that of the whole.
  private(set) lazy var all: [any AnyLuaClass] = [
    source, log, streamer, reader, within, diagnosis, writer, series, frame, channels, timeSpan, timeStamp,
    task, plot,
  ]

  /// Methods and fields of each class, for completion and for the test that compares them with the reference.
  public var members: [(name: String, methods: [String], fields: [String])] {
    all.map { ($0.name, $0.methodNames, $0.fieldNames) }
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
    defineCores()
    defineBela()
    defineBelaLog()
    defineWriters()
    defineTasks()
    definePlots()
    for one in classes.all { one.register(with: state) }
    defineUnits()
  }

  /// Makes a declared function and puts it where its name says: `sleep` is a global, `bela.connect` a member of `bela`.
  public func define(_ name: String, _ body: @escaping LuaBody) {
    let declaration = Reference.declaration(name)
    let parts = name.split(separator: ".").map(String.init)
    let function = state.function(name: parts[parts.count - 1], declaration: declaration, body)
    guard parts.count == 2 else { return state.setGlobal(name, function) }
    let table: LuaReference
    if case .table(let known) = state.global(parts[0]) {
      table = known
    } else {
      table = state.newTable()
      state.setGlobal(parts[0], LuaValue.table(table))
    }
    state.rawSet(table, .string(parts[1]), function)
  }
}

extension Library {
  /// The samples of a frame, or of one series; nil for any other value.
  public func frame(of value: LuaValue) -> Frame? {
    guard case .userdata = value else { return nil }
    if let frame = state.object(value, classes.frame) { return frame.value }
    return state.object(value, classes.series).map { Frame([$0.value]) }
  }

  /// The plot that a value is; nil for any other.
  public func plot(of value: LuaValue) -> Plot? {
    guard case .userdata = value else { return nil }
    return state.object(value, classes.plot)?.plot
  }

  /// How an object of ours is shown: nil for any other value. Runs no user code.
  public func rendering(of value: LuaValue) -> String? {
    guard case .userdata = value else { return nil }
    // A picture that moved in the terminal stands there already.
    if let plot = state.object(value, classes.plot), plot.wasShown { return plot.summary }
    if let object = state.object(value, classes.streamer) { return picture(of: object) }
    return className(of: value) == nil ? nil : state.describe(value)
  }
}
