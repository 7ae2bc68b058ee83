import Randomness
import Notebooks
import Testing

@Suite struct ReportTests {
  /// A run as `RunRecord` writes one, with what would be markup in it.
  static let lines = [
    #"{"kind":"run","time":1,"schema":1,"utc":"2026-11-21T08:23:34.149468Z","script":"a<b>.lua","parameters":{"n":"3"}}"#,
    #"{"kind":"note","time":1,"text":"before | all"}"#,
    #"{"kind":"cell","time":2,"cell":1,"title":"One <i>","line":4,"source":"x = 1 < 2 -- </pre>\n"}"#,
    #"{"kind":"output","time":3,"cell":1,"stream":"stdout","text":"a\n"}"#,
    #"{"kind":"output","time":3,"cell":1,"stream":"stdout","text":"<script>alert(1)</script>\u001b[31mred\u001b[0m\n"}"#,
    #"{"kind":"output","time":3,"cell":1,"stream":"stderr","task":"w","text":"```\n"}"#,
    #"{"kind":"echo","time":4,"cell":1,"text":"\"q\" & 'x'"}"#,
    #"{"kind":"plot","time":5,"cell":1,"plot":1,"title":"p & q","svg":"<svg>old</svg>","svg_dark":"<svg>d</svg>"}"#,
    #"{"kind":"check","time":5,"cell":1,"passed":true,"line":4}"#,
    #"{"kind":"check","time":5,"cell":1,"passed":false,"line":5,"message":"too *low*"}"#,
    #"{"kind":"end","time":6,"cell":1,"result":"ok","wall":0.25,"cpu":0.1,"samples":12345}"#,
    #"{"kind":"cell","time":7,"cell":2,"line":9,"source":"error('no')\n"}"#,
    #"{"kind":"error","time":8,"cell":2,"code":"error","message":"no","hints":["help"],"traceback":[{"place":"a.lua:9","text":"error('no')"}]}"#,
    #"{"kind":"end","time":9,"cell":2,"result":"error","wall":0.0001,"cpu":0,"samples":0}"#,
    #"{"kind":"plot","time":10,"cell":2,"plot":1,"title":"p & q","svg":"<svg>new</svg>"}"#,
    #"{"kind":"stats","time":11,"samples":12345,"gaps":0,"lost":2,"dropped":0}"#,
    #"{"kind":"done","time":12,"exit":1,"result":"failed","reason":"a.lua:9: no","wall":75.5}"#,
  ]
  static var record: [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

  @Test func aRecordIsReadAsItWasWritten() throws {
    let run = try #require(RecordedRun.runs(in: Self.record).first)
    #expect(run.script == "a<b>.lua" && run.exitCode == 1 && run.result == "failed" && run.isComplete)
    #expect(run.parameters.map(\.name) == ["n"] && run.parameters.map(\.value) == ["3"])
    #expect(run.cells.map(\.number) == [1, 2] && run.cells.map(\.line) == [4, 9])
    #expect(run.cells[0].end?.samples == 12345 && run.checks == (1, 1) && run.unreadableLines == 0)
    #expect(run.preamble == [.note("before | all")])
    // One output of three pieces of one stream, and the plot as it was last.
    #expect(run.cells[0].items.count == 6)
    let stills = run.cells[0].items.compactMap { if case .plot(let still) = $0 { still } else { nil } }
    #expect(stills.map(\.svg) == ["<svg>new</svg>"] && stills[0].darkSVG == nil && stills[0].title == "p & q")
    #expect(run.statistics.map(\.value) == [12345, 0, 2, 0])
  }

  /// Cut anywhere, it is the run up to there: no cell is lost that was begun, nothing is made up.
  @Test func aCutRecordIsTheRunUpToThere() {
    let record = Self.record
    let whole = RecordedRun.runs(in: record)[0]
    for count in stride(from: 0, to: record.count - 1, by: 7) {
      let runs = RecordedRun.runs(in: Array(record[..<count]))
      guard let run = runs.first else {
        #expect(count < Self.lines[0].utf8.count)
        continue
      }
      let ended = Array(record[..<count]).split(separator: 0x0A).count
      #expect(run.exitCode == nil || ended >= Self.lines.count)
      #expect(run.cells.map(\.source) == Array(whole.cells.map(\.source).prefix(run.cells.count)))
      #expect(run.unreadableLines == 0)
      let text = MarkdownReport([run], folder: nil).text
      #expect(run.isComplete || text.contains("the record breaks off"))
    }
    var random = SplitMix(seed: 4)
    for _ in 0..<500 {
      let runs = RecordedRun.runs(in: random.mutation(of: [String(decoding: record, as: UTF8.self)]))
      _ = HTMLReport(runs).text
    }
  }

  @Test func linesOfSeveralScriptsAreToldApart() {
    let lines =
      ["a", "b"].map { "{\"kind\":\"run\",\"label\":\"\($0)\",\"script\":\"\($0).lua\"}" }
      + ["b", "a"].map {
        "{\"kind\":\"output\",\"label\":\"\($0)\",\"stream\":\"stdout\",\"text\":\"\($0)\"}"
      }
      + ["b", "a"].map { "{\"kind\":\"done\",\"label\":\"\($0)\",\"exit\":\($0 == "a" ? 0 : 3)}" }
      + ["not JSON", "{\"kind\":\"batch\"}"]
    let runs = RecordedRun.runs(in: Array(lines.joined(separator: "\n").utf8) + [0x0A])
    #expect(runs.map(\.script) == ["a.lua", "b.lua"] && runs.map(\.exitCode) == [0, 3])
    #expect(runs[1].preamble == [.output(text: "b", isError: false, task: nil)])
    #expect(runs[0].unreadableLines == 1)
    let page = HTMLReport(runs).text
    #expect(page.contains("<h1>2 runs, 1 failed</h1>") && page.contains("href=\"#run-2\""))
    #expect(MarkdownReport(runs, folder: nil).text.hasPrefix("# 2 runs, 1 failed\n"))
  }

  @Test func thePageShowsTextAndObeysNone() throws {
    let page = HTMLReport(RecordedRun.runs(in: Self.record)).text
    #expect(!page.contains("<script") && !page.contains("<i>") && !page.contains("\u{1b}"))
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;red"))
    #expect(
      page.contains("x = <i class=\"n\">1</i> &lt; <i class=\"n\">2</i> <i class=\"c\">-- &lt;/pre&gt;</i>"))
    #expect(page.contains("&quot;q&quot; &amp; &#39;x&#39;") && page.contains("default-src 'none'"))
    #expect(page.contains("src=\"data:image/svg+xml;base64,PHN2Zz5uZXc8L3N2Zz4=\" alt=\"p &amp; q\""))
    #expect(page.contains("<section class=\"failed\">") && page.contains("a.lua:9: no"))
    #expect(page.contains("1 min 16 s") && page.contains("2026-11-21 08:23:34 UTC"))
    // Nothing is fetched from anywhere.
    #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("url("))
  }

