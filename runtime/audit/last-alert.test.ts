import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LedgerHandle } from './ledger.ts'
import {
  decisionEvidence,
  feedbackEvidence,
  type LogSite,
  makeSite,
  openSite,
  removeSite,
} from './testkit/ledger-fixture.ts'

let site: LogSite
let ledger: LedgerHandle
let count = 0

beforeEach(async () => {
  site = await makeSite()
  ledger = (await openSite(site)).ledger
})
afterEach(async () => {
  await ledger.close()
  removeSite(site)
})

async function decided(subject: string, changes: Readonly<Record<string, string>>): Promise<void> {
  count += 1
  const { leaf, ...rest } = decisionEvidence(`d${count}`, subject)
  await ledger.commit({ ...rest, leaf: { ...leaf, alert: 'no', ...changes } })
}

const last = (subject: string, model = 'test-model') =>
  ledger.store.lastAlert(ledger.subjects.open(subject).pseudonym, model)?.alert

describe('the last alert of a subject', () => {
  test('is that of the newest scored decision of the model, whatever else was recorded', async () => {
    expect(last('patient-1')).toBeUndefined()
    await decided('patient-1', { alert: 'yes' })
    await decided('patient-1', { outcome: 'input_stale' })
    await decided('patient-1', { model: 'other' })
    await decided('patient-2', {})
    await ledger.commit(feedbackEvidence(`f${count}`, 'd1', 'patient-1'))
    expect([last('patient-1'), last('patient-1', 'other'), last('patient-2'), last('patient-3')]).toEqual([
      ...[true, false, false, undefined],
    ])
    await decided('patient-1', {})
    expect(last('patient-1')).toBe(false)
  })

  test('is there after a restart, with its moment', async () => {
    await decided('patient-1', { alert: 'yes' })
    await ledger.close()
    ledger = (await openSite(site)).ledger
    expect(last('patient-1')).toBe(true)
    const found = ledger.store.lastAlert(ledger.subjects.open('patient-1').pseudonym, 'test-model')
    expect(Date.parse(found?.at ?? '')).toBeGreaterThan(Date.UTC(2025, 0, 1))
  })

  test('is looked for among the last 2,048 decisions, more than a subject has while a result is valid', async () => {
    await decided('patient-1', { alert: 'yes' })
    await Promise.all(Array.from({ length: 2047 }, () => decided('patient-1', { model: 'other' })))
    expect(last('patient-1')).toBe(true)
    await decided('patient-1', { model: 'other' })
    expect(last('patient-1')).toBeUndefined()
  })
})
