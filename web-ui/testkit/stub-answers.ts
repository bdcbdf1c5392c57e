import type { Role } from '../../runtime/access/principal.ts'
import type { Health, Job } from '../api/answers.ts'
import { IDS, liveOf, newsRead, readOf, refusedRead, sepsisRead } from './stub-decisions.ts'
import { emptyHealth, health, models } from './stub-health.ts'
import { imageBytes, imageHeaders, labelBytes } from './stub-image.ts'
import { brainDetail, jobs, newsDetail, store } from './stub-models.ts'
import { stubActions } from './stub-policy.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly content: string | Buffer
}

const json = (body: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  content: JSON.stringify(body),
})

export const refuse = (status: number, code: string, message: string): Answer =>
  json({ error: { code, message, requestId: '0f0f0f0f0f0f0f0f0f0f0f0f' } }, status)

/** What the stub answers, and what it was told. */
export class StubAnswers {
  health: Health = health
  readonly feedback: unknown[] = []
  readonly changes: unknown[] = []
  /** Bytes of each upload, and its first part. */
  readonly uploads: { readonly bytes: number; readonly request: string }[] = []
  #job: Job | undefined
  #round = 0
  #serial = 0

  answer(mode: string, role: Role, method: string, path: string, body: Buffer, type: string): Answer {
    const isEmpty = mode === 'empty'
    if (path === '/v1/whoami') return json({ clientId: `${role}-1`, role, actions: stubActions[role] })
    if (path === '/v1/health') return json(this.#health(mode))
    if (path === '/v1/models')
      return json(isEmpty ? { models: [] } : { models: models.models.map((model) => this.#asChanged(model)) })
    if (path.startsWith('/v1/decisions/')) return this.#decision(mode, method, path, body)
    if (path === '/v1/model-store') return json(isEmpty ? { slots: [], staged: [] } : store)
    if (path.startsWith('/v1/model-jobs')) return this.#jobs(mode, method, path, body, type)
    const detail = [newsDetail, brainDetail].find(({ slot }) => path === `/v1/models/${slot}`)
    return detail === undefined || isEmpty
      ? refuse(404, 'model_unknown', 'There is no model in this slot.')
      : json(detail)
  }

  /** What a stream begins with. */
  firstEvents(mode: string, mayRead: boolean, lastId: string | string[] | undefined): string {
    const hello = `event: hello\ndata: ${JSON.stringify({ resumed: lastId !== undefined })}\n\n`
    const ring =
      mode === 'empty' || lastId !== undefined ? '' : Array.from({ length: 14 }, () => this.nextEvent(mayRead)).join('')
    return `${hello}event: health\ndata: ${JSON.stringify(this.#health(mode))}\n\n${ring}: keep\n\n`
  }

  nextEvent(mayRead: boolean): string {
    const reads = [newsRead(), sepsisRead(), refusedRead(), newsRead()]
    const read = reads[this.#serial % reads.length] ?? newsRead()
    this.#serial += 1
    const display =
      read.decision.model.id === 'news2' ? 'National Early Warning Score 2' : 'Risk of sepsis within six hours'
    const live = liveOf(read, display, mayRead)
    const totalUs = 4000 + ((this.#serial * 2971) % 9000)
    const event = {
      ...live,
      timings: { ...live.timings, totalUs },
      at: new Date(Date.now() - 20_000 + this.#serial * 900).toISOString(),
    }
    return `id: 5f0c11aa-${this.#serial}\nevent: decision\ndata: ${JSON.stringify(event)}\n\n`
  }

  /** A change that has ended shows in what runs. */
  #asChanged<T extends { readonly slot: string; readonly version: string | null }>(model: T): T {
    const job = this.#job
    const isChanged = job?.state === 'done' && job.kind !== 'install' && job.slot === model.slot
    return isChanged ? { ...model, version: job.version } : model
  }

  #health(mode: string): Health {
    return mode === 'empty' ? emptyHealth : this.health
  }

  #decision(mode: string, method: string, path: string, body: Buffer): Answer {
    const [, , , id = '', part] = path.split('/')
    this.#round += 1
    const read = mode === 'empty' ? undefined : readOf(id, this.#round)
    if (read === undefined) return refuse(404, 'decision_unknown', 'There is no decision with this id.')
    if (part === 'image') return { status: 200, headers: imageHeaders, content: imageBytes() }
    if (part === 'outputs')
      return { status: 200, headers: { 'content-type': 'application/gzip' }, content: labelBytes() }
    if (method === 'POST') {
      this.feedback.push(JSON.parse(body.toString()))
      return json({ feedbackId: IDS.news2, audit: { ...read.audit, leafIndex: 18_451 } })
    }
    return json(read)
  }

  #jobs(mode: string, method: string, path: string, body: Buffer, type: string): Answer {
    if (method === 'GET') return json({ jobs: mode === 'empty' ? [] : [...this.#running(), ...jobs] })
    if (path.endsWith('/cancel'))
      return refuse(409, 'control_job_past_cancel', 'The job has begun to change what runs.')
    if (type.startsWith('multipart/form-data')) {
      this.uploads.push({ bytes: body.length, request: /\{.*\}/.exec(body.toString('latin1'))?.[0] ?? '' })
      return this.#begin({ kind: 'install', slot: null, version: null })
    }
    const change = JSON.parse(body.toString()) as { kind: 'activate' | 'rollback'; confirm: string }
    this.changes.push(change)
    const [slot = '', version = ''] = change.confirm.split(' ')
    return this.#begin({ kind: change.kind, slot, version })
  }

  #begin(of: Pick<Job, 'kind' | 'slot' | 'version'>): Answer {
    this.#job = {
      ...{ job: 'fedcba9876543210', state: 'running', source: 'directory', step: 'fetch', waiting: null, bytes: 0 },
      ...{ totalBytes: 1_840_233, package: null, code: null, message: null, todo: null, endedAt: null },
      ...of,
      startedAt: new Date().toISOString(),
    }
    return json(this.#job, 202)
  }

  /** Each look at a job that runs brings it a step on. */
  #running(): Job[] {
    if (this.#job === undefined) return []
    const job = this.#job
    const next = { fetch: 'verify', verify: 'prove', prove: job.kind === 'install' ? 'stage' : 'activate' } as const
    const step = next[job.step as keyof typeof next]
    this.#job =
      step === undefined
        ? {
            ...job,
            state: 'done',
            slot: job.slot ?? 'news2',
            version: job.version ?? '1.2.0',
            endedAt: new Date().toISOString(),
          }
        : { ...job, step, bytes: 1_840_233 }
    return [job]
  }
}
