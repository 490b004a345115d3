// What a container has written, and goes on writing.

import { makeRuns } from "./ansi.js";
import { make, setText } from "./dom.js";
import { stream } from "./engine.js";
import { count } from "./format.js";
import { readFrames } from "./frames.js";

const MOST_LINES = 5000;
const FIRST_LINES = 1000;
const LONGEST = 16384;

export class LogPanel {
  constructor(id) {
    this.id = id;
    this.lines = []; // elements, oldest first
    this.last = ""; // the time of the newest line
    this.reader = null; // how to end what is being read
    this.follows = make("input", { type: "checkbox", checked: true, onchange: () => this.toEnd() });
    this.times = make("input", { type: "checkbox", onchange: () => this.box.classList.toggle("timed", this.times.checked) });
    this.find = make("input", { class: "find", type: "search", placeholder: "Only lines with…",
      "aria-label": "Only lines with this text", oninput: () => this.filter() });
    this.count = make("span", { class: "count", role: "status" });
    this.body = make("div", { class: "lines" });
    this.box = make("div", { class: "log", role: "log", tabindex: "0", "aria-label": "What it has written",
      "aria-live": "off", onscroll: () => this.onScroll() }, this.body);
    this.element = make("div", { class: "logs" },
      make("div", { class: "tools" }, this.find,
        make("label", {}, this.follows, "Follow"), make("label", {}, this.times, "Times"), this.count),
      this.box);
    this.onVisible = () => this.setReading();
    document.addEventListener("visibilitychange", this.onVisible);
  }

  show() {
    this.isShown = true;
    this.setReading();
    this.toEnd();
  }

  hide() {
    this.isShown = false;
    this.setReading();
  }

  // It is read while somebody looks: browsers have few connections for one address.
  setReading() {
    const wanted = this.isShown && !document.hidden;
    if (wanted && !this.reader) this.read();
    else if (!wanted && this.reader) {
      this.reader.abort();
      this.reader = null;
    }
  }

  update(container) {
    const runs = container?.State === "running";
    if (runs && !this.ran && this.ran !== undefined) this.setReading();
    this.ran = runs;
  }

  async read() {
    const reader = (this.reader = new AbortController());
    const query = new URLSearchParams({ stdout: 1, stderr: 1, follow: 1, timestamps: 1 });
    this.known = this.last;
    if (this.last) query.set("since", this.last);
    else query.set("tail", FIRST_LINES);
    const assembly = { 1: new Assembly(), 2: new Assembly() };
    try {
      const answer = await stream(`/containers/${this.id}/logs?${query}`, { signal: reader.signal });
      for await (const [number, data] of readFrames(answer)) {
        this.add(assembly[number].feed(data).map((line) => [number, line]));
      }
    } catch (error) {
      if (error.name !== "AbortError" && !this.lines.length) setText(this.count, error.message);
    }
    if (this.reader === reader) this.reader = null;
    if (!this.lines.length && !this.count.textContent) setText(this.count, "It has written nothing.");
  }

  add(lines) {
    const made = [];
    for (const [number, line] of lines) {
      const [time, text] = cut(line);
      if (time <= this.known) continue; // told when it was read the last time
      this.last = time > this.last ? time : this.last;
      const element = make("div", { class: number === 2 ? "entry err" : "entry" },
        make("time", {}, time.slice(11, 23)), make("span", {}, makeRuns(text.slice(0, LONGEST))));
      element.words = text.toLowerCase();
      element.hidden = !element.words.includes(this.wanted());
      made.push(element);
    }
    if (!made.length) return;
    this.lines.push(...made);
    this.body.append(...made);
    for (const old of this.lines.splice(0, Math.max(0, this.lines.length - MOST_LINES))) old.remove();
    this.tellCount();
    this.toEnd();
  }

  wanted() {
    return this.find.value.trim().toLowerCase();
  }

  filter() {
    const wanted = this.wanted();
    for (const line of this.lines) line.hidden = !line.words.includes(wanted);
    this.tellCount();
    this.toEnd();
  }

  tellCount() {
    const shown = this.wanted() ? this.lines.filter((line) => !line.hidden).length : this.lines.length;
    setText(this.count, count(shown, "line", "lines"));
  }

  toEnd() {
    if (this.follows.checked) this.box.scrollTop = this.box.scrollHeight;
  }

  // Whoever scrolls up reads: new lines do not move it until the end is reached again.
  onScroll() {
    this.follows.checked = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - 8;
  }

  close() {
    this.hide();
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}

// Bytes of one stream, as lines.
class Assembly {
  constructor() {
    this.decoder = new TextDecoder();
    this.rest = "";
  }

  feed(data) {
    const lines = (this.rest + this.decoder.decode(data, { stream: true })).split("\n");
    this.rest = lines.pop();
    return lines;
  }
}

function cut(line) {
  const space = line.indexOf(" ");
  return space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
}
