import Randomness
import Bindings

/// A Lua script of random calls of everything that the reference declares: objects in every state, arguments of every
/// type at their ends, callbacks that raise, yield, close and collect. The same seed gives the same script.
struct APIScript {
  /// What it runs on.
  enum Ground: CaseIterable { case values, board, core }

  private enum Kind {
    /// Never waits.
    case quick
    /// Its waits end by themselves.
    case bounded
    /// Waits as long as it is told, or for ever.
    case waits
  }

  let seed: UInt64
  let calls: Int
  let ground: Ground
  /// What it may write into.
  let folder: String
  private var random: SplitMix

  init(seed: UInt64, calls: Int, folder: String) {
    self.seed = seed
    self.calls = calls
    self.folder = folder
    random = SplitMix(seed: seed)
    ground = [.values, .board, .board, .core].randomElement(using: &random)!
  }

  /// Once: the objects; then calls, one a line, each of them a cell of its own where it is read as one.
  mutating func text() -> String {
    var lines = [
      "-- moontide fuzz api, seed \(seed)", "folder = \(quoted(folder))", Self.prelude, setUp,
    ]
    for number in 1...max(1, calls) { lines.append(line(number)) }
    return lines.joined(separator: "\n") + "\nfinish()\n"
  }

  // MARK: - Lines

  private mutating func line(_ number: Int) -> String {
    // What may wait gets a deadline and is called off behind it; where Lua cannot yield nothing could call it off.
    let ways: [String]
    let (expression, kind) = operation()
    switch kind {
    case .quick:
      ways = [
        "go", "go", "go", "go", "in_coroutine", "in_gsub", "in_sort", "in_tostring", "deep", "wide",
        "in_pcall",
        "in_close", "at_end", "as_task",
      ]
    case .bounded:
      ways = ["as_task", "as_task", "in_gsub_task", "in_tostring_task", "in_coroutine_task", "go"]
    case .waits: ways = ["as_task", "as_task", "as_task", "in_coroutine_task", "in_close_task"]
    }
    let body = "function(...) return \(expression) end"
    return "\(pick(ways))(\(number), \(body))"
  }

  private mutating func operation() -> (String, Kind) {
    switch Int.random(in: 0..<20, using: &random) {
    case 0, 1, 2: return (metamethod(), .quick)
    case 3: return (pick(Self.oddities), .quick)
    case 4: return ("forget(\(Int.random(in: 0..<9999, using: &random)))", .quick)
    default:
      let entry = entries.randomElement(using: &random)!
      let kind: Kind =
        Self.quick.contains(entry.name) ? .quick : Self.patient.contains(entry.member) ? .waits : .bounded
      return (call(entry), kind)
    }
  }

  private mutating func metamethod() -> String {
    let object = anObject()
    let other = chance(2) ? anObject() : value("any")
    switch Int.random(in: 0..<16, using: &random) {
    case 0: return "\(object) + \(other)"
    case 1: return "\(other) - \(object)"
    case 2: return "\(object) * \(value("number"))"
    case 3: return "\(object) / \(other)"
    case 4: return "\(object) % \(other)"
    case 5: return "\(object) ^ \(other)"
    case 6: return "-\(object)"
    case 7: return "#\(object)"
    case 8: return "\(object)[\(value("integer"))]"
    case 9: return "\(object)[\(value("string"))]"
    case 10: return "\(object) < \(other)"
    case 11: return "\(object) == \(other)"
    case 12: return "\(object) .. \(other)"
    case 13: return "tostring(\(object))"
    case 14: return "print(\(object), \(other))"
    default: return "assign(\(object), \(value("string")), \(other))"
    }
  }

  private mutating func call(_ entry: ReferenceEntry) -> String {
    switch entry.kind {
    case .constant: return entry.name
    case .field:
      return entry.name.contains(":") || !isClass(entry.owner)
        ? entry.name : "of(\(pickOf(entry.owner))).\(entry.member)"
    case .function, .method: break
    }
    var arguments: [String] = []
    for parameter in entry.parameters {
      if parameter.isOptional, chance(3) { break }
      arguments.append(chance(9) ? value("any") : argument(parameter.type, of: entry))
    }
    if chance(25) { arguments.append(value("any")) }
    let list = arguments.joined(separator: ", ")
    return entry.kind == .method
      ? "of(\(pickOf(entry.owner))):\(entry.member)(\(list))" : "\(entry.name)(\(list))"
  }

  // MARK: - What there is

