extension Reference {
  static let frames: [ReferenceEntry] = [
    .init(
      "Frame:get", "name: ChannelName -> Series?",
      "The series of a channel, nil when the frame has none. `frame.pot1` is the same, for names that are no method's.",
      example: "print(frame:get(\"pot1\") ~= nil)"),
    .init(
      "Frame:at", "i: integer -> table<string, any>?",
      """
      The i-th sample of each channel that has so many, from the end with a negative i: `frame[i]` in other words. It \
      prints as it reads.
      """, example: "print(frame:at(-1).pot1 == frame[-1].pot1)"),
    .init(
      "Frame:names", "-> string[]", "The channels that are present, in the stream's order.",
      example: "print(frame:names()[1])"),
    .init(
      "Frame:span", "-> TimeSpan?", "Time from the oldest to the newest sample; nil when nobody knows.",
      example: "print(s.data:span() ~= nil)"),
    .init(
      "Frame:start_time", "-> integer?", "Time of the oldest sample, in the clock of its series.",
      example: "print(math.type(frame:start_time()))"),
    .init(
      "Frame:dropped", "-> integer",
      "Samples that this reader should have seen before this frame and that fell out of the buffer.",
      example: "print(frame:dropped())"),
    .init(
      "Frame.meta", "-> table?",
      "Single values that a file held beside its samples: arrays of numpy without dimensions. nil for most frames.",
      example: "print(frame.meta)", kind: .field),
    .init(
      "Frame:table", "-> table<string, table>", "A Lua table of each channel's samples.",
      example: "print(#frame:table().pot1 == #frame.pot1)"),
  ]

  static let series: [ReferenceEntry] = [
    .init(
      "Series:mean", "-> number", "Arithmetic mean; NaN for an empty series.",
      failure: "raises \(.type) for text", example: "print(x:mean() < 100)"),
    .init(
      "Series:min", "-> number", "Smallest sample, NaN left out.", failure: "raises \(.empty), \(.type)",
      example: "print(x:min() <= x:max())"),
    .init(
      "Series:max", "-> number", "Largest sample, NaN left out.", failure: "raises \(.empty), \(.type)",
      example: "print(x:max() >= x:mean())"),
    .init(
      "Series:sum", "-> number", "Sum; an integer for integer types while it fits 64 bits.",
      failure: "raises \(.type)", example: "print(x:sum() == x:sum())"),
    .init(
      "Series:rms", "-> number", "Root of the mean square.", failure: "raises \(.type)",
      example: "print(x:rms() >= 0)"),
    .init(
      "Series:std", "-> number", "Standard deviation of the population.", failure: "raises \(.type)",
      example: "print(x:std() >= 0)"),
    .init(
      "Series:median", "-> number", "The middle sample, or the mean of the two in the middle.",
      failure: "raises \(.empty), \(.type)", example: "print(x:median() >= x:min())"),
    .init(
      "Series:quantile", "q: number -> number", "The q-th quantile, q from 0 to 1, linear between samples.",
      failure: "raises \(.argument), \(.empty), \(.type)",
      example: "print(x:quantile(0.9) >= x:quantile(0.1))"),
    .init(
      "Series:histogram", "bins: integer -> {counts:integer[],edges:number[]}",
      "Counts of samples in equal bins between the smallest and the largest.",
      failure: "raises \(.argument), \(.empty), \(.type)", example: "print(#x:histogram(4).counts)"),
    .init(
      "Series:slice", "first: integer; last?: integer -> Series",
      "Samples first to last, counted from 1; negative ones from the end. Positions outside mean the ends.",
      example: "print(#x:slice(1, 10), #x:slice(-5))"),
    .init(
      "Series:last", "span: integer|Span -> Series", "The last so many samples, or those of the last span.",
      failure: "raises \(.noTime) when its times are unknown", example: "print(#x:last(10))"),
    .init(
      "Series:decimate", "n: integer -> Series", "Every n-th sample, the first included.",
      failure: "raises \(.argument)", example: "print(#x:slice(1, 10):decimate(5))"),
    .init(
      "Series:diff", "-> Series", "Differences of neighbours, one fewer.", failure: "raises \(.type)",
      example: "print(#x - #x:diff())"),
    .init(
      "Series:abs", "-> Series", "Magnitudes.", failure: "raises \(.type)",
      example: "print(x:abs():min() >= 0)"),
    .init(
      "Series:map", "fn: fun(value:number,position:integer):number -> Series",
      "A series of what the function makes of each sample, as float64.",
      failure: "raises what the function raises; \(.type) when it returns no number",
      example: "print(x:slice(1, 3):map(function(v) return v * 0 end):sum())"),
    .init(
      "Series:each", "-> fun():integer,any",
      "Iterates over positions and samples: `for i, v in x:each() do`.",
      example: "for i, v in x:slice(1, 2):each() do print(i) end"),
    .init(
      "Series:table", "-> table", "The samples as a Lua table; pays off from the second pass over them on.",
      example: "print(#x:slice(1, 3):table())"),
    .init(
      "Series:time", "position: integer -> integer?",
      "When a sample was taken: nanoseconds since 1970 or ticks, as `clock` says.",
      example: "print(x:time(2) > x:time(1))"),
    .init(
      "Series:times", "-> integer[]", "When each was taken; empty when nobody knows.",
      example: "print(#x:slice(1, 3):times())"),
    .init(
      "Series:gaps", "-> {at:integer,samples:integer?,why:string}[]",
      """
      Places where samples are missing: before which position, how many if known, why. Besides what the source told of \
      (lost, reconnect, restart, hole, paused, overrun) it is "time" where nothing but the times shows it: they leap, or step \
      back.
      """,
      example: "print(#x:gaps())"),
    .init(
      "Series:fft",
      "options?: {size?:integer,window?:string,gaps?:string} -> {frequencies:Series,magnitudes:Series}",
      "Magnitude spectrum of the last `size` samples (4096; a power of two), window hann, hamming, blackman or rect; frequencies in Hz.",
      failure:
        "raises \(.gap), also where only the times show one, unless gaps = \"zero\" or \"interpolate\"; \(.noTime), \(.argument)",
      example: "print(#s:collect(512).pot1:fft{ size = 512 }.magnitudes)"),
    .init(
      "Series:sparkline", "width?: integer -> string",
      "A picture in one line, 16 characters wide unless told otherwise.",
      example: "print(utf8.len(x:sparkline(8)))"),
    .init("Series.name", "-> string", "The channel's name.", example: "print(x.name)", kind: .field),
    .init(
      "Series.type", "-> string", "The samples' type: float32, int64, string …", example: "print(x.type)",
      kind: .field),
    .init(
      "Series.unit", "-> string?", "The channel's unit, where the source has one.", example: "print(x.unit)",
      kind: .field),
    .init(
      "Series.clock", "-> string", "What counts its times: \"unix_ns\" or \"ticks\".",
      example: "print(x.clock)", kind: .field),
    .init(
      "Series.rate", "-> number?",
      "Samples a second, by the usual steps between their times; nil when unknown.",
      example: "print(x.rate > 0)", kind: .field),
    .init(
      "Series.held", "-> boolean",
      "True where the values were filled forward, not received with their frame.", example: "print(x.held)",
      kind: .field),
  ]
}
