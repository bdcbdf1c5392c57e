/**
 * Stands for a decoder in the hands of a hostile file. Its first argument is what it does; with `answer`, `early` and `drip` the second is what
 * it sends, as base64, and with `repeat` a text that makes a header as often as the third says.
 */
import { readSync, writeSync } from 'node:fs'
import { CHANNEL_FD, END_OF_INPUT } from '../protocol.ts'

const [, , mode, text = '', count = '0'] = process.argv
const DRIP_MS = 20

const block = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length, 0)
  return Buffer.concat([length, bytes])
}
const send = (bytes: Uint8Array): void => {
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(CHANNEL_FD, bytes, sent)
}
const read = (length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let filled = 0; filled < length; ) filled += readSync(CHANNEL_FD, bytes, filled, length - filled, null)
  return bytes
}
/** The order, and all files, to the end. */
const readInput = (): void => {
  read(read(4).readUInt32LE(0))
  for (;;) {
    const length = read(4).readUInt32LE(0)
    if (length === END_OF_INPUT) return
    if (length > 0) read(length)
  }
}

if (mode === 'hang') for (;;) process.hrtime()
if (mode === 'crash') process.abort()
if (mode === 'memory') process.stderr.write('FATAL: out of memory\n', () => process.exit(1))
if (mode === 'huge-header') send(Buffer.from([0xff, 0xff, 0xff, 0x7f]))
if (mode === 'early') send(Buffer.from(text, 'base64'))
if (mode === 'answer') {
  readInput()
  send(Buffer.from(text, 'base64'))
}
if (mode === 'repeat') {
  readInput()
  send(block(Buffer.alloc(text.length * Number(count), text)))
}
if (mode === 'drip') {
  readInput()
  const bytes = Buffer.from(text, 'base64')
  let sent = 0
  setInterval(() => {
    if (sent < bytes.length) send(bytes.subarray(sent, sent + 1))
    sent += 1
  }, DRIP_MS)
}
setInterval(() => {}, 1000)
