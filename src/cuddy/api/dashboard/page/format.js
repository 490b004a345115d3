// Numbers and times, as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function bytes(count) {
  let unit = 0;
  while (count >= 999.5 && unit < UNITS.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${unit && count < 9.95 ? count.toFixed(1) : Math.round(count)} ${UNITS[unit]}`;
}

export const rate = (count) => `${bytes(count)}/s`;

export const percent = (share) => `${share < 9.95 ? share.toFixed(1) : Math.round(share)} %`;

// A value that may not be known yet.
export const known = (format, value) => (value === null ? "–" : format(value));

export const shortId = (id) => id.replace(/^sha256:/, "").slice(0, 12);

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
