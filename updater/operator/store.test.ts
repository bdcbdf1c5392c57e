import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listening, SignedCheckpoint } from './checkpoint-history.ts'
import { type DeviceView, openFleetReader } from './reading.ts'
import { type Arrival, type FleetStore, openFleetStore } from './store.ts'
import { decisionsOf, offlineOf, onlineOf, recordOf } from './testkit/test-device.ts'

const DEVICE = 'north/box-1'
const HOUR_MS = 3_600_000

let folder: string
let path: string
let store: FleetStore
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-store-'))
  path = join(folder, 'fleet.db')
  store = openFleetStore(path)
})
afterEach(() => {
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

const decisions = (stream: number, first: number, count: number, device = DEVICE): Arrival => ({
  device,
  kind: 'decisions',
  message: decisionsOf(stream, first, count),
})
const state = (message: ReturnType<typeof onlineOf>, isRetained = false): Arrival => ({
  device: DEVICE,
  kind: 'state',
  message,
  isRetained,
})
const listeningSince = (sinceMs: number, largest = 0): Listening => ({ sinceMs, largest })
function checkpoint(size: number, listening: Listening, root = '00'.repeat(32), origin = 'log'): Arrival {
  const signed: SignedCheckpoint = { origin, size, root, note: `${origin} ${size} ${root}` }
  return { device: DEVICE, kind: 'checkpoint', checkpoint: signed, listening }
}
function read<T>(work: (reader: ReturnType<typeof openFleetReader>) => T): T {
  const reader = openFleetReader(path)
  try {
    return work(reader)
  } finally {
    reader.close()
  }
}
const view = (nowMs = 2): DeviceView | undefined => read((reader) => reader.view(nowMs)).devices[0]
const findings = () => read((reader) => reader.findings())
const sizes = () => read((reader) => reader.checkpoints(DEVICE)).map(({ size }) => size)

describe('records', () => {
  it('count once under any borders, order and repetition, and the acknowledgement is the end of the unbroken run', () => {
    const batch = fc.record({ first: fc.integer({ min: 1, max: 40 }), count: fc.integer({ min: 1, max: 64 }) })
    let stream = 0
    fc.assert(
      fc.property(fc.array(fc.array(batch, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), (commits) => {
        stream += 1
        const model = new Set<number>()
        for (const batches of commits) {
          const acks = store.commit(
            batches.map(({ first, count }) => decisions(stream, first, count)),
            1,
          )
          for (const { first, count } of batches) for (let at = 0; at < count; at += 1) model.add(first + at)
          let through = 0
          while (model.has(through + 1)) through += 1
          expect(acks).toEqual([{ device: DEVICE, stream, through }])
        }
        const rows = read((reader) => [...reader.decisions(0, 2)]).filter((row) => row.stream === stream)
        expect(new Set(rows.map((row) => row.sequence))).toEqual(model)
        expect(rows).toHaveLength(model.size)
        expect(
          rows.every((row) => JSON.stringify(row.record) !== '' && row.record.year === recordOf(row.sequence).year),
        ).toBe(true)
      }),
      { numRuns: 40 },
    )
    const stored = read((reader) => [...reader.decisions(0, 2)]).length
    expect(view()).toMatchObject({ stored })
  })

  it('of devices and streams are counted apart', () => {
    const acks = store.commit([decisions(1, 1, 3), decisions(2, 1, 2), decisions(1, 1, 4, 'north/box-2')], 1)
    expect(acks.map(({ device, stream, through }) => [device, stream, through])).toEqual([
      [DEVICE, 1, 3],
      [DEVICE, 2, 2],
      ['north/box-2', 1, 4],
    ])
  })

  it('that change under their number stay as they were first, and that is a finding', () => {
    store.commit([decisions(1, 1, 3)], 1)
    const changed = decisionsOf(1, 2, 1)
    const [record] = changed.records
    if (record === undefined) throw new Error('no record')
    const other = { ...changed, records: [{ ...record, result: 'refused' as const }] }
    const acks = store.commit([{ device: DEVICE, kind: 'decisions', message: other }], 2)
    expect(acks).toEqual([{ device: DEVICE, stream: 1, through: 3 }])
    expect(read((reader) => [...reader.decisions(0, 3)]).map((row) => row.record)).toEqual([1, 2, 3].map(recordOf))
    expect(findings()).toMatchObject([{ device: DEVICE, kind: 'record-changed', times: 1 }])
    expect(JSON.parse(findings()[0]?.evidence ?? '')).toEqual({
      stream: 1,
      sequence: 2,
      sent: other.records[0],
      stored: recordOf(2),
    })
  })

  it('that were acknowledged before this database are not waited for, and are counted as missing', () => {
    expect(store.commit([decisions(1, 61, 10)], 1)).toEqual([{ device: DEVICE, stream: 1, through: 0 }])
    expect(store.commit([state(onlineOf(1, 1, 70, 62))], 1)).toEqual([{ device: DEVICE, stream: 1, through: 70 }])
    expect(view()).toMatchObject({ stored: 10, missing: 60, waiting: 0 })
    expect(store.commit([state(onlineOf(1, 1, 75, 70))], 1)).toEqual([])
    expect(view()).toMatchObject({ missing: 60, waiting: 5 })
  })

  it('that arrive after the device said that they were acknowledged are not missing any more', () => {
    store.commit([state(onlineOf(1, 1, 70, 62))], 1)
    expect(view()).toMatchObject({ stored: 0, missing: 62 })
    store.commit([decisions(1, 60, 10), decisions(1, 60, 3)], 2)
    expect(view()).toMatchObject({ stored: 10, missing: 59 })
  })

  it('of more queues than a box ever has are not stored', () => {
    for (let stream = 0; stream < 1000; stream += 100) {
      store.commit(
        Array.from({ length: 100 }, (_, index) => decisions(stream + index, 1, 1)),
        1,
      )
    }
    expect(store.commit([decisions(5000, 1, 1), decisions(7, 2, 1)], 1)).toEqual([
      { device: DEVICE, stream: 7, through: 2 },
    ])
    expect(findings()).toMatchObject([{ kind: 'streams-too-many', times: 1 }])
  })
})

describe('states', () => {
  it('follow birth and last will; the will of an earlier start changes nothing', () => {
    store.commit([state(onlineOf(1, 4))], 1)
    expect(view()).toMatchObject({ state: 'online', sinceMs: 1 })
    store.commit([state(onlineOf(1, 5))], 2)
    store.commit([state(offlineOf(1, 4))], 3)
    expect(view()).toMatchObject({ state: 'online', boot: 5, sinceMs: 2 })
    store.commit([state(offlineOf(1, 5))], 4)
    expect(view()).toMatchObject({ state: 'offline', how: 'lost', sinceMs: 4 })
    store.commit([state(onlineOf(1, 5))], 5)
    expect(view()).toMatchObject({ state: 'online', how: null, sinceMs: 5, heardAtMs: 5 })
  })

  it('of another queue count as the last word only when the broker has kept them', () => {
    store.commit([state(onlineOf(2, 1))], 1)
    store.commit([state(offlineOf(1, 9))], 2)
    expect(view()?.state).toBe('online')
    store.commit([state(offlineOf(1, 9), true)], 3)
    expect(view()?.state).toBe('offline')
  })

  it('that are not repeated are called quiet', () => {
    store.commit([state(onlineOf(1, 1))], 1)
    expect([view(179_000)?.state, view(181_000)?.state]).toEqual(['online', 'quiet'])
  })
})

describe('checkpoints', () => {
  const forked = 'ff'.repeat(32)

  it('that another collector heard first are late, not gone back', () => {
    store.commit([checkpoint(10, listeningSince(0))], 100)
    store.commit([checkpoint(12, listeningSince(50, 10))], 110)
    // This collector listens since before both and hears the first one only now.
    store.commit([checkpoint(11, listeningSince(60))], 120)
    expect([sizes(), findings()]).toEqual([[12, 11, 10], []])
  })

  it('that QoS 1 repeats are no finding; after five minutes they are', () => {
    store.commit([checkpoint(10, listeningSince(0)), checkpoint(12, listeningSince(0, 10))], 100)
    store.commit([checkpoint(10, listeningSince(0, 12))], 200)
    expect(findings()).toEqual([])
    store.commit([checkpoint(10, listeningSince(301_000))], 302_000)
    expect(findings()).toMatchObject([{ kind: 'checkpoint-went-back', evidence: `log 10 ${'00'.repeat(32)}` }])
  })

  it('of a box that was set back stay refused however far it grows, until it has another log', () => {
    store.commit([checkpoint(10, listeningSince(0))], 100)
    store.commit([checkpoint(10, listeningSince(0, 10), forked)], 200)
    store.commit([checkpoint(1000, listeningSince(0, 10), forked)], 300)
    expect(sizes()).toEqual([10])
    expect(findings().map(({ kind }) => kind)).toEqual(['checkpoint-withheld', 'checkpoint-forked'])
    store.commit([checkpoint(3, listeningSince(0), forked, 'log-2')], 400)
    expect(read((reader) => reader.checkpoints(DEVICE)).map(({ origin, size }) => [origin, size])).toEqual([
      ['log-2', 3],
      ['log', 10],
    ])
    expect(view()?.checkpoint).toEqual({ size: 3, receivedAtMs: 400, brokenSinceMs: null })
  })

  it('older than an hour are thinned to the last of each hour, and bind as before', () => {
    for (let minute = 0; minute < 240; minute += 10) {
      store.commit([checkpoint(minute + 1, listeningSince(0, minute))], minute * 60_000)
    }
    expect(sizes()).toEqual([231, 221, 211, 201, 191, 181, 171, 161, 151, 141, 131, 121, 111, 51])
    store.commit([checkpoint(50, listeningSince(4 * HOUR_MS))], 4 * HOUR_MS)
    expect(findings()).toMatchObject([{ kind: 'checkpoint-went-back' }])
  })
})

describe('a clock that is set back', () => {
  it('hides no log that went back, and makes none of a repetition', () => {
    store.commit([checkpoint(10, listeningSince(0))], 10 * HOUR_MS)
    store.commit([checkpoint(12, listeningSince(0, 10))], 10 * HOUR_MS)
    // Two seconds: the broker repeats one.
    store.commit([checkpoint(10, listeningSince(0, 12))], 10 * HOUR_MS - 2000)
    expect(findings()).toEqual([])
    // A day, and the collector starts anew: what it has is from a time that is to come.
    store.commit([checkpoint(11, listeningSince(0))], 100)
    expect(findings()).toMatchObject([{ kind: 'checkpoint-went-back' }])
  })
})

describe('findings', () => {
  it('of devices that nobody knows leave room for what matters', () => {
    const flood = Array.from({ length: 25_000 }, (_, index) => ({
      device: `s${index}/box-1`,
      ...{ kind: 'fault', fault: { kind: 'device-unknown', evidence: '' } },
    })) as readonly Arrival[]
    store.commit(flood, 1)
    store.commit([checkpoint(10, listeningSince(0)), checkpoint(9, listeningSince(0, 10))], 2)
    expect(findings().filter(({ kind }) => kind === 'checkpoint-went-back')).toHaveLength(1)
    expect(findings().length).toBeLessThanOrEqual(1001)
  })

  it('keep evidence up to a bound, and count on', () => {
    for (let index = 0; index < 200; index += 1) {
      const fault = { kind: 'checkpoint-unsigned', evidence: `note ${index % 100}` } as const
      store.commit([{ device: DEVICE, kind: 'fault', fault }], index)
    }
    const found = findings()
    expect(found.length).toBeLessThanOrEqual(65)
    expect(found.reduce((sum, { times }) => sum + times, 0)).toBe(200)
  })
})

describe('the database', () => {
  it('belongs to its user alone, and several writers take turns', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const second = openFleetStore(path)
    store.commit([decisions(1, 1, 2)], 1)
    expect(second.commit([decisions(1, 2, 2)], 1)).toEqual([{ device: DEVICE, stream: 1, through: 3 }])
    expect(store.commit([decisions(1, 4, 1)], 1)).toEqual([{ device: DEVICE, stream: 1, through: 4 }])
    second.close()
  })

  it('of somebody else, of a newer release or of nobody is refused', () => {
    const code = (name: string) => expect.objectContaining({ code: name })
    const foreign = join(folder, 'foreign.db')
    new Sqlite(foreign).exec('CREATE TABLE a (b)').close()
    expect(() => openFleetStore(foreign)).toThrow(code('fleet_store_foreign'))
    writeFileSync(join(folder, 'text.db'), 'not a database, but long enough to be taken for a page'.repeat(100))
    expect(() => openFleetStore(join(folder, 'text.db'))).toThrow(code('fleet_store_foreign'))
    expect(() => openFleetReader(join(folder, 'none.db'))).toThrow(code('fleet_store_unreadable'))
    expect(() => openFleetStore(join(folder, 'none', 'fleet.db'))).toThrow(code('fleet_store_unreadable'))
    const newer = join(folder, 'newer.db')
    openFleetStore(newer).close()
    const database = new Sqlite(newer)
    database.pragma('user_version=99')
    database.close()
    expect(() => openFleetReader(newer)).toThrow(code('fleet_store_foreign'))
  })
})
