import Bindings
import Lua
import Signals
import Telemetry
import TestSupport
import Testing

/// What C reads of series and frames is what Swift says of them.
@Suite struct ViewTests {
  /// An interpreter with the library, and series and frames of the test's own as globals.
  private struct Desk {
    let state: LuaState
    let library: Library

    init() throws {
      state = try LuaState()
      library = try Library(state)
    }

    func set(_ name: String, _ series: Series) { state.setGlobal(name, library.value(of: series)) }
    func set(_ name: String, _ frame: Frame) { state.setGlobal(name, library.value(of: frame)) }

    @discardableResult
    func run(_ source: String) throws -> [LuaValue] {
      switch state.scheduler.run(try state.load(source, chunkName: "=test")) {
      case .values(let values): return values
      case .failed(let error, _): throw error
      case .exit(let code): throw LuaError("exit", "exit \(code)")
      }
    }

    func failure(_ source: String) -> LuaError? {
      do {
        try run(source)
        return nil
      } catch { return error as? LuaError }
    }

    func close() {
      library.closeAll()
      state.close()
    }
  }

  /// `table` and `times` are Swift's; everything else has to agree with them.
  private static let agreement = """
    local function same(a, b) return math.type(a) == math.type(b) and (a == b or a ~= a and b ~= b) end
    local t, times, n = x:table(), x:times(), #x
    assert(n == #t, "count")
    assert(x[0] == nil and x[n + 1] == nil and x[-n - 1] == nil and x[math.mininteger] == nil and x[math.maxinteger] == nil)
    for i = 1, n do
      assert(same(x[i], t[i]), i)
      assert(same(x[i - n - 1], t[i]), i - n - 1)
      assert(same(x[i + 0.0], t[i]), i)
      if #times == n then assert(x:time(i) == times[i], "time") assert(x:time(i - n - 1) == times[i], "time") end
    end
    -- Far apart, so that it is not the run looked at last.
    for i = 1, n do local k = (i * 7919) % n + 1 assert(same(x[k], t[k]), k) end
    assert(x:time(0) == nil and x:time(n + 1) == nil)
    local count = 0
    for i, v in x:each() do count = count + 1 assert(i == count and same(v, t[i]), i) end
    assert(count == n)
    local step = x:each()
    for i = 1, n do assert(step() == i) end
    assert(step() == nil and step() == nil)
    """

  private static func storage(_ type: DataType, _ count: Int, from: Int) -> SampleStorage {
    let values = (from..<from + count).map { $0 &* -0x61C8_8646_80B5_83EB }
    func all<T: FixedWidthInteger & FixedWidthSample>(_: T.Type) -> SampleStorage {
      // The ends of the range among them.
      SampleStorage(
        values.map { $0 % 5 == 0 ? T.max : $0 % 5 == 1 ? T.min : T(truncatingIfNeeded: $0) }, as: type)
    }
    switch type {
    case .float32: return SampleStorage(values.map { $0 % 11 == 0 ? Float.nan : Float($0 % 1000) / 8 })
    case .float64:
      return SampleStorage(values.map { $0 % 11 == 0 ? Double.nan : $0 % 13 == 0 ? -0.0 : Double($0) / 7 })
    case .int8: return all(Int8.self)
    case .int16: return all(Int16.self)
    case .int32: return all(Int32.self)
    case .int64, .timestamp: return all(Int64.self)
    case .uint8: return all(UInt8.self)
    case .uint16: return all(UInt16.self)
    case .uint32: return all(UInt32.self)
    case .uint64: return all(UInt64.self)
    case .bool: return SampleStorage(values.map { UInt8($0 & 1) }, as: .bool)
    case .uuid:
      let storage = SampleStorage(type: .uuid, capacity: count)
      for value in values {
        withUnsafeBytes(of: (value, value)) { storage.append(packed: $0) }
      }
      return storage
    case .string, .json, .bytes:
      return SampleStorage(type: type, blobs: values.map { Array("\"\($0)\"".utf8) })
    }
  }

