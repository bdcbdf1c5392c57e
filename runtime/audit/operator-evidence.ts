import { setTimeout as sleep } from 'node:timers/promises'
import type { CryptoProvider } from '../../device/crypto/provider.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { loadSigner, loadVerifier } from '../../device/crypto/signing.ts'
import { openChannel } from '../../device/platform/channel.ts'
import { ChannelError } from '../../device/platform/channel-errors.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { silentLog } from '../../device/platform/log.ts'
import { openDatabase } from '../storage/database.ts'
import { StorageError } from '../storage/errors.ts'
import { acquireInstanceLock } from '../storage/instance-lock.ts'
import type { AuditLog, AuditSite } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import { verifyKeptCheckpoint } from './kept-checkpoint.ts'
import { openLedger } from './ledger.ts'
import { type OperatorEvent, operatorLeaf, positionSchema, RECORD_METHOD } from './operator-event.ts'
import type { AuditPosition } from './types.ts'

export interface EvidenceTools {
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly randomness: Randomness
  readonly readFile: (path: string) => Uint8Array
}

const ANSWER_LIMIT_MS = 15_000
/** A runtime that starts or stops holds the lock for a while and does not answer yet, or no longer. */
const HANDOVER_LIMIT_MS = 10_000
const RETRY_MS = 100

/**
 * Records what an operator is about to see, and returns once that is durable. There is one writer of the database: while the
 * runtime runs it writes, asked over its socket; otherwise this process takes the runtime's place for one leaf.
 * @param log the log that is about to be read: the evidence must stand in it, not in that of another site
 * @throws AuditCommandError audit_evidence_unrecorded, `about` the code of what was in the way: then nothing may be shown
 */
export async function recordOperatorEvent(
  log: Pick<AuditLog, 'holds'>,
  site: AuditSite,
  event: OperatorEvent,
  tools: EvidenceTools,
): Promise<AuditPosition> {
  const position = await writeEvent(site, event, tools)
  // Whoever answered may serve a copy of this site, or another one: then nobody would find the leaf where it belongs.
  if (!log.holds(position.leafIndex, position.leafHash))
    throw new AuditCommandError('audit_evidence_unrecorded', { about: 'it was written to another log' })
  return position
}

async function writeEvent(site: AuditSite, event: OperatorEvent, tools: EvidenceTools): Promise<AuditPosition> {
  const giveUpMs = tools.clock.monotonicMs() + HANDOVER_LIMIT_MS
  for (;;) {
    try {
      return (await askRuntime(site, event)) ?? (await writeAlone(site, event, tools))
    } catch (cause) {
      const isHandover = cause instanceof StorageError && cause.code === 'storage_locked'
      if (!isHandover || tools.clock.monotonicMs() > giveUpMs) {
        throw new AuditCommandError('audit_evidence_unrecorded', { cause, about: reasonOf(cause) })
      }
      await sleep(RETRY_MS)
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof ChannelError && error.about !== undefined ? error.about : errorCode(error)
}

/** @returns undefined when no runtime answers */
async function askRuntime(site: AuditSite, event: OperatorEvent): Promise<AuditPosition | undefined> {
  const channel = openChannel(site.channelPath)
  try {
    const answer = await channel.call(RECORD_METHOD, JSON.parse(JSON.stringify(event)), ANSWER_LIMIT_MS)
    return positionSchema.parse(answer)
  } catch (error) {
    if (error instanceof ChannelError && error.code === 'channel_unreachable') return undefined
    throw error
  } finally {
    channel.close()
  }
}

async function writeAlone(site: AuditSite, event: OperatorEvent, tools: EvidenceTools): Promise<AuditPosition> {
  const lock = acquireInstanceLock(`${site.databasePath}.lock`)
  try {
    const text = (path: string) => Buffer.from(tools.readFile(path)).toString('utf8')
    const signer = await loadSigner(tools.provider, text(site.logKeyPath))
    const verifier = await loadVerifier(tools.provider, text(site.logPublicKeyPath))
    const subjectKey = tools.readFile(site.subjectsKeyPath)
    const database = openDatabase({ path: site.databasePath, key: tools.readFile(site.databaseKeyPath) })
    try {
      const { clock, randomness } = tools
      // As at the start of a runtime: to a log that was rolled back nothing is added. The file itself is the runtime's to write.
      if (site.keptCheckpointPath !== undefined)
        await verifyKeptCheckpoint(site.keptCheckpointPath, database, verifier, site.origin)
      const options = { database, subjectKey, signer, verifier, origin: site.origin, clock, randomness, log: silentLog }
      const ledger = await openLedger(options)
      const position = await ledger.commit({ leaf: operatorLeaf(event) })
      await ledger.close()
      return position
    } finally {
      database.close()
    }
  } finally {
    lock.release()
  }
}
