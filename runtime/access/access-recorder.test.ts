import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../device/platform/log.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import type { AuditPosition, Evidence, Ledger } from '../audit/types.ts'
import { type AccessRecorder, createAccessRecorder } from './access-recorder.ts'
import type { Principal } from './principal.ts'

class TestLedger implements Ledger {
  readonly leaves: Evidence['leaf'][] = []
  isBroken = false

  async commit({ leaf }: Evidence): Promise<AuditPosition> {
    await Promise.resolve()
    if (this.isBroken) throw new TypeError('disk')
    this.leaves.push(leaf)
    return { origin: 'test', leafIndex: 0, leafHash: '' }
  }
}

const events: string[] = []
const note = (event: string) => void events.push(event)
const log: Log = { debug: note, info: note, warn: note, error: note }
const recorders: AccessRecorder[] = []
afterEach(() => Promise.all(recorders.map((recorder) => recorder.close())))

function setUp() {
  const ledger = new TestLedger()
  const clock = new FakeClock()
  const recorder = createAccessRecorder({ ledger, clock, log })
  recorders.push(recorder)
  return { ledger, clock, recorder }
}

const client = (clientId: string): Principal => ({ clientId, role: 'engineer', fingerprint: '00', strength: 'mtls' })
const access = (clientId: string, route = '/v1/health') => ({ principal: client(clientId), route })
const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('refusals', () => {
  it('are one leaf each, up to 30 per client and minute, then counted', async () => {
    const { ledger, clock, recorder } = setUp()
    for (let count = 0; count < 35; count += 1) recorder.refused(access('e-1', '/v1/decisions'), 'access_denied')
    recorder.refused(access('e-2', '/v1/decisions'), 'access_denied')
    await settle()
    expect(ledger.leaves.length).toBe(31)
    expect(ledger.leaves[0]).toEqual({
      kind: 'refused',
      code: 'access_denied',
      client: 'e-1',
      role: 'engineer',
      route: '/v1/decisions',
    })
    clock.advance(60_000)
    recorder.refused(access('e-1', '/v1/decisions'), 'access_denied')
    await recorder.close()
    expect(ledger.leaves.filter((leaf) => leaf.kind === 'refused').length).toBe(32)
    const [counted] = ledger.leaves.filter((leaf) => leaf.kind === 'counted')
    expect(counted).toMatchObject({ client: 'e-1', refused: 'access_denied', count: 5, minute: '2026-01-01T00:00Z' })
  })

  it('of nobody in particular stand under anonymous', async () => {
    const { ledger, recorder } = setUp()
    recorder.refused({ principal: undefined, route: '/v1/models' }, 'access_unauthenticated')
    await recorder.close()
    expect(ledger.leaves[0]).toMatchObject({ client: 'anonymous', role: 'none' })
  })

  it('that cannot be written are counted until they can', async () => {
    const { ledger, clock, recorder } = setUp()
    ledger.isBroken = true
    recorder.refused(access('e-1'), 'access_denied')
    await settle()
    clock.advance(60_000)
    await recorder.flush()
    expect(ledger.leaves).toEqual([])
    ledger.isBroken = false
    await recorder.flush()
    expect(ledger.leaves).toEqual([expect.objectContaining({ kind: 'counted', refused: 'access_denied', count: 1 })])
    expect(events).toContain('access-evidence-not-written')
  })
})

describe('counts', () => {
  it('are one leaf per client, route, minute and code', async () => {
    const { ledger, clock, recorder } = setUp()
    for (let count = 0; count < 7; count += 1) recorder.counted(access('m-1'))
    recorder.counted(access('m-2'))
    recorder.counted(access('m-1', '/v1/models'))
    recorder.counted(access('m-1'), 'request_malformed')
    await recorder.flush()
    expect(ledger.leaves, 'the minute still runs').toEqual([])
    clock.advance(60_000)
    recorder.counted(access('m-1'))
    await recorder.flush()
    expect(ledger.leaves.map(({ client, route, count, refused }) => [client, route, count, refused])).toEqual([
      ['m-1', '/v1/health', 7, undefined],
      ['m-2', '/v1/health', 1, undefined],
      ['m-1', '/v1/models', 1, undefined],
      ['m-1', '/v1/health', 1, 'request_malformed'],
    ])
    await recorder.close()
    expect(ledger.leaves.length).toBe(5)
    expect(ledger.leaves[4]).toMatchObject({ minute: '2026-01-01T00:01Z', count: 1 })
  })

  it('survive a clock that jumps back', async () => {
    const { ledger, clock, recorder } = setUp()
    recorder.counted(access('m-1'))
    clock.jumpMs(-3_600_000)
    recorder.counted(access('m-1'))
    await recorder.close()
    expect(ledger.leaves.reduce((sum, leaf) => sum + Number(leaf.count), 0)).toBe(2)
  })

  it('keep their number, not their names, when there are too many', async () => {
    const { ledger, recorder } = setUp()
    for (let count = 0; count < 5000; count += 1) recorder.counted(access(`m-${count}`))
    await recorder.close()
    expect(ledger.leaves.length).toBe(4097)
    expect(ledger.leaves.at(-1)).toMatchObject({ client: '(others)', count: 904 })
  })

  it('are not lost or doubled when two flushes meet', async () => {
    const { ledger, clock, recorder } = setUp()
    for (let count = 0; count < 10; count += 1) recorder.counted(access(`m-${count}`))
    clock.advance(60_000)
    await Promise.all([recorder.flush(), recorder.flush(true), recorder.close()])
    expect(ledger.leaves.length).toBe(10)
  })
})
