import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import type { ActiveModel, Decision, DecisionRequest } from '../decisions/types.ts'
import { examples } from '../http/openapi-examples.ts'
import { readImage } from '../http/testkit/uploads.ts'
import { decisionCreateCommand } from './decision-create-command.ts'
import { decisionFeedbackCommand } from './decision-feedback-command.ts'
import { decisionOutputCommand } from './decision-output-command.ts'
import { deviceStatusCommand } from './device-status-command.ts'
import { modelShowCommand } from './model-show-command.ts'
import { statusCommand } from './status-command.ts'
import { BoxFixture } from './testkit/box-fixture.ts'
import { watchCommand } from './watch-command.ts'

const ID = '0f8c1e52-6f0e-4f5b-9d3c-2b7a51c0e9d4'
const PATIENT = 'CANARY-7 Nuñez'
let box: BoxFixture
let files: Readonly<Record<'bedside' | 'clinician' | 'engineer' | 'officer', string>>

beforeAll(async () => {
  box = await BoxFixture.start()
  files = {
    bedside: await box.clientFile('bedside'),
    clinician: await box.clientFile('clinician'),
    engineer: await box.clientFile('engineer'),
    officer: await box.clientFile('officer'),
  }
  box.write('patient.txt', `${PATIENT}\n`)
  box.write('vitals.json', '{"respiratory-rate":{"value":21,"unit":"/min"}}')
})
afterAll(() => box?.close())
beforeEach(() => {
  box.server.decisions.onHealth = () => examples.HealthAnswer
  box.server.decisions.onDecide = async () => examples.DecisionAnswer
})

const as = (role: keyof typeof files, ...args: string[]) => [...args, '--client', files[role]]

describe('wardstone status', () => {
  const status = (...args: string[]) => box.run(statusCommand, as('engineer', ...args))
  const health = (change: object) => {
    box.server.decisions.onHealth = () => ({ ...examples.HealthAnswer, ...change })
  }

  it('says first whether the box is fit, and the code is that answer', async () => {
    health({ alarms: [] })
    expect(await status()).toMatchObject({ code: 0, out: expect.stringMatching(/^FIT FOR USE\n/) })
    health({ status: 'degraded', alarms: [] })
    expect(await status()).toMatchObject({ code: 10, out: expect.stringMatching(/^FIT FOR USE, WITH FAULTS\n/) })
    health({ status: 'unavailable', models: [] })
    expect(await status()).toMatchObject({
      code: 11,
      out: expect.stringMatching(/^NOT FIT FOR USE\n[\s\S]*No model is installed\./),
    })
  })

  it('judges as the page Now does: an alarm that limits is a fault, one to see to soon is none', async () => {
    const [alarm] = examples.HealthAnswer.alarms
    health({ alarms: [{ ...alarm, severity: 'watch' }] })
    expect((await status()).code).toBe(0)
    for (const severity of ['limit', 'stop']) {
      health({ alarms: [{ ...alarm, severity }] })
      const { code, out } = await status()
      expect([code, out.split('\n', 1)]).toEqual([10, ['FIT FOR USE, WITH FAULTS']])
    }
  })

  it('counts a model among those that decide when the next request loads it', async () => {
    health({ models: examples.HealthAnswer.models.map((model) => ({ ...model, state: 'unloaded' })) })
    expect((await status()).out).toContain('1 of 1 model decides.')
  })

  it('says why, what to do, and every model', async () => {
    const { out } = await status()
    expect(out).toContain('1 of 1 model decides.')
    expect(out).toContain('  limit  Swap is on: /dev/sda2')
    expect(out).toContain('         What to do: Switch it off.\n')
    expect(out).toMatch(/^ {2}news2 .* 1\.0\.0 .* ready .* cpu .* 0 .* advisory$/m)
    health({ alarms: [] })
    expect((await status()).out).toContain('Nothing needs attention.')
  })

  it('is one object for a program', async () => {
    const { code, out } = await status('--json')
    expect([code, JSON.parse(out)]).toEqual([
      10,
      {
        verdict: 'fit for use, with faults',
        url: box.url,
        health: examples.HealthAnswer,
        models: examples.ModelsAnswer.models,
      },
    ])
  })
})

