import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ChannelClient, type ChannelServer, channelMethod, openChannel, serveChannel } from './channel.ts'
import { ChannelError } from './channel-errors.ts'
import { encodeFrame, FrameReader } from './channel-frame.ts'
import { createLog } from './log.ts'
import { PlatformError } from './platform-errors.ts'

const CANARY = 'Mustermann'

let folder: string
let path: string
let words: string
const open: { close(): void | Promise<void> }[] = []
const log = createLog({ nowMs: () => 0, monotonicMs: () => 0 }, (line) => {
  words += line
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'channel-'))
  path = join(folder, 'sockets', 'test.sock')
  words = ''
})

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
  rmSync(folder, { recursive: true, force: true })
})

const handlers = {
  echo: channelMethod(z.strictObject({ text: z.string() }), ({ text }) => ({ text })),
  slow: channelMethod(z.strictObject({ ms: z.int() }), async ({ ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms))
    return { done: true }
  }),
  refuse: channelMethod(z.strictObject({}), () => {
    throw new PlatformError('file_too_large', { about: CANARY })
  }),
  crash: channelMethod(z.strictObject({}), () => {
    throw new TypeError(CANARY)
  }),
  flood: channelMethod(z.strictObject({}), () => ({ text: 'x'.repeat(70_000) })),
}

async function serve(maxMessageBytes = 65_536): Promise<ChannelServer> {
  const server = await serveChannel({ path, handlers, log, maxMessageBytes })
  open.push(server)
  return server
}

function client(): ChannelClient {
  const channel = openChannel(path)
  open.push(channel)
  return channel
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof ChannelError ? `${error.code} ${error.about ?? ''}`.trim() : error),
  )

/** A peer that sends bytes of its own; resolves when the other side has closed. */
async function rawPeer(bytes: Uint8Array): Promise<Socket> {
  const socket = connect(path)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.on('error', () => {})
  socket.write(bytes)
  return socket
}