  /// The ways in which a series may lie in memory.
  private static func shapes(_ type: DataType) -> [Series] {
    let channel = Channel(name: "x", type: type, clock: .ticks(rate: 1000))
    let stamps = SampleStorage((0..<40).map { Int64($0 * $0) }, as: .timestamp)
    let far = SampleStorage(type: type, capacity: 0)
    let one = Series(
      channel, storage(type, 37, from: 1), timing: .steady(start: 5, step: Step(units: 1, samples: 3)))
    let several = Series(
      channel,
      chunks: [
        Chunk(storage(type, 12, from: 3), 2..<11, timing: .steady(start: -7, step: Step(units: 2))),
        Chunk(storage(type, 1, from: 50), timing: .stamped(stamps, offset: 3)),
        Chunk(storage(type, 20, from: 70), timing: .stamped(stamps, offset: 5)),
        Chunk(storage(type, 9, from: 90), timing: .steady(start: .max - 3, step: Step(units: 2, samples: 1))),
        Chunk(storage(type, 8, from: 99), timing: .steady(start: 9, step: Step(units: -5, samples: 2))),
      ])
    let untimed = Series(channel, storage(type, 16, from: 9))
    var held = one
    held.isHeld = true
    return [
      one, several, untimed, held, Series(channel, far), one[4..<30], one[5..<6], one[36..<37], one[3..<3],
      several[2..<40], several[8..<10], several[9..<10], several[30..<45], untimed[1..<15][2..<13],
      Series(channel, chunks: (0..<30).map { Chunk(storage(type, 1 + $0 % 3, from: $0)) }),
    ]
  }

  @Test(arguments: DataType.allCases)
  func everyTypeInEveryShapeReadsAsSwiftReadsIt(_ type: DataType) throws {
    let desk = try Desk()
    defer { desk.close() }
    for (number, series) in Self.shapes(type).enumerated() {
      for isPart in [false, true] {
        if isPart {
          desk.set("f", Frame([series]))
          try desk.run("x = f.x")
        } else {
          desk.set("x", series)
        }
        let error = desk.failure(Self.agreement)
        #expect(error == nil, "shape \(number), part \(isPart): \(error?.message ?? "")")
        try checkNumbers(desk, series, "shape \(number), part \(isPart)")
      }
    }
  }

