extension Reference {
  static let plots: [ReferenceEntry] = [
    .init(
      "Streamer:plot",
      "options?: PlotOptions -> Plot",
      """
      Shows the stream while it goes on, and never slows it. Names stand in the list (`s:plot{ "pot1" }`) or under \
      `channels`, all without; `window` is how much time is seen: "10s" unless told otherwise, and of a stream that has \
      ended no more than it holds. `layout` is "overlay" or "lanes", `y = { -1, 1 }` \
      fixes the scale. `kind = "spectrum"` shows magnitudes over frequency (of the newest `size` samples, 4096), \
      `kind = "xy"` with `x = "pot1"` the others over that channel. Without `term` it is a page in your browser, whose \
      address is printed; in the notebook it opens by itself unless `open = false`. With `term = true` it moves in the \
      terminal until a key is pressed; in a task or without a terminal it is a picture to print.
      """,
      failure:
        "raises \(.argument), \(.unknownChannel), \(.tooMany), \(.missing) when dygraphs is not installed (`term = true` works without)",
      example: "local p = s:plot{ \"pot1\", window = \"2s\", open = false }\nprint(p.url)\np:close()"),
    .init(
      "Frame:plot", "options?: PlotOptions -> Plot",
      "As `Streamer:plot`, of data that do not move: all of them unless `window` says otherwise.",
      failure: "as \(like: "Streamer:plot")", example: "print(frame:plot{ term = true, layout = \"lanes\" })"),
    .init(
      "Series:plot", "options?: PlotOptions -> Plot", "As `Frame:plot`, of one series.",
      failure: "as \(like: "Streamer:plot")", example: "print(x:plot{ term = true })"),
    .init(
      "plot", "options: JointPlotOptions -> Plot",
      """
      One plot of several streamers, frames and series, with the options of `Streamer:plot`. Channels of the same name \
      are told apart by their number in the list: `1:pot1`, `2:pot1`.
      """,
      failure: "as \(like: "Streamer:plot")", example: "print(plot{ x:slice(1, 20), x * 2, term = true })"),
    .init(
      "Plot.url", "-> string?",
      "Where the live page is, on this machine only; nil for a plot made for the terminal. Over ssh the line to forward it is printed, too.",
      example: "local p = s:plot{ open = false }\nprint(p.url)\np:close()", kind: .field),
    .init(
      "Plot:save", "path: Path; options?: {span?:Span,overwrite?:boolean,dark?:boolean} -> string",
      """
      Writes a still of what it shows now, .svg, .png or .pdf by the name, and returns the path: the last ten seconds, or \
      what there is of them, unless the plot has a `window`. `span` is how much time to show instead. The same data give the same .svg, byte by byte.
      """,
      failure:
        "raises \(.exists) (and suggests a name), \(.argument) for other endings, \(.io), \(.missing) without rsvg-convert (librsvg2-bin), which .svg does not need",
      example:
        "local path = os.tmpname() .. \".svg\"\nlocal p = x:plot{ term = true }\nprint(p:save(path))\nos.remove(path)"
    ),
    .init(
      "Plot:svg", "options?: {span?:Span,dark?:boolean,width?:integer,height?:integer} -> string",
      "The same still as text.", failure: "raises \(.argument)",
      example: "print(#x:plot{ term = true }:svg{ width = 400, height = 200 } > 500)"),
    .init(
      "Plot:mark", "text: string; time?: integer|TimeStamp -> Plot",
      "Flags a moment: of the newest sample, or `time` on the clock of the first channel.",
      failure: "raises \(.empty) before the first sample",
      example: "local p = x:plot{ term = true }\np:mark(\"touch\", x:time(5))\nprint(p)"),
    .init(
      "Plot:close", "",
      "Takes the page away; the stream goes on. Plots whose streamer is closed stay as stills, all end with the program.",
      example: "local p = s:plot{ open = false }\np:close()\nprint(p)"),
  ]
}
