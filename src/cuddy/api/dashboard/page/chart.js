// A line chart of the last two minutes. Pointer or arrow keys show the value at a moment.

import { make, makeSvg, setText } from "./dom.js";
import { known } from "./format.js";
import { LENGTH } from "./history.js";

const WIDTH = LENGTH - 1;
const HEIGHT = 100;

export class Chart {
  // `lines`: a kind of the history, a name and a class for each. `least`: what the scale reaches at
  // least. `format`: how a value is said.
  constructor({ title, lines, format, least = 1 }) {
    this.title = title;
    this.lines = lines;
    this.format = format;
    this.least = least;
    this.series = {};
    this.moment = null; // the point that is looked at; null: the newest
    this.build();
  }

  build() {
    this.paths = this.lines.map((line) => ({
      area: makeSvg("path", { class: `area ${line.class}` }),
      stroke: makeSvg("path", { class: `stroke ${line.class}` }),
    }));
    this.cross = makeSvg("path", { class: "cross" });
    this.plot = makeSvg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      [25, 50, 75].map((y) => makeSvg("path", { class: "grid", d: `M0 ${y}H${WIDTH}` })),
      this.paths.flatMap(({ area, stroke }) => [area, stroke]),
      this.cross,
    );
    this.values = this.lines.map((line) => make("span", { class: "value" }));
    this.scale = make("span", { class: "scale" });
    this.when = make("span", {}, "now");
    this.box = make(
      "div",
      { class: "plot", tabindex: "0", role: "img", onkeydown: (event) => this.onKey(event),
        onpointermove: (event) => this.onPointer(event), onpointerleave: () => this.look(null),
        onblur: () => this.look(null) },
      this.scale, this.plot,
    );
    this.element = make(
      "figure",
      { class: "chart" },
      make(
        "figcaption", {}, make("h3", {}, this.title),
        make("p", { class: "legend" }, this.lines.map((line, index) =>
          make("span", { class: line.class }, line.name ? make("i", {}, line.name) : null,
            this.values[index]))),
      ),
      this.box,
      make("p", { class: "axis", "aria-hidden": "true" }, make("span", {}, "2 min ago"), this.when),
    );
  }

  update(series) {
    this.series = series;
    const values = this.lines.flatMap((line) => series[line.kind]).filter((each) => each !== null);
    const top = roundUp(Math.max(this.least, ...values));
    this.lines.forEach((line, index) => {
      const drawn = trace(series[line.kind], top);
      this.paths[index].stroke.setAttribute("d", drawn.stroke);
      this.paths[index].area.setAttribute("d", drawn.area);
    });
    setText(this.scale, this.format(top));
    this.say();
  }

  look(moment) {
    this.moment = moment;
    this.say();
  }

  say() {
    const at = this.moment ?? LENGTH - 1;
    const texts = this.lines.map((line) => known(this.format, this.series[line.kind]?.[at] ?? null));
    texts.forEach((text, index) => setText(this.values[index], text));
    const ago = LENGTH - 1 - at;
    setText(this.when, ago ? `${ago} s ago` : "now");
    this.cross.setAttribute("d", this.moment === null ? "" : `M${at} 0V${HEIGHT}`);
    const said = this.lines.map((line, index) => `${line.name ?? ""} ${texts[index]}`.trim());
    this.box.setAttribute("aria-label", `${this.title}, ${this.when.textContent}: ${said.join(", ")}`);
  }

  onPointer(event) {
    const place = this.box.getBoundingClientRect();
    const share = (event.clientX - place.left) / place.width;
    this.look(Math.max(0, Math.min(LENGTH - 1, Math.round(share * (LENGTH - 1)))));
  }

  onKey(event) {
    const from = this.moment ?? LENGTH - 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: LENGTH - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.look(Math.max(0, Math.min(LENGTH - 1, to)));
  }
}

// A small one without words, for lists.
export class Spark {
  constructor() {
    this.path = makeSvg("path", { class: "stroke one" });
    this.element = makeSvg(
      "svg",
      { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
        "aria-hidden": "true", focusable: "false" },
      this.path,
    );
  }

  update(values, least) {
    const top = Math.max(least, ...values.filter((each) => each !== null));
    this.path.setAttribute("d", trace(values, top).stroke);
  }
}

// Values as a path from left to right, broken where nothing is known.
function trace(values, top) {
  let stroke = "";
  let area = "";
  let begin = null;
  values.forEach((value, x) => {
    if (value === null) return;
    const y = (HEIGHT * (1 - value / top)).toFixed(2);
    const isFirst = x === 0 || values[x - 1] === null;
    if (isFirst) begin = x;
    stroke += `${isFirst ? "M" : "L"}${x} ${y}`;
    area += `${isFirst ? `M${x} ${HEIGHT}L` : "L"}${x} ${y}`;
    if (x === values.length - 1 || values[x + 1] === null) area += `L${x} ${HEIGHT}L${begin} ${HEIGHT}Z`;
  });
  return { stroke, area };
}

// The next number of 1, 2 or 5 with zeros, so that the scale does not jump with every value.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}
