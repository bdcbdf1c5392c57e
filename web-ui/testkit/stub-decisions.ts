import type { DecisionRead, LiveDecision, ReadInput } from '../api/answers.ts'
import { cpuProvider, HASHES } from './stub-health.ts'
import { imageRead } from './stub-image.ts'

export const IDS = {
  news2: '11111111-1111-4111-8111-111111111111',
  sepsis: '22222222-2222-4222-8222-222222222222',
  refused: '33333333-3333-4333-8333-333333333333',
  image: '44444444-4444-4444-8444-444444444444',
  pending: '55555555-5555-4555-8555-555555555555',
} as const

/** What an engineer's browser must never have been given. */
export const PSEUDONYMS = ['P-7QX2-M41C', 'P-0N5D-88ZT'] as const

const MINUTE = 60_000
const timings = { guardUs: 210, inferUs: 640, explainUs: 1890, commitUs: 2310, totalUs: 5120 }
const audit = { origin: 'wardstone.example/box-1', leafIndex: 18_440, leafHash: 'f6'.repeat(32) }
const advisory = 'Advisory only: this result supports the judgement of a qualified clinician and does not replace it.'

export const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * MINUTE).toISOString()

function single(
  name: string,
  display: string,
  value: number,
  unit: string,
  sentUnit = unit,
  sentValue = value,
): ReadInput {
  const at = minutesAgo(9)
  return {
    ...{ name, display, kind: 'quantity', unit, range: { low: 0, high: 350 }, labels: null },
    sent: [{ value: sentValue, unit: sentUnit, at }],
    used: [{ value, at }],
    flags: [],
    contribution: name,
  }
}

const newsInputs = (): ReadInput[] => [
  single('respiratory-rate', 'Respiratory rate', 24, '/min'),
  single('spo2', 'Oxygen saturation by pulse oximetry', 93, '%'),
  single('temperature', 'Body temperature', 38.6, 'Cel', '[degF]', 101.5),
  single('heart-rate', 'Pulse rate', 112, '/min'),
  {
    ...single('consciousness', 'Consciousness (ACVPU)', 0, ''),
    ...{ kind: 'code', unit: null, range: null, labels: { A: 'Alert', V: 'Responds to voice' } },
    sent: [{ value: 'A', unit: null, at: minutesAgo(9) }],
    used: [{ value: 'A', at: minutesAgo(9) }],
  },
  {
    ...single('spo2-scale', 'Prescribed SpO2 scale', 0, ''),
    ...{
      kind: 'code',
      unit: null,
      range: null,
      labels: { '1': 'Scale 1' },
      sent: [],
      flags: ['default'],
      contribution: null,
    },
    used: [{ value: '1', at: minutesAgo(0) }],
  },
]

const contribution = (name: string, display: string, value: number) => ({ name, display, value })

