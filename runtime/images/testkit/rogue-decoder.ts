/** Stands for a decoder in the hands of a hostile file; the mode is its first argument. */
import { writeSync } from 'node:fs'
import { CHANNEL_FD } from '../protocol.ts'

const [, , mode] = process.argv
const block = (text: string): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Buffer.byteLength(text), 0)
  return Buffer.concat([length, Buffer.from(text)])
}
const send = (bytes: Uint8Array): void => {
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(CHANNEL_FD, bytes, sent)
}

if (mode === 'hang') for (;;) process.hrtime()
if (mode === 'crash') process.abort()
if (mode === 'memory') process.stderr.write('FATAL: out of memory\n', () => process.exit(1))
if (mode === 'huge-header') send(Buffer.from([0xff, 0xff, 0xff, 0x7f]))
if (mode === 'garbage') send(block('{"kind":"decoded"'))
if (mode === 'text') send(block('{"kind":"failed","code":"image_malformed","about":"Mustermann"}'))
if (mode === 'code') send(block('{"kind":"failed","code":"mustermann"}'))
setInterval(() => {}, 1000)
