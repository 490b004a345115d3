// Talks to the engine: Docker's API at the address that this page came from, with our token.
//
// The token comes in the address that `cuddy dashboard` prints, behind the "#" that browsers keep to
// themselves. It is taken out of the address at once, and kept for this tab alone.

const KEPT_AS = "cuddy.token";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function takeToken() {
  const said = location.hash.slice(1);
  if (said && !said.startsWith("/")) {
    sessionStorage.setItem(KEPT_AS, said);
    history.replaceState(null, "", "#/");
  }
  return sessionStorage.getItem(KEPT_AS) ?? "";
}

const token = () => sessionStorage.getItem(KEPT_AS) ?? "";

async function ask(method, path, { body, signal } = {}) {
  const headers = { Authorization: `Bearer ${token()}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer;
}

async function reason(answer) {
  try {
    return (await answer.json()).message;
  } catch {
    return `the engine answered ${answer.status}`;
  }
}

export const get = async (path, options) => (await ask("GET", path, options)).json();
export const stream = (path, options) => ask("GET", path, options);

export async function post(path, body) {
  const text = await (await ask("POST", path, { body })).text();
  return text ? JSON.parse(text) : null;
}

// A WebSocket has no headers of ours: the token goes as a protocol beside the one that is meant.
export function openSocket(path) {
  const socket = new WebSocket(`ws://${location.host}${path}`, ["cuddy", `token.${token()}`]);
  socket.binaryType = "arraybuffer";
  return socket;
}