describe('a channel', () => {
  it('answers many calls on one connection, each with its own answer', async () => {
    await serve()
    const channel = client()
    const texts = Array.from({ length: 60 }, (_, index) => `${index} ${'é'.repeat(index * 10)}`)
    const answers = await Promise.all(texts.map((text) => channel.call('echo', { text }, 5000)))
    expect(answers).toEqual(texts.map((text) => ({ text })))
  })

  it('lies in a folder and a file that nobody else may open', async () => {
    await serve()
    expect(statSync(join(folder, 'sockets')).mode & 0o777).toBe(0o700)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('refuses a folder that others may enter, and a path that holds a file', async () => {
    mkdirSync(join(folder, 'sockets'), { mode: 0o755 })
    expect(await failure(serve())).toBe('channel_path_unsafe')
    path = join(folder, 'plain')
    writeFileSync(path, 'kept')
    expect(await failure(serve())).toBe('channel_path_unsafe')
  })

  it('lets a group in where it is told to: 0660 in a folder of 0750', async () => {
    open.push(await serveChannel({ path, handlers, log, access: 'group' }))
    expect(statSync(join(folder, 'sockets')).mode & 0o7777).toBe(0o750)
    expect(statSync(path).mode & 0o777).toBe(0o660)
    expect(await client().call('echo', { text: 'a' }, 1000)).toEqual({ text: 'a' })
  })

  it.each([
    [0o2750, 'group', 'no error'],
    [0o700, 'group', 'no error'],
    [0o770, 'group', 'channel_path_unsafe'],
    [0o2770, 'group', 'channel_path_unsafe'],
    [0o751, 'group', 'channel_path_unsafe'],
    [0o754, 'group', 'channel_path_unsafe'],
    [0o752, 'group', 'channel_path_unsafe'],
    [0o1757, 'group', 'channel_path_unsafe'],
    [0o750, 'owner', 'channel_path_unsafe'],
    [0o710, 'owner', 'channel_path_unsafe'],
  ] as const)('in a folder of mode %o, access %s: %s', async (mode, access, expected) => {
    mkdirSync(join(folder, 'sockets'))
    chmodSync(join(folder, 'sockets'), mode)
    const served = serveChannel({ path, handlers, log, access })
    served.then((server) => open.push(server)).catch(() => {})
    expect(await failure(served)).toBe(expected)
  })

  it('takes over the socket of a process that was killed, and leaves one that answers', async () => {
    await serve()
    expect(await failure(serve())).toBe('channel_in_use')
    const stale = createServer()
    path = join(folder, 'stale.sock')
    await new Promise<void>((resolve) => stale.listen(path, resolve))
    // What a kill leaves: the file without a listener.
    const kept = join(folder, 'kept.sock')
    linkSync(path, kept)
    await new Promise((resolve) => stale.close(resolve))
    path = kept
    await serve()
    expect(await client().call('echo', { text: 'a' }, 1000)).toEqual({ text: 'a' })
  })

  it('says the code of a refusal and nothing else of it, here and in the log', async () => {
    await serve()
    const channel = client()
    expect(await failure(channel.call('refuse', {}, 1000))).toBe('channel_refused file_too_large')
    expect(await failure(channel.call('crash', {}, 1000))).toBe('channel_refused internal')
    expect(await failure(channel.call('echo', { text: 'a', name: CANARY }, 1000))).toBe(
      'channel_refused channel_request_invalid',
    )
    expect(await failure(channel.call('constructor', {}, 1000))).toBe('channel_refused channel_method_unknown')
    expect(await failure(channel.call(CANARY.toLowerCase(), {}, 1000))).toBe('channel_refused channel_method_unknown')
    expect(words).not.toContain(CANARY.toLowerCase())
    expect(await failure(channel.call('flood', {}, 1000))).toBe('channel_refused channel_message_too_large')
    expect(await channel.call('echo', { text: 'still here' }, 1000)).toEqual({ text: 'still here' })
    expect(words).toContain('file_too_large')
    expect(words).not.toContain(CANARY)
  })

  it('gives up in time, and the next call works', async () => {
    await serve()
    const channel = client()
    expect(await failure(channel.call('slow', { ms: 60_000 }, 50))).toBe('channel_timeout')
    expect(await channel.call('echo', { text: 'a' }, 1000)).toEqual({ text: 'a' })
    const [late, quick] = await Promise.all([
      failure(channel.call('slow', { ms: 200 }, 50)),
      channel.call('slow', { ms: 100 }, 1000),
    ])
    expect([late, quick]).toEqual(['channel_timeout', { done: true }])
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await channel.call('echo', { text: 'b' }, 1000)).toEqual({ text: 'b' })
  })

  it('connects again after the other process was away', async () => {
    const channel = client()
    expect(await failure(channel.call('echo', { text: 'a' }, 1000))).toBe('channel_unreachable')
    const first = await serve()
    expect(await channel.call('echo', { text: 'b' }, 1000)).toEqual({ text: 'b' })
    await first.close()
    open.splice(open.indexOf(first), 1)
    expect(await failure(channel.call('echo', { text: 'c' }, 1000))).toMatch(/channel_(unreachable|broken)/)
    await serve()
    expect(await channel.call('echo', { text: 'd' }, 1000)).toEqual({ text: 'd' })
  })

  it('answers what is under way before it closes', async () => {
    const server = await serve()
    const channel = client()
    const answer = channel.call('slow', { ms: 100 }, 5000)
    await new Promise((resolve) => setTimeout(resolve, 30))
    await server.close()
    open.splice(open.indexOf(server), 1)
    expect(await answer).toEqual({ done: true })
  })

  it('bounds what waits, on the side that asks', async () => {
    await serve()
    const channel = client()
    const calls = Array.from({ length: 64 }, () => failure(channel.call('slow', { ms: 20 }, 5000)))
    expect(await failure(channel.call('echo', { text: 'a' }, 1000))).toBe('channel_busy')
    expect(await failure(channel.call('echo', { text: 'x'.repeat(2_000_000) }, 1000))).toMatch(/channel_(busy|message)/)
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['no error']))
    channel.close()
    expect(await failure(channel.call('echo', { text: 'a' }, 1000))).toBe('channel_closed')
  })
})

