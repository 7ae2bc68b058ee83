import Bindings
import Foundation
import JSON
import Jupyter
import Locks
import Lua
import Notebooks
import Synchronization
import Terminal

/// The notebook behind Jupyter's protocol: requests in, replies and publications out, streams and tasks in between.
/// On the interpreter's thread, but for what comes on the control socket.
final class Kernel {
  /// What the thread of sockets and the interpreter's share.
  private final class Shared: Sendable {
    let shutdown = Guarded<JupyterMessage?>(nil)
    let isOrphan = Atomic<Bool>(false)
    let interrupter = Guarded<Interrupter?>(nil)
    let text = Guarded<TextGatherer?>(nil)

    func interrupt() { interrupter.withLock { $0 }?.interrupt() }
  }

  private let wire: KernelWire
  private let factory: MessageFactory
  private let display: KernelDisplay
  private let interpreter: Interpreter
  private let signals: Signals
  private let shared: Shared
  private let plots: KernelPlots
  private var history: [(number: Int, text: String)] = []
  /// The request whose cell runs, and whether its front end can ask a person.
  private var running: (request: JupyterMessage, allowsInput: Bool)?
  /// A cell failed that others were to follow only if it did well.
  private var abortsWaiting = false
  private var exitCode: Int32?

  init(_ file: ConnectionFile, memoryLimit: Int) throws {
    let factory = MessageFactory(
      session: KernelLimits.newID(), makeID: { KernelLimits.newID() }, now: { Self.now })
    let shared = Shared()
    let wire = try KernelWire(
      file, parent: Self.parent,
      control: { message, wire in Self.control(message, wire, factory, shared) },
      orphaned: {
        shared.isOrphan.store(true, ordering: .sequentiallyConsistent)
        shared.interrupt()
      },
      due: { shared.text.withLock { $0 }?.flushIfDue() })
    let text = TextGatherer(factory, send: { wire.send($0, on: .iopub) }, wake: { wire.wake() })
    shared.text.withLock { $0 = text }
    let display = KernelDisplay(factory, text: text) { wire.send($0, on: .iopub) }
    plots = KernelPlots(display)
    var idle: () -> ContinuousClock.Instant? = { nil }
    interpreter = try Interpreter(
      display: display, screen: KernelScreen(), memoryLimit: memoryLimit, sandbox: false, idle: { idle() })
    signals = Signals(interrupter: interpreter.state.interrupter, endsProgram: false)
    shared.interrupter.withLock { [interrupter = interpreter.state.interrupter] in $0 = interrupter }
    (self.wire, self.factory, self.display, self.shared) = (wire, factory, display, shared)
    let plots = plots
    idle = { plots.refresh() }
    connect()
  }

