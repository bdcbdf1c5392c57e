import { readSync, writeSync } from 'node:fs'
import { FrameWriter } from '../frames.ts'
import { encodeFromWorker } from '../protocol.ts'

/**
 * A worker that was taken over. It loads as ours does (unless it attacks `at-load`), and attacks when it is first asked
 * to run, or `idle-…` while nobody asks. Its last argument names the attack.
 */
const CHANNEL = 3
const room = Buffer.alloc(1024 * 1024)
const attack = process.argv.at(-1) ?? ''

const ready = encodeFromWorker(
  { kind: 'ready', provider: { provider: 'cpu', runtime: 'rogue', threads: 1, nodes: null } },
  new FrameWriter(),
)
const unasked = encodeFromWorker({ kind: 'result', id: 10_000, outputs: {} }, new FrameWriter())
const right = encodeFromWorker({ kind: 'result', id: 1, outputs: {} }, new FrameWriter())

function send(bytes: Uint8Array | undefined): void {
  for (let sent = 0; bytes !== undefined && sent < bytes.length; ) sent += writeSync(CHANNEL, bytes, sent)
}

function withHeader(header: string, length = header.length + 4): Uint8Array {
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32LE(length, 0)
  prefix.writeUInt32LE(header.length, 4)
  return Buffer.concat([prefix, Buffer.from(header, 'latin1')])
}

function sendEndlessly(): void {
  for (;;) send(room)
}

const attacks: Readonly<Record<string, () => void>> = {
  unasked: () => send(unasked),
  // What ended the runtime while the channel was Node's own.
  'six bytes': () => send(Buffer.from([0, 0, 0, 2, 0xff, 0x7f])),
  'v8 payload': () => send(Buffer.from([0, 0, 0, 2, 0xff, 0x7f, 0xff, 0xff])),
  'zeros without end': sendEndlessly,
  'node handle': () => send(withHeader('{"cmd":"NODE_HANDLE_ACK","tensors":[]}')),
  nesting: () => send(withHeader(`{"tensors":[],"a":${'['.repeat(60_000)}`)),
  'closed nesting': () => send(withHeader(`{"tensors":[],"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`)),
  'length and no end': () => {
    send(Buffer.from([0xf0, 0xff, 0xff, 0xff]))
    sendEndlessly()
  },
  'header and no end': () => {
    send(Buffer.from([0xff, 0xff, 0, 0, 0xf0, 0xff, 0xff, 0xff]))
    sendEndlessly()
  },
  'two answers': () => send(Buffer.concat([right ?? room, right ?? room])),
  'errors without end': () => {
    for (;;) writeSync(2, room)
  },
  'idle byte': () => send(Buffer.of(0)),
  'idle and no end': sendEndlessly,
  'idle, begun frame': () => send(ready?.subarray(0, 5)),
  'at-load, large answer': () => send(withHeader(`{"kind":"ready","tensors":[]${' '.repeat(5000)}}`)),
}

readSync(CHANNEL, room)
if (!attack.startsWith('at-load')) send(ready)
if (attack.startsWith('idle')) setTimeout(() => attacks[attack]?.(), 300)
else {
  if (!attack.startsWith('at-load')) readSync(CHANNEL, room)
  attacks[attack]?.()
}
setInterval(() => {}, 1000)
