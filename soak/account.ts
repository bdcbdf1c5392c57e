import type { Site } from '../demo/site.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { loadVerifier } from '../device/crypto/signing.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { modelStore } from '../models/store/layout.ts'
import { readSlotPointer } from '../models/store/pointer.ts'
import { parseLeaf } from '../runtime/audit/leaf.ts'
import { verifyLog } from '../runtime/audit/verify.ts'
import type { RuntimeConfig } from '../runtime/config.ts'
import { type Database, openDatabase } from '../runtime/storage/database.ts'
import { openFleetReader } from '../updater/operator/reading.ts'
import type { Acknowledged } from './load.ts'

/** What is in the box and with the fleet once everything has come to rest. Everything under `lost` must be 0. */
export interface Account {
  readonly leaves: number
  /** Decisions and feedback in the log: each has released one record. */
  readonly released: number
  readonly answered: number
  readonly storedByFleet: number
  /** What runs, slot by slot. */
  readonly models: readonly RunningModel[]
  readonly lost: {
    /** Answers whose leaf is not in the log as they said. */
    readonly answers: number
    /** Records of the log that the fleet manager does not have. */
    readonly records: number
    /** Records that the fleet manager has and the log does not: counted twice. */
    readonly countedTwice: number
    /** Slots in which not exactly the release runs that the store's pointer names, by its own event in the log. */
    readonly models: readonly string[]
    /** What `wardstone audit verify` finds, held against the fleet manager's newest checkpoint. */
    readonly findings: readonly string[]
    /** What the fleet manager found wrong with the device. */
    readonly fleetFindings: readonly string[]
  }
}

/** As the running box says. */
export interface RunningModel {
  readonly slot: string
  readonly version: string | null
  readonly packageHash: string | null
}

const MAX_FILE_BYTES = 65_536

/** The evidence database, for reading beside a runtime that may write. */
export function openEvidence(site: Site): { readonly config: RuntimeConfig; readonly database: Database } {
  const bytes = readFileBounded(site.path('runtime.json'), MAX_FILE_BYTES)
  const config = JSON.parse(bytes.toString('utf8')) as RuntimeConfig
  const key = readFileBounded(site.path(config.database.key), MAX_FILE_BYTES)
  return { config, database: openDatabase({ path: site.path(config.database.path), key, readonly: true }) }
}

/** @param device the device's name in the fleet, `site/device` */
export async function takeAccount(
  site: Site,
  device: string,
  acknowledged: readonly Acknowledged[],
  models: readonly RunningModel[],
): Promise<Account> {
  const { config, database } = openEvidence(site)
  const fleet = openFleetReader(site.path('fleet/fleet.db'))
  try {
    const stored = fleet.view(Date.now()).stored
    const { leaves, released, answers } = readLeaves(database, acknowledged)
    const report = await verifyLog({
      database,
      subjectKey: readFileBounded(site.path(config.subjectsKey), MAX_FILE_BYTES),
      verifier: await loadVerifier(
        createCryptoProvider(),
        readFileBounded(site.path(config.log.publicKey), MAX_FILE_BYTES).toString('utf8'),
      ),
      origin: config.log.origin,
      knownCheckpoint: fleet.checkpoints(device)[0]?.note,
    })
    const lost = {
      answers,
      records: Math.max(0, released - stored),
      countedTwice: Math.max(0, stored - released),
      models: models.filter((model) => !isAsPointed(site, database, model)).map(({ slot }) => slot),
      findings: report.findings.map(({ finding, what, position }) => `${finding} ${what} ${position}`),
      fleetFindings: fleet.findings().map(({ kind, times }) => `${kind} (${times})`),
    }
    return { leaves, released, answered: acknowledged.length, storedByFleet: stored, models, lost }
  } finally {
    fleet.close()
    database.close()
  }
}

/** An account of nothing shows nothing, and is no success. */
export function isNothingLost({ answered, lost }: Account): boolean {
  const { answers, records, countedTwice, models, findings, fleetFindings } = lost
  return answers + records + countedTwice + models.length + findings.length + fleetFindings.length === 0 && answered > 0
}

function isAsPointed(site: Site, database: Database, { slot, packageHash }: RunningModel): boolean {
  const { active, event } = readSlotPointer(modelStore(site.path('store')), slot)
  const leaves = database.prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves ORDER BY idx').all()
  const changes = leaves.map(({ leaf }) => parseLeaf(leaf)).filter((leaf) => leaf.event === event)
  return active === packageHash && changes.length === 1
}

function readLeaves(
  database: Database,
  acknowledged: readonly Acknowledged[],
): { leaves: number; released: number; answers: number } {
  const all = database
    .prepare<{ leaf: Uint8Array; hash: Uint8Array }>('SELECT leaf, hash FROM leaves ORDER BY idx')
    .all()
  const released = all.filter(({ leaf }) => ['decision', 'feedback'].includes(parseLeaf(leaf).kind)).length
  const hashAt = (index: number) => Buffer.from(all[index]?.hash ?? []).toString('hex')
  const answers = acknowledged.filter(({ leafIndex, leafHash }) => hashAt(leafIndex) !== leafHash).length
  return { leaves: all.length, released, answers }
}
