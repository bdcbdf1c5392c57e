import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { HealthReport } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance, workerPids } from './appliance.ts'

let site: Site
let appliance: Appliance
let bedside: ApiClient
const deadlineMs = news2Draft().manifest.contract.deadlineMs

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
})

afterAll(async () => {
  bedside?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

function worker(): number {
  const [pid] = workerPids(appliance.process.pid ?? 0)
  if (pid === undefined) throw new TypeError('no worker process found')
  return pid
}

const decide = (subject: string) => bedside.post('/v1/decisions', news2Body(subject))
const codeOf = ({ body }: Answer) => (body as DecisionAnswer).decision.refusal?.code

async function untilScored(subject: string): Promise<Answer> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const answer = await decide(subject)
    if (answer.status === 200) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return decide(subject)
}

describe('a worker that fails', () => {
  it('and hangs costs one request, which is answered within its deadline and recorded', async () => {
    await untilScored('before')
    process.kill(worker(), 'SIGSTOP')
    const startedMs = performance.now()
    const answer = await decide('hung')
    const tookMs = performance.now() - startedMs
    expect(codeOf(answer)).toBe('inference_deadline')
    expect(answer.status).toBe(504)
    expect(tookMs).toBeLessThan(deadlineMs + 2500)
    expect((answer.body as DecisionAnswer).audit.leafIndex).toBeGreaterThan(0)
    expect((await untilScored('after')).status).toBe(200)
  })

  it('and crashes under load costs at most the request it worked on', async () => {
    await untilScored('before')
    const answers = Promise.all(Array.from({ length: 60 }, (_, index) => decide(`load-${index}`)))
    process.kill(worker(), 'SIGSEGV')
    const failed = (await answers).filter(({ status }) => status !== 200)
    expect(failed.length).toBeLessThanOrEqual(1)
    for (const answer of failed) expect(codeOf(answer)).toBe('inference_worker_lost')
    expect((await untilScored('after')).status).toBe(200)
  })

  it('is counted and shown', async () => {
    const health = (await bedside.get('/v1/health')).body as HealthReport
    expect(health.models[0]?.restarts).toBeGreaterThanOrEqual(2)
  })
})
