"use strict";
// Curves as pixels in an array, put on the canvas in one piece. Without a GPU a canvas takes 0.5 µs for each small
// rectangle and twice that for a piece of a stroke; dense curves are tens of thousands of them in each picture.

class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.width = 0;
    this.height = 0;
  }

  // Begins an empty picture of so many device pixels.
  begin(width, height) {
    if (width !== this.width || height !== this.height) {
      this.canvas.width = this.width = width;
      this.canvas.height = this.height = height;
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    } else if (this.isDirty) this.pixels.fill(0);
    this.isDirty = false;
  }

  // `#rrggbb`; the bytes of a pixel are red, green, blue and alpha, the least first wherever browsers are.
  set ink(colour) {
    const [red, green, blue] = colour.slice(1).match(/../g).map((digits) => parseInt(digits, 16));
    this.pixel = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }

  // A column from one row to another, both included, in any order; what is outside is left out.
  column(x, from, to) {
    const { width, height, pixels, pixel } = this;
    if (!(x >= 0 && x < width)) return;
    const low = Math.max(0, Math.round(Math.min(from, to)));
    const high = Math.min(height - 1, Math.round(Math.max(from, to)));
    for (let at = low * width + x, end = high * width + x; at <= end; at += width) pixels[at] = pixel;
    this.isDirty = true;
  }

  // A line between two points: in each column that it crosses, the rows that it has there.
  line(x0, y0, x1, y1) {
    if (x0 > x1) [x0, y0, x1, y1] = [x1, y1, x0, y0];
    const first = Math.floor(x0);
    const last = Math.floor(x1);
    if (first === last) return this.column(first, y0, y1);
    const slope = (y1 - y0) / (x1 - x0);
    let from = first < 0 ? y0 - x0 * slope : y0;
    for (let x = Math.max(0, first), end = Math.min(last, this.width - 1); x <= end; x++) {
      const to = x === last ? y1 : y0 + (x + 1 - x0) * slope;
      this.column(x, from, to);
      from = to;
    }
  }

  // The smallest and largest of buckets: one column each, joined to the one before. A value that is
  // not a number is a break. Arrays hold numbers n; a place is `left + n * perX` and `top + n * perY`.
  buckets(x, low, high, { left, perX, top, perY }) {
    let column = -1;
    let above = 0;
    let below = 0;
    let isOpen = false;
    for (let i = 0; i < x.length; i++) {
      if (low[i] !== low[i]) {
        if (isOpen) this.column(column, above, below);
        isOpen = false;
        continue;
      }
      const at = Math.floor(left + x[i] * perX);
      let a = top + high[i] * perY;
      let b = top + low[i] * perY;
      if (isOpen && at === column) {
        if (a < above) above = a;
        if (b > below) below = b;
        continue;
      }
      if (isOpen) {
        this.column(column, above, below);
        if (at > column + 1) this.line(column + 1, (above + below) / 2, at, (a + b) / 2);
        // Neighbours touch.
        if (b < above) b = above; else if (a > below) a = below;
      }
      column = at;
      above = a;
      below = b;
      isOpen = true;
    }
    if (isOpen) this.column(column, above, below);
  }

  // Samples joined by lines; one that stands alone is a dot.
  samples(x, y, { left, perX, top, perY }) {
    let run = 0;
    let beforeX = 0;
    let beforeY = 0;
    for (let i = 0; i <= x.length; i++) {
      if (i === x.length || y[i] !== y[i] || x[i] !== x[i]) {
        if (run === 1) for (let dot = -1; dot < 2; dot++) this.column(Math.floor(beforeX) + dot, beforeY - 1, beforeY + 1);
        run = 0;
        continue;
      }
      const atX = left + x[i] * perX;
      const atY = top + y[i] * perY;
      if (run) this.line(beforeX, beforeY, atX, atY);
      beforeX = atX;
      beforeY = atY;
      run += 1;
    }
  }

  // Puts the picture over what is on a canvas already, whose units are device pixels.
  end(context) {
    if (!this.isDirty) return;
    this.context.putImageData(this.image, 0, 0);
    context.drawImage(this.canvas, 0, 0);
  }
}