  private static var now: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UTCTime.text(Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// Whoever started a kernel and is gone has no use for it. A kernel that was started by hand, or by what is process 1
  /// itself, is nobody's.
  private static var parent: pid_t? {
    guard let text = Environment["JPY_PARENT_PID"], let number = pid_t(text), number > 1 else { return nil }
    return getppid() == number ? number : nil
  }

  private func connect() {
    let state = interpreter.state
    interpreter.setScript("moontide", arguments: [])
    display.currentTask = { [unowned state] in state.scheduler.current }
    display.richForms = { [unowned self] values in rich(values) }
    interpreter.library.onPlot = { [unowned self] in plots.add($0) }
    interpreter.library.onProgress = { [unowned self] in display.progress($0) }
    let others = state.scheduler.onTaskEnd
    state.scheduler.onTaskEnd = { [unowned self] task in
      others?(task)
      if task.status == .failed, let origin = task.heritage as? CellOrigin {
        display.failedTasks[task.isNamed ? "task \(task.name)" : task.name] = origin
      }
    }
    PersonInput.define(in: state) { [unowned self] () throws(LuaError) in try self.ask(isPassword: false) }
    let input = state.function(name: "input") { [unowned self] call throws(LuaError) in
      let prompt = try call.optionalString(1) ?? ""
      guard let text = try self.ask(prompt: prompt, isPassword: false) else {
        return call.results(LuaValue.nil)
      }
      return call.results(text)
    }
    state.setGlobal("input", input)
    if case .table(let notebook) = state.global("notebook") {
      let clear = state.function(name: "clear_output") { [unowned self] call throws(LuaError) in
        let waits = call.isTrue(1)
        display.publish("clear_output", ["wait": .bool(waits)])
        return .none
      }
      state.rawSet(notebook, "clear_output", clear)
    }
    PersonInput.run(Self.commandPrelude, in: state, [])
  }

  /// A command's output belongs to the cell, not to the terminal in which Jupyter was started.
  private static let commandPrelude = """
    local execute, popen, write = os.execute, io.popen, io.write
    function os.execute(command)
      if command == nil then return execute() end
      local output <close> = assert(popen("{ " .. command .. "\\n} 2>&1 </dev/null"))
      for text in output:lines(4096) do write(text) end
      return output:close()
    end
    """

  // MARK: - The loop

  /// Until `shutdown_request`, SIGTERM, `os.exit` or the end of who started it; the exit code.
  func run() -> Int32 {
    wire.send(factory.publication("status", parent: .object([]), ["execution_state": "starting"]), on: .iopub)
    // Asked again behind each cell: what was to end it may have been its end, and is not heard of a second time.
    while exitCode == nil, !mustEnd {
      if let request = wire.nextRequest() {
        handle(request)
        continue
      }
      switch interpreter.state.scheduler.turn(waitingFor: wire.requestDescriptor, deadline: nil) {
      case .exit(let code): exitCode = code
      case .readable, .interrupted, .deadline: break
      }
    }
    display.flush(everything: true)
    interpreter.close()
    display.flush(everything: true)
    if let request = shared.shutdown.withLock({ $0 }) {
      let restart = request.content["restart"] ?? false
      let reply = factory.reply(to: request, ["status": "ok", "restart": restart])
      wire.send(reply, on: .control)
      // Who asked on the shell hears it there.
      wire.send(reply, on: .shell)
    }
    wire.close()
    return signals.isTerminating ? ExitCode.terminated : exitCode ?? ExitCode.success
  }

  private var mustEnd: Bool {
    signals.isTerminating || shared.isOrphan.load(ordering: .sequentiallyConsistent)
      || shared.shutdown.withLock { $0 != nil }
  }

  /// On the thread of sockets: also while Lua computes.
  private static func control(
    _ message: JupyterMessage, _ wire: KernelWire, _ factory: MessageFactory, _ shared: Shared
  ) {
    func status(_ state: String) {
      wire.send(
        factory.publication("status", parent: message.header, ["execution_state": .string(state)]), on: .iopub
      )
    }
    status("busy")
    defer { status("idle") }
    switch message.type {
    case "interrupt_request":
      shared.interrupt()
      wire.send(factory.reply(to: message, ["status": "ok"]), on: .control)
    case "shutdown_request":
      shared.shutdown.withLock { $0 = message }
      shared.interrupt()
    case "kernel_info_request": wire.send(factory.reply(to: message, information), on: .control)
    case "debug_request":
      let text = "moontide has no debugger"
      wire.send(
        factory.reply(
          to: message,
          [
            "status": "error", "ename": "unsupported", "evalue": .string(text), "traceback": [],
            "type": "response", "success": false, "message": .string(text),
            "command": message.content["command"] ?? "", "request_seq": message.content["seq"] ?? 0,
          ]), on: .control)
    default: wire.send(factory.reply(to: message, unknown(message.type)), on: .control)
    }
  }

  private static func unknown(_ type: String) -> JSON {
    [
      "status": "error", "ename": "unsupported", "evalue": .string("moontide knows no \(type)"),
      "traceback": [],
    ]
  }

  private func handle(_ request: JupyterMessage) {
    func status(_ state: String) {
      display.flush()
      wire.send(
        factory.publication("status", parent: request.header, ["execution_state": .string(state)]), on: .iopub
      )
    }
    status("busy")
    defer { status("idle") }
    let content: JSON
    switch request.type {
    case "execute_request": content = execute(request)
    case "complete_request": content = complete(request.content)
    case "inspect_request": content = inspect(request.content)
    case "is_complete_request": content = isComplete(request.content)
    case "history_request": content = past(request.content)
    case "kernel_info_request": content = Self.information
    case "comm_info_request": content = ["status": "ok", "comms": [:]]
    case "comm_open":
      // Nobody here has widgets: closed, as the protocol wants it.
      display.begin(request, isSilent: false)
      display.publish("comm_close", ["comm_id": request.content["comm_id"] ?? "", "data": [:]])
      return
    case "comm_msg", "comm_close": return
    case "shutdown_request":
      shared.shutdown.withLock { $0 = request }
      return
    case "interrupt_request": content = ["status": "ok"]
    default: content = Self.unknown(request.type)
    }
    wire.send(factory.reply(to: request, content), on: .shell)
    if abortsWaiting { abortWaiting() }
  }

  // MARK: - Cells

  private func execute(_ request: JupyterMessage) -> JSON {
    let code = request.content["code"]?.string ?? ""
    let isSilent = request.content["silent"] == true
    let isKept = !isSilent && request.content["store_history"] != false
    let session = interpreter.session
    let number = JSON.integer(Int64(session.nextNumber))
    display.begin(request, isSilent: isSilent)
    // What was asked for before there was a cell is not meant for this one.
    interpreter.state.interrupter.take()
    if !isSilent {
      display.publish(
        "execute_input",
        ["code": .string(Self.shown(code)), "execution_count": number])
    }
    if isKept, !code.isEmpty {
      history.append((session.nextNumber, Self.shown(code)))
      if history.count > KernelLimits.historyCells { history.removeFirst() }
    }
    running = (request, request.content["allow_stdin"] != false)
    interpreter.state.scheduler.heritage = display.origin
    var payload: [JSON] = []
    let failure: CellError?
    switch CellInput(Array(code.utf8)) {
    case .empty: failure = nil
    case .help(let topic):
      failure = nil
      payload = [page(Help(interpreter).text(topic))]
    case .command(let name, let arguments): failure = command(name, arguments, &payload)
    case .code: failure = runCode(Cell(code), isKept: isKept)
    }
    running = nil
    interpreter.reportFailedTasks()
    plots.cellEnded()
    display.flush(everything: true)
    guard let failure else {
      return [
        "status": "ok", "execution_count": number, "payload": .array(payload),
        "user_expressions": expressions(request.content["user_expressions"]),
      ]
    }
    abortsWaiting = request.content["stop_on_error"] != false
    return .object(
      [JSON.Member("status", "error"), JSON.Member("execution_count", number)]
        + KernelDisplay.content(of: failure) + [
          JSON.Member("payload", []), JSON.Member("user_expressions", [:]),
        ])
  }

  /// Without the passwords in it.
  private static func shown(_ code: String) -> String {
    String(decoding: SourceSecrets(Array(code.utf8)).redacted, as: UTF8.self)
  }

  private func runCode(_ cell: Cell, isKept: Bool) -> CellError? {
    let outcome = interpreter.session.run(cell, isKept: isKept)
    switch outcome.result {
    case .failed(let error): return error
    case .exit(let code):
      exitCode = code
      return nil
    case .incomplete:
      let error = interpreter.session.describe(LuaError("syntax", "the cell is not complete"))
      display.error(error)
      return error
    case .values, .empty: return nil
    }
  }

  /// Cells that were sent behind one that failed are not run.
  private func abortWaiting() {
    abortsWaiting = false
    for request in wire.takeRequests(ofType: "execute_request") {
      func status(_ state: String) {
        wire.send(
          factory.publication("status", parent: request.header, ["execution_state": .string(state)]),
          on: .iopub)
      }
      status("busy")
      wire.send(
        factory.reply(
          to: request,
          ["status": "aborted", "execution_count": .integer(Int64(interpreter.session.nextNumber))]),
        on: .shell)
      status("idle")
    }
  }

  /// Values that a front end wants beside the cell's, each with its own error.
  private func expressions(_ wanted: JSON?) -> JSON {
    let members = wanted?.members ?? []
    return .object(
      members.prefix(100).map { member in
        JSON.Member(member.key, expression(member.value.string ?? ""))
      })
  }

  private func expression(_ code: String) -> JSON {
    let state = interpreter.state
    do throws(LuaError) {
      let function = try state.load(Array("return \(code)".utf8), chunkName: "=expression")
      switch state.scheduler.run(function, name: "expression") {
      case .values(let values):
        return [
          "status": "ok", "data": ["text/plain": .string(interpreter.session.printer.text(values))],
          "metadata": [:],
        ]
      case .failed(let error, let thrown):
        return failed(interpreter.session.describe(error, thrown: thrown))
      case .exit(let code):
        exitCode = code
        return failed(interpreter.session.describe(LuaError("exit", "os.exit")))
      }
    } catch {
      return failed(interpreter.session.describe(error))
    }
  }

  private func failed(_ error: CellError) -> JSON {
    .object([JSON.Member("status", "error")] + KernelDisplay.content(of: error))
  }

  private func page(_ text: String) -> JSON {
    ["source": "page", "data": ["text/plain": .string(text)], "start": 0]
  }

  private func command(_ name: String, _ arguments: String, _ payload: inout [JSON]) -> CellError? {
    if Command(named: name) == .help {
      payload = [page(Help(interpreter).text(arguments))]
      return nil
    }
    let hint = Command(named: name).map { "here it is \($0.twin)" } ?? ":help lists what there is"
    let error = interpreter.session.describe(
      LuaError("unsupported", ":\(name) is a command of the notebook in the terminal", hint: hint))
    display.error(error)
    return error
  }

  // MARK: - A person's answers

  /// Asks the front end of the cell that runs; nil where it has nobody to ask.
  private func ask(prompt: String = "", isPassword: Bool) throws(LuaError) -> String? {
    guard let running, interpreter.state.scheduler.current === interpreter.state.scheduler.foreground else {
      throw LuaError(
        "busy", "no cell runs that could ask for input",
        hint: "only the cell that runs in the foreground can: io.read() in it, not in a task")
    }
    guard running.allowsInput else {
      throw LuaError("unsupported", "this front end has nobody who could answer")
    }
    display.flush(everything: true)
    wire.forgetAnswers()
    wire.send(
      factory.question(
        to: running.request, ["prompt": .string(prompt), "password": .bool(isPassword)]), on: .stdin)
    while true {
      if let answer = wire.nextAnswer() {
        guard answer.type == "input_reply" else { continue }
        return answer.content["value"]?.string ?? ""
      }
      switch interpreter.state.scheduler.turn(waitingFor: wire.answerDescriptor, deadline: nil) {
      case .readable, .deadline: continue
      case .exit(let code): throw LuaError.exit(code)
      case .interrupted:
        // It was taken to give up the question; the cell is what it was for.
        interpreter.state.interrupter.interrupt()
        return nil
      }
    }
  }

  // MARK: - Questions about code

  /// Positions are in code points.
  private static func byteOffset(_ text: String, _ cursor: Int) -> Int {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(max(0, cursor)))).utf8.count
  }

  private static func scalarOffset(_ bytes: [UInt8], _ offset: Int) -> Int64 {
    Int64(String(decoding: bytes[..<offset], as: UTF8.self).unicodeScalars.count)
  }

  private func cursor(_ content: JSON, in code: String) -> Int {
    content["cursor_pos"]?.integer.map { Int(clamping: $0) } ?? code.unicodeScalars.count
  }

  private func complete(_ content: JSON) -> JSON {
    let code = content["code"]?.string ?? ""
    let bytes = Array(code.utf8)
    let found = Notebooks.Completion(
      bytes, cursor: Self.byteOffset(code, cursor(content, in: code)), from: interpreter.completion.source)
    let (start, end) = (
      Self.scalarOffset(bytes, found.range.lowerBound), Self.scalarOffset(bytes, found.range.upperBound)
    )
    let types = found.candidates.map { candidate -> JSON in
      [
        "text": .string(candidate.text), "type": .string("\(candidate.kind)"), "start": .integer(start),
        "end": .integer(end),
      ]
    }
    return [
      "status": "ok", "matches": .array(found.candidates.map { .string($0.text) }),
      "cursor_start": .integer(start), "cursor_end": .integer(end),
      "metadata": ["_jupyter_types_experimental": .array(types)],
    ]
  }

  private func inspect(_ content: JSON) -> JSON {
    let code = content["code"]?.string ?? ""
    let bytes = Array(code.utf8)
    let topic = Self.name(in: bytes, around: Self.byteOffset(code, cursor(content, in: code)))
    let text = topic.isEmpty ? nil : Help(interpreter).known(topic)
    return [
      "status": "ok", "found": .bool(text != nil),
      "data": text.map { ["text/plain": .string($0)] } ?? [:], "metadata": [:],
    ]
  }

  /// The path of names at a cursor, up to the end of the name it stands in: `s:read` in `x = s:re|ad(1)`. Behind `(` the
  /// name of what is called.
  static func name(in code: [UInt8], around cursor: Int) -> String {
    func isName(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "_") || byte >= 0x80
        || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
        || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
    func isPath(_ byte: UInt8) -> Bool {
      isName(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
    }
    var end = min(max(0, cursor), code.count)
    let isInName = end < code.count && isName(code[end]) || end > 0 && isName(code[end - 1])
    if !isInName {
      while end > 0,
        code[end - 1] == UInt8(ascii: "(") || code[end - 1] == UInt8(ascii: "{") || code[end - 1] == 0x20
      {
        end -= 1
      }
    }
    while end < code.count, isName(code[end]) { end += 1 }
    var start = end
    while start > 0, isPath(code[start - 1]) { start -= 1 }
    let text = String(decoding: code[start..<end], as: UTF8.self)
    return String(text.drop { $0 == "." || $0 == ":" })
  }

  private func isComplete(_ content: JSON) -> JSON {
    switch interpreter.session.completeness(of: Array((content["code"]?.string ?? "").utf8)) {
    case .complete: ["status": "complete"]
    case .incomplete: ["status": "incomplete", "indent": "  "]
    case .invalid: ["status": "invalid"]
    }
  }

  private func past(_ content: JSON) -> JSON {
    let withOutput = content["output"] == true
    let chosen: ArraySlice<(number: Int, text: String)>
    let count = content["n"]?.integer.map { Int(clamping: max(0, $0)) } ?? history.count
    switch content["hist_access_type"]?.string {
    case "range":
      let session = content["session"]?.integer ?? 0
      let start = content["start"]?.integer ?? 0
      let stop = content["stop"]?.integer ?? .max
      chosen =
        session == 0 || session == 1
        ? history.filter { Int64($0.number) >= start && Int64($0.number) < stop }[...] : []
    case "search":
      let pattern = content["pattern"]?.string ?? "*"
      var found = history.filter { fnmatch(pattern, $0.text, 0) == 0 }
      if content["unique"] == true {
        var seen: Set<String> = []
        found = found.reversed().filter { seen.insert($0.text).inserted }.reversed()
      }
      chosen = found.suffix(count)
    default: chosen = history.suffix(count)
    }
    let rows = chosen.map { cell -> JSON in
      let input = JSON.string(cell.text)
      return [1, .integer(Int64(cell.number)), withOutput ? [input, nil] : input]
    }
    return ["status": "ok", "history": .array(rows)]
  }

  private static let information: JSON = [
    "status": "ok", "protocol_version": "5.4", "implementation": "moontide",
    "implementation_version": .string(String(Version.text.drop { $0 != " " }.dropFirst())),
    "language_info": [
      "name": "lua", "version": "5.4", "mimetype": "text/x-lua", "file_extension": ".lua",
      "pygments_lexer": "lua", "codemirror_mode": "lua",
    ],
    "banner": .string("\(Version.text), Lua 5.4. name? explains."), "debugger": false, "help_links": [],
    "supported_features": [],
  ]

  // MARK: - Rich values

  private func rich(_ values: [LuaValue]) -> [(type: String, value: JSON)] {
    guard values.count == 1 else { return [] }
    if let frame = interpreter.library.frame(of: values[0]) {
      return [("text/html", .string(FrameTable.html(frame, rows: KernelLimits.tableRows)))]
    }
    return []
  }
}

/// There is no screen: pictures for the terminal are text like any other.
private final class KernelScreen: PictureScreen {
  var size: TerminalSize { TerminalSize(columns: 80, rows: 24) }
  var isTerminal: Bool { false }
  var usesColor: Bool { false }
  var isNotebook: Bool { false }
  var isEditing: Bool { false }
  func showPicture(_ lines: [String]?) {}
}
