// A terminal's screen: what VT100 and xterm make of bytes, as far as shells, vi, less and top need it.
//
//   bytes ──▶ write ──▶ ground, escape, csi, osc ──▶ lines of cells
//
// Nothing here touches the document: terminal.js shows it. What is not known is read to its end and
// does nothing. References: ECMA-48, vt100.net, xterm's ctlseqs.

import { PLAIN, applySgr, readNumbers } from "./ansi.js";

const MAX_STRING = 4096;
const MAX_KEPT = 2000;
const LINES = new Map([..."jklmnqtuvwx`afgo~{}"].map((char, i) => [char, [..."┘┐┌└┼─├┤┴┬│◆▒°±⎺·π£"][i]]));
const COMBINING = /^[\p{M}\u200b-\u200d\ufe00-\ufe0f]$/u;
const WIDE = /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

export const BLANK = Object.freeze({ text: " ", style: PLAIN, width: 1 });
const TAIL = Object.freeze({ text: "", style: PLAIN, width: 0 }); // behind a wide character

export class Screen {
  // `reply`: sends to the program what it asks for. `notice`: title and bell.
  constructor(rows, columns, { reply = () => {}, notice = () => {} } = {}) {
    this.reply = reply;
    this.notice = notice;
    this.rows = rows;
    this.columns = columns;
    this.kept = []; // lines that have gone over the upper edge
    this.keptEver = 0;
    this.decoder = new TextDecoder();
    this.reset();
  }

  reset() {
    this.lines = this.emptyLines(this.rows);
    this.other = null; // the usual screen, while a program has the alternate one
    this.row = this.column = 0;
    this.style = PLAIN;
    this.top = 0;
    this.bottom = this.rows - 1;
    this.wraps = true;
    this.isAtMargin = false; // the next character begins a line
    this.inserts = this.isOrigin = false;
    this.keysAreApplication = this.pastesAreMarked = false;
    this.showsCursor = true;
    this.charsets = [false, false]; // whether G0 and G1 draw lines
    this.charset = 0;
    this.saved = this.snapshot();
    this.tabs = new Set(Array.from({ length: 128 }, (_, i) => i * 8));
    this.last = " ";
    this.state = this.ground;
    this.text = "";
  }

  emptyLines(count) {
    return Array.from({ length: count }, () => this.emptyLine());
  }

  emptyLine() {
    const blank = this.blank();
    return Array.from({ length: this.columns }, () => blank);
  }

  // What is erased keeps the background that is set.
  blank() {
    return !this.style || this.style.bg === null ? BLANK : { text: " ", style: Object.freeze({ fg: null, bg: this.style.bg, flags: "" }), width: 1 };
  }

  write(data) {
    for (const char of this.decoder.decode(data, { stream: true })) this.state(char);
  }

  // States: each takes a character.

  ground(char) {
    if (char >= " " && char !== "\x7f") this.put(char);
    else this.control(char);
  }

  control(char) {
    if (char === "\x1b") [this.state, this.text] = [this.escape, ""];
    else if (char === "\r") this.goTo(this.row, 0);
    else if (char === "\n" || char === "\v" || char === "\f") this.lineFeed();
    else if (char === "\b") this.goTo(this.row, this.column - 1);
    else if (char === "\t") this.tab();
    else if (char === "\x07") this.notice("bell");
    else if (char === "\x0e" || char === "\x0f") this.charset = char === "\x0e" ? 1 : 0;
  }

  escape(char) {
    if (char < " ") return this.control(char);
    this.state = this.ground;
    if (char === "[") [this.state, this.text] = [this.csi, ""];
    else if (char === "]") [this.state, this.text] = [this.osc, ""];
    else if ("PX^_".includes(char)) this.state = this.string;
    else if (char === "(" || char === ")") this.state = (name) => this.designate(char === ")" ? 1 : 0, name);
    else if (char === "#" || char === "%" || char === "*" || char === "+") this.state = () => { this.state = this.ground; };
    else ESCAPES[char]?.(this);
    return undefined;
  }

  designate(which, name) {
    this.charsets[which] = name === "0";
    this.state = this.ground;
  }

