extension Reference {
  static let signals: [ReferenceEntry] = [
    .init(
      "Streamer:triggers",
      """
      options: {rising?:table,falling?:table,above?:table,below?:table,outside?:table,inside?:table,pre?:Span,post?:Span,max?:integer,span?:Span,idle?:Span,holdoff?:Span,hysteresis?:number} -> fun():Frame,integer
      """,
      """
      Iterates over windows around what happens on a channel from now on: `for hit, time in s:triggers{ … } do`. One \
      condition: `rising` or `falling` = { channel, level } is an edge, `above` or `below` a level, `outside` or \
      `inside` = { channel, low, high } a band. A hit is a frame of all channels, from `pre` before it to `post` \
      behind it (100 ms each unless told), and the time of the sample it is about. Behind a window it is armed anew, \
      with `holdoff` not before that time has passed; an edge has to come from `hysteresis` behind the level. Ends \
      after `max` hits, after `span`, or with the stream; `idle` yields `false` when no hit comes for so long.
      """,
      failure: "raises \(.unknownChannel), \(.notStarted), \(.noTime), \(.type), \(.lost), \(.argument)",
      example: """
        local fast = bela.connect{ "sim", speed = 20 }:streamer{ "pot2" }:start()
        for hit, time in fast:triggers{ rising = { "pot2", 0.5 }, pre = "2ms", post = "5ms", max = 1 } do
          print(hit.pot2:min() < 0.5 and hit.pot2:max() >= 0.5)
        end
        """),
    .init(
      "Streamer:within", "span: Span -> Within",
      "What is to be seen within that time of the data, from the next call on: `check(s:within(\"5s\"):rises_above(\"fsr\", 0.5), \"no touch seen\")`.",
      failure: "raises \(.argument)",
      example:
        "local fast = bela.connect{ \"sim\", speed = 20 }:streamer{ \"pot2\" }:start()\nprint(fast:within(\"6s\"):falls_below(\"pot2\", 0.5))"
    ),
    .init(
      "Within:rises_above", "channel: ChannelName; level: number -> boolean; string",
      """
      Waits until the channel comes from the level or below it to above it: true, or false when it did not, and a \
      sentence that says what happened. The `check` around it shows that sentence and keeps the data for the report.
      """,
      failure: "raises \(.unknownChannel), \(.type), \(.notStarted)",
      example:
        "local fast = bela.connect{ \"sim\", speed = 20 }:streamer{ \"pot2\" }:start()\ncheck(fast:within(\"6s\"):rises_above(\"pot2\", 0.5), \"no wave\")"
    ),
    .init(
      "Within:falls_below", "channel: ChannelName; level: number -> boolean; string",
      "The same the other way round.", failure: "raises \(.unknownChannel), \(.type), \(.notStarted)",
      example:
        "local fast = bela.connect{ \"sim\", speed = 20 }:streamer{ \"pot2\" }:start()\nprint((fast:within(\"6s\"):falls_below(\"pot2\", 0.5)))"
    ),
    .init(
      "Within:stays_between", "channel: ChannelName; low: number; high: number -> boolean; string",
      "True when every sample of the whole time is between them, both included; false at the first that is not, or when data fail to come. NaN is nowhere.",
      failure: "raises \(.unknownChannel), \(.type), \(.notStarted), \(.argument)",
      example: "check(s:within(\"100ms\"):stays_between(\"pot1\", 0, 1))"),
    .init(
      "Within:stays_above", "channel: ChannelName; level: number -> boolean; string",
      "True when every sample of the whole time is above the level.",
      failure: "raises \(.unknownChannel), \(.type), \(.notStarted)",
      example: "check(s:within(\"100ms\"):stays_above(\"pot1\", -1))"),
    .init(
      "Within:stays_below", "channel: ChannelName; level: number -> boolean; string",
      "True when every sample of the whole time is below the level.",
      failure: "raises \(.unknownChannel), \(.type), \(.notStarted)",
      example: "check(s:within(\"100ms\"):stays_below(\"pot1\", 2))"),
    .init(
      "Within:has_no_gap", "channel: ChannelName -> boolean; string",
      "True when no sample is missing for the whole time.",
      failure: "raises \(.unknownChannel), \(.notStarted)",
      example: "check(s:within(\"100ms\"):has_no_gap(\"pot1\"))"),
    .init(
      "Streamer:derive",
      "name: NewChannel; fn: fun(frame:Frame):Series|number|number[]|nil; options?: {align?:string,buffer?:integer|Span} -> Streamer",
      """
      A channel that a function computes: a streamer of its own, with the same clock, that reads, plots and saves like \
      any other. The function runs as a task for every frame that has all channels with as many samples each (with \
      `align = "hold"` for every frame, what is missing filled forward), and gives a series, a list, one number for \
      the whole frame, or nil for nothing. Frames that it fails for are left out: the first error is shown, all are \
      counted in `stats().errors`, and a gap marks the place. Starts and ends with its stream.
      """,
      failure: "raises \(.argument), \(.closed)",
      example: """
        local sum = s:derive("sum", function(f) return f.pot1 + f.pot2 end)
        print(#sum:collect(100).sum)
        """),
    .init(
      "join", "a: Streamer|Source; b: Streamer|Source; options?: {buffer?:integer|Span} -> Streamer",
      """
      Two streams as one, with all times in nanoseconds since 1970. The ticks of a board become wall-clock time by \
      asking the board for its tick, half way between question and answer; the offset that is assumed and how far it \
      may be off are printed. Clocks drift: join anew after hours. A source stands for all its channels, streams that \
      were not started are started, and a name that both have gets `_2` at the second.
      """,
      failure: "raises \(.noTime), \(.argument), what \(like: "Streamer:start", as: "starting") raises",
      example: """
        local other = bela.connect{ "sim", rate = 8000 }:streamer{ "pot1" }
        local j = join(s, other)
        print(j:channels()[3], j:read(5) ~= nil)
        """),
    .init(
      "doctor", "s: Streamer; span?: Span -> Diagnosis",
      """
      Looks at a running stream for a second (or `span`) and says in sentences what is well and what is not: rates \
      against what they should be, pauses, jitter and stalls, channels that are stuck, clipped, silent or no numbers, \
      losses, a slow reader. Of a stream that does not run it looks at the buffer. `d[1]` is the first sentence.
      """,
      example: "print(doctor(s, \"200ms\"))"),
    .init(
      "Diagnosis.ok", "-> boolean", "True without a problem: `check(doctor(s).ok)`.",
      example: "print(doctor(s, \"200ms\").ok)", kind: .field),
    .init(
      "Diagnosis.problems", "-> string[]", "The sentences that are problems.",
      example: "print(#doctor(s, \"200ms\").problems)", kind: .field),
  ]
}