  /// What ends the session or needs a person is left out.
  private var entries: [ReferenceEntry] { Self.entries }
  private static let entries = Reference.entries.filter { entry in
    entry.owner != "notebook" && !["help", "Log:fetch", "Streamer"].contains(entry.name)
  }
  private static let classes = Set(entries.filter { $0.kind == .method }.map(\.owner))
  /// Those that never wait: called right where the script stands, too.
  private static let quick = Set(
    entries.filter { entry in
      ["Series", "Frame", "TimeSpan", "TimeStamp", "Diagnosis", "check"].contains(entry.owner)
        && !["save", "plot"].contains(entry.member)
    }.map(\.name) + [
      "Streamer:stats", "Streamer:clear", "Streamer:set_buffer_size", "Streamer:tap", "Plot:svg", "Plot:mark",
    ])

  private static let patient: Set = [
    "sleep", "read", "collect", "frames", "triggers", "wait", "select", "gather", "forward", "rises_above",
    "falls_below",
    "stays_between", "stays_above", "stays_below", "has_no_gap", "every", "after", "spawn", "join", "doctor",
    "try", "connect",
    "peek", "check", "close",
  ]

  private func isClass(_ owner: String) -> Bool {
    Self.classes.contains(owner) || owner == "TimeSpan" || owner == "TimeStamp"
  }

  private mutating func pickOf(_ owner: String) -> String {
    "\(quoted(owner)), \(Int.random(in: 0..<9999, using: &random))"
  }

  private mutating func anObject() -> String {
    let owners = [
      "Series", "Series", "Frame", "TimeSpan", "TimeStamp", "Streamer", "Task", "Reader", "Plot", "Channels",
      "Source",
    ]
    return "of(\(pickOf(pick(owners))))"
  }

  // MARK: - Values

  private mutating func argument(_ type: APIType, of entry: ReferenceEntry) -> String {
    if ["bela.connect", "synnax.connect", "connect"].contains(entry.name) { return address(entry.name) }
    if entry.member == "plot" { return plotOptions() }
    return value(type)
  }

  private mutating func value(_ type: APIType) -> String {
    switch type {
    case .union(let types): value(types.randomElement(using: &random)!)
    case .optional(let type): value(type)
    case .list(let element): list(element)
    case .record(let fields, let listed): options(fields, listed)
    case .function: function()
    case .map: chance(2) ? list(.named("any")) : "{ [\(channelName())] = \(value("number")) }"
    case .named(let name): type.alternatives == [type] ? value(name) : value(.union(type.alternatives))
    }
  }

  /// A value of a named type.
  private mutating func value(_ type: String) -> String {
    switch type {
    case "Path": return path()
    case "ChannelName", "SourceChannel", "NewChannel": return channelName()
    case "integer": return pick(Self.integers)
    case "number": return pick(Self.integers + Self.numbers)
    case "boolean": return pick(["true", "false"])
    case "string": return chance(2) ? channelName() : pick(Self.strings)
    case "Span": return pick(Self.spans)
    case "function": return function()
    case "table":
      return pick(["{}", "{ 1, 2, 3 }", "setmetatable({}, wild)", "list_of(40)", list(.named("any"))])
    case _ where isClass(type): return "of(\(pickOf(type)))"
    default:
      return switch Int.random(in: 0..<9, using: &random) {
      case 0: "nil"
      case 1: pick(Self.integers)
      case 2: pick(Self.numbers)
      case 3: pick(Self.strings)
      case 4: value("table")
      case 5: function()
      case 6: pick(Self.spans)
      case 7: pick(["io and io.stdout", "coroutine.create(print)", "wild", "_G", "print"])
      default: anObject()
      }
    }
  }

  private mutating func list(_ type: APIType) -> String {
    let count = Int.random(in: 0...3, using: &random)
    return "{ \((0..<count).map { _ in value(type) }.joined(separator: ", ")) }"
  }

  private mutating func options(_ fields: [APIType.Field], _ listed: APIType?) -> String {
    var parts: [String] = []
    if let listed, chance(2) {
      parts += (0..<Int.random(in: 0...3, using: &random)).map { _ in value(listed) }
    }
    for field in fields where !chance(2) {
      parts.append("\(field.name) = \(field.name == "open" ? "false" : value(field.type))")
    }
    if chance(30) { parts.append("nonsense = 1") }
    return "{ \(parts.joined(separator: ", ")) }"
  }

