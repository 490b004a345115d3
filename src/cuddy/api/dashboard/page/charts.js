// The four charts of a container, or of all: processors, memory, network, block devices.

import { Chart } from "./chart.js";
import { make } from "./dom.js";
import { bytes, percent, rate } from "./format.js";

export class Charts {
  constructor() {
    this.cpu = new Chart({ title: "CPU", format: percent, least: 10,
      lines: [{ kind: "cpu", class: "one" }] });
    this.memory = new Chart({ title: "Memory", format: bytes, least: 1e6,
      lines: [{ kind: "memory", class: "one" }] });
    this.network = new Chart({ title: "Network", format: rate, least: 1000,
      lines: [{ kind: "received", name: "in", class: "one" }, { kind: "sent", name: "out", class: "two" }] });
    this.disk = new Chart({ title: "Disk", format: rate, least: 1000,
      lines: [{ kind: "read", name: "read", class: "one" }, { kind: "written", name: "written", class: "two" }] });
    this.all = [this.cpu, this.memory, this.network, this.disk];
    this.element = make("div", { class: "charts" }, this.all.map((each) => each.element));
  }

  update(series) {
    for (const chart of this.all) chart.update(series);
  }
}
