import type { JobAnswer, ListAnswer } from '../../models/store/control-channel.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import type { Principal } from '../access/principal.ts'
import type { Ledger } from '../audit/types.ts'
import { explainJob } from '../decisions/code-advice.ts'
import type { ModelJobBody } from './contract-models.ts'
import { HttpError } from './errors.ts'
import type { ReleaseFolders } from './release-folders.ts'
import { type ReleaseLimits, type ReleaseUpload, receiveRelease } from './release-upload.ts'
import type { ChangeRequestBody } from './request-schemas.ts'
import type { UpdaterLink } from './updater-link.ts'

export interface ModelChangesParts {
  readonly updater: UpdaterLink
  readonly folders: ReleaseFolders
  readonly ledger: Ledger
  readonly limits: ReleaseLimits
}

/**
 * Changes of models as the API takes them. The updater does them, and the runtime decides what may run: here it is only asked, in
 * the name of the client, with a leaf that says so before the updater is.
 */
export class ModelChanges {
  readonly #parts: ModelChangesParts

  constructor(parts: ModelChangesParts) {
    this.#parts = parts
  }

  async store(): Promise<Pick<ListAnswer, 'slots' | 'staged'>> {
    const { slots, staged } = await this.#parts.updater.list()
    return { slots, staged }
  }

  async jobs(): Promise<ModelJobBody[]> {
    return (await this.#parts.updater.list()).jobs.map(advised)
  }

  async job(id: string): Promise<ModelJobBody> {
    return advised(await this.#parts.updater.job(id))
  }

  /** @throws HttpError change_not_confirmed: what would run is not what the asker has in mind; ControlError */
  async change(request: ChangeRequestBody, caller: Principal): Promise<ModelJobBody> {
    const { updater } = this.#parts
    const list = await updater.list()
    const meant = request.kind === 'activate' ? staged(list, request.package) : previous(list, request.slot)
    // Somebody else may have changed something since the page was drawn.
    if (request.confirm !== `${meant.slot} ${meant.version}`) throw new HttpError('change_not_confirmed')
    await this.#record(caller, { change: request.kind, slot: meant.slot, package: meant.package })
    const begun =
      request.kind === 'activate'
        ? updater.activate(request.package, caller.clientId)
        : updater.rollback(request.slot, caller.clientId)
    return advised(await begun)
  }

  /** @throws HttpError, ControlError; nothing of the upload is left then */
  async install(upload: ReleaseUpload, caller: Principal): Promise<ModelJobBody> {
    const { updater, folders, limits } = this.#parts
    const folder = await folders.create()
    try {
      const { activate } = await receiveRelease(upload, folder, limits)
      await this.#record(caller, { change: activate ? 'install' : 'stage' })
      const job = await updater.install(folder.path, activate, caller.clientId)
      await folders.keepFor(folder, job.job)
      return advised(job)
    } catch (error) {
      await folders.discard(folder)
      throw error
    }
  }

  async cancel(job: string, caller: Principal): Promise<ModelJobBody> {
    await this.#record(caller, { change: 'cancel', job })
    return advised(await this.#parts.updater.cancel(job))
  }

  async #record({ clientId, role }: Principal, change: Readonly<Record<string, string>>): Promise<void> {
    await this.#parts.ledger.commit({ leaf: { kind: 'change-asked', ...change, client: clientId, role } })
  }
}

interface Meant {
  readonly slot: string
  readonly version: string
  readonly package: string
}

function staged(list: ListAnswer, packageHash: string): Meant {
  const known = [...list.staged, ...list.slots.flatMap(({ active, previous }) => [active, previous])]
  const release = known.find((each) => each?.package === packageHash)
  if (release === undefined || release === null) throw new ControlError('control_release_unknown')
  return { slot: release.model, version: release.version, package: packageHash }
}

function previous(list: ListAnswer, slot: string): Meant {
  const found = list.slots.find((each) => each.slot === slot)
  if (found === undefined) throw new ControlError('control_slot_unknown')
  if (found.previous === null) throw new ControlError('control_rollback_empty')
  return { slot, version: found.previous.version, package: found.previous.package }
}

function advised(job: JobAnswer): ModelJobBody {
  if (job.code === null) return { ...job, todo: null }
  const { message, advice } = explainJob({ ...job, code: job.code })
  return { ...job, message, todo: advice ?? null }
}
