import { askedRows, type DemoPatient, decisionBody } from '../demo/cases.ts'
import type { ApiClient } from '../demo/client.ts'
import { DemoError } from '../demo/errors.ts'
import type { SeededRandom } from '../models/synthetic/seeded-random.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'

/** Where an answer said its evidence stands: what must be in the log whatever happened afterwards. */
export interface Acknowledged {
  readonly leafIndex: number
  readonly leafHash: string
}

export interface LoadResult {
  readonly acknowledged: readonly Acknowledged[]
  /** Requests by what became of them: a status, or `cut off` where the connection went. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Answers that no kill explains. */
  readonly unexpected: readonly string[]
}

export interface Load {
  stop(): Promise<LoadResult>
}

export interface LoadOptions {
  readonly bedside: ApiClient
  readonly clinician: ApiClient
  readonly engineer: ApiClient
  readonly models: readonly ModelSummary[]
  readonly patients: readonly DemoPatient[]
  readonly random: SeededRandom
  readonly lanes: number
}

const PAUSE_WHEN_AWAY_MS = 50
/** 422: a refusal, recorded like a result; 502 and 503: its worker was killed, the model loads again; 429: the share of one client. */
const EXPECTED = new Set([200, 422, 429, 502, 503])
const EXPECTED_OF_NONSENSE = new Set([400, 422, 429, 503])

/** Bedside decisions above all; between them words of clinicians, readings, health, and requests that make no sense. */
export function startLoad(options: LoadOptions): Load {
  const acknowledged: Acknowledged[] = []
  const outcomes: Record<string, number> = {}
  const unexpected: string[] = []
  let lastDecision = ''
  let isStopping = false
  const count = (what: string) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1
  }
  const settle = (kind: string, status: number, body: unknown, expected: ReadonlySet<number>) => {
    count(`${kind} ${status}`)
    if (!expected.has(status)) unexpected.push(`${kind}: ${status} ${JSON.stringify(body).slice(0, 200)}`)
    const audit = (body as { audit?: Acknowledged } | null)?.audit
    if (audit !== undefined) acknowledged.push(audit)
  }
  const turn = async () => {
    const draw = options.random.uniform()
    if (draw < 0.78 || lastDecision === '') {
      const { status, body } = await options.bedside.post('/v1/decisions', drawnBody(options))
      settle('decision', status, body, EXPECTED)
      if (status === 200) lastDecision = (body as DecisionAnswer).decision.decisionId
    } else if (draw < 0.86) {
      const word = { verdict: options.random.uniform() < 0.5 ? 'accept' : 'override', reason: 'soak' }
      const { status, body } = await options.clinician.post(`/v1/decisions/${lastDecision}/feedback`, word)
      settle('feedback', status, body, EXPECTED)
    } else if (draw < 0.92) {
      const { status, body } = await options.clinician.get(`/v1/decisions/${lastDecision}`)
      settle('read', status, body, EXPECTED)
    } else if (draw < 0.96) {
      const { status, body } = await options.engineer.get('/v1/health')
      settle('health', status, body, EXPECTED)
    } else {
      const { status, body } = await options.bedside.post('/v1/decisions', { model: 'news2', subject: 7, inputs: [] })
      settle('nonsense', status, body, EXPECTED_OF_NONSENSE)
    }
  }
  const lane = async () => {
    while (!isStopping) {
      try {
        await turn()
      } catch (error) {
        if (!(error instanceof DemoError)) throw error
        count('cut off')
        await new Promise((resolve) => setTimeout(resolve, PAUSE_WHEN_AWAY_MS))
      }
    }
  }
  const lanes = Promise.all(Array.from({ length: options.lanes }, lane))
  lanes.catch(() => {}) // stop() tells
  return {
    stop: async () => {
      isStopping = true
      await lanes
      return { acknowledged, outcomes, unexpected }
    },
  }
}

function drawnBody({ patients, models, random }: LoadOptions): unknown {
  const patient = patients[random.integer(patients.length)]
  const model = models[random.integer(models.length)]
  if (patient === undefined || model === undefined) return {}
  const rows = askedRows(patient.rows.length)
  return decisionBody(patient, rows[random.integer(rows.length)] ?? 0, model, Date.now())
}
