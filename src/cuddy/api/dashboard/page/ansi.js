// Colours and weights of text as programs ask for them (ECMA-48, SGR), for the terminal and for logs.
//
// A style is a frozen value that many characters share; the same style is the same object.

export const PLAIN = Object.freeze({ fg: null, bg: null, flags: "" });
const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 28: ["hidden"], 29: ["strike"] };
const STEPS = [0, 95, 135, 175, 215, 255];

// The style after a sequence with these numbers.
export function applySgr(style, numbers) {
  let { fg, bg } = style;
  let flags = new Set(style.flags.split(" ").filter(Boolean));
  for (let i = 0; i < numbers.length; i += 1) {
    const code = numbers[i];
    if (code === 0) [fg, bg, flags] = [null, null, new Set()];
    else if (FLAGS[code]) flags.add(FLAGS[code]);
    else if (OFF[code]) OFF[code].forEach((flag) => flags.delete(flag));
    else if (code >= 30 && code <= 37) fg = code - 30;
    else if (code >= 40 && code <= 47) bg = code - 40;
    else if (code >= 90 && code <= 97) fg = code - 82;
    else if (code >= 100 && code <= 107) bg = code - 92;
    else if (code === 39) fg = null;
    else if (code === 49) bg = null;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(numbers.slice(i + 1));
      if (code === 38) fg = colour;
      else bg = colour;
      i += used;
    }
  }
  const next = { fg, bg, flags: [...flags].sort().join(" ") };
  const isPlain = next.fg === null && next.bg === null && !next.flags;
  return isPlain ? PLAIN : Object.freeze(next);
}

// A colour of 256, or of three numbers; and how many numbers that took.
function extended([kind, ...rest]) {
  if (kind === 5) return [clamp(rest[0]), 2];
  if (kind === 2) return [`rgb(${rest.slice(0, 3).map(clamp).join(" ")})`, 4];
  return [null, 1];
}

const clamp = (number) => Math.max(0, Math.min(255, number || 0));

// A run of text in a style. The first sixteen colours are the page's, the others are as they are.
export function makeRun(text, style) {
  if (style === PLAIN) return document.createTextNode(text);
  const run = document.createElement("span");
  run.textContent = text;
  const isInverse = style.flags.includes("inverse");
  paint(run, "color", "fg", isInverse ? style.bg : style.fg, isInverse && "var(--screen)");
  paint(run, "backgroundColor", "bg", isInverse ? style.fg : style.bg, isInverse && "var(--screen-ink)");
  for (const flag of style.flags.split(" ")) if (flag) run.classList.add(`is-${flag}`);
  return run;
}

function paint(run, property, prefix, colour, otherwise) {
  if (colour === null) {
    if (otherwise) run.style[property] = otherwise;
  } else if (typeof colour === "number" && colour < 16) run.classList.add(`${prefix}-${colour}`);
  else run.style[property] = typeof colour === "number" ? cube(colour) : colour;
}

// Of the 256 colours a cube of 6 by 6 by 6, then 24 greys.
function cube(index) {
  if (index >= 232) return `rgb(${Array(3).fill(8 + (index - 232) * 10).join(" ")})`;
  const n = index - 16;
  return `rgb(${[Math.floor(n / 36), Math.floor(n / 6) % 6, n % 6].map((step) => STEPS[step]).join(" ")})`;
}

// A line of a log as runs: its colours are kept, all else that would move a cursor is left out.
const SEQUENCE = /\x1b\[([0-9;:]*)([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

export function makeRuns(text) {
  const runs = [];
  let style = PLAIN;
  let end = 0;
  for (const found of text.matchAll(SEQUENCE)) {
    if (found.index > end) runs.push(makeRun(text.slice(end, found.index), style));
    if (found[2] === "m") style = applySgr(style, readNumbers(found[1]));
    end = found.index + found[0].length;
  }
  if (end < text.length) runs.push(makeRun(text.slice(end), style));
  return runs;
}

export const readNumbers = (text) => text.split(/[;:]/).slice(0, 32).map((each) => Math.min(Number(each) || 0, 9999));
