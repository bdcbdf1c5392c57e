import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { guard } from '../../models/contract/guard.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import { contractSchema } from '../../models/contract/schema.ts'
import { matchInputs, observationsOfHour } from '../../models/icu-stays/observations.ts'
import { sharedData } from '../shared-data.ts'
import { type ExpectedPatient, expectedPatients, sepsydDraft, sepsydManifest } from '../testkit/sepsyd/package.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'

const FEATURES = 720
const NOW_MS = Date.UTC(2024, 0, 15, 12)
const contract = contractSchema.parse(sepsydManifest.contract)
const matched = matchInputs(contract)

test('the contract of the published model is data alone, and does not contradict itself', () => {
  expect(() => verifyContract(contract)).not.toThrow()
  expect(matched).toHaveLength(40)
  expect(contract.inputs.every((input) => input.kind === 'quantity' && input.onImplausible === 'flag')).toBe(true)
})

describe.skipIf(!sharedData)('the 20 published patients', () => {
  test('have in every hour the 720 published features, to the last bit', () => {
    let hours = 0
    for (const { name, stay, features } of expectedPatients(sharedData ?? '')) {
      expect(features).toHaveLength(stay.hours.length * FEATURES * 4)
      for (const { hour } of stay.hours) {
        const guarded = guard(observationsOfHour(stay, hour, matched, NOW_MS), contract, NOW_MS)
        const { data, dims } = preprocess(guarded, contract, NOW_MS).features!
        expect(dims).toEqual([1, FEATURES])
        const made = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
        const published = features.subarray(hour * FEATURES * 4, (hour + 1) * FEATURES * 4)
        expect(made.equals(published), `${name}, hour ${hour}`).toBe(true)
        hours += 1
      }
    }
    expect(hours).toBe(1142)
  })

  describe('through the API', () => {
    let site: Site
    let appliance: Appliance
    let client: ApiClient

    beforeAll(async () => {
      site = await makeSite([sepsydDraft(sharedData ?? '')])
      appliance = await startAppliance(site)
      client = clientFor('bedside', site, appliance.url)
    }, 60_000)

    afterAll(async () => {
      client.close()
      await appliance.stop()
      removeSite(site)
    })

    /** The first day hour by hour; later a request is long, and every eighth hour is asked for. The features above are of every hour. */
    const isAsked = (hour: number) => hour < 24 || hour % 8 === 0

    /** One patient, hour after hour, each with its whole history, as a sender would ask at that hour. */
    async function worst(patient: ExpectedPatient): Promise<number> {
      let largest = 0
      for (const { hour } of patient.stay.hours.filter((row) => isAsked(row.hour))) {
        const sent = observationsOfHour(patient.stay, hour, matched, Date.now())
        const inputs = Object.entries(sent).map(([name, list]) => [
          name,
          list.map(({ value, unit, atMs }) => ({ value, unit, at: new Date(atMs).toISOString() })),
        ])
        const { status, body } = await client.post('/v1/decisions', {
          model: 'sepsyd',
          subject: patient.name,
          purpose: 'quality',
          inputs: Object.fromEntries(inputs),
        })
        expect(status, `${patient.name}, hour ${hour}: ${JSON.stringify(body).slice(0, 300)}`).toBe(200)
        const { assessment } = (body as { decision: { assessment: Assessed } }).decision
        const score = assessment.outputs.sepsis?.values[0] ?? Number.NaN
        expect(assessment.alert).toBe(score >= 0.5)
        largest = Math.max(largest, Math.abs(score - (patient.scores[hour] ?? Number.NaN)))
      }
      return largest
    }

    test('have the published score, to 1e-6', async () => {
      const patients = expectedPatients(sharedData ?? '')
      const largest = await Promise.all(patients.map(worst))
      expect(patients).toHaveLength(20)
      expect(Math.max(...largest)).toBeLessThanOrEqual(1e-6)
    }, 60_000)
  })
})

interface Assessed {
  readonly alert: boolean
  readonly outputs: Readonly<Record<string, { readonly values: readonly number[] }>>
}
