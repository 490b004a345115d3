// The list on the left: containers with what they use, and images.

import { arrange, make, setText } from "./dom.js";
import { bytes, count, known, percent, shortId } from "./format.js";
import { Spark } from "./chart.js";

export class Side {
  constructor(element) {
    this.rows = new Map();
    this.imageRows = new Map();
    this.selected = "";
    this.find = make("input", { class: "find", type: "search", placeholder: "Find a container or image",
      "aria-label": "Find a container or image", oninput: () => this.filter() });
    this.containers = make("ul", { "aria-label": "Containers" });
    this.noContainers = make("p", { class: "empty", hidden: true }, "None yet: ‘cuddy run’ makes one.");
    this.images = make("ul", { "aria-label": "Images" });
    this.containerCount = make("span");
    this.imageCount = make("span");
    element.append(
      this.find, make("h2", {}, "Containers", this.containerCount), this.containers, this.noContainers,
      make("h2", {}, "Images", this.imageCount), this.images,
    );
  }

  update({ containers, images, history }) {
    this.refresh(this.rows, this.containers, containers, ContainerRow, history);
    this.refresh(this.imageRows, this.images, images, ImageRow, history);
    setText(this.containerCount, String(containers.length));
    setText(this.imageCount, String(images.length));
    this.noContainers.hidden = containers.length > 0;
    this.filter();
    this.mark();
  }

  refresh(rows, list, found, Row, history) {
    const ids = new Set(found.map((each) => each.Id));
    for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
    for (const each of found) {
      if (!rows.has(each.Id)) rows.set(each.Id, new Row(each.Id));
      rows.get(each.Id).update(each, history);
    }
    arrange(list, found.map((each) => rows.get(each.Id).element));
  }

  filter() {
    const wanted = this.find.value.trim().toLowerCase();
    for (const row of [...this.rows.values(), ...this.imageRows.values()]) {
      row.element.hidden = !row.words.includes(wanted);
    }
  }

  select(kind, id) {
    this.selected = kind ? `${kind}/${id}` : "";
    this.mark();
  }

  mark() {
    for (const [kind, rows] of [["containers", this.rows], ["images", this.imageRows]]) {
      for (const [id, row] of rows) {
        if (this.selected === `${kind}/${id}`) row.link.setAttribute("aria-current", "page");
        else row.link.removeAttribute("aria-current");
      }
    }
  }
}

class ContainerRow {
  constructor(id) {
    this.id = id;
    this.words = "";
    this.dot = make("span", { class: "dot" });
    this.name = make("b");
    this.about = make("small");
    this.spark = new Spark();
    this.cpu = make("span");
    this.memory = make("span");
    this.link = make("a", { class: "row", href: `#/containers/${id}` },
      this.dot, this.name, this.spark.element,
      make("span", { class: "use" }, this.cpu, this.memory), this.about);
    this.element = make("li", {}, this.link);
  }

  update(container, history) {
    const name = container.Names[0].slice(1);
    this.words = `${name} ${container.Image} ${container.Id} ${container.State}`.toLowerCase();
    this.dot.className = `dot ${lamp(container)}`;
    setText(this.name, name);
    setText(this.about, container.State === "running" ? container.Image : container.Status);
    const isKnown = history.now(this.id, "memory") !== null;
    this.link.classList.toggle("idle", !isKnown);
    this.spark.update(history.of(this.id).cpu, 20);
    setText(this.cpu, isKnown ? known(percent, history.now(this.id, "cpu")) : "");
    setText(this.memory, isKnown ? bytes(history.now(this.id, "memory")) : "");
    const use = isKnown ? `, ${this.cpu.textContent} CPU, ${this.memory.textContent}` : "";
    this.link.setAttribute("aria-label", `${name}, ${container.Image}, ${container.Status}${use}`);
  }
}

class ImageRow {
  constructor(id) {
    this.words = "";
    this.name = make("b");
    this.about = make("small");
    this.size = make("span", { class: "use" });
    this.link = make("a", { class: "row image", href: `#/images/${encodeURIComponent(id)}` },
      this.name, this.size, this.about);
    this.element = make("li", {}, this.link);
  }

  update(image) {
    const [name, ...others] = image.RepoTags?.length ? image.RepoTags : [shortId(image.Id)];
    this.words = `${name} ${others.join(" ")} ${image.Id}`.toLowerCase();
    setText(this.name, name);
    setText(this.about, others.length ? `and ${count(others.length, "other name", "other names")}` : shortId(image.Id));
    setText(this.size, bytes(image.Size));
  }
}

// The colour of its lamp: an end with an error is another end.
export function lamp(container) {
  const failed = container.State === "exited" && !container.Status.startsWith("Exited (0)");
  return failed ? "failed" : container.State;
}