  csi(char) {
    if (char < " ") return this.control(char);
    if (char < "@") {
      if (this.text.length < MAX_STRING) this.text += char;
      return undefined;
    }
    this.state = this.ground;
    const [, mark, numbers, middle] = this.text.match(/^([<-?]?)([0-9;:]*)(.*)$/s);
    if (middle && middle !== "!") return undefined;
    return SEQUENCES[mark + middle + char]?.(this, readNumbers(numbers));
  }

  osc(char) {
    if (char === "\x07" || char === "\x1b" || char === "\x9c") {
      const [, kind, title] = this.text.match(/^(\d*);?(.*)$/s) ?? [];
      if (kind === "0" || kind === "2") this.notice("title", title);
      this.state = char === "\x1b" ? this.endOfString : this.ground;
    } else if (this.text.length < MAX_STRING) this.text += char;
  }

  string(char) {
    if (char === "\x1b") this.state = this.endOfString;
    else if (char === "\x07" || char === "\x9c") this.state = this.ground;
  }

  endOfString(char) {
    this.state = this.ground;
    if (char !== "\\") this.escape(char);
  }

  // Characters.

  put(char) {
    const shown = this.charsets[this.charset] ? LINES.get(char) ?? char : char;
    if (COMBINING.test(shown)) return this.combine(shown);
    const width = WIDE.test(shown) ? 2 : 1;
    if (this.isAtMargin || this.column + width > this.columns) {
      if (this.wraps) {
        this.column = 0;
        this.lineFeed();
      } else this.column = this.columns - width;
      this.isAtMargin = false;
    }
    const line = this.lines[this.row];
    if (this.inserts) this.insertCells(width);
    this.mend(line, this.column);
    this.mend(line, this.column + width);
    line[this.column] = { text: shown, style: this.style, width };
    if (width === 2) line[this.column + 1] = TAIL;
    this.last = shown;
    if (this.column + width < this.columns) this.column += width;
    else this.isAtMargin = true;
    return undefined;
  }

  // Half a wide character is none.
  mend(line, column) {
    if (line[column]?.width === 0) {
      line[column] = BLANK;
      line[column - 1] = BLANK;
    }
  }

  combine(mark) {
    let at = this.isAtMargin ? this.column : this.column - 1;
    const line = this.lines[this.row];
    if (line[at]?.width === 0) at -= 1;
    const cell = line[at];
    if (cell && cell.text.length < 16) line[at] = { ...cell, text: cell.text + mark };
  }

  // Movement.

  goTo(row, column) {
    this.row = clamp(row, 0, this.rows - 1);
    this.column = clamp(column, 0, this.columns - 1);
    this.isAtMargin = false;
  }

  // A place that a program names: in origin mode it counts from the scrolling region.
  place(row, column) {
    if (this.isOrigin) this.goTo(clamp(row + this.top, this.top, this.bottom), column);
    else this.goTo(row, column);
  }

  // Up and down stop at the region's edges, for whoever is inside it.
  move(rows, columns) {
    const isInside = this.row >= this.top && this.row <= this.bottom;
    const [least, most] = isInside ? [this.top, this.bottom] : [0, this.rows - 1];
    this.goTo(rows ? clamp(this.row + rows, least, most) : this.row, this.column + columns);
  }

  lineFeed() {
    if (this.row === this.bottom) this.scrollUp(1);
    else if (this.row < this.rows - 1) this.row += 1;
    this.isAtMargin = false;
  }

  reverseLineFeed() {
    if (this.row === this.top) this.scrollDown(1);
    else if (this.row > 0) this.row -= 1;
    this.isAtMargin = false;
  }

  tab() {
    let to = this.column + 1;
    while (to < this.columns - 1 && !this.tabs.has(to)) to += 1;
    this.goTo(this.row, to);
  }

  backTab() {
    let to = this.column - 1;
    while (to > 0 && !this.tabs.has(to)) to -= 1;
    this.goTo(this.row, to);
  }

  scrollUp(count, from = this.top) {
    for (let i = 0; i < Math.min(count, this.rows); i += 1) {
      const [line] = this.lines.splice(from, 1);
      this.lines.splice(this.bottom, 0, this.emptyLine());
      if (from === 0 && !this.other) this.keep(line);
    }
  }

  scrollDown(count, from = this.top) {
    for (let i = 0; i < Math.min(count, this.rows); i += 1) {
      this.lines.splice(this.bottom, 1);
      this.lines.splice(from, 0, this.emptyLine());
    }
  }

