// A shell in a container, at a terminal in the page. It ends when the page is left, or with a button.

import { make, setText } from "./dom.js";
import { get, openSocket, post } from "./engine.js";
import { Terminal } from "./terminal.js";

const SHELL = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi";
const RESIZE_MS = 100;

export class ShellPanel {
  constructor(id) {
    this.id = id;
    this.socket = null;
    this.encoder = new TextEncoder();
    this.state = make("span", { class: "count", role: "status" });
    this.again = make("button", { type: "button", hidden: true, onclick: () => this.begin() }, "New shell");
    this.end = make("button", { type: "button", hidden: true, onclick: () => this.socket?.close() }, "End");
    this.place = make("div", { class: "place" });
    this.element = make("div", { class: "shell" },
      make("div", { class: "tools" }, this.state, this.again, this.end,
        make("span", { class: "hint" }, make("kbd", {}, "Ctrl"), "+", make("kbd", {}, "M"), " leaves the terminal")),
      this.place);
  }

  show() {
    if (this.socket) this.terminal.focus();
    else this.wantsShell = true; // as soon as it is known to run
  }

  update(container) {
    this.runs = container?.State === "running";
    if (this.wantsShell && this.runs) this.begin();
    else if (this.wantsShell) setText(this.state, "It does not run: start it to get a shell.");
    this.again.hidden = Boolean(this.socket) || this.isBeginning || !this.runs || !this.terminal;
  }

  async begin() {
    this.wantsShell = false;
    this.isBeginning = true;
    this.terminal?.close();
    this.terminal = new Terminal({
      label: "Shell. Type here; Control M leaves it.",
      send: (text) => this.send(text),
      resized: (rows, columns) => this.resize(rows, columns),
    });
    this.place.replaceChildren(this.terminal.element);
    this.terminal.measure();
    const { rows, columns } = this.terminal.screen;
    this.again.hidden = true;
    setText(this.state, "Starting…");
    try {
      const made = await post(`/containers/${this.id}/exec`, {
        AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true, ConsoleSize: [rows, columns],
        Env: ["TERM=xterm-256color"], Cmd: ["sh", "-c", SHELL],
      });
      this.connect(made.Id, rows, columns);
    } catch (error) {
      setText(this.state, error.message);
      this.again.hidden = false;
    }
    this.isBeginning = false;
  }

  connect(exec, rows, columns) {
    this.exec = exec;
    const socket = (this.socket = openSocket(`/cuddy/exec/${exec}/terminal`));
    const { terminal } = this;
    socket.onopen = () => {
      setText(this.state, "Connected");
      this.end.hidden = false;
      terminal.focus();
      const { screen } = terminal;
      if (screen.rows !== rows || screen.columns !== columns) this.resize(screen.rows, screen.columns);
    };
    socket.onmessage = (event) => terminal.write(new Uint8Array(event.data));
    socket.onclose = () => this.onClose(socket, exec);
  }

  async onClose(socket, exec) {
    if (this.socket !== socket) return;
    this.socket = null;
    this.end.hidden = true;
    this.again.hidden = !this.runs;
    setText(this.state, "Ended");
    try {
      const { ExitCode } = await get(`/exec/${exec}/json`);
      if (!this.socket && ExitCode !== null) setText(this.state, `Ended with exit code ${ExitCode}`);
    } catch {
      // the container has gone, and with it what is known of the exec
    }
  }

  send(text) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(this.encoder.encode(text));
  }

  resize(rows, columns) {
    clearTimeout(this.timer);
    if (!this.socket) return;
    const { exec } = this;
    this.timer = setTimeout(
      () => post(`/exec/${exec}/resize?h=${rows}&w=${columns}`).catch(() => {}), // it has just ended
      RESIZE_MS,
    );
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.terminal?.close();
  }
}