/** A score with single inputs, an alert, and feedback. */
export function newsRead(): DecisionRead {
  return {
    decision: {
      decisionId: IDS.news2,
      subjectPseudonym: PSEUDONYMS[0],
      model: { id: 'news2', version: '1.0.0', packageHash: HASHES.news2, clinicalStatus: 'advisory' },
      decidedAt: minutesAgo(4),
      outcome: 'scored',
      refusal: null,
      assessment: {
        outputs: {
          aggregate: { role: 'score', display: 'NEWS2 aggregate score', unit: '{score}', values: [8], label: null },
          points: {
            role: 'contributions',
            display: 'Points of each parameter',
            unit: '{score}',
            values: [2, 2, 1, 2, 0],
            label: null,
          },
          band: {
            role: 'category',
            display: 'Clinical risk band',
            unit: '1',
            values: [4],
            label: {
              code: 'high',
              text: 'High, 7 or more. RCP advises continuous monitoring and an emergency assessment.',
            },
          },
        },
        threshold: { output: 'band', alertAt: 2, clearBelow: 2 },
        alert: true,
      },
      flags: [{ input: 'spo2-scale', flag: 'default' }],
      explanation: {
        method: 'model-output',
        of: 'aggregate',
        contributions: [
          contribution('respiratory-rate', 'Respiratory rate', 2),
          contribution('spo2', 'Oxygen saturation', 2),
          contribution('heart-rate', 'Pulse rate', 2),
          contribution('temperature', 'Body temperature', 1),
          contribution('consciousness', 'Consciousness', 0),
        ],
        baseline: 0,
        residual: 0,
        reason: null,
      },
      narrative:
        'National Early Warning Score 2: NEWS2 aggregate score 8. High, 7 or more. Respiratory rate contributed 2, Oxygen saturation contributed 2, Pulse rate contributed 2 and Body temperature contributed 1 to the score.',
      validUntil: new Date(Date.now() + 56 * MINUTE).toISOString(),
      provider: cpuProvider,
      timings,
      advisory,
    },
    audit,
    explained: null,
    feedback: [
      {
        feedbackId: '66666666-6666-4666-8666-666666666666',
        verdict: 'override',
        reason: 'The rate was counted during physiotherapy.',
        by: 'clinician-2',
        at: minutesAgo(2),
        audit: { ...audit, leafIndex: 18_441 },
      },
    ],
    inputs: newsInputs(),
    contract: { outputs: { aggregate: { range: { low: 0, high: 20 }, labels: null } }, validityMinutes: 60 },
    image: null,
  }
}

/** Twelve hours of values that drift; one of them was set aside. */
function hourly(name: string, display: string, unit: string, from: number, to: number, contributes: string): ReadInput {
  const hours = Array.from({ length: 12 }, (_, index) => 11 - index)
  const values = hours.map((hour, index) => ({
    value:
      Math.round((from + ((to - from) * index) / 11 + Math.sin(index * 1.7) * (Math.abs(to - from) + 2) * 0.12) * 10) /
      10,
    at: minutesAgo(hour * 60 + 12),
  }))
  const odd = { value: Math.round(from * 0.2), unit, at: minutesAgo(5 * 60 + 42) }
  const hasOdd = name === 'heart-rate'
  return {
    ...{ name, display, kind: 'quantity', unit, range: { low: 0, high: 350 }, labels: null, contribution: contributes },
    sent: [...values.map((one) => ({ ...one, unit })), ...(hasOdd ? [odd] : [])].sort((a, b) =>
      a.at.localeCompare(b.at),
    ),
    used: values,
    flags: hasOdd ? ['implausible'] : [],
  }
}

/** A probability over hours of values, with sampled contributions, of a result that no longer holds. */
export function sepsisRead(): DecisionRead {
  const base = newsRead()
  return {
    ...base,
    decision: {
      ...base.decision,
      decisionId: IDS.sepsis,
      subjectPseudonym: PSEUDONYMS[1],
      model: { id: 'sepsis-risk', version: '0.2.0', packageHash: HASHES.sepsis, clinicalStatus: 'research' },
      assessment: {
        outputs: {
          probability: {
            role: 'probability',
            display: 'Probability of sepsis within six hours',
            unit: '1',
            values: [0.0713],
            label: null,
          },
        },
        threshold: { output: 'probability', alertAt: 0.041, clearBelow: 0.03 },
        alert: true,
      },
      flags: [
        { input: 'heart-rate', flag: 'implausible' },
        { input: 'lactate', flag: 'stale' },
      ],
      explanation: {
        method: 'exact-shapley',
        of: 'probability',
        contributions: [
          contribution('breathing', 'Breathing and oxygen', 0.0281),
          contribution('heart-rate', 'Heart rate', 0.0152),
          contribution('temperature', 'Temperature', 0.0114),
          contribution('time-in-hospital', 'Time in hospital', -0.0062),
          contribution('age', 'Age', 0.0021),
        ],
        baseline: 0.0207,
        residual: 1.2e-9,
        reason: null,
      },
      narrative:
        'Risk of sepsis within six hours: Probability of sepsis within six hours 7.1 %. Breathing and oxygen contributed +2.8 percentage points, Heart rate contributed +1.5 percentage points to the score, starting from 2.1 %.',
      validUntil: minutesAgo(35),
    },
    feedback: [],
    inputs: [
      hourly('heart-rate', 'Heart rate', '/min', 88, 121, 'heart-rate'),
      hourly('respiratory-rate', 'Respiratory rate', '/min', 16, 27, 'breathing'),
      hourly('spo2', 'Oxygen saturation', '%', 97, 91, 'breathing'),
      hourly('temperature', 'Temperature', 'Cel', 36.9, 38.8, 'temperature'),
      hourly('mean-pressure', 'Mean arterial pressure', 'mm[Hg]', 82, 64, 'blood-pressure'),
      { ...single('lactate', 'Lactate', 2.4, 'mmol/L'), used: [], flags: ['stale'], contribution: null },
      single('age', 'Age', 67, 'a'),
      { ...single('bilirubin', 'Bilirubin', 0, 'mg/dL'), sent: [], used: [], flags: ['missing'], contribution: null },
    ],
    contract: { outputs: {}, validityMinutes: 60 },
  }
}

