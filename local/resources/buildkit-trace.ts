/**
 * Reads what BuildKit says while it builds: `moby.buildkit.v1.StatusResponse` in protobuf
 * (moby/buildkit api/services/control/control.proto). Only names, errors and output are read.
 * Dockerode decodes it too, but shows the output of commands in base64.
 */

export interface TraceStep {
  /** Digest of the step. */
  id: string;
  /** As the Dockerfile has it: `[2/5] RUN …`. */
  name: string;
  error: string;
  started: boolean;
  completed: boolean;
}

export interface Trace {
  steps: TraceStep[];
  /** What commands wrote, each piece with the digest of its step. */
  logs: { step: string; text: string }[];
}

/** Throws a RangeError when the bytes are not protobuf. */
export function decodeTrace(bytes: Uint8Array): Trace {
  const message = fields(bytes);
  return {
    steps: message.filter(({ number }) => number === 1).map(({ body }) => step(fields(body))),
    logs: message
      .filter(({ number }) => number === 3)
      .map(({ body }) => fields(body))
      .map((log) => ({ step: textOf(log, 1), text: textOf(log, 4) })),
  };
}

function step(vertex: Field[]): TraceStep {
  const has = (wanted: number) => vertex.some(({ number }) => number === wanted);
  return {
    id: textOf(vertex, 1),
    name: textOf(vertex, 3),
    error: textOf(vertex, 7),
    started: has(5),
    completed: has(6),
  };
}

function textOf(message: Field[], wanted: number): string {
  const field = message.find(({ number }) => number === wanted);
  return field === undefined ? '' : Buffer.from(field.body).toString('utf8');
}

interface Field {
  number: number;
  /** Empty for numbers, which are skipped. */
  body: Uint8Array;
}

const wire = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 };

/** The fields of one message, in order (https://protobuf.dev/programming-guides/encoding/). */
function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('a number is cut short');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    let body: Uint8Array = new Uint8Array();
    if (kind === wire.varint) varint();
    else if (kind === wire.fixed64) at += 8;
    else if (kind === wire.fixed32) at += 4;
    else if (kind === wire.delimited) {
      const size = varint();
      body = bytes.subarray(at, at + size);
      at += size;
    } else throw new RangeError(`no such wire type: ${kind}`);
    if (at > bytes.length) throw new RangeError('a field is cut short');
    found.push({ number: Math.floor(tag / 8), body });
  }
  return found;
}
