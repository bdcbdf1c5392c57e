import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { stayColumns } from '../../models/icu-stays/columns.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import { modelStore, releaseFolder } from '../../models/store/layout.ts'
import { readSlotPointer } from '../../models/store/pointer.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import { sharedData } from '../shared-data.ts'
import { type ExpectedPatient, expectedPatients, sepsydDraft } from '../testkit/sepsyd/package.ts'
import { makeSite, removeSite } from './appliance.ts'

const ENTRY = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'wardstone-score-'))
const data = join(folder, 'stays')
let site: Site

/** Made-up stays: vital signs every hour, a laboratory value now and then; every third falls ill and shows it. */
function writeStays(): void {
  mkdirSync(data)
  const random = seededRandom(3)
  const header = [...stayColumns.map(({ column }) => column), 'SepsisLabel'].join('|')
  for (let stay = 0; stay < 6; stay++) {
    const lines = Array.from({ length: 14 + stay }, (_, hour) => {
      const isIll = stay % 3 === 0 && hour >= 6
      const shown: Readonly<Record<string, number>> = {
        ...{ HR: (isIll ? 118 : 78) + random.integer(9), O2Sat: 96, Temp: isIll ? 38.9 : 36.8, SBP: isIll ? 92 : 124 },
        ...{
          MAP: isIll ? 61 : 84,
          DBP: 60,
          Resp: isIll ? 27 : 15,
          Age: 50 + stay,
          Gender: stay % 2,
          Unit1: 1,
          Unit2: 0,
        },
        ...{ HospAdmTime: -1, ICULOS: hour + 1 },
        ...(hour % 6 === 0
          ? { Lactate: isIll ? 4 : 1.2, WBC: isIll ? 19 : 8, Creatinine: 1, Platelets: 210, BUN: 15 }
          : {}),
      }
      return [...stayColumns.map(({ column }) => shown[column] ?? 'NaN'), isIll ? 1 : 0].join('|')
    })
    writeFileSync(join(data, `made-up-${stay}.psv`), `${[header, ...lines].join('\n')}\n`)
  }
}

async function score(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [ENTRY, 'model', 'score', ...args, '--site', site.root])
  const said = { out: '', err: '' }
  child.stdout.on('data', (part: Buffer) => (said.out += part.toString('utf8')))
  child.stderr.on('data', (part: Buffer) => (said.err += part.toString('utf8')))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...said }
}

beforeAll(async () => {
  writeStays()
  site = await makeSite([sepsisRiskDraft(), ...(sharedData === undefined ? [] : [sepsydDraft(sharedData)])])
}, 60_000)

afterAll(() => {
  removeSite(site)
  rmSync(folder, { recursive: true, force: true })
})

describe('wardstone model score', () => {
  test('measures the model of a slot on stays of a folder, and says how far it is', async () => {
    const { code, out, err } = await score('sepsis-risk', '--data', data, '--draws', '20')
    expect(code, err).toBe(0)
    expect(out).toMatch(/^sepsis-risk \d/)
    expect(out).toContain('6 stays (2 septic, 99 hours)')
    expect(out).toMatch(/Utility .* +-?\d+\.\d{3}/)
    expect(err).toContain('6 of 6 stays, 99 hours')
  }, 60_000)

  test('speaks JSON, of the same figures for the same seed', async () => {
    const args = ['sepsis-risk', '--data', data, '--draws', '20', '--json', '--stays', '4', '--alert-at', '0.02']
    const [first, second] = [await score(...args), await score(...args)]
    expect(first.code, first.err).toBe(0)
    expect(second.out).toBe(first.out)
    const measured = JSON.parse(first.out)
    expect(measured).toMatchObject({ model: 'sepsis-risk', stays: 4, septicStays: 2, threshold: { alertAt: 0.02 } })
    expect(measured.figures.auroc.value).toBeGreaterThan(0)
    expect(measured.figures.hoursAnswered.value).toBeGreaterThan(0.5)
  }, 60_000)

  test('opens a release where it lies in the store, and refuses it when a byte is changed', async () => {
    const store = modelStore(site.path('store'))
    const release = releaseFolder(store, readSlotPointer(store, 'sepsis-risk').active)
    const whole = await score(release, '--data', data, '--stays', '1', '--draws', '0', '--json')
    expect(whole.code, whole.err).toBe(0)
    const copy = join(folder, 'release')
    cpSync(release, copy, { recursive: true })
    cpSync(store.image, join(copy, 'image.json'))
    const bytes = readFileSync(join(copy, 'package.wspkg'))
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(join(copy, 'package.wspkg'), bytes)
    const changed = await score(copy, '--data', data)
    expect(changed.code).toBe(1)
    expect(changed.err).toMatch(/\[package_\w+\]/)
  }, 60_000)

  test.each([
    [2, ['sepsis-risk'], /^Usage/],
    [2, ['sepsis-risk', '--data', '.', '--stays', '0'], /^Usage/],
    [2, ['sepsis-risk', '--data', '.', '--alert-at', 'often'], /^Usage/],
    [1, ['nobody', '--data', '.'], /\[store_\w+\]/],
    [1, ['sepsis-risk', '--data', '/nowhere'], /\[stays_unreadable\]/],
  ])('ends with %s for %j', async (code, args, words) => {
    const ended = await score(...args)
    expect(ended.err).toMatch(words)
    expect(ended.code).toBe(code)
  })

  test('names the file in which something is wrong', async () => {
    const broken = join(folder, 'broken')
    mkdirSync(broken)
    writeFileSync(join(broken, 'p7.psv'), 'HR|SepsisLabel\n80|0\nmany|0\n')
    const { code, out } = await score('sepsis-risk', '--data', broken, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'stay_malformed', about: 'p7, line 3' } })
  })
})

