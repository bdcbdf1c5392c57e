import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { loadVerifier } from '../../../device/crypto/signing.ts'
import { systemClock } from '../../../device/platform/clock.ts'
import type { AuditSite } from '../audit-log.ts'
import type { AuditIo } from '../command-io.ts'
import type { Evidence } from '../types.ts'
import type { LogSite } from './ledger-fixture.ts'

/** The site's keys as files, as the commands find them. */
export function commandSite(site: LogSite): AuditSite {
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(site.directory, name), content)
    return join(site.directory, name)
  }
  return {
    databasePath: site.path,
    databaseKeyPath: file('database.key', site.key),
    subjectsKeyPath: file('subjects.key', site.subjectKey),
    logKeyPath: file('log.key', site.privatePem),
    logPublicKeyPath: file('log.pub', site.publicPem),
    origin: site.origin,
    channelPath: join(site.directory, 'run', 'audit.sock'),
  }
}

export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

type CommandFunction = (args: readonly string[], site: () => AuditSite, io: AuditIo) => Promise<number>

/** Runs a command as the command line would, with what is typed at its standard input. */
export async function runCommand(
  command: CommandFunction,
  args: readonly string[],
  site: AuditSite,
  input = '',
  sinks?: Readonly<Record<'stdout' | 'stderr', (text: string) => unknown>>,
  interruption: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  const said = { stdout: '', stderr: '' }
  const keep = (name: 'stdout' | 'stderr') => (text: string) => {
    said[name] += text
  }
  const stream = (name: 'stdout' | 'stderr') => ({ write: sinks?.[name] ?? keep(name) })
  const provider = createCryptoProvider()
  const io: AuditIo = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    readFile: (path) => readFileSync(path),
    readInput: async () => Buffer.from(input),
    loadVerifier: (pem) => loadVerifier(provider, pem),
    interruption: () => interruption,
    operator: { name: 'auditor', uid: 1000, loginUid: 1001 },
    provider,
    clock: systemClock,
    randomness: systemRandomness,
  }
  return { code: await command(args, () => site, io), ...said }
}

interface Happening {
  readonly client?: string
  readonly role?: string
  readonly model?: string
  readonly outcome?: string
  readonly alert?: boolean
  /** As releases before the member `alert` wrote it. */
  readonly isOld?: boolean
}

/** A decision as runtime/decisions/evidence.ts records it. */
export function decided(id: string, subject: string, what: Happening = {}): Evidence {
  const { client = 'monitor-1', role = 'bedside', model = 'model-a', outcome = 'scored', alert = false } = what
  const said = what.isOld === true ? {} : { alert: alert ? 'yes' : 'no' }
  return {
    leaf: { kind: 'decision', id, model, version: '1.0.0', package: 'ab'.repeat(32), outcome, ...said, client, role },
    body: {
      id,
      subject,
      content: {
        kind: 'decision',
        subject,
        decision: { decisionId: id, narrative: `words about ${id}`, assessment: { alert } },
      },
    },
  }
}

export function wasRead(decision: string, client = 'officer-1'): Evidence {
  return { leaf: { kind: 'read', decision, client, role: 'officer' } }
}

export function judged(id: string, decision: string, subject: string, reason = 'agree', client = 'nurse-1'): Evidence {
  return {
    leaf: { kind: 'feedback', id, decision, verdict: 'accept', client, role: 'clinician' },
    body: {
      id,
      subject,
      about: decision,
      content: { kind: 'feedback', decisionId: decision, verdict: 'accept', reason },
    },
  }
}
