extension Reference {
  static let time: [ReferenceEntry] =
    [
      .init(
        "TimeSpan", "value: number|string -> TimeSpan",
        "A length of time: `TimeSpan(2.5)` in seconds, `TimeSpan(\"250ms\")`. Adds, subtracts, compares, scales by numbers.",
        failure: "raises \(.argument)", example: "print(TimeSpan(\"1m\") + TimeSpan(2.5))"),
      .init(
        "TimeSpan.seconds", "-> number", "In seconds.", example: "print(TimeSpan(\"250ms\").seconds)",
        kind: .field),
      .init(
        "TimeSpan.nanoseconds", "-> integer", "In nanoseconds.", example: "print(TimeSpan(1).nanoseconds)",
        kind: .field),
      .init(
        "TimeStamp", "moment: integer|string -> TimeStamp",
        "A moment: nanoseconds since 1970, or ISO 8601 with or without an offset (then it is UTC).",
        failure: "raises argument",
        example: "print(TimeStamp(0), TimeStamp(\"2024-01-01T00:00:00+01:00\"))"),
      .init(
        "TimeStamp.now", "-> TimeStamp", "This moment.", example: "print(TimeStamp.now() > TimeStamp(0))"),
      .init(
        "TimeStamp.nanoseconds", "-> integer", "Nanoseconds since 1970.",
        example: "print(TimeStamp(5).nanoseconds)", kind: .field),
      .init(
        "sleep", "span: Span", "Waits; streams and other tasks go on. A number is seconds.",
        failure: "raises \(.argument), \(.cancelled)", example: "sleep(\"10ms\")"),
    ]
    + ["NANOSECOND", "MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"].map {
      .init(
        "TimeSpan.\($0)", "-> TimeSpan", "One \($0.lowercased()).", example: "print(2 * TimeSpan.\($0))",
        kind: .constant)
    }

  static let tasks: [ReferenceEntry] = [
    .init(
      "spawn", "fn: function|{name?:string,[1]:function}; ... -> Task",
      """
      Runs a function beside everything else, on the same Lua thread, with the further arguments. \
      `spawn{ name = "watch", fn }` names it; what it prints is tagged so. An error that nobody waits for is shown, \
      and fails a batch run.
      """,
      failure: "raises \(.tooMany)", example: "print(spawn(function() return 42 end):wait())"),
    .init("tasks", "-> Task[]", "All tasks that have not ended.", example: "print(#tasks())"),
    .init(
      "Task:wait", "timeout?: Span -> any",
      "Waits for its end and returns what the function returned; raises what it raised.",
      failure: "returns nil and \"\(.timeout)\" or \"\(.cancelled)\"",
      example: "print(spawn(function() return 1, 2 end):wait())"),
    .init(
      "Task:cancel", "-> boolean", "Ends it at its next wait; true when it had not ended.",
      example: "print(spawn(function() sleep(9) end):cancel())"),
    .init(
      "Task.status", "-> string",
      "\"ready\", \"running\", \"waiting\", \"done\", \"failed\" or \"cancelled\".",
      example: "print(spawn(function() end).status)", kind: .field),
    .init(
      "Task.result", "-> any", "What the function returned first; nil before.",
      example: "local t = spawn(function() return 5 end)\nt:wait()\nprint(t.result)", kind: .field),
    .init(
      "Task.error", "-> any", "What it raised; nil when it did not.",
      example: "print(spawn(function() end).error)", kind: .field),
    .init(
      "Task.name", "-> string", "Its name.", example: "print(spawn{ name = \"watch\", function() end }.name)",
      kind: .field),
    .init(
      "Task:output", "-> string", "What it printed, the newest 100 lines.",
      example: "local t = spawn(function() print(\"hello\") end)\nt:wait()\nprint(t:output())"),
    .init(
      "every", "interval: Span; fn: function -> Task",
      "Calls a function at even intervals until cancelled; a late call is not made up for.",
      failure: "raises \(.argument)",
      example:
        "local n = 0\nlocal t = every(\"10ms\", function() n = n + 1 end)\nsleep(\"100ms\")\nt:cancel()\nprint(n > 2)"
    ),
    .init(
      "after", "delay: Span; fn: function -> Task", "Calls a function once, later.",
      failure: "raises \(.argument)", example: "print(after(\"10ms\", function() return 7 end):wait())"),
    .init(
      "select", "of: integer|string|table; ... -> any",
      "With a list: waits until the first of several streamers, readers or tasks has something, and returns its position and the frame or result; `select({ s1, s2 }, timeout)`. Else Lua's own `select`.",
      failure: "returns nil and \"\(.timeout)\"; nil and \"\(.closed)\" when all have ended",
      example: "print(select({ s }, 2))\nprint(select(\"#\", 1, 2))"),
    .init(
      "gather", "...: Task -> any",
      "Waits for all tasks and returns the first result of each; raises the first error.",
      failure: "raises what a task raised",
      example: "print(gather(spawn(function() return 1 end), spawn(function() return 2 end)))"),
  ]

  static let errors: [ReferenceEntry] = [
    .init(
      "try", "fn: function; ... -> boolean?; any",
      "Calls a function so that raising becomes returning: true and its results, or nil and the error object { code, message, hint }.",
      example: "local ok, err = try(s.set_buffer_size, s, -1)\nprint(ok, err.code)"),
    .init(
      "check", "condition: any; message?: string -> any",
      "Raises `message` when the condition is false or nil, else returns it; in a batch run it counts as a case. The error of a failed `s:within(…)` has its data: `window` (a frame), `channel`, `levels`, and `sentence`.",
      failure: "raises \(.checkFailed)", example: "print(check(1 + 1 == 2, \"arithmetic\"))"),
    .init(
      "check.equal", "actual: any; expected: any; message?: string",
      "Raises unless both are equal; tables are compared by content.", failure: "raises \(.checkFailed)",
      example: "check.equal({ 1, 2 }, { 1, 2 })"),
    .init(
      "check.near", "actual: number; expected: number; tolerance?: number; message?: string",
      "Raises unless they differ by at most the tolerance (1e-9).", failure: "raises \(.checkFailed)",
      example: "check.near(0.1 + 0.2, 0.3)"),
  ]
}