describe('wardstone watch', () => {
  const decide = (number: number, over: Partial<Decision> = {}) => {
    const { decision } = examples.DecisionAnswer
    const model = { slot: 'news2', manifest: { display: 'NEWS2', version: '1.0.0', clinicalStatus: 'advisory' } }
    const marked = { ...decision, subjectPseudonym: `P-MARK-${number}`, narrative: `Narrative ${number}`, ...over }
    box.server.live.add(marked, model as unknown as ActiveModel)
  }

  it('shows a clinician whose each decision is and what is said of it; an engineer how it went, and no more', async () => {
    decide(1)
    decide(2, { assessment: { ...examples.DecisionAnswer.decision.assessment!, alert: true } })
    const { refusal } = examples.RefusedAnswer.decision
    decide(3, { outcome: 'refused', refusal, assessment: null })
    const clinician = await box.run(watchCommand, as('clinician', '--count', '3'))
    expect(clinician).toMatchObject({ code: 0, err: '' })
    for (const word of [
      'P-MARK-1',
      'Narrative 2',
      ID,
      'NEWS2 aggregate 2',
      'ALERT',
      'refused: input_missing (respiratory-rate)',
      '0.7 ms',
    ])
      expect(clinician.out).toContain(word)
    const engineer = await box.run(watchCommand, as('engineer', '--count', '3'))
    expect(engineer.out.match(/^10:15:00 {2}news2 1\.0\.0 .*$/gm)).toHaveLength(3)
    for (const word of ['MARK', 'Narrative', ID, 'aggregate']) expect(engineer.out).not.toContain(word)
  })

  it('is one object a line for a program', async () => {
    const { out } = await box.run(watchCommand, as('clinician', '--count', '2', '--json'))
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toEqual([
      { event: 'health', id: null, data: examples.HealthAnswer },
      { event: 'decision', id: expect.stringMatching(/-1$/), data: expect.objectContaining({ slot: 'news2' }) },
      { event: 'decision', id: expect.stringMatching(/-2$/), data: expect.objectContaining({ alert: true }) },
    ])
  })

  it('ends in order when it is interrupted', async () => {
    const interruption = new AbortController()
    const running = box.run(watchCommand, as('engineer'), { interrupted: interruption.signal })
    setTimeout(() => interruption.abort(), 200)
    expect(await running).toMatchObject({ code: 0, err: '', out: expect.stringContaining('news2') })
  })

  it.each([['--count', '0'], ['--count', 'all'], ['me'], ['--loud']])('refuses %j %j', async (...args) => {
    expect(await box.run(watchCommand, as('engineer', ...args))).toMatchObject({ code: 2, out: '' })
  })

  it('a bedside device may not', async () => {
    const said = await box.run(watchCommand, as('bedside'))
    expect(said).toMatchObject({ code: 1, out: '', err: expect.stringContaining('[access_denied]') })
    expect(said.err).toContain('What to do: use the certificate of a role that may do this')
  })
})

