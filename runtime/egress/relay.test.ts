import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeviceState } from '../../device/outbound/device-state.ts'
import { type ChannelServer, channelMethod, serveChannel } from '../../device/platform/channel.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { createLog, silentLog } from '../../device/platform/log.ts'
import { type Database, openDatabase } from '../storage/database.ts'
import { createOutbox } from '../storage/outbox.ts'
import { EgressError } from './errors.ts'
import { checkpointRequest, deviceStateRequest, helloRequest, recordsRequest } from './handover.ts'
import { type Relay, startRelay } from './relay.ts'
import { until } from './testkit/egress-site.ts'
import { markedRow, markedState } from './testkit/marked-rows.ts'

const CANARY = 'Mustermann'

let folder: string
let database: Database
let relay: Relay | undefined
let server: ChannelServer | undefined
let words = ''
/** What stands in for egress: what it has taken, and what it does next. */
let taken: number
let handed: number[]
let given: number[]
let checkpoints: number[]
let refuse: 'nothing' | 'full' | 'answer-lost'
/** Undefined: it cannot be had, which must not hold back the rows. */
let state: DeviceState | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-'))
  database = openDatabase({ path: join(folder, 'runtime.db'), key: Buffer.alloc(32, 3) })
  taken = 0
  handed = []
  given = []
  checkpoints = []
  refuse = 'nothing'
  state = undefined
  words = ''
})

afterEach(async () => {
  await relay?.stop()
  await server?.close()
  relay = undefined
  server = undefined
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const socket = () => join(folder, 'run', 'egress.sock')
const insert = (record: string) => database.prepare('INSERT INTO outbox (record) VALUES (?)').run(record)
const waiting = () => createOutbox(database).rows(0, 1000).length

async function serveEgress(): Promise<void> {
  server = await serveChannel({
    path: socket(),
    log: silentLog,
    handlers: {
      hello: channelMethod(helloRequest, (request) => {
        given.push(request.given)
        return { taken }
      }),
      records: channelMethod(recordsRequest, ({ rows, ...request }) => {
        given.push(request.given)
        if (refuse === 'full') throw new EgressError('egress_queue_full')
        handed.push(...rows.map(({ seq }) => seq).filter((seq) => seq > taken))
        taken = Math.max(taken, rows.at(-1)?.seq ?? 0)
        if (refuse === 'answer-lost') throw new TypeError('lost')
        return { taken }
      }),
      checkpoint: channelMethod(checkpointRequest, ({ checkpoint }) => {
        checkpoints.push(checkpoint.size)
        return {}
      }),
      'device-state': channelMethod(deviceStateRequest, () => ({ fleet: link })),
    },
  })
}

/** What egress says of itself and the fleet. */
const link = { isConnected: false, seconds: 7, waiting: 3, certificate: 'in order' } as const

function start(): void {
  relay = startRelay({
    socket: socket(),
    source: 'a'.repeat(64),
    outbox: createOutbox(database),
    clock: systemClock,
    log: createLog(systemClock, (line) => {
      words += line
    }),
    deviceState: () => {
      if (state === undefined) throw new EgressError('egress_queue_failed')
      return state
    },
  })
}

describe('the relay', () => {
  it('keeps the rows while nobody takes them, and removes them only once they are taken', async () => {
    for (let mark = 0; mark < 600; mark++) insert(JSON.stringify(markedRow(mark)))
    start()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(waiting()).toBe(600)
    await serveEgress()
    await until('all rows', () => handed.length === 600)
    await until('an empty outbox', () => waiting() === 0)
    expect(handed).toEqual(Array.from({ length: 600 }, (_, index) => index + 1))
    expect(words).toContain('channel_unreachable')
  })

  it('hands over again what was refused, and takes an answer that got lost for what it is', async () => {
    await serveEgress()
    refuse = 'full'
    for (let mark = 0; mark < 5; mark++) insert(JSON.stringify(markedRow(mark)))
    start()
    await until('a refusal', () => words.includes('egress_queue_full'))
    expect(waiting()).toBe(5)
    refuse = 'answer-lost'
    await until('rows that are taken', () => taken === 5)
    refuse = 'nothing'
    await until('an empty outbox', () => waiting() === 0)
    expect(handed).toEqual([1, 2, 3, 4, 5])
  })

  it('passes by a row that is none, and says which without saying what stood there', async () => {
    await serveEgress()
    insert(JSON.stringify(markedRow(1)))
    insert(JSON.stringify({ ...markedRow(2), note: CANARY }))
    insert(`{"${CANARY}`)
    insert(JSON.stringify(markedRow(3)))
    start()
    await until('the good rows', () => handed.length === 2)
    await until('what is left', () => waiting() === 2)
    expect(handed).toEqual([1, 4])
    expect(words).toContain('"row":2')
    expect(words).not.toContain(CANARY)
  })

  it('a state or a checkpoint that cannot be handed over holds no row back', async () => {
    database.transact(() => {
      for (let mark = 0; mark < 2000; mark++) insert(JSON.stringify(markedRow(mark)))
    })
    await serveEgress()
    start()
    await until('all rows', () => handed.length === 2000, 1500)
    await until('what is wrong', () => words.includes('"code":"egress_queue_failed"'))
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(words.match(/relay-(waiting|running)/g)?.length).toBe(1)
  })

  it('says what it has given away, so that a queue that was put back shows', async () => {
    for (let mark = 0; mark < 5; mark++) insert(JSON.stringify(markedRow(mark)))
    createOutbox(database).remove([1, 2, 3])
    await serveEgress()
    start()
    await until('the rows', () => handed.length === 2)
    expect(given).toEqual([3, 3])
    insert(JSON.stringify(markedRow(6)))
    await until('one more', () => handed.length === 3)
    expect(given).toEqual([3, 3, 5])
  })

  it('hands over nothing from a database that is older than what has left', async () => {
    await serveEgress()
    taken = 100
    const base64 = (bytes: number) => Buffer.alloc(bytes).toString('base64')
    const note = `log.test/box\n7\n${base64(32)}\n\n— log.test/box ${base64(68)}\n`
    database.prepare('INSERT INTO checkpoints (size, note) VALUES (?, ?)').run(7, note)
    insert(JSON.stringify(markedRow(1)))
    start()
    await until('the alarm', () => words.includes('egress_outbox_behind'))
    await until('the checkpoint all the same', () => checkpoints.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect([handed, waiting()]).toEqual([[], 1])
  })

  it('knows how it stands with the fleet from what egress answers', async () => {
    state = markedState
    await serveEgress()
    start()
    await expect.poll(() => relay?.link()).toEqual({ silentSeconds: 0, fleet: link })
  })
})
