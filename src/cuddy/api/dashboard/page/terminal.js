// Shows a Screen, and turns keys, input methods and pastes into what a program reads.
//
// Keys go to a text field that nobody sees, as in any editor: so input methods and the keyboards of
// phones work, and who listens to the page hears a name. Ctrl-M leaves it, since Tab is the program's.

import { makeRun } from "./ansi.js";
import { make, setText } from "./dom.js";
import { keyText } from "./keys.js";
import { BLANK, Screen } from "./screen.js";

const TOLD_LINES = 8;
const TELL_MS = 700;

export class Terminal {
  // `send`: takes what is typed, as text. `resized`: is told rows and columns.
  constructor({ label, send, resized }) {
    this.send = send;
    this.resized = resized;
    this.input = make("textarea", {
      class: "typed", "aria-label": label, autocapitalize: "off", autocomplete: "off", spellcheck: "false",
      autocorrect: "off", rows: "1",
      onkeydown: (event) => this.onKey(event), oninput: () => this.onInput(),
      oncompositionend: () => this.onInput(), onpaste: (event) => this.onPaste(event),
      onfocus: () => this.draw(), onblur: () => this.draw(),
    });
    this.kept = make("div", { class: "kept" });
    this.live = make("div", { class: "live" });
    this.probe = make("span", { class: "probe", "aria-hidden": "true" }, "0".repeat(50));
    this.told = make("p", { class: "unseen", "aria-live": "polite" });
    this.box = make("div", { class: "screen", onmouseup: () => this.onMouseUp() }, this.kept, this.live, this.input, this.probe);
    this.element = make("div", { class: "terminal" }, this.box, this.told);
    this.screen = new Screen(24, 80, {
      reply: (text) => this.send(text),
      notice: (kind, text) => this.onNotice(kind, text),
    });
    this.shown = []; // by row: the line as it was drawn
    this.keptShown = 0;
    this.isDrawing = false;
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(this.box);
  }

  write(data) {
    this.screen.write(data);
    this.draw();
    this.tellLater();
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.teller);
  }

  // Size.

  measure() {
    const cell = this.probe.getBoundingClientRect();
    if (!cell.width || !this.box.clientWidth) return;
    const width = this.box.clientWidth - 2 * parseFloat(getComputedStyle(this.box).paddingLeft);
    const height = this.box.clientHeight - 2 * parseFloat(getComputedStyle(this.live).paddingTop);
    const columns = Math.max(20, Math.min(500, Math.floor((width * 50) / cell.width)));
    const rows = Math.max(5, Math.min(200, Math.floor(height / cell.height)));
    if (rows === this.screen.rows && columns === this.screen.columns) return;
    this.screen.resize(rows, columns);
    this.draw();
    this.resized(rows, columns);
  }

  // Drawing: at most once a frame, and only lines that are new.

  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    const later = document.hidden ? (act) => setTimeout(act, 0) : requestAnimationFrame;
    later(() => {
      this.isDrawing = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { screen } = this;
    const isAtEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - 4;
    this.drawKept();
    while (this.live.children.length > screen.rows) this.live.lastElementChild.remove();
    while (this.live.children.length < screen.rows) this.live.append(make("div", { class: "line" }));
    const cursor = screen.showsCursor ? screen.row : -1;
    screen.lines.forEach((line, row) => {
      const key = row === cursor ? `${screen.column} ${document.activeElement === this.input}` : "";
      const drawn = this.live.children[row];
      if (drawn.line !== line || drawn.key !== key || !isSame(drawn.cells, line)) {
        drawn.replaceChildren(...makeLine(line, row === cursor ? screen.column : -1));
        Object.assign(drawn, { line, key, cells: [...line] });
      }
    });
    this.element.classList.toggle("focused", document.activeElement === this.input);
    this.kept.hidden = Boolean(screen.other);
    if (isAtEnd) this.box.scrollTop = this.box.scrollHeight;
  }

  drawKept() {
    const { screen } = this;
    const young = Math.min(screen.keptEver - this.keptShown, screen.kept.length);
    if (!screen.kept.length) this.kept.replaceChildren();
    if (young) this.kept.append(...screen.kept.slice(-young).map((line) => make("div", { class: "line" }, makeLine(line, -1))));
    while (this.kept.children.length > screen.kept.length) this.kept.firstElementChild.remove();
    this.keptShown = screen.keptEver;
  }

  // What has been written, said in words once it pauses.
  tellLater() {
    clearTimeout(this.teller);
    this.teller = setTimeout(() => {
      const { screen } = this;
      const lines = screen.lines.slice(0, screen.row + 1).map((line) => screen.textOf(line)).filter(Boolean);
      setText(this.told, lines.slice(-TOLD_LINES).join("\n"));
    }, TELL_MS);
  }

  onNotice(kind, text) {
    if (kind === "title") this.element.dataset.title = text;
    else this.element.animate?.([{ opacity: 0.7 }, { opacity: 1 }], calmly(120));
  }

  // Input.

  onKey(event) {
    if (event.key.toLowerCase() === "m" && event.ctrlKey && !event.altKey) {
      event.preventDefault();
      this.leave();
      return;
    }
    if (event.ctrlKey && event.key === "c" && String(getSelection())) return; // copies
    const text = keyText(event, this.screen.keysAreApplication);
    if (!text) return;
    event.preventDefault();
    this.type(text);
  }

  onInput() {
    if (this.input.matches(":focus") && this.input.value) this.type(this.input.value.replaceAll("\n", "\r"));
    this.input.value = "";
  }

  onPaste(event) {
    event.preventDefault();
    const text = event.clipboardData.getData("text").replace(/\r?\n/g, "\r");
    // A mark of the end inside of it would let the rest pass for typed.
    const clean = text.replaceAll("\x1b[201~", "");
    this.type(this.screen.pastesAreMarked ? `\x1b[200~${clean}\x1b[201~` : text);
  }

  type(text) {
    this.box.scrollTop = this.box.scrollHeight;
    this.send(text);
  }

  onMouseUp() {
    if (!String(getSelection())) this.focus();
  }

  // To the tab that shows it: from there everything else is near.
  leave() {
    document.querySelector("[role='tab'][aria-selected='true']").focus();
  }
}

const isSame = (before, now) => before?.length === now.length && before.every((cell, i) => cell === now[i]);

const calmly = (duration) => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : duration);

// A line as runs of one style each; the cursor and wide characters stand alone.
function makeLine(line, cursor) {
  const runs = [];
  let text = "";
  let style = null;
  const flush = () => {
    if (text) runs.push(makeRun(text, style));
    text = "";
  };
  // Blanks at the end are nothing that anybody would copy.
  const end = Math.max(line.findLastIndex((cell) => cell !== BLANK), cursor);
  line.slice(0, end + 1).forEach((cell, column) => {
    if (cell.width === 0) return;
    const isAlone = column === cursor || cell.width === 2;
    if (isAlone || cell.style !== style) flush();
    style = cell.style;
    if (isAlone) {
      const names = `${column === cursor ? "cursor" : ""} ${cell.width === 2 ? "wide" : ""}`.trim();
      runs.push(make("span", { class: names }, makeRun(cell.text, cell.style)));
    } else text += cell.text;
  });
  flush();
  return runs;
}