describe('wardstone decision create', () => {
  const create = (...args: string[]) => box.run(decisionCreateCommand, as('clinician', ...args))
  const asked = (): DecisionRequest => box.server.decisions.requests.at(-1)!
  const subject = () => {
    const { subject: said } = asked()
    return said === undefined ? undefined : Phi.reveal(said)
  }

  it('asks with inputs, and shows the result first and its place in the log', async () => {
    const { code, out, err } = await create(
      'news2',
      '--inputs',
      box.at('vitals.json'),
      '--subject-file',
      box.at('patient.txt'),
    )
    expect([code, err]).toEqual([0, ''])
    expect(asked()).toMatchObject({
      model: 'news2',
      purpose: 'treatment',
      inputs: { 'respiratory-rate': [{ value: 21, unit: '/min' }] },
    })
    expect(subject()).toBe(PATIENT)
    expect(out).toMatch(/^Scored, no alert\nNEWS2 aggregate 2\. Respiratory rate contributed to the score\.\n/)
    for (const text of [
      `decision        ${ID}`,
      'leaf 41',
      'valid until     2026-01-05T11:15:00.000Z',
      '+2  ++++',
      'Advisory. The clinician decides.',
    ])
      expect(out).toContain(text)
    expect(out).not.toContain('CANARY')
  })

  it('takes the patient from standard input, and gives the answer to a program', async () => {
    const readInput = () => Promise.resolve(Buffer.from(`${PATIENT}\n`))
    const args = ['news2', '--inputs', box.at('vitals.json'), '--subject-stdin', '--purpose', 'quality', '--json']
    const { code, out } = await box.run(decisionCreateCommand, as('bedside', ...args), { readInput })
    expect([code, JSON.parse(out), subject(), asked().purpose]).toEqual([
      0,
      examples.DecisionAnswer,
      PATIENT,
      'quality',
    ])
  })

  it('a refusal that is on record is an answer with a code of its own', async () => {
    box.server.decisions.onDecide = async () => examples.RefusedAnswer
    const args = ['news2', '--inputs', box.at('vitals.json'), '--subject-file', box.at('patient.txt')]
    expect(await create(...args)).toMatchObject({
      code: 11,
      err: '',
      out: expect.stringMatching(/^REFUSED: .*\(respiratory-rate\) \[input_missing]\n/),
    })
    expect(JSON.parse((await create(...args, '--json')).out)).toMatchObject({ decision: { outcome: 'refused' } })
  })

  it('sends an image byte for byte, also a folder, without the names of its files', async () => {
    let came: Buffer[] = []
    box.server.decisions.onDecide = async (request) => {
      came = await readImage(request.image)
      return examples.DecisionAnswer
    }
    const one = Buffer.alloc(3_000_000, 'DICM')
    box.write('CANARY.dcm', one)
    expect(await create('chest-qc', '--image', box.at('CANARY.dcm'), '--inputs', box.at('vitals.json'))).toMatchObject({
      code: 0,
      err: '',
    })
    expect(came.map((file) => file.equals(one))).toEqual([true])
    expect([subject(), Object.keys(asked().inputs)]).toEqual([undefined, ['respiratory-rate']])
    mkdirSync(box.at('series'))
    for (const name of ['a', 'b', 'c']) box.write(`series/${name}`, name.repeat(10))
    const { code, err } = await box.run(decisionCreateCommand, as('clinician', 'brain', '--image', box.at('series')), {
      isTTY: true,
    })
    expect(code).toBe(0)
    expect(came.map(String).sort()).toEqual(['a'.repeat(10), 'b'.repeat(10), 'c'.repeat(10)])
    expect(err).toMatch(/\rsending 0\.0 kB \(\d+ %\)/)
    expect(err.endsWith('\r\u001b[K')).toBe(true)
    expect(box.server.logLines.join('')).not.toContain('CANARY')
  })

  it.each([
    ['no model', ['--inputs', 'x'], 2, 'name one model'],
    ['no inputs', ['news2'], 2, '--inputs or --image is needed'],
    ['no patient', ['news2', '--inputs', 'vitals.json'], 2, '--subject-file or --subject-stdin is needed'],
    ['another purpose', ['news2', '--image', 'x', '--purpose', 'fun'], 2, '--purpose takes'],
    ['a patient as an argument', ['news2', '--inputs', 'vitals.json', '--subject', 'Ann'], 2, 'Usage:'],
    [
      'inputs that are not there',
      ['news2', '--inputs', 'gone.json', '--subject-file', 'patient.txt'],
      20,
      'gone.json: ENOENT',
    ],
    [
      'inputs that are no JSON',
      ['news2', '--inputs', 'patient.txt', '--subject-file', 'patient.txt'],
      20,
      '[client_file_malformed]',
    ],
    [
      'inputs that are a list',
      ['news2', '--inputs', 'list.json', '--subject-file', 'patient.txt'],
      20,
      '[client_file_malformed]',
    ],
    ['an image that is not there', ['news2', '--image', 'gone.dcm'], 20, 'gone.dcm: ENOENT'],
    ['an empty folder', ['news2', '--image', 'empty'], 20, 'no files in it'],
    ['a device', ['news2', '--image', '/dev/zero'], 20, 'not a file or a folder'],
    ['two patients', ['news2', '--image', 'x', '--subject-file', 'two.txt'], 20, 'one line of text'],
  ])('%s: says so and asks nobody', async (_, args, code, text) => {
    box.write('list.json', '[]')
    box.write('two.txt', 'Ann\nBob\n')
    mkdirSync(box.at('empty'), { recursive: true })
    const before = box.server.decisions.requests.length
    const placed = args.map((arg) => (/\.(json|txt|dcm)$|^empty$/.test(arg) ? box.at(arg) : arg))
    const said = await create(...placed)
    expect(said).toMatchObject({ code, out: '', err: expect.stringContaining(text) })
    expect(box.server.decisions.requests.length).toBe(before)
  })
})

