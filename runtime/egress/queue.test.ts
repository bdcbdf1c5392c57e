import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { createCatalogue } from '../../device/outbound/catalogue.ts'
import { EgressError } from './errors.ts'
import { narrow } from './intake.ts'
import { type EgressQueue, openQueue } from './queue.ts'
import { markedCatalogue, markedRow } from './testkit/marked-rows.ts'

const SOURCE = 'a'.repeat(64)
const catalogue = createCatalogue(markedCatalogue.models)
const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    seq: from + index,
    record: narrow(markedRow(from + index), catalogue, Date.UTC(2026, 5)),
  }))

let folder: string
let queue: EgressQueue
const start = (maxRecords = 1000) => {
  queue = openQueue({ path: join(folder, 'egress.db'), randomness: systemRandomness, maxRecords })
}
const code = (work: () => unknown) => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof EgressError ? error.code : error
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'egress-queue-'))
  start()
})

afterEach(() => {
  queue.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the egress queue', () => {
  it('takes a row once, whatever is handed over again', () => {
    expect(queue.append(SOURCE, rows(1, 5))).toBe(5)
    expect(queue.append(SOURCE, rows(1, 5))).toBe(5)
    expect(queue.append(SOURCE, rows(3, 6))).toBe(8)
    expect(queue.after(0, 100).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(queue.after(6, 1).map(({ sequence }) => sequence)).toEqual([7])
  })

  it('keeps the row numbers of a restored runtime apart', () => {
    queue.append(SOURCE, rows(1, 5))
    expect(queue.append('b'.repeat(64), rows(1, 5))).toBe(5)
    expect(queue.position().last).toBe(10)
    for (let index = 0; index < 62; index++) queue.append(index.toString(16).padStart(64, 'c'), rows(1, 1))
    expect(code(() => queue.append('d'.repeat(64), rows(1, 1)))).toBe('egress_source_unknown')
  })

  it('forgets only what is acknowledged, and gives no sequence twice', () => {
    queue.append(SOURCE, rows(1, 10))
    expect(queue.acknowledge(4)).toBe(true)
    for (const through of [4, 3, 0, -1, 11, Number.NaN]) expect(queue.acknowledge(through)).toBe(false)
    expect(queue.position()).toMatchObject({ last: 10, acked: 4 })
    queue.acknowledge(10)
    queue.close()
    start()
    queue.append(SOURCE, rows(11, 1))
    expect(queue.after(0, 10).map(({ sequence }) => sequence)).toEqual([11])
  })

  it('draws a stream for the file and a boot number for each start', () => {
    const first = queue.position()
    queue.close()
    start()
    expect(queue.position()).toEqual({ ...first, boot: 2 })
    queue.close()
    rmSync(join(folder, 'egress.db'))
    start()
    expect(queue.position()).toMatchObject({ boot: 1, last: 0 })
    expect(queue.position().stream).not.toBe(first.stream)
  })

  it('takes as much as it may hold, and the rest once there is room', () => {
    queue.close()
    start(5)
    expect(queue.append(SOURCE, rows(1, 300))).toBe(5)
    expect(code(() => queue.append(SOURCE, rows(1, 6)))).toBe('egress_queue_full')
    queue.acknowledge(2)
    expect(queue.append(SOURCE, rows(1, 6))).toBe(6)
  })

  it('draws a boot number for each connection', () => {
    queue.append(SOURCE, rows(1, 1))
    queue.drawBoot()
    expect(queue.position()).toMatchObject({ boot: 2, last: 1 })
  })

  it('that is an older copy gives no number a second meaning: what it holds keeps its own, then a new stream begins', () => {
    queue.append(SOURCE, rows(1, 80))
    queue.acknowledge(50)
    queue.close()
    copyFileSync(join(folder, 'egress.db'), join(folder, 'copy'))
    start()
    const { stream } = queue.position()
    queue.append(SOURCE, rows(81, 20))
    queue.acknowledge(100)
    queue.close()
    rmSync(join(folder, 'egress.db'))
    copyFileSync(join(folder, 'copy'), join(folder, 'egress.db'))
    start()
    expect(queue.meet(SOURCE, 80)).toBe(80)
    expect(queue.mayAcknowledge(100)).toBe(false)
    expect(queue.meet(SOURCE, 100)).toBe(80)
    expect(code(() => queue.append(SOURCE, rows(101, 3)))).toBe('egress_queue_behind')
    expect(queue.position()).toMatchObject({ stream, last: 80, acked: 50 })
    expect(queue.acknowledge(100)).toBe(true)
    expect(queue.position()).toMatchObject({ stream, last: 80, acked: 80 })
    expect(queue.append(SOURCE, rows(101, 3))).toBe(103)
    expect(queue.position()).toMatchObject({ last: 3, acked: 0 })
    expect(queue.position().stream).not.toBe(stream)
    expect(queue.after(0, 10).map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect([queue.meet(SOURCE, 103), queue.mayAcknowledge(4)]).toEqual([103, false])
  })

  it('begins a new stream where the numbers of one come to their end', () => {
    queue.append(SOURCE, rows(1, 1))
    queue.close()
    const file = new Sqlite(join(folder, 'egress.db'))
    file.exec('UPDATE position SET last = 1099511627776; UPDATE records SET sequence = 1099511627776')
    file.close()
    start()
    const { stream } = queue.position()
    expect(code(() => queue.append(SOURCE, rows(2, 1)))).toBe('egress_queue_behind')
    queue.acknowledge(2 ** 40)
    expect(queue.append(SOURCE, rows(2, 1))).toBe(2)
    expect(queue.position()).toMatchObject({ last: 1, acked: 0 })
    expect(queue.position().stream).not.toBe(stream)
  })

  it('belongs to one process, is readable by its user alone, and is none of another format', () => {
    expect(
      code(() => openQueue({ path: join(folder, 'egress.db'), randomness: systemRandomness, maxRecords: 1 })),
    ).toBe('egress_queue_in_use')
    expect(statSync(join(folder, 'egress.db')).mode & 0o777).toBe(0o600)
    const other = join(folder, 'other.db')
    new Sqlite(other).exec('CREATE TABLE x (y)').close()
    expect(code(() => openQueue({ path: other, randomness: systemRandomness, maxRecords: 1 }))).toBe(
      'egress_queue_unusable',
    )
    writeFileSync(other, 'no database at all, but long enough to look at')
    expect(code(() => openQueue({ path: other, randomness: systemRandomness, maxRecords: 1 }))).toBe(
      'egress_queue_unusable',
    )
  })
})