/** The challenge's rule in other words than the product's: a table of what an alarm and a silence are worth at each hour. */
function utilityByTable(
  patients: readonly (readonly [scores: readonly number[], labels: readonly number[]])[],
): number {
  const alarm = [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 8 / 9, 7 / 9, 6 / 9, 5 / 9, 4 / 9, 3 / 9, 2 / 9, 1 / 9, 0]
  const silence = [0, 0, 0, 0, 0, 0, 0, -2 / 9, -4 / 9, -6 / 9, -8 / 9, -10 / 9, -12 / 9, -14 / 9, -16 / 9, -2]
  let [made, best, never] = [0, 0, 0]
  for (const [scores, labels] of patients) {
    const first = labels.indexOf(1)
    scores.forEach((found, hour) => {
      const place = first < 0 ? -1 : hour - first + 6
      const ifAlarm = place < 0 ? -0.05 : (alarm[place] ?? 0)
      const ifSilent = place < 0 ? 0 : (silence[place] ?? 0)
      made += found >= 0.5 ? ifAlarm : ifSilent
      never += ifSilent
      best += Math.max(ifAlarm, ifSilent)
    })
  }
  return (made - never) / (best - never)
}

/** Every pair of an hour with the label and one without: which has the higher score? */
function aurocByPairs(pairs: readonly (readonly [score: number, label: number])[]): number {
  const of = (wanted: number) => pairs.filter(([, label]) => label === wanted).map(([found]) => found)
  const [ill, well] = [of(1), of(0)]
  let won = 0
  for (const high of ill) for (const low of well) won += high > low ? 1 : high === low ? 0.5 : 0
  return won / (ill.length * well.length)
}

describe.skipIf(!sharedData)('the published model on the 20 published patients', () => {
  const labelsOf = ({ text }: ExpectedPatient) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split('|').at(-1)))

  test('has the utility and AUROC that its published scores have', async () => {
    const patients = expectedPatients(sharedData ?? '')
    const twenty = join(folder, 'twenty')
    mkdirSync(twenty)
    for (const { name, text } of patients) writeFileSync(join(twenty, `${name}.psv`), text)
    const { code, out, err } = await score('sepsyd', '--data', twenty, '--json')
    expect(code, err).toBe(0)
    const { figures, ...measured } = JSON.parse(out)
    expect(measured).toMatchObject({ model: 'sepsyd', stays: 20, hours: 1142, refusals: {} })
    const published = patients.map((patient) => [patient.scores, labelsOf(patient)] as const)
    expect(published.some(([, labels]) => labels.includes(1))).toBe(true)
    expect(figures.utility.value).toBeCloseTo(utilityByTable(published), 9)
    const hours = published.flatMap(([scores, labels]) =>
      scores.map((found, hour) => [found, labels[hour] ?? 0] as const),
    )
    expect(figures.auroc.value).toBeCloseTo(aurocByPairs(hours), 6)
    for (const [name, { value }] of Object.entries<{ value: unknown }>(figures))
      expect(value, name).toBeTypeOf('number')
  }, 60_000)
})
