import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { type ChannelServer, channelMethod, serveChannel } from '../../../device/platform/channel.ts'
import { WardstoneError } from '../../../device/platform/errors.ts'
import { silentLog } from '../../../device/platform/log.ts'
import {
  activateRequest,
  discardRequest,
  proveRequest,
  recordRefusalRequest,
} from '../../../models/store/activation-channel.ts'
import { listRequest } from '../../../models/store/control-channel.ts'
import { type ModelStore, releasePaths } from '../../../models/store/layout.ts'
import { readSlotPointer } from '../../../models/store/pointer.ts'

/**
 * What one question is answered with: a code to refuse with, and with a hash after it to refuse that package alone; `hang`;
 * `die`, or `die-late` once the leaf is written; or the truth. The last entry stays.
 */
export type Scripted = string | undefined

export interface Leaf {
  readonly kind: 'activated' | 'rolled-back' | 'package-refused'
  readonly event: string | null
  readonly package: string | null
  readonly code?: string
}

export interface StandInOptions {
  readonly socket: string
  readonly store: ModelStore
  /** The durable log: a file, so that it outlives the process. */
  readonly leavesPath: string
  readonly prove?: readonly Scripted[]
  readonly activate?: readonly Scripted[]
  readonly die?: () => void
}

class Refused extends WardstoneError {
  constructor(code: string) {
    super(code, 'As the script says.')
  }
}

/** The runtime's end of the activation channel, over the real socket and the real store, with answers as a test wants them. */
export class RuntimeStandIn {
  /** Each question in order: `prove <hash>`, `activate <event of the pointer>`, `discard`, `record-refusal <code>`. */
  readonly asked: string[] = []
  readonly serving = new Map<string, string>()
  readonly #options: StandInOptions
  readonly #scripts: { prove: Scripted[]; activate: Scripted[] }
  readonly #candidates = new Map<string, string>()
  #server: ChannelServer | undefined

  private constructor(options: StandInOptions) {
    this.#options = options
    this.#scripts = { prove: [...(options.prove ?? [])], activate: [...(options.activate ?? [])] }
  }

  static async start(options: StandInOptions): Promise<RuntimeStandIn> {
    const standIn = new RuntimeStandIn(options)
    standIn.#server = await serveChannel({ path: options.socket, handlers: standIn.#handlers(), log: silentLog })
    return standIn
  }

  leaves(): Leaf[] {
    if (!existsSync(this.#options.leavesPath)) return []
    return readFileSync(this.#options.leavesPath, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Leaf)
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }

  #handlers() {
    const { store } = this.#options
    return {
      prove: channelMethod(proveRequest, async ({ slot, package: hash }) => {
        this.asked.push(`prove ${hash}`)
        await this.#play('prove', hash)
        if (!existsSync(releasePaths(store, hash).package)) throw new Refused('package_unreadable')
        this.#candidates.set(slot, hash)
        const counts = { counter: 1, goldenVectors: 3, loadMs: 5 }
        return { slot, package: hash, model: slot, version: '1.0.0', ...counts }
      }),
      activate: channelMethod(activateRequest, async ({ slot }) => {
        const { event, active, change } = readSlotPointer(store, slot)
        this.asked.push(`activate ${event}`)
        const isLate = (await this.#play('activate', active)) === 'die-late'
        const isKnown = this.leaves().some((leaf) => leaf.event === event)
        const kind = change === 'rollback' ? 'rolled-back' : 'activated'
        if (!isKnown) this.#write({ kind, event, package: active })
        if (isLate) this.#options.die?.()
        this.serving.set(slot, active)
        this.#candidates.delete(slot)
        return { slot, package: active, event }
      }),
      discard: channelMethod(discardRequest, ({ slot }) => {
        this.asked.push('discard')
        this.#candidates.delete(slot)
        return { slot }
      }),
      'record-refusal': channelMethod(recordRefusalRequest, ({ event, code, package: hash }) => {
        this.asked.push(`record-refusal ${code}`)
        if (!this.leaves().some((leaf) => leaf.event === event))
          this.#write({ kind: 'package-refused', event, package: hash, code })
        return { event }
      }),
      slots: channelMethod(listRequest, () => ({
        slots: [...this.serving].map(([slot, hash]) => ({
          ...{ slot, state: 'active', package: hash, version: '1.0.0', counter: 1, fault: null },
          candidate: this.#candidates.get(slot) ?? null,
        })),
      })),
    }
  }

  async #play(method: 'prove' | 'activate', hash: string): Promise<string | undefined> {
    const script = this.#scripts[method]
    const [scripted, only = hash] = (script.length > 1 ? script.shift() : script[0])?.split(' ') ?? []
    if (scripted === undefined || scripted === 'die-late' || only !== hash) return scripted
    if (scripted === 'die') this.#options.die?.()
    if (scripted === 'hang' || scripted === 'die') await new Promise((resolve) => setTimeout(resolve, 600_000).unref())
    const isLeaf = method === 'prove' && /^(package|contract|inference)_/.test(scripted)
    if (isLeaf) this.#write({ kind: 'package-refused', event: null, package: hash, code: scripted })
    throw new Refused(scripted)
  }

  #write(leaf: Leaf): void {
    appendFileSync(this.#options.leavesPath, `${JSON.stringify(leaf)}\n`)
  }
}
