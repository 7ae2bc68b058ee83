extension HTMLReport {
  /// The inks of the live page, light and dark.
  static let style = """
    :root {
      --ground: #ffffff; --ink: #1b2026; --soft: #5b6673; --grid: #e3e7eb; --edge: #aab3bd; --panel: #f6f8fa;
      --red: #b81f2e; --red-ground: #fdf1f2; --green: #116b34; --amber: #8a5a00;
      --keyword: #8a2170; --string: #1d6a45; --number: #1a57b0; --comment: #66707b;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #14181d; --ink: #e6e9ed; --soft: #98a3b0; --grid: #262d35; --edge: #4a5561; --panel: #1b2027;
        --red: #ff7b80; --red-ground: #2a191c; --green: #62c98a; --amber: #e9b949;
        --keyword: #e39ad2; --string: #7fcf9f; --number: #8ab8ff; --comment: #8b96a2;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--ground); color: var(--ink);
      font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
    }
    main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
    h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; overflow-wrap: anywhere; }
    article + article, .runs + article { border-top: 1px solid var(--edge); margin-top: 3rem; padding-top: 2rem; }
    h2, h3, h4 { line-height: 1.3; margin: 0 0 .5rem; }
    h2 { font-size: 1.05rem; }
    dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .6rem 1.5rem; margin: 0 0 1.5rem; }
    dt { color: var(--soft); font-size: .8rem; }
    dd { margin: 0; overflow-wrap: anywhere; }
    dl .wide { grid-column: 1 / -1; }
    .badge { border: 1px solid currentColor; border-radius: 1rem; font-size: .8rem; font-weight: 600; padding: .1rem .6rem; white-space: nowrap; }
    h1 .badge { vertical-align: .2em; }
    .good { color: var(--green); }
    .bad { color: var(--red); }
    section { border-left: 3px solid var(--grid); margin: 1.5rem 0; padding: .1rem 0 .1rem 1rem; }
    section.failed { border-color: var(--red); }
    section.idle { opacity: .75; border-style: dashed; }
    .number { color: var(--soft); font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-weight: 400; }
    pre {
      font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; margin: .5rem 0; overflow-x: auto;
      padding: .6rem .8rem; tab-size: 8; white-space: pre;
    }
    pre.code { background: var(--panel); border-radius: .3rem; }
    pre.output, pre.echo { padding-block: .2rem; }
    pre.echo::before { color: var(--soft); content: "= "; }
    pre.stderr { color: var(--amber); }
    pre.error { background: var(--red-ground); border-radius: .3rem; color: var(--red); }
    .task { color: var(--soft); display: block; font-weight: 400; }
    .note { margin: .3rem 0; }
    .note, footer, small { color: var(--soft); font-size: .85rem; }
    .check { color: var(--red); }
    i { font-style: normal; }
    .k { color: var(--keyword); } .s { color: var(--string); } .n { color: var(--number); } .c { color: var(--comment); }
    code { background: var(--panel); border-radius: .2rem; font: .88em ui-monospace, "DejaVu Sans Mono", Menlo, monospace; padding: .05rem .25rem; }
    figure { margin: .75rem 0; }
    figure img { display: block; height: auto; max-width: 100%; }
    .text { max-width: 44rem; }
    .text h2 { font-size: 1.3rem; margin-top: 2rem; }
    a { color: var(--number); }
    summary { color: var(--soft); cursor: pointer; }
    table.runs { border-collapse: collapse; margin-bottom: 2rem; width: 100%; }
    .runs th, .runs td { border-bottom: 1px solid var(--grid); padding: .4rem .6rem .4rem 0; text-align: left; }
    .runs th { color: var(--soft); font-size: .8rem; font-weight: 400; }
    .runs :is(th, td):nth-child(n + 3) { font-variant-numeric: tabular-nums; text-align: right; }
    @media print { main { max-width: none; padding: 0; } section { break-inside: avoid-page; } pre { white-space: pre-wrap; } }
    """
}
