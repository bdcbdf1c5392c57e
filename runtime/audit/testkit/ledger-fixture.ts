import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import {
  generateSigningKey,
  loadSigner,
  loadVerifier,
  type Signer,
  type Verifier,
} from '../../../device/crypto/signing.ts'
import type { Clock } from '../../../device/platform/clock.ts'
import { type Log, silentLog } from '../../../device/platform/log.ts'
import { signedModel } from '../../egress/outbound.ts'
import { type Database, openDatabase } from '../../storage/database.ts'
import type { LogReport } from '../findings.ts'
import { type LedgerHandle, openLedger } from '../ledger.ts'
import type { Evidence } from '../types.ts'
import { verifyLog } from '../verify.ts'

/** Keys and paths of a log made for one test. */
export interface LogSite {
  readonly directory: string
  readonly path: string
  readonly key: Uint8Array
  readonly subjectKey: Uint8Array
  readonly privatePem: string
  readonly publicPem: string
  readonly signer: Signer
  readonly verifier: Verifier
  readonly origin: string
}

export const testOrigin = 'log.test/box-1'
const START_MS = Date.UTC(2026, 0, 1)

/** A clock that moves one millisecond each time it is read. */
export function tickingClock(): Clock {
  let ticks = 0
  return { nowMs: () => START_MS + ticks++, monotonicMs: () => ticks }
}

export async function makeSite(directory = mkdtempSync(join(tmpdir(), 'ledger-'))): Promise<LogSite> {
  const provider = createCryptoProvider()
  const { privatePem, publicPem } = await generateSigningKey(provider)
  return {
    directory,
    path: join(directory, 'evidence.db'),
    key: systemRandomness.bytes(32),
    subjectKey: systemRandomness.bytes(32),
    privatePem,
    publicPem,
    signer: await loadSigner(provider, privatePem),
    verifier: await loadVerifier(provider, publicPem),
    origin: testOrigin,
  }
}

export function removeSite(site: LogSite): void {
  rmSync(site.directory, { recursive: true, force: true })
}

export interface OpenOptions {
  readonly signer?: Signer
  readonly clock?: Clock
  readonly log?: Log
  readonly maxQueue?: number
}

export async function openSite(
  site: LogSite,
  options: OpenOptions = {},
): Promise<{ database: Database; ledger: LedgerHandle }> {
  const database = openDatabase({ path: site.path, key: site.key })
  const { subjectKey, signer, verifier, origin } = site
  const defaults = { clock: tickingClock(), randomness: systemRandomness, log: silentLog }
  try {
    return {
      database,
      ledger: await openLedger({ database, subjectKey, signer, verifier, origin, ...defaults, ...options }),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

export async function verifySite(site: LogSite, known?: string): Promise<LogReport> {
  const database = openDatabase({ path: site.path, key: site.key, readonly: true })
  try {
    const { subjectKey, verifier, origin } = site
    return await verifyLog({ database, subjectKey, verifier, origin, knownCheckpoint: known })
  } finally {
    database.close()
  }
}

export function decisionEvidence(id: string, subject = `patient-${id}`, extra: Record<string, string> = {}): Evidence {
  return {
    leaf: { kind: 'decision', decision: id, model: 'test-model', outcome: 'scored' },
    body: {
      id,
      subject,
      content: { kind: 'decision', subject, note: `clinical words about ${id}`, score: 3.5, ...extra },
    },
    outbound: {
      v: 1,
      kind: 'decision',
      ...signedModel('test-model', 1),
      result: 'low',
      latency: 'under-10ms',
      alert: false,
    },
  }
}

export function feedbackEvidence(id: string, decisionId: string, subject = `patient-${decisionId}`): Evidence {
  return {
    leaf: { kind: 'feedback', verdict: 'accept' },
    body: {
      id,
      subject,
      about: decisionId,
      content: { kind: 'feedback', decisionId, verdict: 'accept', reason: 'agree' },
    },
  }
}

export function activationEvidence(modelId: string, releaseCounter: number, packageHash = 'ab'.repeat(32)): Evidence {
  return {
    leaf: { kind: 'activated' },
    activation: { slot: modelId, modelId, version: `1.0.${releaseCounter}`, packageHash, releaseCounter },
  }
}
