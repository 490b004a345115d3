// What the containers have used during the last two minutes: rates, out of the engine's counters.

export const LENGTH = 120;
export const KINDS = ["cpu", "memory", "read", "written", "received", "sent"];
export const ALL = "";

export class History {
  constructor() {
    this.machine = { MemoryBytes: 0, Cpus: 1 };
    this.latest = {};
    this.series = new Map([[ALL, emptySeries()]]);
  }

  // One reading of all, as /cuddy/samples answers.
  add(reading) {
    this.machine = reading.Machine;
    const total = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    for (const [id, now] of Object.entries(reading.Containers)) {
      const point = rates(this.latest[id], now);
      for (const kind of KINDS) total[kind] += point?.[kind] ?? 0;
      this.push(id, point);
    }
    for (const id of this.series.keys()) {
      if (id !== ALL && !reading.Containers[id]) this.push(id, null);
    }
    this.push(ALL, total);
    this.latest = reading.Containers;
  }

  // `point`: null where nothing runs.
  push(id, point) {
    if (!this.series.has(id)) this.series.set(id, emptySeries());
    const series = this.series.get(id);
    for (const kind of KINDS) {
      series[kind].push(point ? point[kind] : null);
      series[kind].shift();
    }
    const isOver = id !== ALL && series.memory.every((value) => value === null);
    if (isOver && !point) this.series.delete(id);
  }

  of(id) {
    return this.series.get(id) ?? emptySeries();
  }

  // The newest value of a kind; null while nothing is known.
  now(id, kind) {
    return this.of(id)[kind].at(-1);
  }
}

function emptySeries() {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Array(LENGTH).fill(null)]));
}

// Between two readings of one life; a counter that went down belongs to another one.
function rates(before, now) {
  const point = Object.fromEntries(KINDS.map((kind) => [kind, null]));
  if (!before || now.CpuNs < before.CpuNs || now.AtNs <= before.AtNs) {
    return { ...point, memory: now.MemoryBytes };
  }
  const seconds = (now.AtNs - before.AtNs) / 1e9;
  const each = (name) => Math.max(0, now[name] - before[name]) / seconds;
  return {
    cpu: each("CpuNs") / 1e7,
    memory: now.MemoryBytes,
    read: each("ReadBytes"),
    written: each("WrittenBytes"),
    received: each("ReceivedBytes"),
    sent: each("SentBytes"),
  };
}