  @Test func markdownSaysTheSame() throws {
    let report = MarkdownReport(RecordedRun.runs(in: Self.record), folder: "a b_files")
    #expect(report.text.hasPrefix("# a&lt;b&gt;.lua: failed\n"))
    #expect(report.text.contains("| Parameters | n = 3 |") && report.text.contains("> before \\| all"))
    // A fence in the output is no end of it.
    #expect(report.text.contains("````text\n```\n````"))
    #expect(report.text.contains("![p &amp; q](a%20b_files/plot-1.svg)"))
    #expect(report.files.map(\.path) == ["a b_files/plot-1.svg"])
    #expect(report.files.map(\.bytes) == [Array("<svg>new</svg>".utf8)])
    #expect(report.text.contains("- **check failed**, line 5: too \\*low\\*"))
    #expect(
      report.text.contains("## [2]  (failed)")
        && report.text.contains("*250 ms, 12\u{202F}345 samples, 2 checks*"))
    #expect(
      MarkdownReport(RecordedRun.runs(in: Self.record), folder: nil).text.contains(
        "*(p &amp; q: a plot, kept with -o)*"))
  }

  @Test func aNotebookAddsItsTextAndWhatWasNotReached() throws {
    let script =
      "-- %% [markdown]\n-- # Head\n-- text\n-- %% a\nx = 1\n-- %% b\nerror('no')\n-- %% c\ny = 'password'\n"
    let file = NotebookFile(Array(script.utf8))
    let record = [
      #"{"kind":"run","script":"a.lua"}"#,
      #"{"kind":"cell","cell":1,"title":"a","line":5,"source":"x = 1\n"}"#,
      #"{"kind":"cell","cell":2,"title":"b","line":7,"source":"error('no')\n"}"#,
    ]
    let run = try #require(RecordedRun.runs(in: Array(record.joined(separator: "\n").utf8)).first)
    let parts = ReportOutline.parts(run, notebook: file)
    #expect(parts.count == 4 && ReportOutline.matches(run, file))
    #expect(
      parts.first == .text("# Head\ntext") && parts.last == .notRun(title: "c", source: "y = 'password'"))
    #expect(!ReportOutline.matches(run, NotebookFile(Array(script.replacing("x = 1", with: "x = 2").utf8))))
    #expect(HTMLReport([run], notebooks: [file]).text.contains("<h2>Head</h2>\n<p>text</p>"))
  }

  @Test(arguments: [
    ("# A *b*\n\ntext `a<b` and\nmore", "<h2>A <em>b</em></h2>\n<p>text <code>a&lt;b</code> and\nmore</p>\n"),
    ("- a\n- **b**\n  c\n\nd", "<ul>\n<li>a\n<li><strong>b</strong>\nc\n</ul>\n<p>d</p>\n"),
    ("1. a\n2) b", "<ol>\n<li>a\n<li>b\n</ol>\n"),
    ("```lua\nx < 1\n\n```\ny", "<pre class=\"output\">x &lt; 1\n</pre>\n<p>y</p>\n"),
    ("~~~\nopen", "<pre class=\"output\">open</pre>\n"), ("> q", "<blockquote>q</blockquote>\n"),
    ("---", "<hr>\n"),
    ("[a](https://b.c/?d=1&e)", "<p><a href=\"https://b.c/?d=1&amp;e\" rel=\"noreferrer\">a</a></p>\n"),
    ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
    ("[a](JaVaScRiPt:x)", "<p>[a](JaVaScRiPt:x)</p>\n"), ("[a](data:x)", "<p>[a](data:x)</p>\n"),
    ("[a](\"onclick=x)", "<p><a href=\"&quot;onclick=x\" rel=\"noreferrer\">a</a></p>\n"),
    ("<b onclick=\"x\">", "<p>&lt;b onclick=&quot;x&quot;&gt;</p>\n"),
    ("snake_case_name 2*3*4", "<p>snake_case_name 2<em>3</em>4</p>\n"),
    ("a * b", "<p>a * b</p>\n"), ("\\*a\\*", "<p>*a*</p>\n"), ("***", "<hr>\n"), ("", ""),
    ("*a", "<p>*a</p>\n"),
  ])
  func textCellsAreReadAsMarkdown(_ markdown: String, _ html: String) {
    #expect(MarkdownPage.html(markdown) == html)
  }

  @Test func whateverIsInATextCellTheTagsAreOurs() {
    var random = SplitMix(seed: 6)
    let pieces = [
      "# a *b* [c](d)\n- e\n1. f", "```\n<x>\n```\n> **g**", "[a](javascript:b) <script> `c` _d_ \\e",
    ]
    for _ in 0..<2_000 {
      let text = String(decoding: random.mutation(of: pieces), as: UTF8.self)
      let html = MarkdownPage.html(text)
      for tag in html.matches(of: /<([^>]*)>/) {
        #expect(
          tag.1.wholeMatch(
            of:
              /\/?(h[2-6]|p|ul|ol|li|em|strong|code|blockquote|pre|hr|a)( class="output")?( href="[^"<>]*" rel="noreferrer")?/
          )
            != nil, "\(tag.1) of \(text)")
      }
    }
  }
}