describe('hostile bytes', () => {
  const header = (length: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(length)
    return bytes
  }
  const framed = (text: string) => Buffer.concat([header(Buffer.byteLength(text)), Buffer.from(text)])

  it.each([
    ['a message larger than the limit, at its header', header(65_537)],
    ['four gigabytes', header(0xffffffff)],
    ['an empty message', header(0)],
    ['no JSON', framed('no json')],
    ['JSON that is not canonical', framed('{"method": "echo","id":1,"body":{}}')],
    ['a list', framed('[1]')],
    ['a member too many', framed('{"body":{},"extra":1,"id":1,"method":"echo"}')],
    ['a method that is no name', framed('{"body":{},"id":1,"method":"../echo"}')],
  ])('%s ends the connection, and others are served', async (_what, bytes) => {
    await serve()
    const peer = await rawPeer(bytes)
    await new Promise((resolve) => peer.once('close', resolve))
    expect(await client().call('echo', { text: 'a' }, 1000)).toEqual({ text: 'a' })
    expect(words).toContain('channel-broken')
  })

  it('an answer to a call that never was breaks the connection on the other side too', async () => {
    mkdirSync(join(folder, 'sockets'))
    const liar = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.write(encodeFrame({ id: 99, ok: {} }, 1000)))
    })
    await new Promise<void>((resolve) => liar.listen(path, resolve))
    open.push({ close: () => new Promise<void>((resolve) => liar.close(() => resolve())) })
    expect(await failure(client().call('echo', { text: 'a' }, 1000))).toBe('channel_broken')
  })

  it('frames survive any cut of the stream', () => {
    const messages = [{ a: 1 }, { b: 'x'.repeat(300) }, { c: [true, null] }]
    const stream = Buffer.concat(messages.map((message) => encodeFrame(message, 1000)))
    for (let size = 1; size < stream.length; size += 7) {
      const reader = new FrameReader(1000)
      const got = []
      for (let at = 0; at < stream.length; at += size) got.push(...reader.push(stream.subarray(at, at + size)))
      expect(got).toEqual(messages)
      expect(reader.isInside).toBe(false)
    }
  })
})

describe('a path longer than the address of a socket holds', () => {
  beforeEach(() => {
    path = join(folder, 'd'.repeat(90), 'ü'.repeat(60), 'sockets', 'test.sock')
  })

  it('is served, asked, and leaves neither socket nor descriptor', async () => {
    const before = readdirSync('/proc/self/fd').length
    const server = await serveChannel({ path, handlers, log })
    expect(statSync(path).isSocket()).toBe(true)
    await expect(serveChannel({ path, handlers, log })).rejects.toMatchObject({ code: 'channel_in_use' })
    const channel = openChannel(path)
    expect(await channel.call('echo', { text: 'far away' }, 1000)).toEqual({ text: 'far away' })
    channel.close()
    await server.close()
    expect(existsSync(path)).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
  })

  it('where nobody serves is said to be unreachable, folder or not', async () => {
    await expect(client().call('echo', { text: '' }, 1000)).rejects.toMatchObject({ code: 'channel_unreachable' })
    mkdirSync(dirname(path), { recursive: true })
    await expect(client().call('echo', { text: '' }, 1000)).rejects.toMatchObject({ code: 'channel_unreachable' })
  })
})

it('a peer that asks nonsense all the time fills no disk with warnings', async () => {
  await serve()
  const channel = client()
  for (let turn = 0; turn < 50; turn++)
    await Promise.all(
      Array.from({ length: 8 }, () => channel.call('refuse', { not: 'this' }, 5000).catch(() => undefined)),
    )
  expect(words.split('\n').length).toBeLessThan(100)
})
