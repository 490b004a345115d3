// Docker's frames: which stream some bytes belong to, in eight bytes before them.

const HEAD = 8;
const MULTIPLEXED = "application/vnd.docker.multiplexed-stream";

// The pieces of an answer as [stream, bytes]; a container with a terminal has one stream, unframed.
export async function* readFrames(answer) {
  const isFramed = answer.headers.get("content-type") === MULTIPLEXED;
  let rest = new Uint8Array(0);
  const reader = answer.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    if (!isFramed) {
      yield [1, value];
      continue;
    }
    rest = join(rest, value);
    for (;;) {
      if (rest.length < HEAD) break;
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(4);
      if (rest.length < HEAD + length) break;
      yield [rest[0], rest.slice(HEAD, HEAD + length)];
      rest = rest.slice(HEAD + length);
    }
  }
}

function join(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
