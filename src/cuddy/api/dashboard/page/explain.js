// The container beside the host: the rows of `cuddy explain`, topic by topic.

import { make, setText } from "./dom.js";
import { get } from "./engine.js";

const LONG = 24;
const WORDS = {
  namespaces: "What it sees: each kind of namespace has a number. Where both sides have the same they share the thing.",
  processes: "A container is ordinary processes: each has a number out here and another in there.",
  names: "What it takes this machine's name to be.",
  users: "Who it runs as, out here and in there.",
  mounts: "What is mounted where, and where that is on the host.",
  network: "Links and addresses, and the way out.",
  limits: "What it may use, beside what it uses now.",
  files: "The layers of its root, and which the largest files come from.",
  capabilities: "The pieces of root's power.",
  seccomp: "Which system calls the kernel answers.",
  paths: "What of /proc and /sys is hidden or may only be read.",
};

export class ExplainPanel {
  constructor(id) {
    this.id = id;
    this.state = make("p", { class: "empty", role: "status" });
    this.again = make("button", { type: "button", onclick: () => this.load() }, "Look again");
    this.topics = make("nav", { class: "topics", "aria-label": "Topics" });
    this.body = make("div");
    this.element = make("div", { class: "explained" }, make("div", { class: "tools" }, this.state, this.again), this.topics, this.body);
  }

  show() {
    if (!this.body.children.length) this.load();
  }

  async load() {
    this.loader?.abort();
    this.loader = new AbortController();
    setText(this.state, "Looking at it from both sides…");
    try {
      this.fill(await get(`/cuddy/containers/${this.id}/explain`, { signal: this.loader.signal }));
    } catch (error) {
      if (error.name !== "AbortError") setText(this.state, error.message);
    }
  }

  fill(found) {
    setText(this.state, found.Running ? "As the kernel has it now. Rows in colour are the container's own." : "It does not run: shown as it would be.");
    const topics = Object.entries(found.Topics).filter(([, rows]) => rows.length);
    this.topics.replaceChildren(...topics.map(([name]) =>
      make("button", { type: "button", onclick: () => this.goTo(name) }, name)));
    this.body.replaceChildren(...topics.map(([name, rows]) => section(name, rows)));
  }

  goTo(name) {
    const heading = this.body.querySelector(`#topic-${name}`);
    heading.scrollIntoView({ block: "start" });
    heading.focus({ preventScroll: true });
  }

  close() {
    this.loader?.abort();
  }
}

function section(name, rows) {
  return make("section", { "aria-labelledby": `topic-${name}` },
    make("h2", { id: `topic-${name}`, tabindex: "-1" }, name[0].toUpperCase() + name.slice(1)),
    make("p", { class: "dim" }, WORDS[name] ?? ""),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      make("table", {},
        make("thead", {}, make("tr", {}, ["", "Host", "Container", "What it means"].map((each) =>
          make("th", { scope: "col" }, each || make("span", { class: "unseen" }, "Thing"))))),
        make("tbody", {}, rows.map((row) =>
          make("tr", { class: row.Host && row.Host !== row.Container && /^own|^kept|^its own/.test(`${row.Note} ${row.Container}`) ? "own" : null },
            make("th", { scope: "row" }, row.Thing), cell(row.Host), cell(row.Container),
            make("td", {}, row.Note)))))));
}

// Numbers are not broken into lines, paths without end are.
function cell(text) {
  const isLong = text.split(/\s/).some((word) => word.length > LONG);
  return make("td", { class: isLong ? "mono long" : "mono" }, text);
}
