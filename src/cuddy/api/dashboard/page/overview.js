// All containers together: what they use, and each of them in a table.

import { Charts } from "./charts.js";
import { arrange, make, setText } from "./dom.js";
import { bytes, known, percent, rate } from "./format.js";
import { ALL } from "./history.js";
import { lamp } from "./side.js";

const COLUMNS = [
  ["CPU", "cpu", percent],
  ["Memory", "memory", bytes],
  ["Received", "received", rate],
  ["Sent", "sent", rate],
  ["Read", "read", rate],
  ["Written", "written", rate],
];

export class Overview {
  constructor() {
    this.title = "All containers";
    this.rows = new Map();
    this.charts = new Charts();
    this.body = make("tbody");
    this.table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What runs" },
      make("table", {},
        make("caption", { class: "unseen" }, "Containers that run, and what each uses"),
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Container"),
          COLUMNS.map(([name]) => make("th", { scope: "col", class: "number" }, name)))),
        this.body));
    this.nothing = make("p", { class: "empty", hidden: true }, "Nothing runs just now.");
    this.element = make("div", {},
      make("div", { class: "head" }, make("h1", {}, this.title)),
      this.charts.element,
      make("h2", { class: "section" }, "What runs"), this.table, this.nothing);
  }

  update({ containers, history }) {
    this.charts.update(history.of(ALL));
    const running = containers.filter((each) => history.now(each.Id, "memory") !== null);
    for (const id of this.rows.keys()) {
      if (!running.some((each) => each.Id === id)) this.rows.delete(id);
    }
    for (const each of running) this.row(each, history);
    arrange(this.body, running.map((each) => this.rows.get(each.Id).element));
    this.nothing.hidden = running.length > 0;
    this.table.hidden = !running.length;
  }

  row(container, history) {
    if (!this.rows.has(container.Id)) {
      const dot = make("span", { class: "dot" });
      const link = make("a", { href: `#/containers/${container.Id}` });
      const cells = COLUMNS.map(() => make("td", { class: "number" }));
      const element = make("tr", {}, make("th", { scope: "row" }, dot, link), cells);
      this.rows.set(container.Id, { element, dot, link, cells });
    }
    const row = this.rows.get(container.Id);
    row.dot.className = `dot ${lamp(container)}`;
    setText(row.link, container.Names[0].slice(1));
    COLUMNS.forEach(([, kind, format], index) =>
      setText(row.cells[index], known(format, history.now(container.Id, kind))));
  }

  close() {}
}