/** No decision: an essential input was too old. */
export function refusedRead(): DecisionRead {
  const base = newsRead()
  return {
    ...base,
    decision: {
      ...base.decision,
      decisionId: IDS.refused,
      outcome: 'refused',
      refusal: {
        code: 'input_stale',
        about: 'respiratory-rate',
        message: 'The newest observation is too old to decide on. (respiratory-rate)',
      },
      assessment: null,
      flags: [],
      explanation: null,
      narrative: 'National Early Warning Score 2: no decision: respiratory rate 5 h old, limit 4 h.',
      validUntil: null,
      provider: null,
      timings: { guardUs: 180, commitUs: 2100, totalUs: 2290 },
    },
    feedback: [],
    inputs: newsInputs().map((input) => ({ ...input, used: [], contribution: null })),
  }
}

/** The explanation follows. */
export function pendingRead(isThere: boolean): DecisionRead {
  const base = sepsisRead()
  const { explanation } = base.decision
  const pending = { ...explanation!, method: 'pending' as const, contributions: [], baseline: null, residual: 0 }
  return {
    ...base,
    decision: { ...base.decision, decisionId: IDS.pending, explanation: pending },
    explained: isThere
      ? { explanation: explanation!, at: minutesAgo(3), audit: { ...audit, leafIndex: 18_450 } }
      : null,
  }
}

/** What the box answers for an id. */
export function readOf(id: string, round: number): DecisionRead | undefined {
  if (id === IDS.news2) return newsRead()
  if (id === IDS.sepsis) return sepsisRead()
  if (id === IDS.refused) return refusedRead()
  if (id === IDS.image) return imageRead(newsRead(), IDS.image)
  return id === IDS.pending ? pendingRead(round > 1) : undefined
}

const shortRoles = ['score', 'probability', 'category'] as const

/** Those outputs that are one value. */
function shortOutputs(read: DecisionRead): NonNullable<LiveDecision['read']>['outputs'] {
  const outputs = Object.entries(read.decision.assessment?.outputs ?? {})
  return Object.fromEntries(
    outputs.flatMap(([name, { role, display, unit, values, label }]) => {
      const short = shortRoles.find((each) => each === role)
      return short === undefined ? [] : [[name, { role: short, display, unit, values, label }]]
    }),
  )
}

/** A live event of a decision, with what `read` holds only for those who may read. */
export function liveOf(read: DecisionRead, display: string, mayRead: boolean): LiveDecision {
  const { decision } = read
  const { assessment, model, outcome, refusal, provider, decisionId, subjectPseudonym, narrative, validUntil } =
    decision
  return {
    at: decision.decidedAt,
    slot: model.id,
    display,
    version: model.version,
    clinicalStatus: model.clinicalStatus,
    outcome,
    refusal,
    alert: assessment?.alert ?? null,
    provider: provider?.provider ?? null,
    timings: decision.timings,
    read: mayRead ? { decisionId, subjectPseudonym, narrative, validUntil, outputs: shortOutputs(read) } : null,
  }
}