  private mutating func plotOptions() -> String {
    var parts = ["open = false"]
    if chance(2) { parts.append("term = true") }
    if chance(3) {
      parts.append("kind = \(pick(["\"time\"", "\"spectrum\"", "\"xy\", x = \"pot1\"", "\"nope\""]))")
    }
    if chance(3) { parts.append("layout = \(pick(["\"lanes\"", "\"overlay\""]))") }
    if chance(3) { parts.append("window = \(pick(Self.spans))") }
    if chance(4) { parts.append("y = { \(value("number")), \(value("number")) }") }
    if chance(6) { parts.append("channels = \(list(.named("ChannelName")))") }
    if chance(9) { parts.append("size = \(pick(Self.integers))") }
    return "{ \(chance(3) ? anObject() + ", " : "")\(parts.joined(separator: ", ")) }"
  }

  /// Only what is on this machine.
  private mutating func address(_ function: String) -> String {
    switch function {
    case "connect":
      return pick([
        "\"sim:\"", "\"bela://127.0.0.1:1\"", "\"replay:\" .. folder .. \"/r.mtr\"", "\"nope://\"", "\"\"",
      ])
    case "synnax.connect":
      return pick([
        "\"sim\"", "{ host = \"127.0.0.1\", port = 1, timeout = 0.02 }", "{ \"sim\", password = \"wrong\" }",
      ])
    default:
      return pick([
        "\"sim\"", "{ host = \"127.0.0.1\", port = 1, timeout = 0.02 }", "{ \"sim\", speed = 4 }",
        "{ \"sim\", vars = \"a:f,b:i\" }",
      ])
    }
  }

  private mutating func path() -> String {
    let ending = pick([
      "csv", "jsonl", "mtr", "npy", "npz", "wav", "txt", "svg", "bin", "none", "csv", "jsonl",
    ])
    let name = pick(["a", "b", "r", "none/a", "times", "wide"])
    return chance(20)
      ? pick(["\"/dev/null\"", "\"/dev/full\"", "\"\"", "folder"]) : "folder .. \"/\(name).\(ending)\""
  }

  private mutating func channelName() -> String {
    pick([
      "\"pot1\"", "\"pot2\"", "\"a\"", "\"b\"", "\"time\"", "\"temp\"", "\"myvar\"", "\"nope\"", "\"power\"",
    ])
  }

  private mutating func function() -> String {
    pick([
      "function(...) return ... end", "function() error('raised') end", "function() error({}) end",
      "function(f) return coroutine.yield(f) end", "function(x) sleep(0.001) return x end",
      "function() collectgarbage() return 1 end", "function() close_all() return 2 end",
      "function() return 0/0 end",
      "function(f) return f and f.pot1 end", "function() return list_of(12) end", "print",
      "function() nested() end",
      "function() forget(7) return 3 end", "function(x) return x, x, x end", "function() return end",
      "function() while not late() do sleep(0) end end",
    ])
  }

  private mutating func pick(_ values: [String]) -> String { values.randomElement(using: &random)! }
  private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

  private func quoted(_ text: String) -> String { "\"\(text)\"" }

  private static let integers = [
    "0", "1", "-1", "2", "3", "-3", "5", "16", "64", "100", "1000", "4096", "65536", "1 << 31", "-(1 << 31)",
    "1 << 53", "math.maxinteger", "math.mininteger", "math.maxinteger - 1", "math.mininteger + 1",
    "6000000000000000000",
  ]
  private static let numbers = [
    "0.0", "-0.0", "0.5", "-0.5", "1e-9", "1e-300", "5e-324", "-5e-324", "1e300", "-1e300", "1e19", "1/0",
    "-1/0",
    "0/0", "2^63", "-2^63", "1.7976931348623157e308", "44100.5",
  ]
  private static let spans = [
    "0", "0.001", "0.005", "1e-9", "1e-5", "\"1ms\"", "\"1ns\"", "\"0s\"", "\"1us\"", "TimeSpan(0.002)",
    "TimeSpan.NANOSECOND",
    "-1", "1e9", "1e300", "0/0", "1/0", "\"292y\"", "\"100000d\"", "TimeSpan.DAY * 100000", "\"soon\"",
  ]
  private static let strings = [
    "\"\"", "\"x\"", "\"hann\"", "\"hold\"", "\"\\0\"", "\"\\xff\\xfe\"", "(\"long\"):rep(1000)", "\"f\"",
    "\"1ms\"", "\"12\"",
    "\"float64\"", "\"%s%n\"", "\"a b\"", "\"π…\"",
  ]

  /// Beside the reference: what only a script that means no good does.
  private static let oddities = [
    "collectgarbage()", "collectgarbage('step', 100)", "debug and debug.getinfo(level(), 'f').func()",
    "debug and debug.getlocal(level(), level())", "debug and debug.setlocal(level(), level(), 1)",
    "debug and debug.getupvalue(debug.getmetatable(of('Series', 1)).__index, 1)",
    "debug and debug.getmetatable(of('Frame', 1)).__index()",
    "debug and debug.getmetatable(of('Task', 1)).__gc(of('Series', 2))",
    "debug and debug.getmetatable(of('Streamer', 1)).__newindex()",
    "debug and debug.traceback(coroutine.running(), 'x', level())",
    "coroutine.close(coroutine.running())", "coroutine.resume(coroutine.running())",
    "coroutine.wrap(coroutine.yield)()",
    "select('#', table.unpack(list_of(200000), 1, 200000))",
    "spawn(print, table.unpack(list_of(900), 1, 900))",
    "spawn(function() return table.unpack(list_of(200000), 1, 200000) end):wait(0.01)", "nested()",
    "close_all()",
    "tasks()", "setmetatable({}, { __gc = function() close_all() end }) and nil", "error(of('Frame', 3))",
    "error()",
    "string.rep('x', 1 << 20)", "load('return 1')()", "xpcall(error, tostring, 'x')", "pcall(pcall)",
    "table.sort(list_of(30), function() return sleep(0) end)",
    "debug and debug.setmetatable(1, wild) and debug.setmetatable(1, nil)", "os.time()",
    "math.random(1 << 40)",
  ]

  private var setUp: String {
    switch ground {
    case .values: return "set_up()"
    case .board:
      return """
        set_up() pcall(function() local b = bela.connect("sim") keep(b) local s = b:streamer{ "pot1", "pot2" } keep(s) \
        s:start() keep(s:collect(100, 1)) keep(s:derive("power", function(f) return f.pot1 end)) keep(s:tap()) \
        keep(b:monitor{ pot1 = 100 }) keep(s:within(0.01)) keep(doctor(s, 0)) keep(b:channels()) keep(s.data) end)
        """
    case .core:
      return """
        set_up() pcall(function() local c = synnax.connect("sim") keep(c) c:create_channel{ name = "time", data_type = "timestamp", is_index = true } \
        c:create_channel{ name = "temp", data_type = "float64", index = "time" } \
        local w = c:open_writer{ "time", "temp" } keep(w) local s = c:open_streamer{ "temp", "time" } keep(s) \
        w:write{ time = { TimeStamp.now(), TimeStamp.now() + 1 }, temp = { 1, 2 } } keep(s:read(0.5)) keep(c:channels()) end)
        """
    }
  }

  /// Every line a cell of its own: a notebook that reads this from a pipe does the same as a script.
  private static let prelude = [
    // What there is, by class; at most 40 of each.
    "pool = {} failures = 0 begun = TimeStamp.now() marks = io and io.open(folder .. '/last', 'w') if marks then marks:setvbuf('no') end",
    "function kind_of(v) local m = type(v) == 'userdata' and debug and debug.getmetatable(v) return m and m.__name or type(v) == 'userdata' and tostring(v):match('^%a+') end",
    "function keep_one(v) local k = type(v) == 'userdata' and (kind_of(v) or 'any') if k then local l = pool[k] or {} pool[k] = l if #l < 40 then l[#l + 1] = v else l[math.random(40)] = v end elseif type(v) == 'table' then for i = 1, 3 do if type(rawget(v, i)) == 'userdata' then keep_one(v[i]) end end end end",
    "function keep(...) for i = 1, math.min(8, select('#', ...)) do keep_one((select(i, ...))) end end",
    "function of(k, n) local l = pool[k] return l and #l > 0 and l[n % #l + 1] or nil end",
    "function forget(n) local i = 0 for k, l in pairs(pool) do i = i + 1 if (n + i) % 5 == 0 then table.remove(l, n % (#l + 1)) end end collectgarbage() end",
    "function list_of(n) local t = {} for i = 1, n do t[i] = i * 0.5 end return t end",
    "function level() return math.random(0, 12) end",
    "function assign(o, k, v) o[k] = v return o[k] end",
    "function close_all() for _, k in ipairs{ 'Streamer', 'Reader', 'Plot', 'Writer' } do local o = of(k, math.random(40)) if o then o:close(0) end end end",
    "function nested() return (('x'):gsub('.', function() local s = of('Streamer', math.random(40)) if s then keep((s:read(0.001))) end end)) end",
    "wild = { __index = function(_, k) return k end, __len = function() return math.huge end, __tostring = function() return 7 end, __pairs = function() error('no') end, __name = 5 }",
    // An error of ours says where it was raised; where `pcall` calls an operator by its name there is no line to say.
    "function complain(n, e) if type(e) == 'table' and rawget(e, 'code') and not rawget(e, 'position') and not e.message:find([[^bad argument #%d to '%l+']]) and not ({ cancelled = 1, interrupted = 1, memory = 1, exit = 1, lost = 1 })[e.code] then failures = failures + 1 print('FUZZ ' .. n .. ': an error without its line: ' .. tostring(e)) end end",
    "function took(n, ok, ...) if ok then keep(...) else complain(n, (...)) end end",
    "function late() return (TimeStamp.now() - begun).seconds > 4 end",
    "function go(n, f) if late() then return end if marks then marks:write(n, '\\n') end took(n, pcall(function() local function held(...) return ... end return held(f()) end)) end",
    "function as_task(n, f) if late() then return end if marks then marks:write(n, '\\n') end local t = spawn(function() local function held(...) return ... end return held(f()) end) keep(t) took(n, pcall(function() return t:wait(0.03) end)) if t.status ~= 'done' and t.status ~= 'failed' then t:cancel() pcall(function() t:wait(0.3) end) end end",
    "function in_pcall(n, f) go(n, function() return pcall(pcall, f) end) end",
    "function in_coroutine(n, f) go(n, function() local co = coroutine.create(f) local r = table.pack(coroutine.resume(co)) coroutine.close(co) return table.unpack(r, 2, r.n) end) end",
    "function in_gsub(n, f) go(n, function() return (('ab'):gsub('.', function() keep(f()) end)) end) end",
    "function in_sort(n, f) go(n, function() local done table.sort({ 3, 1, 2 }, function(a, b) if not done then done = true keep(f()) end return a < b end) end) end",
    "function in_tostring(n, f) go(n, function() return tostring(setmetatable({}, { __tostring = function() keep(f()) return 'x' end })) end) end",
    "function in_close(n, f) go(n, function() local x <close> = setmetatable({}, { __close = function() keep(f()) end }) error('out') end) end",
    "function at_end(n, f) go(n, function() setmetatable({}, { __gc = function() keep(f()) end }) collectgarbage() end) end",
    "function dig(k, f) if k == 0 then return f() end local a, b, c = dig(k - 1, f) return a, b, c end",
    "function deep(n, f) go(n, function() return dig(({ 150, 10000, 150000, 190000 })[n % 4 + 1], f) end) end",
    "function wide(n, f) local k = ({ 10, 250, 100000, 999000 })[n % 4 + 1] go(n, function() return select('#', f(table.unpack(list_of(k), 1, k))) end) end",
    "function in_gsub_task(n, f) as_task(n, function() return (('ab'):gsub('.', function() keep(f()) end)) end) end",
    "function in_tostring_task(n, f) as_task(n, function() return tostring(setmetatable({}, { __tostring = function() keep(f()) return 'x' end })) end) end",
    "function in_coroutine_task(n, f) as_task(n, function() return coroutine.wrap(f)() end) end",
    "function in_close_task(n, f) as_task(n, function() local x <close> = setmetatable({}, { __close = function() keep(f()) end }) return sleep(1) end) end",
    "function write_file(name, text) local h = io and io.open(folder .. '/' .. name, 'w') if h then h:write(text) h:close() keep(select(2, pcall(load, folder .. '/' .. name))) end end",
    "function set_up() keep(TimeSpan(1), TimeSpan(0), TimeSpan.DAY, TimeSpan('-1ns'), TimeSpan.DAY * 100000, TimeStamp(math.mininteger), TimeStamp(math.maxinteger), TimeStamp(0), TimeStamp.now()) write_file('a.csv', 'time,pot1,pot2\\n0,1,2\\n0.1,2,-5e-324\\n0.2,3,0\\n0.3,nan,1e308\\n0.4,5,-1e308\\n') write_file('times.csv', 'time [unix_ns],a,b\\n-6000000000000000000,1,0\\n0,2,5e-324\\n6000000000000000000,3,0\\n') write_file('back.csv', 'time,a\\n0,6\\n0.1,6\\n0.2,6\\n-200000,6\\n-199999.9,6\\n0.5,6\\n') local rows = { 'time,pot1,b' } for i = 0, 4999 do rows[#rows + 1] = ('%.4f,%g,%d'):format(i / 250 + (i > 2500 and 2 or 0), math.sin(i / 7), i % 3) end write_file('wide.csv', table.concat(rows, '\\n') .. '\\n') for _, f in ipairs(pool.Frame or {}) do for _, name in ipairs(f:names()) do keep(f:get(name)) end end end",
    "function finish() if marks then marks:write('end\\n') end pool = {} collectgarbage() collectgarbage() if failures > 0 then print('FUZZ ' .. failures .. ' complaints') end end",
  ].joined(separator: "\n")
}