  keep(line) {
    this.kept.push(line);
    this.keptEver += 1;
    if (this.kept.length > MAX_KEPT) this.kept.shift();
  }

  setRegion(first, last) {
    const [top, bottom] = [(first || 1) - 1, Math.min(last || this.rows, this.rows) - 1];
    if (top >= bottom) return;
    [this.top, this.bottom] = [top, bottom];
    this.place(0, 0);
  }

  // Erasing, inserting, deleting.

  erase(row, from, to) {
    const line = this.lines[row];
    const blank = this.blank();
    this.mend(line, from);
    this.mend(line, to);
    line.fill(blank, from, to);
    this.isAtMargin = false;
  }

  eraseInLine(how) {
    if (how === 0) this.erase(this.row, this.column, this.columns);
    else if (how === 1) this.erase(this.row, 0, this.column + 1);
    else if (how === 2) this.erase(this.row, 0, this.columns);
  }

  eraseInDisplay(how) {
    if (how === 3) this.kept = [];
    if (how === 0 || how === 1) this.eraseInLine(how);
    const [from, to] = [[this.row + 1, this.rows], [0, this.row], [0, this.rows]][how] ?? [0, 0];
    for (let row = from; row < to; row += 1) this.erase(row, 0, this.columns);
  }

  insertCells(count) {
    const line = this.lines[this.row];
    const blank = this.blank();
    this.mend(line, this.column);
    for (let i = 0; i < Math.min(count, this.columns); i += 1) line.splice(this.column, 0, blank);
    line.length = this.columns;
  }

  deleteCells(count) {
    const line = this.lines[this.row];
    const blank = this.blank();
    this.mend(line, this.column);
    line.splice(this.column, Math.min(count, this.columns - this.column));
    while (line.length < this.columns) line.push(blank);
  }

  insertLines(count) {
    if (this.row < this.top || this.row > this.bottom) return;
    this.scrollDown(count, this.row);
    this.goTo(this.row, 0);
  }

  deleteLines(count) {
    if (this.row < this.top || this.row > this.bottom) return;
    for (let i = 0; i < Math.min(count, this.rows); i += 1) {
      this.lines.splice(this.row, 1);
      this.lines.splice(this.bottom, 0, this.emptyLine());
    }
    this.goTo(this.row, 0);
  }

  // What is kept for later.

  snapshot() {
    const { row, column, style, isOrigin, charset } = this;
    return { row, column, style, isOrigin, charset, charsets: [...this.charsets] };
  }

  restore(saved) {
    Object.assign(this, saved, { charsets: [...saved.charsets] });
    this.goTo(this.row, this.column);
  }

  useAlternate(wants, savesCursor) {
    if (wants === Boolean(this.other)) return;
    if (wants) {
      if (savesCursor) this.saved = this.snapshot();
      this.other = this.lines;
      this.lines = this.emptyLines(this.rows);
    } else {
      this.lines = this.other;
      this.other = null;
      if (savesCursor) this.restore(this.saved);
    }
    [this.top, this.bottom] = [0, this.rows - 1];
  }

  setModes(numbers, isOn) {
    for (const number of numbers) {
      if (number === 1) this.keysAreApplication = isOn;
      else if (number === 6) [this.isOrigin] = [isOn, this.goTo(isOn ? this.top : 0, 0)];
      else if (number === 7) this.wraps = isOn;
      else if (number === 25) this.showsCursor = isOn;
      else if (number === 47 || number === 1047) this.useAlternate(isOn, false);
      else if (number === 1049) this.useAlternate(isOn, true);
      else if (number === 1048) isOn ? (this.saved = this.snapshot()) : this.restore(this.saved);
      else if (number === 2004) this.pastesAreMarked = isOn;
    }
  }

  resize(rows, columns) {
    if (rows === this.rows && columns === this.columns) return;
    this.columns = columns;
    for (const lines of [this.lines, this.other]) {
      if (lines) this.fit(lines, rows, lines === this.lines && !this.other);
    }
    this.rows = rows;
    [this.top, this.bottom] = [0, rows - 1];
    this.goTo(this.row, this.column);
  }

