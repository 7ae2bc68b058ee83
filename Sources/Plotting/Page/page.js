"use strict";
// The live page of a plot. It asks for a view, gets one frame, draws it, and asks again: a slow page gets fewer
// frames, a hidden one none, and nothing piles up. All state of the view is here; the program keeps none.

(() => {
  const MAGIC = 0x3150544d;
  const HEADER = 56;
  const RECORD = 104;
  const element = (id) => document.getElementById(id);
  const wait = { idle: 150, numbers: 250, retry: 1000 };

  let meta = null;
  let frame = null;
  let socket = null;
  let connected = false;
  let closedForGood = false;
  let waiting = false;
  // Milliseconds to wait after the last answer without news.
  let idle = 0;
  let timer = 0;

  // What is looked at: the newest (`range` is null) or a range of the axis.
  let range = null;
  let paused = false;
  let span = 10;
  let spanIsOwn = false;
  let lanes = false;
  let lanesAreOwn = false;
  let locked = false;
  let theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const hidden = new Set();
  const scales = new Map();
  // A range that has been drawn whole needs no curves any more, only numbers.
  let complete = "";
  let pointer = null;
  let drag = null;
  const drawn = [];
  let frames = 0;
  // Milliseconds from the beginning of loading to the first picture.
  let firstDrawn = 0;
  let drawCost = 0;

  // MARK: Connection

  function connect() {
    const url = location.href.replace(/^http/, "ws").replace(/[?#].*$/, "").replace(/[^/]*$/, "") + "data";
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      connected = true;
      waiting = false;
      meta = null;
      ask();
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") take(JSON.parse(event.data));
      else receive(event.data);
    };
    socket.onclose = (event) => {
      connected = false;
      waiting = false;
      clearTimeout(timer);
      closedForGood = event.code === 1000;
      showState();
      if (!closedForGood) setTimeout(connect, wait.retry);
    };
  }

  function ask() {
    clearTimeout(timer);
    if (!connected || waiting || socket.readyState !== WebSocket.OPEN) return;
    const count = meta ? meta.lines.length : 0;
    const bytes = new ArrayBuffer(24 + Math.ceil(count / 8));
    const view = new DataView(bytes);
    const area = plotArea();
    const pixels = Math.max(16, Math.min(8192, Math.round(area.w * devicePixelRatio)));
    const wanted = isTime() ? range : null;
    const key = wanted ? [wanted.from, wanted.to, pixels, [...hidden].join("\n")].join() : "";
    const numbersOnly = wanted !== null && key === complete;
    view.setUint8(0, 1);
    view.setUint8(1, wanted ? 1 : 0);
    view.setUint16(2, pixels, true);
    view.setUint32(4, meta ? meta.revision : 0, true);
    view.setFloat64(8, wanted ? wanted.from : spanIsOwn ? span : NaN, true);
    view.setFloat64(16, wanted ? wanted.to : 0, true);
    for (let i = 0; i < count; i++) {
      if (!numbersOnly && !hidden.has(meta.lines[i].name)) continue;
      const at = 24 + (i >> 3);
      view.setUint8(at, view.getUint8(at) | (1 << (i & 7)));
    }
    asked = { key, numbersOnly };
    waiting = true;
    socket.send(bytes);
  }
  let asked = { key: "", numbersOnly: false };

  function soon(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(() => requestAnimationFrame(ask), milliseconds);
  }

  // What is wanted has changed: the answer that is on its way is not for it, the next one is.
  function changed() {
    complete = "";
    redraw();
    if (!waiting) ask();
  }

  function take(news) {
    const first = meta === null;
    meta = news;
    document.title = meta.title + " · moontide";
    element("title").textContent = meta.title;
    element("title").title = meta.title;
    if (!spanIsOwn) span = meta.window;
    if (!lanesAreOwn) lanes = meta.layout === "lanes";
    if (first && meta.y) locked = true;
    fillWindows();
    fillRows();
    complete = "";
    showControls();
    showState();
  }

  function receive(buffer) {
    waiting = false;
    const view = new DataView(buffer);
    if (buffer.byteLength < HEADER || view.getUint32(0, true) !== MAGIC) return soon(wait.idle);
    const flags = view.getUint32(12, true);
    if (flags & 4) {
      showNumbers();
      // The next block is some milliseconds away as a rule; only a stream that is silent is asked less often.
      idle = Math.min(wait.idle, idle ? idle * 1.5 : 8);
      return soon(range ? wait.numbers : idle);
    }
    idle = 0;
    const next = {
      state: flags & 3,
      revision: view.getUint32(4, true),
      from: view.getFloat64(16, true), to: view.getFloat64(24, true),
      oldest: view.getFloat64(32, true), newest: view.getFloat64(40, true),
      bytes: view.getFloat64(48, true),
      lines: [],
    };
    const count = view.getUint32(8, true);
    for (let i = 0; i < count; i++) next.lines.push(readLine(buffer, view, HEADER + i * RECORD));
    const frozen = paused && !isTime();
    if ((asked.numbersOnly || frozen) && frame && frame.lines.length === count) {
      // The picture stays; only numbers go on.
      next.lines.forEach((line, i) => Object.assign(line, {
        x: frame.lines[i].x, low: frame.lines[i].low, high: frame.lines[i].high, gaps: frame.lines[i].gaps,
        kind: frame.lines[i].kind, xBase: frame.lines[i].xBase, xScale: frame.lines[i].xScale,
        yBase: frame.lines[i].yBase, yScale: frame.lines[i].yScale, min: frame.lines[i].min, max: frame.lines[i].max,
        bucket: frame.lines[i].bucket,
      }));
      next.from = frame.from;
      next.to = frame.to;
      frame = next;
      showState();
      showNumbers();
      return soon(wait.numbers);
    }
    frame = next;
    if (range && isTime() && next.newest >= range.to) complete = asked.key;
    requestAnimationFrame(() => {
      const begin = performance.now();
      draw();
      showNumbers();
      drawCost = drawCost * 0.8 + (performance.now() - begin) * 0.2;
      if (!frames) firstDrawn = performance.now();
      frames += 1;
      drawn.push(begin);
      while (drawn[0] < begin - 2000) drawn.shift();
      showState();
      // Drawing gets less than half of the time: the page stays usable on a slow machine.
      const rest = complete ? wait.numbers : drawCost * 1.2 - 8;
      if (rest > 4) soon(rest); else ask();
    });
  }

  function readLine(buffer, view, at) {
    const count = view.getUint32(at, true);
    const kind = view.getUint32(at + 4, true);
    let offset = view.getUint32(at + 8, true);
    const gapCount = view.getUint32(at + 12, true);
    const padded = (count * 4 + 7) & ~7;
    const floats = () => {
      const array = new Float32Array(buffer, offset, count);
      offset += padded;
      return array;
    };
    const line = {
      kind, count,
      xBase: view.getFloat64(at + 16, true), xScale: view.getFloat64(at + 24, true),
      yBase: view.getFloat64(at + 32, true), yScale: view.getFloat64(at + 40, true),
      last: view.getFloat64(at + 48, true), rate: view.getFloat64(at + 56, true),
      lost: view.getFloat64(at + 64, true), min: view.getFloat64(at + 72, true), max: view.getFloat64(at + 80, true),
      bucket: view.getFloat64(at + 88, true), lostMore: view.getUint32(at + 96, true) !== 0,
    };
    line.x = kind ? floats() : new Float32Array(0);
    line.low = kind ? floats() : line.x;
    line.high = kind === 2 ? floats() : line.low;
    line.gaps = new Float64Array(buffer, offset, gapCount * 3);
    return line;
  }

  const isTime = () => !meta || meta.kind === "time";
  const isShown = (i) => meta.lines[i] && !hidden.has(meta.lines[i].name);
  const shownLines = () => meta.lines.map((_, i) => i).filter(isShown);
  const usesLanes = () => lanes && shownLines().length > 1;

  // MARK: Numbers as text, the same as in the terminal and in stills

  const trimmed = (text) => text.replace("e+", "e");
  function valueText(value, whole) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
    const size = Math.abs(value);
    if ((Number.isInteger(value) && size < 1e5) || (whole && size < 1e15)) return value.toFixed(0).replace(/^-0$/, "0");
    if (size >= 1e5 || size < 1e-4) return trimmed(value.toExponential(4).replace(/\.?0+e/, "e"));
    const text = value.toPrecision(5);
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  }
  const withUnit = (text, unit) => (unit && text !== "–" ? text + " " + unit : text);
  function rateText(value) {
    if (Number.isNaN(value)) return "–";
    for (const [unit, size] of [["GHz", 1e9], ["MHz", 1e6], ["kHz", 1e3]]) {
      if (value >= size * 0.99999) return parseFloat((value / size).toPrecision(4)) + " " + unit;
    }
    return parseFloat(value.toPrecision(4)) + " Hz";
  }
  function spanText(seconds) {
    if (seconds >= 3600) return parseFloat((seconds / 3600).toPrecision(4)) + " h";
    if (seconds >= 60) return parseFloat((seconds / 60).toPrecision(4)) + " min";
    if (seconds >= 1) return parseFloat(seconds.toPrecision(4)) + " s";
    if (seconds >= 1e-3) return parseFloat((seconds * 1e3).toPrecision(4)) + " ms";
    return parseFloat((seconds * 1e6).toPrecision(4)) + " µs";
  }

  // MARK: Ticks: 1-2-5, and clock steps for the time of day

  function stepOver(width, most) {
    if (!(width > 0) || !Number.isFinite(width)) return 1;
    const least = width / Math.max(1, most);
    const power = 10 ** Math.floor(Math.log10(least));
    for (const factor of [1, 2, 5]) if (factor * power >= least * (1 - 1e-9)) return factor * power;
    return 10 * power;
  }
  function multiples(step, low, high) {
    const first = Math.ceil(low / step - 1e-6);
    const last = Math.floor(high / step + 1e-6);
    const result = [];
    for (let i = first; i <= last && result.length < 1000; i++) result.push(i * step || 0);
    return result;
  }
  const decimalsOf = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  function valueTicks(low, high, most) {
    const step = stepOver(Math.min(high / 2 - low / 2, 4e307) * 2, most);
    const values = multiples(step, low, high);
    const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const decimals = decimalsOf(step);
    const digits = Math.max(0, Math.min(12, Math.floor(Math.log10(largest)) - Math.floor(Math.log10(step) + 1e-9)));
    return values.map((v) => ({
      v,
      label: largest >= 1e6 || (largest > 0 && largest < 1e-3)
        ? (v === 0 ? "0" : trimmed(v.toExponential(digits)))
        : v.toFixed(Math.min(17, decimals)).replace(/^-(0(\.0*)?)$/, "$1"),
    }));
  }
  const clockSteps = [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
  function clockStep(width, most) {
    const least = width / Math.max(1, most);
    if (least <= 1) return stepOver(width, most);
    for (const step of clockSteps) if (step >= least * (1 - 1e-9)) return step;
    return Math.ceil(stepOver(width / 86400, most)) * 86400;
  }
  function timeOfDay(seconds, day, step) {
    const decimals = step < 1 ? Math.min(9, decimalsOf(step)) : 0;
    const unit = 10 ** decimals;
    const scaled = Math.round(seconds * unit);
    const whole = Math.floor(scaled / unit);
    if (step >= 86400 || (step >= 60 && whole % 86400 === 0)) return new Date((day + Math.floor(whole / 86400)) * 864e5).toISOString().slice(0, 10);
    const clock = ((whole % 86400) + 86400) % 86400;
    const two = (value) => String(value).padStart(2, "0");
    let text = two(Math.floor(clock / 3600)) + ":" + two(Math.floor(clock / 60) % 60);
    if (step < 60) text += ":" + two(clock % 60);
    if (decimals) text += "." + String(scaled - whole * unit).padStart(decimals, "0");
    return text;
  }
  function timeTicks(low, high, most, exactly) {
    if (!meta || meta.axis.kind !== "wall") return exactly ? [] : valueTicks(low, high, most);
    const local = meta.axis.origin + meta.axis.utcOffset;
    const day = Math.floor(local / 86400);
    const shift = local - day * 86400;
    const step = clockStep(high - low, most);
    return multiples(step, low + shift, high + shift).map((v) => ({ v: v - shift, label: timeOfDay(v, day, step) }));
  }

  // MARK: Drawing

  const plot = element("plot");
  const colourOf = (i) => meta.lines[i][theme];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let inks = {};
  function readInks() {
    inks = { grid: style("--grid"), edge: style("--edge"), gap: style("--gap"), flag: style("--flag"),
      red: style("--red"), ink: style("--ink"), soft: style("--soft"), ground: style("--ground") };
  }

  // The view in effect: what was asked for last, so that it is seen at once.
  function view() {
    if (range) return range;
    return frame ? { from: frame.from, to: frame.to } : { from: 0, to: span };
  }
  function plotArea() {
    return graph ? graph.getArea() : { x: 0, y: 0, w: plot.clientWidth || 600, h: plot.clientHeight || 300 };
  }

  const raster = new Raster();
  const labelWidth = (text) => text.length * 7 + 8;
  // Axes and grid are all that is wanted of it; its own legend would need inline styles, which are forbidden here.
  Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];
  const graph = new Dygraph(plot, [[0, 0], [1, 0]], {
    labels: ["x", "y"], legend: "never", interactionModel: {}, highlightCircleSize: 0, showLabelsOnHighlight: false,
    rightGap: 8, xRangePad: 0, yRangePad: 0, strokeWidth: 1, gridLineWidth: 1, dateWindow: [0, 1], valueRange: [0, 1],
    plotter: (e) => drawLines(e.drawingContext, e.plotArea),
    underlayCallback: (context, area) => drawBehind(context, area),
    axes: {
      x: {
        axisLabelWidth: 100, axisLabelFontSize: 12, axisTickSize: 4,
        ticker: (low, high, pixels) => {
          let most = Math.max(1, Math.floor(pixels / 60));
          for (;;) {
            const ticks = timeTicks(low, high, most);
            const widest = ticks.reduce((a, t) => Math.max(a, labelWidth(t.label)), 0);
            const room = ticks.length < 2 ? pixels : pixels * (ticks[1].v - ticks[0].v) / (high - low);
            if (widest + 14 <= room) return withCaption(ticks, low, high);
            if (most === 1) return withCaption(ticks.slice(0, 1), low, high);
            most = Math.max(1, Math.min(most - 1, Math.floor(most * 0.8)));
          }
        },
      },
      y: { axisLabelWidth: 74, axisLabelFontSize: 12, axisTickSize: 4, ticker: (low, high, pixels) => yTicks(pixels) },
    },
  });

  function withCaption(ticks, low, high) {
    if (!meta || meta.axis.kind === "wall" || meta.kind === "xy" || !ticks.length) return ticks;
    const last = ticks.filter((tick) => tick.v <= high).pop();
    if (last) last.label += " " + meta.axis.caption;
    return ticks;
  }

  // A band of the vertical axis, which counts bands from below; one band for all lines, or one each.
  function bands() {
    if (!meta) return [];
    const shown = shownLines();
    const groups = usesLanes() ? shown.map((i) => [i]) : [shown];
    return groups.map((group, place) => ({ group, base: groups.length - 1 - place, scale: scaleOf(group) }));
  }
  const bandKey = (group) => (usesLanes() ? meta.lines[group[0]].name : "");

  function scaleOf(group) {
    return scales.get(bandKey(group)) || { low: -1, high: 1 };
  }

  // Grows at once, shrinks slowly, or stays.
  function updateScales() {
    const now = performance.now();
    for (const { group } of bands()) {
      const key = bandKey(group);
      const old = scales.get(key);
      if (locked && meta.y) { scales.set(key, { low: meta.y[0], high: meta.y[1], at: now }); continue; }
      if (locked && old) continue;
      let low = Infinity;
      let high = -Infinity;
      for (const i of group) {
        const line = frame && frame.lines[i];
        if (line && line.min <= line.max) { low = Math.min(low, line.min); high = Math.max(high, line.max); }
      }
      if (low > high) { if (!old) scales.set(key, { low: -1, high: 1, at: now }); continue; }
      const air = low === high ? (low === 0 ? 1 : Math.abs(low) * 0.1) : high * 0.05 - low * 0.05;
      const target = { low: Math.max(low - air, -Number.MAX_VALUE), high: Math.min(high + air, Number.MAX_VALUE) };
      if (!old || range) { scales.set(key, { ...target, at: now }); continue; }
      const part = 1 - Math.exp(-Math.min(1000, now - old.at) / 1500);
      scales.set(key, {
        low: target.low < old.low ? target.low : old.low + (target.low - old.low) * part,
        high: target.high > old.high ? target.high : old.high + (target.high - old.high) * part,
        at: now,
      });
    }
  }

  function yTicks(pixels) {
    const all = bands();
    // Lanes that are too low for a scale and a name in them have their name beside them.
    if (all.length > 1 && pixels / all.length < 24) {
      const every = Math.ceil(14 * all.length / pixels);
      return all.filter((_, place) => place % every === 0).map(({ group, base }) => ({ v: base + 0.5, label: nameWithin(group[0]) }));
    }
    const ticks = [];
    for (const { group, base, scale } of all) {
      const own = valueTicks(scale.low, scale.high, Math.max(1, Math.floor(pixels / all.length / (all.length > 1 ? 30 : 42))));
      const units = new Set(group.map((i) => meta.lines[i].unit || ""));
      const unit = meta.scaleUnit || (units.size === 1 ? [...units][0] : "");
      if (own.length && unit) own[own.length - 1].label += " " + unit;
      for (const tick of own) {
        const part = (tick.v / 2 - scale.low / 2) / (scale.high / 2 - scale.low / 2);
        ticks.push({ v: base + margin(all.length, part), label: tick.label });
      }
    }
    return ticks;
  }
  function nameWithin(i) {
    const name = [...meta.lines[i].name];
    return name.length > 10 ? name.slice(0, 9).join("") + "…" : name.join("");
  }
  // Lanes keep a little distance from each other.
  const margin = (count, part) => (count > 1 ? 0.05 + part * 0.9 : part);

  function redraw() {
    if (frame) requestAnimationFrame(draw);
  }

  function draw() {
    if (!meta || !frame) return;
    updateScales();
    const { from, to } = view();
    const count = Math.max(1, bands().length);
    element("empty").hidden = frame.lines.some((line) => !Number.isNaN(line.last));
    graph.updateOptions({
      dateWindow: [from, to], valueRange: [0, count], gridLineColor: inks.grid, axisLineColor: inks.edge,
      file: [[from, 0], [to, 0]],
    });
    showCursor();
  }

  function drawBehind(context, area) {
    if (!meta || !frame) return;
    const { from, to } = view();
    const x = (value) => area.x + (value - from) / (to - from) * area.w;
    const all = bands();
    for (const { group, base } of all) {
      const height = area.h / all.length;
      const bottom = area.y + (all.length - base) * height;
      for (const [begin, end] of joined(group)) {
        const left = Math.max(area.x, x(begin));
        const right = Math.min(area.x + area.w, x(end));
        if (right < area.x || left > area.x + area.w) continue;
        context.fillStyle = inks.gap;
        context.fillRect(left, bottom - height, Math.max(1, right - left), height);
        context.fillStyle = inks.red;
        const middle = Math.round((left + right) / 2);
        context.beginPath();
        context.moveTo(middle - 4, bottom);
        context.lineTo(middle + 4, bottom);
        context.lineTo(middle, bottom - 6);
        context.fill();
      }
    }
  }

  // Gaps of some lines as ranges that do not overlap.
  function joined(group) {
    const all = [];
    for (const i of group) {
      const gaps = frame.lines[i] ? frame.lines[i].gaps : [];
      for (let g = 0; g < gaps.length; g += 3) all.push([gaps[g], gaps[g + 1]]);
    }
    all.sort((a, b) => a[0] - b[0]);
    const result = [];
    for (const gap of all) {
      const last = result[result.length - 1];
      if (last && gap[0] <= last[1]) last[1] = Math.max(last[1], gap[1]); else result.push(gap);
    }
    return result;
  }

  // Dense curves go through the raster, in one piece; what few points make is stroked, with smooth edges.
  function drawLines(context, area) {
    if (!meta || !frame) return;
    const { from, to } = view();
    const all = bands();
    const ratio = devicePixelRatio;
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.w, area.h);
    context.clip();
    if (all.length > 1) drawLaneEdges(context, area, all);
    raster.begin(Math.round(area.w * ratio), Math.round(area.h * ratio));
    const sparse = [];
    for (const { group, base, scale } of all) {
      // Rows of pixels from the top of the plot; the ends of the scale are the middles of the first and the last.
      const lane = raster.height / all.length;
      const bottom = (all.length - base - margin(all.length, 0)) * lane - 0.5;
      const size = lane * (margin(all.length, 1) - margin(all.length, 0)) - 1;
      const half = scale.high / 2 - scale.low / 2;
      const middle = (scale.low / 2 + scale.high / 2) / half;
      for (const i of group) {
        const line = frame.lines[i];
        if (!line || !line.kind) continue;
        const place = {
          left: (line.xBase - from) / (to - from) * raster.width,
          perX: line.xScale / (to - from) * raster.width,
          top: bottom - 0.5 - size * (line.yBase / half - middle + 1) / 2,
          perY: -size * (line.yScale / half) / 2,
        };
        raster.ink = colourOf(i);
        if (line.kind === 2) raster.buckets(line.x, line.low, line.high, place);
        else if (isSparse(line, place)) sparse.push([line, place, colourOf(i)]);
        else raster.samples(line.x, line.low, place);
      }
    }
    // In device pixels, so that rows of one are rows of the other.
    context.setTransform(1, 0, 0, 1, Math.round(area.x * ratio), Math.round(area.y * ratio));
    raster.end(context);
    for (const [line, place, colour] of sparse) strokeLine(context, line, place, colour);
    context.restore();
    context.save();
    drawFlags(context, area, from, to);
    if (meta.kind === "xy") drawCaption(context, area);
    context.restore();
  }

  function isSparse(line, { perX }) {
    const { x } = line;
    return !isTime() ? x.length < 1000 : Math.abs((x[x.length - 1] - x[0]) * perX) > 4 * x.length || x.length < 3;
  }

  // Strokes are one device pixel wide: wider ones are cut into triangles where there is no GPU, ten times slower.
  function strokeLine(context, { x, low: y }, { left, perX, top, perY }, colour) {
    context.fillStyle = colour;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    const ratio = devicePixelRatio;
    const dots = isTime() && Math.abs((x[x.length - 1] - x[0]) * perX) > 7 * ratio * x.length;
    const inside = (row) => Math.min(Math.max(row, -1e4), raster.height + 1e4);
    const alone = [];
    let run = 0;
    context.beginPath();
    for (let i = 0; i <= x.length; i++) {
      if (i === x.length || Number.isNaN(y[i]) || Number.isNaN(x[i])) {
        if (run === 1 && !dots) alone.push(i - 1);
        run = 0;
        continue;
      }
      const at = left + x[i] * perX;
      const row = inside(top + y[i] * perY) + 0.5;
      if (run) context.lineTo(at, row); else context.moveTo(at, row);
      run += 1;
      // One long path that crosses itself is slow to fill in; many short ones are not.
      if (run % 256 === 0) {
        context.stroke();
        context.beginPath();
        context.moveTo(at, row);
      }
      if (dots) alone.push(i);
    }
    context.stroke();
    const size = 3 * ratio;
    for (const i of alone) context.fillRect(left + x[i] * perX - size / 2, inside(top + y[i] * perY) + 0.5 - size / 2, size, size);
  }

  function drawLaneEdges(context, area, all) {
    context.fillStyle = inks.edge;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    for (const { group, base } of all) {
      const top = Math.round(area.y + (all.length - 1 - base) * area.h / all.length);
      context.fillStyle = inks.edge;
      if (base < all.length - 1) context.fillRect(area.x, top, area.w, 1);
      if (area.h / all.length < 24) continue;
      context.fillStyle = colourOf(group[0]);
      context.fillText(meta.lines[group[0]].name, area.x + 6, top + 3);
    }
  }

  // A channel's name is no unit: it stands by itself, above the axis.
  function drawCaption(context, area) {
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "bottom";
    const width = context.measureText(meta.axis.caption).width;
    const right = area.x + area.w - 4;
    context.fillStyle = inks.ground;
    context.fillRect(right - width - 4, area.y + area.h - 20, width + 8, 18);
    context.fillStyle = inks.soft;
    context.fillText(meta.axis.caption, right - width, area.y + area.h - 4);
  }

  function drawFlags(context, area, from, to) {
    if (!meta.flags.length) return;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    for (const flag of meta.flags) {
      const x = Math.round(area.x + (flag.x - from) / (to - from) * area.w);
      if (x < area.x || x > area.x + area.w) continue;
      context.fillStyle = inks.flag;
      context.fillRect(x, area.y, 1, area.h);
      if (!flag.label) continue;
      const width = Math.min(160, context.measureText(flag.label).width) + 8;
      const left = Math.min(x, area.x + area.w - width);
      context.fillRect(left, area.y, width, 16);
      context.fillStyle = inks.ground;
      context.fillText(flag.label, left + 4, area.y + 3, 152);
    }
  }

  // MARK: Table, header and footer

  let cells = [];
  function fillRows() {
    const names = meta.lines.map((line) => line.name);
    for (const name of [...hidden]) if (!names.includes(name)) hidden.delete(name);
    const body = element("rows");
    const fresh = document.createDocumentFragment();
    cells = meta.lines.map((line) => {
      const row = document.createElement("tr");
      row.tabIndex = 0;
      row.dataset.name = line.name;
      const all = [];
      for (let i = 0; i < 7; i++) {
        const cell = document.createElement("td");
        row.append(cell);
        all.push(cell);
      }
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      all[0].append(swatch, line.name);
      all[0].title = "click hides, alt-click shows it alone";
      all[0].onclick = (event) => toggle(line.name, event.altKey);
      row.onkeydown = (event) => { if (event.key === "Enter") toggle(line.name, event.altKey); };
      fresh.append(row);
      return { row, swatch, all, text: [] };
    });
    body.replaceChildren(fresh);
    paintRows();
  }

  function paintRows() {
    if (!meta) return;
    cells.forEach((cell, i) => {
      const colour = colourOf(i);
      cell.swatch.style.borderColor = colour;
      cell.swatch.style.background = colour;
      cell.row.classList.toggle("hidden", !isShown(i));
    });
  }

  function toggle(name, alone) {
    if (alone) {
      const others = meta.lines.map((line) => line.name).filter((other) => other !== name);
      const isAlone = !hidden.has(name) && others.every((other) => hidden.has(other));
      hidden.clear();
      if (!isAlone) others.forEach((other) => hidden.add(other));
    } else if (!hidden.delete(name)) hidden.add(name);
    paintRows();
    changed();
  }

  let numbersShown = -1000;
  function showNumbers() {
    const now = performance.now();
    if (now - numbersShown < 90 || !meta || !frame) return;
    // Numbers that somebody is just marking stay.
    const marked = getSelection();
    if (!marked.isCollapsed && element("rows").contains(marked.anchorNode)) return;
    numbersShown = now;
    let total = 0;
    cells.forEach((cell, i) => {
      const line = frame.lines[i];
      if (!line) return;
      const { unit, whole } = meta.lines[i];
      const has = line.kind && line.min <= line.max;
      if (line.rate > 0) total += line.rate;
      put(cell, 1, withUnit(valueText(line.last, whole), unit));
      put(cell, 3, has ? valueText(line.min, whole) : "–");
      put(cell, 4, has ? valueText(line.max, whole) : "–");
      put(cell, 5, rateText(line.rate));
      put(cell, 6, lostText(line));
      cell.all[6].classList.toggle("bad", line.lost > 0 || line.lostMore);
    });
    element("total").textContent = total > 0 ? rateText(total).replace("Hz", "samples/s").replace(/ ([kMG])/, "$1 ") : "";
    const rate = drawn.length > 1 ? (drawn.length - 1) * 1000 / (drawn[drawn.length - 1] - drawn[0]) : 0;
    const isFresh = drawn.length && now - drawn[drawn.length - 1] < 1000;
    element("frames").textContent = isFresh && rate >= 1 ? rate.toFixed(0) + " frames/s" : "0 frames/s";
    element("buffer").textContent = frame.bytes > 0 ? "buffer " + byteText(frame.bytes) : "";
    const bucket = frame.lines.reduce((most, line) => Math.max(most, line.kind ? line.bucket : 0), 0);
    element("detail").textContent = bucket > 1 ? bucket + " samples a bucket" : bucket === 1 ? "every sample" : "";
    showCursor();
  }
  const lostText = (line) => (line.lostMore ? (line.lost > 0 ? line.lost + "+" : "?") : String(line.lost));
  function byteText(bytes) {
    if (bytes >= 1048576) return (bytes / 1048576).toFixed(1) + " MB";
    return Math.ceil(bytes / 1024) + " kB";
  }
  function put(cell, column, text) {
    if (cell.text[column] === text) return;
    cell.text[column] = text;
    cell.all[column].textContent = text;
  }

  function showState() {
    const dot = element("dot");
    const status = element("status");
    const kinds = ["live", "held", "lost"];
    let kind = meta ? kinds[meta.state.kind] || "held" : "held";
    let text = meta ? meta.state.text : "connecting";
    if (!connected) {
      kind = "lost";
      text = closedForGood ? "the plot was closed" : "no connection to the program";
    } else if (paused) {
      kind = kind === "lost" ? kind : "held";
      text = kind === "lost" ? text : "paused · " + text;
    } else if (range && kind === "live") text = "zoomed · " + text;
    if (dot.className !== kind) dot.className = kind;
    if (status.textContent !== text) status.textContent = text;
    status.title = text;
    status.classList.toggle("lost", kind === "lost");
  }

  function showControls() {
    const following = range === null;
    element("pause").textContent = paused || !following ? "Live" : "Pause";
    element("pause").classList.toggle("on", paused || !following);
    element("lock").textContent = locked ? "Y locked" : "Y auto";
    element("lock").classList.toggle("on", locked);
    element("layout").textContent = lanes ? "Lanes" : "Overlay";
    element("layout").classList.toggle("on", lanes);
    element("theme").textContent = theme === "dark" ? "Light" : "Dark";
    element("window").disabled = !isTime();
  }

  const windows = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  function fillWindows() {
    const all = windows.includes(span) ? windows : [...windows, span].sort((a, b) => a - b);
    element("window").replaceChildren(...all.map((seconds) => {
      const option = document.createElement("option");
      option.value = seconds;
      option.textContent = spanText(seconds);
      option.selected = seconds === span;
      return option;
    }));
  }
  function setSpan(seconds) {
    span = seconds;
    spanIsOwn = true;
    fillWindows();
    live();
  }
  function stepSpan(direction) {
    const all = windows.filter((seconds) => (direction > 0 ? seconds > span * 1.001 : seconds < span * 0.999));
    if (all.length) setSpan(direction > 0 ? all[0] : all[all.length - 1]);
  }

  // MARK: What people do

  function live() {
    range = null;
    paused = false;
    showControls();
    changed();
  }
  function pause() {
    if (paused || range) return live();
    if (!frame) return;
    paused = true;
    range = { from: frame.from, to: frame.to };
    showControls();
    changed();
    showState();
  }
  function setRange(from, to) {
    if (!frame) return;
    const least = isTime() ? 2e-6 : (frame.to - frame.from) * 1e-6;
    let width = Math.max(least, to - from);
    if (isTime() && !Number.isNaN(frame.oldest)) {
      // Some way beyond the data, but never lost in nothing.
      const all = Math.max(frame.newest - frame.oldest, span);
      width = Math.min(width, all * 1.2);
      from = Math.min(Math.max(from, frame.newest - all * 1.1), frame.newest + width * 0.1);
    }
    range = { from, to: from + width };
    showControls();
    changed();
    showState();
  }
  function setTheme(name) {
    theme = name;
    document.documentElement.dataset.theme = theme;
    readInks();
    paintRows();
    showControls();
    redraw();
  }
  function setLock(on) {
    locked = on;
    showControls();
    redraw();
  }
  function setLanes(on) {
    lanes = on;
    lanesAreOwn = true;
    showControls();
    redraw();
  }

  function showCursor() {
    const line = element("cursor");
    const area = plotArea();
    const inside = pointer !== null && pointer >= area.x && pointer <= area.x + area.w && frame && meta;
    line.hidden = !inside;
    if (inside) {
      line.style.left = pointer + "px";
      line.style.top = area.y + "px";
      line.style.height = area.h + "px";
    }
    const { from, to } = view();
    const place = inside ? from + (pointer - area.x) / area.w * (to - from) : NaN;
    cells.forEach((cell, i) => {
      const text = inside && meta.kind !== "xy" && frame.lines[i] ? textAt(frame.lines[i], place, meta.lines[i].whole, (to - from) / area.w) : "";
      put(cell, 2, text);
    });
  }
  function textAt(line, place, whole, pixel) {
    const { x } = line;
    if (!line.kind || !x.length) return "–";
    const wanted = (place - line.xBase) / line.xScale;
    let low = 0;
    let high = x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle] >= wanted) high = middle; else low = middle + 1;
    }
    let i = low === x.length || (low > 0 && wanted - x[low - 1] < x[low] - wanted) ? low - 1 : low;
    if (Number.isNaN(line.low[i])) return "–";
    // Beyond either end there is no value.
    if ((i === 0 || i === x.length - 1) && Math.abs(x[i] - wanted) * line.xScale > pixel * 6) return "–";
    const a = line.yBase + line.low[i] * line.yScale;
    const b = line.yBase + line.high[i] * line.yScale;
    return a === b ? valueText(a, whole) : valueText(a, whole) + " … " + valueText(b, whole);
  }

  const at = (event) => event.clientX - plot.getBoundingClientRect().left;
  const xAt = (pixel) => {
    const area = plotArea();
    const { from, to } = view();
    return from + (pixel - area.x) / area.w * (to - from);
  };
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !frame) return;
    drag = at(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    pointer = at(event);
    if (drag !== null) {
      const area = plotArea();
      const box = element("selection");
      const a = Math.max(area.x, Math.min(drag, pointer));
      const b = Math.min(area.x + area.w, Math.max(drag, pointer));
      box.hidden = b - a < 4;
      Object.assign(box.style, { left: a + "px", width: Math.max(0, b - a) + "px", top: area.y + "px", height: area.h + "px" });
    }
    showCursor();
  });
  plot.addEventListener("pointerup", (event) => {
    if (drag === null) return;
    const [a, b] = [Math.min(drag, at(event)), Math.max(drag, at(event))];
    const area = plotArea();
    drag = null;
    element("selection").hidden = true;
    if (b - a >= 4) setRange(xAt(Math.max(area.x, a)), xAt(Math.min(area.x + area.w, b)));
  });
  plot.addEventListener("pointercancel", () => { drag = null; element("selection").hidden = true; });
  plot.addEventListener("pointerleave", () => { pointer = null; showCursor(); });
  plot.addEventListener("dblclick", live);
  plot.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!frame) return;
    const { from, to } = view();
    const amount = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 20 : 1);
    if (event.shiftKey) {
      const shift = (to - from) * amount / 800;
      return setRange(from + shift, to + shift);
    }
    const factor = Math.exp(Math.max(-200, Math.min(200, amount)) / 400);
    const centre = xAt(at(event));
    setRange(centre - (centre - from) * factor, centre + (to - centre) * factor);
  }, { passive: false });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const does = {
      " ": pause, "[": () => stepSpan(-1), "]": () => stepSpan(1), l: () => setLanes(!lanes),
      t: () => setTheme(theme === "dark" ? "light" : "dark"), y: () => setLock(!locked), s: savePNG, Escape: live,
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!does) return;
    event.preventDefault();
    if (event.target.tagName === "BUTTON") event.target.blur();
    does();
  });
  element("pause").onclick = pause;
  element("window").onchange = (event) => setSpan(Number(event.target.value));
  element("lock").onclick = () => setLock(!locked);
  element("layout").onclick = () => setLanes(!lanes);
  element("theme").onclick = () => setTheme(theme === "dark" ? "light" : "dark");
  element("png").onclick = savePNG;

  // MARK: PNG: the plot, its labels, and a line for each channel

  function picture() {
    const ratio = devicePixelRatio;
    const shown = meta ? shownLines() : [];
    const width = plot.clientWidth;
    const height = plot.clientHeight;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round((height + 52) * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = inks.ground;
    context.fillRect(0, 0, width, height + 52);
    context.fillStyle = inks.ink;
    context.font = "600 14px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillText(meta ? meta.title : "", 12, 14, width - 24);
    for (const part of plot.querySelectorAll("canvas")) context.drawImage(part, 0, 26, width, height);
    const origin = plot.getBoundingClientRect();
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = inks.soft;
    for (const label of plot.querySelectorAll(".dygraph-axis-label")) {
      const box = label.getBoundingClientRect();
      context.textAlign = label.classList.contains("dygraph-axis-label-y") ? "right" : "center";
      const x = context.textAlign === "right" ? box.right - 2 : box.left + box.width / 2;
      context.fillText(label.textContent, x - origin.left, box.top + box.height / 2 - origin.top + 26);
    }
    context.textAlign = "left";
    let left = 12;
    for (const i of shown) {
      const text = meta.lines[i].name + "  " + (cells[i].text[1] || "");
      if (left + context.measureText(text).width + 22 > width) break;
      context.fillStyle = colourOf(i);
      context.fillRect(left, height + 36, 14, 5);
      context.fillStyle = inks.ink;
      context.fillText(text, left + 20, height + 39);
      left += context.measureText(text).width + 42;
    }
    return canvas;
  }
  function savePNG() {
    picture().toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "plot-" + new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-") + ".png";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  new ResizeObserver(() => { graph.resize(); changed(); }).observe(plot);
  // For those who test the page: numbers, nothing that changes it.
  window.moontide = {
    get frames() { return frames; },
    get drawCost() { return drawCost; },
    get firstDrawn() { return firstDrawn; },
    get meta() { return meta; },
    get frame() { return frame; },
    get view() { return { ...view(), following: range === null, paused, lanes, locked, theme }; },
    area: plotArea,
    picture,
  };
  setTheme(theme);
  connect();
})();