describe('wardstone decision feedback', () => {
  const readInput = () => Promise.resolve(Buffer.from('Counted during physiotherapy.\n'))
  it('records the words of a clinician, from standard input or an option', async () => {
    const said = await box.run(decisionFeedbackCommand, as('clinician', ID, '--override', '--reason-stdin'), {
      readInput,
    })
    expect(said).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^Recorded as leaf \d+: the decision is overridden\.\n$/),
    })
    expect(box.server.decisions.feedback.at(-1)).toEqual({
      verdict: 'override',
      reason: 'Counted during physiotherapy.',
    })
    const json = await box.run(decisionFeedbackCommand, as('clinician', ID, '--accept', '--reason', 'Seen.', '--json'))
    expect(JSON.parse(json.out)).toEqual(examples.FeedbackAnswer)
    expect(box.server.decisions.feedback.at(-1)).toEqual({ verdict: 'accept', reason: 'Seen.' })
  })

  it.each([
    [[ID, '--reason', 'x']],
    [[ID, '--accept', '--override', '--reason', 'x']],
    [[ID, '--accept']],
    [[ID, '--accept', '--reason', 'x', '--reason-stdin']],
    [['../x', '--accept', '--reason', 'x']],
  ])('refuses %j', async (args) => {
    expect(await box.run(decisionFeedbackCommand, as('clinician', ...args))).toMatchObject({ code: 2, out: '' })
  })

  it('an officer may not', async () => {
    expect(await box.run(decisionFeedbackCommand, as('officer', ID, '--accept', '--reason', 'x'))).toMatchObject({
      code: 1,
    })
  })
})

describe('wardstone decision output', () => {
  it('saves the labels in a new file of its owner alone, and nothing over another', async () => {
    const file = box.at('labels.nii.gz')
    const said = await box.run(decisionOutputCommand, as('clinician', ID, 'tissue', '--output', file))
    expect(said).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`to ${file}`) })
    expect([...readFileSync(file).subarray(0, 2), statSync(file).mode & 0o777]).toEqual([0x1f, 0x8b, 0o600])
    const before = readFileSync(file)
    expect(await box.run(decisionOutputCommand, as('clinician', ID, 'tissue', '--output', file))).toMatchObject({
      code: 20,
      err: expect.stringContaining('EEXIST'),
    })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('leaves no file behind a refusal', async () => {
    const file = box.at('never')
    expect(await box.run(decisionOutputCommand, as('engineer', ID, '--image', '--output', file))).toMatchObject({
      code: 1,
    })
    expect(existsSync(file)).toBe(false)
    expect(await box.run(decisionOutputCommand, as('clinician', ID, '--output', file))).toMatchObject({ code: 2 })
    expect(await box.run(decisionOutputCommand, as('clinician', ID, '../x', '--output', file))).toMatchObject({
      code: 2,
    })
  })
})

describe('wardstone model show and device status', () => {
  it('show what the box says, to a person and to a program', async () => {
    const shown = await box.run(modelShowCommand, as('engineer', 'news2'))
    expect(shown).toMatchObject({ code: 0, err: '' })
    for (const text of ['Worker', 'Self-test on this box', 'isolation', 'package']) expect(shown.out).toContain(text)
    expect(JSON.parse((await box.run(modelShowCommand, as('officer', 'news2', '--json'))).out)).toEqual(
      examples.ModelDetail,
    )
    expect(await box.run(modelShowCommand, as('clinician', 'news2'))).toMatchObject({ code: 1, out: '' })
    const device = await box.run(deviceStatusCommand, as('engineer'))
    expect(device).toMatchObject({ code: 10, err: '' })
    for (const text of ['54.5 °C', 'Swap is on', 'box-1', 'Switch it off.']) expect(device.out).toContain(text)
    expect(JSON.parse((await box.run(deviceStatusCommand, as('engineer', '--json'))).out)).toEqual(
      examples.DeviceAnswer,
    )
  })
})