  fit(lines, rows, isKept) {
    while (lines.length > rows) {
      const hasRoom = this.row < lines.length - 1;
      const [line] = hasRoom ? lines.splice(-1) : lines.splice(0, 1);
      if (!hasRoom && isKept) this.keep(line);
      if (!hasRoom) this.row -= 1;
    }
    while (lines.length < rows) lines.push(this.emptyLine());
    for (const line of lines) {
      line.length = Math.min(line.length, this.columns);
      while (line.length < this.columns) line.push(BLANK);
    }
  }

  report(kind) {
    if (kind === 5) this.reply("\x1b[0n");
    else if (kind === 6) this.reply(`\x1b[${this.row - (this.isOrigin ? this.top : 0) + 1};${this.column + 1}R`);
  }

  // The text of a line, for those who listen, and for tests.
  textOf(line) {
    return line.map((cell) => cell.text).join("").trimEnd();
  }
}

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
const some = (numbers, index = 0) => numbers[index] || 1;

const ESCAPES = {
  7: (s) => { s.saved = s.snapshot(); },
  8: (s) => s.restore(s.saved),
  D: (s) => s.lineFeed(),
  E: (s) => { s.goTo(s.row, 0); s.lineFeed(); },
  H: (s) => s.tabs.add(s.column),
  M: (s) => s.reverseLineFeed(),
  c: (s) => s.reset(),
};

const SEQUENCES = {
  "@": (s, n) => s.insertCells(some(n)),
  A: (s, n) => s.move(-some(n), 0),
  B: (s, n) => s.move(some(n), 0),
  C: (s, n) => s.move(0, some(n)),
  D: (s, n) => s.move(0, -some(n)),
  E: (s, n) => { s.move(some(n), 0); s.goTo(s.row, 0); },
  F: (s, n) => { s.move(-some(n), 0); s.goTo(s.row, 0); },
  G: (s, n) => s.goTo(s.row, some(n) - 1),
  "`": (s, n) => s.goTo(s.row, some(n) - 1),
  H: (s, n) => s.place(some(n) - 1, some(n, 1) - 1),
  f: (s, n) => s.place(some(n) - 1, some(n, 1) - 1),
  I: (s, n) => { for (let i = 0; i < Math.min(some(n), 100); i += 1) s.tab(); },
  J: (s, n) => s.eraseInDisplay(n[0]),
  K: (s, n) => s.eraseInLine(n[0]),
  L: (s, n) => s.insertLines(some(n)),
  M: (s, n) => s.deleteLines(some(n)),
  P: (s, n) => s.deleteCells(some(n)),
  S: (s, n) => s.scrollUp(some(n)),
  T: (s, n) => s.scrollDown(some(n)),
  X: (s, n) => s.erase(s.row, s.column, Math.min(s.columns, s.column + some(n))),
  Z: (s, n) => { for (let i = 0; i < Math.min(some(n), 100); i += 1) s.backTab(); },
  a: (s, n) => s.move(0, some(n)),
  b: (s, n) => { for (let i = 0; i < Math.min(some(n), s.columns * s.rows); i += 1) s.put(s.last); },
  c: (s) => s.reply("\x1b[?1;2c"),
  ">c": (s) => s.reply("\x1b[>0;0;0c"),
  d: (s, n) => s.place(some(n) - 1, s.column),
  e: (s, n) => s.move(some(n), 0),
  g: (s, n) => (n[0] === 3 ? s.tabs.clear() : s.tabs.delete(s.column)),
  h: (s, n) => { if (n.includes(4)) s.inserts = true; },
  l: (s, n) => { if (n.includes(4)) s.inserts = false; },
  "?h": (s, n) => s.setModes(n, true),
  "?l": (s, n) => s.setModes(n, false),
  m: (s, n) => { s.style = applySgr(s.style, n); },
  n: (s, n) => s.report(n[0]),
  r: (s, n) => s.setRegion(n[0], n[1]),
  s: (s) => { s.saved = s.snapshot(); },
  u: (s) => s.restore(s.saved),
  "!p": (s) => {
    [s.style, s.isOrigin, s.inserts, s.showsCursor, s.wraps] = [PLAIN, false, false, true, true];
    [s.top, s.bottom, s.keysAreApplication] = [0, s.rows - 1, false];
  },
};
