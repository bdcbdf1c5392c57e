import type { Site } from '../demo/site.ts'
import { updateNames } from '../demo/updates.ts'
import type { JsonObject } from '../device/platform/canonical-json.ts'
import { openChannel } from '../device/platform/channel.ts'
import { isWardstoneError } from '../device/platform/errors.ts'
import { jobAnswer } from '../models/store/control-channel.ts'
import { seededRandom } from '../models/synthetic/seeded-random.ts'

/** What became of the changes of the model that runs. */
export interface ChangeResult {
  /** Jobs by kind and outcome: `install done`, `rollback control_slot_busy`. */
  readonly outcomes: Readonly<Record<string, number>>
}

export interface Changes {
  /** Begins nothing more, and waits for the job under way. */
  stop(): Promise<ChangeResult>
}

const SLOT = 'news2'
const PAUSE_MS = 500
const CALL_MS = 5000
const LOOK_EVERY_MS = 200
const JOB_LIMIT_MS = 120_000

/** Installs the next release, goes back, and offers what must be refused, one after the other while everything is being killed. */
export function startChanges(site: Site, seed: number): Changes {
  const channel = openChannel(site.path('run/updater.sock'))
  const random = seededRandom(seed)
  const outcomes: Record<string, number> = {}
  let isStopping = false
  const ask = async (method: string, request: JsonObject) =>
    jobAnswer.parse(await channel.call(method, request, CALL_MS))
  const install = (name: string) => {
    const source = { kind: 'directory', path: site.path(`updates/${name}`) }
    return ask('install', { source, name: null, activate: true, by: 'soak' })
  }
  const turns = [
    () => install(updateNames.next),
    () => ask('rollback', { slot: SLOT, by: 'soak' }),
    () => install(updateNames.unfit),
    () => install(updateNames.tampered),
  ]
  /** The updater may be away for a while; its jobs go on when it is back. */
  const ended = async (job: string) => {
    for (const limitMs = performance.now() + JOB_LIMIT_MS; performance.now() < limitMs; await sleep(LOOK_EVERY_MS)) {
      const answer = await ask('job', { job }).catch(() => undefined)
      if (answer !== undefined && answer.state !== 'running') return answer.code ?? 'done'
    }
    return 'never ended'
  }
  const turn = async () => {
    const begun = await turns[random.integer(turns.length)]?.().catch((error: unknown) => refusalOf(error))
    const [kind, outcome] =
      typeof begun === 'object' ? [begun.kind, await ended(begun.job)] : ['not begun:', begun ?? 'nothing']
    const name = `${kind} ${outcome}`
    outcomes[name] = (outcomes[name] ?? 0) + 1
  }
  const loop = (async () => {
    while (!isStopping) {
      await turn()
      await sleep(PAUSE_MS)
    }
  })()
  loop.catch(() => {}) // stop() tells
  return {
    stop: async () => {
      isStopping = true
      await loop
      channel.close()
      return { outcomes }
    },
  }
}

/** The updater's code where it refused, else the channel's. */
function refusalOf(error: unknown): string {
  if (!isWardstoneError(error)) throw error
  return error.code === 'channel_refused' ? (error.about ?? error.code) : error.code
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