  private func checkNumbers(_ desk: Desk, _ series: Series, _ place: String) throws {
    let computations: [(String, (Series) throws -> Sample)] = [
      ("sum", { try $0.sum() }), ("min", { try $0.min() }), ("max", { try $0.max() }),
      ("mean", { .float(try $0.mean()) }),
    ]
    for (name, compute) in computations {
      let expected: LuaValue
      do {
        switch try compute(series) {
        case .integer(let value): expected = .integer(value)
        case .unsigned(let value): expected = .number(Double(value))
        case .float(let value): expected = .number(value)
        default: return #expect(Bool(false))
        }
      } catch let error as TelemetryError {
        let got = desk.failure("return x:\(name)()")
        #expect(got?.code == error.code && got?.message == error.message, "\(name), \(place)")
        continue
      }
      let got = try desk.run("return x:\(name)()").first
      if case .number(let value) = expected {
        guard case .number(let found)? = got else {
          #expect(Bool(false), "\(name), \(place): \(String(describing: got))")
          continue
        }
        #expect(
          found == value && found.sign == value.sign || found.isNaN && value.isNaN,
          "\(name), \(place): \(found), not \(value)")
      } else {
        #expect(got == expected, "\(name), \(place)")
      }
    }
  }

  @Test func sumsAreExactWhereIntegersOverflow() throws {
    let desk = try Desk()
    defer { desk.close() }
    let wide = Channel(name: "x", type: .int64), unsigned = Channel(name: "x", type: .uint64)
    for series in [
      Series(wide, SampleStorage([Int64.max, 1])), Series(wide, SampleStorage([Int64.min, -1])),
      Series(wide, SampleStorage([Int64](repeating: .max, count: 1000))),
      Series(wide, SampleStorage([Int64](repeating: .min, count: 1000))),
      Series(wide, SampleStorage([Int64.max, .max, .min, .min, 2])),
      Series(unsigned, SampleStorage([UInt64.max, .max])), Series(unsigned, SampleStorage([UInt64.max])),
      Series(unsigned, SampleStorage([UInt64.max / 2, 1])),
    ] {
      desk.set("x", series)
      try checkNumbers(desk, series, "\(series.count) of \(series.type)")
    }
  }

  @Test func sumsOfManyFloatsAreAsExactAsSwifts() throws {
    let desk = try Desk()
    defer { desk.close() }
    let channel = Channel(name: "x", type: .float64)
    let values = (0..<100_003).map { Double(($0 &* 2_654_435_761) % 1_000_003) * 1e-3 + 1e9 }
    let series = Series(
      channel,
      chunks: stride(from: 0, to: values.count, by: 8192).map {
        Chunk(SampleStorage(Array(values[$0..<min($0 + 8192, values.count)])))
      })
    desk.set("x", series)
    try checkNumbers(desk, series, "many")
    desk.set("x", series[17..<90_001])
    try checkNumbers(desk, series[17..<90_001], "part")
  }

  @Test func zerosOfBothSignsAndNaNKeepTheirPlace() throws {
    let desk = try Desk()
    defer { desk.close() }
    let channel = Channel(name: "x", type: .float64)
    let row = { (values: [Double]) in Series(channel, SampleStorage(values)) }
    var rows: [[Double]] = [
      [0.0, -0.0], [-0.0, 0.0], [.nan, -0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [.nan], [.nan, .nan, 1],
      [.infinity, -.infinity],
    ]
    rows.append([Double](repeating: 3, count: 20) + [-0.0, 0])
    rows.append([Double](repeating: -3, count: 20) + [0, -0.0])
    rows.append(
      (0..<50).map { (place: Int) -> Double in place == 33 ? -5 : place % 7 == 0 ? .nan : Double(place) })
    for values in rows {
      desk.set("x", row(values))
      try checkNumbers(desk, row(values), "\(values)")
    }
  }

  // MARK: - Frames

  private static func frame(_ count: Int, samples: Int = 3) -> Frame {
    Frame(
      (0..<count).map { place in
        Series(
          Channel(name: "c\(place)", type: .int32, clock: .ticks(rate: 1)),
          SampleStorage((0..<samples).map { Int32(place * 1000 + $0) }),
          timing: .steady(start: Int64(place), step: Step(units: 1)))
      })
  }

  @Test(arguments: [1, 2, 32, 33, 100, 1000, 5000])
  func aNameGivesTheVerySameSeriesAgain(_ count: Int) throws {
    let desk = try Desk()
    defer { desk.close() }
    desk.set("f", Self.frame(count))
    desk.set("g", Self.frame(count))
    try desk.run(
      """
      local kept = math.min(\(count), 4096)
      for i = 0, \(count) - 1 do
        local x = f["c" .. i]
        assert(x[1] == i * 1000 and x[-1] == i * 1000 + 2 and #x == 3 and x.name == "c" .. i and x:time(1) == i)
        if i < kept then
          assert(rawequal(x, f["c" .. i]) and rawequal(x, f:get("c" .. i)) and not rawequal(x, g["c" .. i]))
        end
      end
      assert(f.nothing == nil and f:get("nothing") == nil and f["c\(count)"] == nil and f[""] == nil)
      assert(#f == \(count) and f:names()[\(count)] == "c\(count - 1)")
      """)
  }

  @Test func methodsWinOverChannelsWithTheirNames() throws {
    let desk = try Desk()
    defer { desk.close() }
    let names = ["get", "a", "names", "a", "span", "dropped", "table"]
    desk.set(
      "f",
      Frame(
        names.enumerated().map {
          Series(Channel(name: $1, type: .int64), SampleStorage([Int64($0 + 1)]))
        }))
    try desk.run(
      """
      for _ = 1, 3 do
        for _, name in ipairs{ "get", "names", "span", "dropped", "table" } do
          assert(type(f[name]) == "function", name)
          assert(type(f:get(name)) == "userdata" and f:get(name).name == name)
          assert(rawequal(f:get(name), f:get(name)))
        end
        assert(f.a[1] == 2, "of two with one name the first")
      end
      assert(f:get("span")[1] == 5 and f:get("table")[1] == 7)
      assert(not pcall(f.get, f, nil) and not pcall(f.get, f, {}) and f:get(5) == nil)
      """)
  }

  @Test func framesOfDifferentChannelsDoNotMixUp() throws {
    let desk = try Desk()
    defer { desk.close() }
    for round in 0..<600 {
      let order = round % 3 == 0 ? ["a", "b"] : round % 3 == 1 ? ["b", "a"] : ["b", "r\(round)", "a"]
      desk.set(
        "f",
        Frame(
          order.map {
            Series(Channel(name: $0, type: .string), SampleStorage(type: .string, blobs: [Array($0.utf8)]))
          }))
      try desk.run("assert(f.a[1] == 'a' and f.b[1] == 'b' and f.c == nil)")
    }
  }

  @Test func aPartDoesAllThatASeriesDoes() throws {
    let desk = try Desk()
    defer { desk.close() }
    for count in [2, 40] {
      desk.set("f", Self.frame(count, samples: 64))
      try desk.run(
        """
        local x = f.c1
        assert(x:std() > 18 and x.type == "int32" and x.clock == "ticks" and tostring(x):find("c1"))
        assert((x - x):sum() == 0 and (x + 1)[1] == 1001 and (-x)[1] == -1000)
        assert(#x:slice(2, 3) == 2 and x:slice(2, 3)[1] == 1001 and #x:last(5) == 5)
        assert(x == x and x == f:get("c1") and x ~= f.c0)
        assert(x:map(function(v, i) return v - i end):max() == 999)
        assert(#x:gaps() == 0 and x.held == false and x.nothing == nil and x["1"] == nil)
        assert(not pcall(function() return x[1.5] end) and not pcall(x.time, x, "a") and not pcall(x.time, x))
        assert(not pcall(function() x.name = "b" end))
        """)
    }
  }

  @Test func samplesStayWhileAnybodyHoldsThem() throws {
    let desk = try Desk()
    defer { desk.close() }
    for count in [2, 40] {
      desk.set("f", Self.frame(count, samples: 5000))
      try desk.run(
        """
        x = f.c1
        step = f.c0:each()
        f = nil
        """)
      for _ in 0..<3 {
        desk.state.collect()
        try desk.run("local t = {} for i = 1, 100 do t[i] = ('x'):rep(1000 + i) end")
        try desk.run("assert(x[1] == 1000 and x[-1] == 5999 and x:sum() == 5000 * 1000 + 4999 * 2500)")
        try desk.run("local i, v = step() assert(v == i - 1)")
        try desk.run("assert(x:std() > 1 and x:slice(2, 2)[1] == 1001)")
      }
      try desk.run("x, step = nil")
    }
  }

  @Test func bytesAreCountedOnceForAFrameAndItsSeries() throws {
    let desk = try Desk()
    defer { desk.close() }
    let before = desk.state.externalBytes
    desk.set("f", Self.frame(4, samples: 1000))
    #expect(desk.state.externalBytes == before + 16_000)
    try desk.run("keep = { f.c0, f.c1, f.c2, f.c3, f:get('c1') } for _, x in ipairs(keep) do x:std() end")
    #expect(desk.state.externalBytes == before + 16_000)
    try desk.run("f = nil")
    for _ in 0..<3 { desk.state.collect() }
    #expect(desk.state.externalBytes == before + 16_000)
    try desk.run("keep = nil")
    for _ in 0..<3 { desk.state.collect() }
    #expect(desk.state.externalBytes == before)
  }

  // MARK: - Objects of other kinds

  @Test func objectsOfOtherKindsRaiseAndNeverCrash() throws {
    let desk = try Desk()
    defer { desk.close() }
    let series = Self.shapes(.float64)
    desk.set("f", Frame([series[0], series[1].renamed(Channel(name: "y", type: .float64))]))
    desk.set("own", series[1])
    desk.set("text", Self.shapes(.string)[0])
    try desk.run("x = f.x")
    try desk.run(
      #"""
      local strange = {
        5, -1, "x", true, {}, print, io.stdout, coroutine.create(print), f, TimeSpan(1),
      }
      for _, step in ipairs{ x:each(), own:each() } do
        for n = 1, 2 do
          local _, value = debug.getupvalue(step, n)
          if value ~= nil and not rawequal(value, x) and not rawequal(value, own) then strange[#strange + 1] = value end
        end
      end
      local _ = own[1], x[1], text[1]
      for _, object in ipairs{ x, own, text, f } do
        for n = 1, 12 do
          local value = debug.getuservalue(object, n)
          local known = rawequal(value, x) or rawequal(value, own) or rawequal(value, f)
          if type(value) == "userdata" and not known then strange[#strange + 1] = value end
        end
      end
      for _, name in ipairs{ "each", "time", "sum", "min", "max", "mean", "map", "std", "slice" } do
        for _, method in ipairs{ x[name], own[name], text[name] } do
          assert(not pcall(method))
          for _, object in ipairs(strange) do
            local ok, e = pcall(method, object, 1)
            assert(not ok and tostring(e):find("bad self"), name .. " of " .. tostring(object))
          end
        end
      end
      for _, object in ipairs(strange) do if not rawequal(object, f) then assert(not pcall(f.get, object, "x")) end end
      assert(not pcall(f.get, x, "x") and not pcall(f.get))
      for _, object in ipairs{ x, own, f } do
        local class = debug.getmetatable(object)
        for _, other in ipairs(strange) do
          if class and class.__len then pcall(class.__len, other) pcall(class.__index, other, 1) pcall(class.__index, other, "x") end
        end
        assert(not pcall(debug.setmetatable, object, {}))
      end
      assert(debug.setuservalue == nil)
      """#)
  }

  @Test func whatIsReleasedByHandRaisesAndNeverCrashes() throws {
    let desk = try Desk()
    defer { desk.close() }
    for count in [2, 40] {
      desk.set("f", Self.frame(count, samples: 1000))
      desk.set("own", Self.frame(1, samples: 1000).series[0])
      try desk.run(
        """
        local x, step, own_step = f.c1, f.c1:each(), own:each()
        local function release(object)
          local class = debug.getmetatable(object)
          if class and class.__gc then class.__gc(object) end
        end
        pcall(own.map, own, function(v, i) if i == 10 then release(own) end return v end)
        pcall(x.map, x, function(v, i) if i == 10 then release(f) release(x) end return v end)
        for _, object in ipairs{ own, x } do
          for _, call in ipairs{
            function() return object[1] end, function() return #object end, function() return object:sum() end,
            function() return object:time(1) end, function() return object:each()() end, function() return object:std() end,
            function() return object:map(function(v) return v end) end, function() return object.name end,
          } do pcall(call) end
        end
        pcall(step) pcall(own_step)
        pcall(function() return f.c0, f:get("c0"), f[1], #f end)
        """)
      try desk.run("collectgarbage() collectgarbage()")
    }
  }

  @Test func numbersOfAMapAreNeverTakenForAnObject() throws {
    let desk = try Desk()
    defer { desk.close() }
    desk.set("x", Series(Channel(name: "x", type: .float64), SampleStorage((0..<64).map { Double($0) })))
    try desk.run(
      #"""
      local tries = 0
      x:map(function(v, i)
        for level = 2, 4 do
          local native = debug.getinfo(level, "fS")
          if native and native.what == "C" and native.func ~= x.map then
            for _, value in ipairs{ x, 5, print } do pcall(native.func, value) pcall(native.func, value, 5, {}) end
          end
          for n = 1, 10 do
            local ok, name, value = pcall(debug.getlocal, level, n)
            if ok and type(value) == "userdata" and not rawequal(value, x) then
              tries = tries + 1
              assert(not pcall(x.sum, value) and not pcall(x.time, value, 1) and not pcall(x.each, value))
            end
          end
        end
        return v
      end)
      """#)
  }

  @Test func finalizersThatReadSeriesFindThemOrAnError() throws {
    let desk = try Desk()
    for count in [2, 40] {
      for _ in 0..<20 {
        desk.set("f", Self.frame(count, samples: 100))
        desk.set("own", Self.frame(1, samples: 100).series[0])
        try desk.run(
          """
          local f, own = f, own
          local x, y = f.c1, f.c0
          y:std()
          local step = x:each()
          local function look()
            for _, object in ipairs{ x, y, own } do
              pcall(function() return object[1] + object:sum() + object:time(1) end)
              pcall(function() return object:std() end)
            end
            pcall(step)
            pcall(function() return f.c0[1], f:get("c1") end)
          end
          setmetatable({}, { __gc = look })
          held = held or {}
          held[#held + 1] = setmetatable({}, { __gc = look })
          """)
        desk.state.collect()
      }
    }
    // The rest is finalized when the interpreter closes, in any order.
    desk.close()
  }

  // MARK: - map

  @Test func mapCallsWaitFailAndAreInterruptedAsBefore() async throws {
    try await onThread {
      let desk = try Desk()
      defer { desk.close() }
      for series in [Self.frame(1, samples: 5).series[0], Self.shapes(.uint64)[1]] {
        desk.set("x", series)
        try desk.run(
          """
          local n = 0
          local y = x:map(function(v, i) n = n + 1 assert(i == n and v == x[i]) return i end)
          assert(n == #x and #y == #x and y[1] == 1 and y[-1] == #x and y.type == "float64" and y:time(1) == x:time(1))
          assert(x:map(function(v, i) sleep(0.001) return i * 2 end):max() == 2 * #x)
          """)
      }
      desk.set("x", Self.frame(1, samples: 5).series[0])
      let boom = desk.failure("x:map(function(v, i) if i == 3 then error('boom') end return 1 end)")
      #expect(boom?.code == "error" && boom?.message == "test:1: boom")
      #expect(
        desk.failure("x:map(function(v, i) error({ code = 'mine', message = 'm' }) end)")?.code == "mine")
      for (result, type) in [("nil", "nil"), ("'1'", "string"), ("{}", "table"), ("true", "boolean")] {
        let error = desk.failure("x:map(function(v, i) if i == 2 then return \(result) end return 1 end)")
        #expect(
          error?.code == "type" && error?.message == "the function gave a \(type) for sample 2, not a number",
          "\(result)")
      }
      #expect(desk.failure("x:map(function() end)")?.message.contains("gave a nil for sample 1") == true)
      #expect(desk.failure("x:map(5)")?.message.contains("function expected, got number") == true)
      #expect(try desk.run("return #x:slice(1, 0):map(error)") == [.integer(0)])
      let interrupter = desk.state.interrupter
      desk.state.setGlobal(
        "interrupt",
        desk.state.function(name: "interrupt") { _ throws(LuaError) in
          interrupter.interrupt()
          return .none
        })
      #expect(
        desk.failure("x:map(function(v, i) if i == 2 then interrupt() end while i >= 2 do end return v end)")?
          .code
          == "interrupted")
      #expect(try desk.run("return x:map(math.abs)[1]") == [.number(0)])
      // Other tasks go on while a task waits in a callback, and a coroutine yields across it no more than before.
      #expect(
        desk.failure("coroutine.wrap(function() x:map(function(v) coroutine.yield(v) return v end) end)()")
          != nil)
    }
  }

  // MARK: - Streams

  @Test func dataStaysAfterItsStreamWasClosedAndCollected() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(
        """
        board = bela.connect{ "sim", speed = 50, vars = "a:d,b:f" }
        s = board:streamer{ "a", "b" }:start{ quiet = true }
        local till = os.clock() + 20
        repeat sleep(0.05) until s.data.a and #s.data.a > 200000 or os.clock() > till
        d = s.data
        x, y, part, f = d.a, s.data.b, d.a:slice(100, 150000), s.last
        want = { x:table(), y:table(), part:table(), x:times() }
        sums = { x:sum(), y:sum(), part:mean() }
        z = f.a
        last = z[1]
        sleep(0.2)
        s:close()
        board:close()
        s, board, d, f = nil
        for _ = 1, 3 do collectgarbage() end
        local junk = {}
        for i = 1, 1000 do junk[i] = ("x"):rep(60000 + i) end
        for i, t in ipairs{ want[1], want[2], want[3] } do
          local series = ({ x, y, part })[i]
          assert(#series == #t)
          for k, v in series:each() do assert(v == t[k]) end
          for k = 1, #t, 997 do assert(series[k] == t[k] and series[-k] == t[#t + 1 - k]) end
        end
        for k = 1, #x, 991 do assert(x:time(k) == want[4][k]) end
        assert(x:sum() == sums[1] and y:sum() == sums[2] and part:mean() == sums[3] and z[1] == last)
        assert(x:std() >= 0)
        """)
    }
  }
}
