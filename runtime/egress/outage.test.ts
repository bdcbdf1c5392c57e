import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openChannel } from '../../device/platform/channel.ts'
import { freePort } from '../../updater/operator/testkit/mosquitto.ts'
import { handoverMethods, MAX_HANDOVER_ROWS } from './handover.ts'
import type { Child } from './testkit/child.ts'
import { Collector } from './testkit/collector.ts'
import { EgressSite, until } from './testkit/egress-site.ts'
import { MaliciousBroker } from './testkit/malicious-broker.ts'
import { MARKED_ROWS, markedRow } from './testkit/marked-rows.ts'

const HOUR_S = 3600
const ROWS_PER_SECOND = 6
const MIB = 1_048_576

let site: EgressSite
let egress: Child | undefined
let broker: MaliciousBroker | undefined
let collector: Collector | undefined

beforeEach(async () => {
  site = await EgressSite.create()
})

afterEach(async () => {
  await egress?.kill()
  await collector?.close()
  await broker?.close()
  site.remove()
})

/** Hands over as the relay does, in full requests. */
async function handOver(total: number): Promise<void> {
  const channel = openChannel(site.path('run/egress.sock'))
  for (let from = 0; from < total; from += MAX_HANDOVER_ROWS) {
    const rows = Array.from({ length: Math.min(MAX_HANDOVER_ROWS, total - from) }, (_, index) => ({
      seq: from + index + 1,
      row: markedRow((from + index) % MARKED_ROWS),
    }))
    const answer = await channel.call(handoverMethods.records, { source: 'a'.repeat(64), given: from, rows }, 5000)
    expect(answer).toEqual({ taken: from + rows.length })
  }
  channel.close()
}

function memoryMib(pid: number | undefined): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kib) * 1024) / MIB
}

const recordsIn = (bytes: Buffer) => bytes.toString('latin1').split('"kind":').length - 1

describe('a broker that was away for an hour of traffic', () => {
  it('gets all of it once, no faster than it is meant to, and egress does not grow by it', async () => {
    const [total, perSecond] = [HOUR_S * ROWS_PER_SECOND, 4000]
    site.configure(await freePort(), { recordsPerSecond: perSecond })
    egress = await site.startEgress()
    const [idleMib, fromMs] = [memoryMib(egress.process.pid), performance.now()]
    await handOver(total)
    const takenMs = performance.now() - fromMs
    const queuedMib = memoryMib(egress.process.pid)
    expect(await egress.kill('SIGTERM')).toBe(0)
    expect(site.queueBytes().length / MIB).toBeLessThan(8)

    broker = await MaliciousBroker.start(site.broker, () => [0])
    site.configure(broker.port, { recordsPerSecond: perSecond })
    collector = new Collector(broker.url, site.fleet, 4)
    egress = await site.startEgress()
    const { pid } = egress.process
    await until('the first', () => recordsIn(broker?.heard() ?? Buffer.alloc(0)) > 0)
    const startMs = performance.now()
    let mostMib = 0
    while (collector.records.length < total) {
      const seconds = (performance.now() - startMs) / 1000
      expect(recordsIn(broker.heard())).toBeLessThan(perSecond * (seconds + 1.2))
      mostMib = Math.max(mostMib, memoryMib(pid))
      await sleep(100)
      expect(seconds).toBeLessThan((2 * total) / perSecond + 3)
    }
    expect([collector.records.length, collector.faults, collector.streams.size]).toEqual([total, [], 1])
    expect(takenMs).toBeLessThan(8000)
    expect(Math.max(queuedMib, mostMib) - idleMib).toBeLessThan(80)
  }, 40_000)
})

describe('a broker that drops us again and again', () => {
  it('gets no more records a second for it', async () => {
    broker = await MaliciousBroker.start(site.broker, () => [])
    site.configure(broker.port, { recordsPerSecond: 100, reconnectMaxMs: 100, ackTimeoutMs: 100 })
    egress = await site.startEgress()
    await handOver(3000)
    const fromMs = performance.now()
    for (let cuts = 0; cuts < 12; cuts++) {
      await sleep(200)
      broker.cut()
    }
    const seconds = (performance.now() - fromMs) / 1000
    expect(egress.words.match(/egress-connected/g)?.length).toBeGreaterThan(4)
    expect(recordsIn(broker.heard())).toBeGreaterThan(100)
    expect(recordsIn(broker.heard())).toBeLessThan(100 * (seconds + 2))
  })
})
