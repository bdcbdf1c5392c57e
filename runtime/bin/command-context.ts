import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import type { AuditSite } from '../audit/audit-log.ts'
import type { AuditIo, CommandStream } from '../audit/command-io.ts'
import type { Operator } from '../audit/operator-event.ts'
import { auditSocketOf, type RuntimeConfig, runtimeConfigSchema } from '../config.ts'
import { RuntimeError } from '../errors.ts'
import type { BackedUpFiles } from '../storage/backup.ts'

const MAX_FILE_BYTES = 64 * 1024
const MAX_INPUT_BYTES = 4096

const stdout: CommandStream = {
  write: (text) => process.stdout.write(text),
  drained: () => new Promise((resolve) => process.stdout.once('drain', resolve)),
  isTTY: process.stdout.isTTY,
}

/** What a command without evidence of its own needs. */
export function fileIo() {
  const provider = createCryptoProvider()
  return {
    stdout,
    stderr: process.stderr,
    readFile: (path: string) => readFileBounded(path, MAX_FILE_BYTES),
    loadVerifier: (publicPem: string) => loadVerifier(provider, publicPem),
    provider,
    clock: systemClock,
  }
}

export function auditIo(): AuditIo {
  return {
    ...fileIo(),
    randomness: systemRandomness,
    operator: operator(),
    readInput: () => firstLine('Subject: '),
    interruption,
  }
}

/** Lets a command clean up; a second signal changes nothing, and SIGKILL is always there. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => controller.abort())
  return controller.signal
}

/** Where the log of a site lies. @throws RuntimeError runtime_site_missing, PlatformError for a configuration at fault */
export function auditSite(site: string): AuditSite {
  const { root, config } = siteConfig(site)
  const { databasePath, checkpointPath: kept } = siteFiles(site)
  return {
    databasePath,
    databaseKeyPath: resolve(root, config.database.key),
    subjectsKeyPath: resolve(root, config.subjectsKey),
    logKeyPath: resolve(root, config.log.key),
    logPublicKeyPath: resolve(root, config.log.publicKey),
    origin: config.log.origin,
    keptCheckpointPath: kept !== undefined && existsSync(kept) ? kept : undefined,
    channelPath: resolve(root, auditSocketOf(config)),
  }
}

/** Where the files of a site lie that a backup holds, whether they are there or not. @throws as `auditSite` */
export function siteFiles(site: string): BackedUpFiles {
  const { root, config } = siteConfig(site)
  const { checkpoint } = config.log
  return {
    databasePath: resolve(root, config.database.path),
    checkpointPath: checkpoint === undefined ? undefined : resolve(root, checkpoint),
  }
}

function siteConfig(site: string): { root: string; config: RuntimeConfig } {
  const root = resolve(site)
  const path = join(root, 'runtime.json')
  if (!existsSync(path)) throw new RuntimeError('runtime_site_missing', { about: path })
  return { root, config: loadConfig(path, runtimeConfigSchema) }
}

/** Who runs this, as the kernel and the user database have it; the environment is not asked, anybody can write it. */
function operator(): Operator {
  const uid = process.getuid?.() ?? 0
  const loginUid = loginUidOf()
  return { name: userName(uid), uid, ...(loginUid === undefined ? {} : { loginUid }) }
}

function userName(uid: number): string {
  try {
    const { username } = userInfo()
    return /^[A-Za-z0-9._-]{1,32}$/.test(username) ? username : `uid-${uid}`
  } catch {
    return `uid-${uid}` // a user that the user database does not know
  }
}

const NOT_LOGGED_IN = 4_294_967_295

function loginUidOf(): number | undefined {
  try {
    const uid = Number(readFileSync('/proc/self/loginuid', 'utf8'))
    return Number.isSafeInteger(uid) && uid !== NOT_LOGGED_IN ? uid : undefined
  } catch {
    return undefined // a kernel without audit
  }
}

/** Up to the first line break, so that somebody at a keyboard need not end the input. */
export async function firstLine(prompt: string): Promise<Uint8Array> {
  if (process.stdin.isTTY) process.stderr.write(prompt)
  const parts: Buffer[] = []
  let size = 0
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    parts.push(part)
    size += part.length
    if (size > MAX_INPUT_BYTES || part.includes(0x0a)) break
  }
  return Buffer.concat(parts).subarray(0, MAX_INPUT_BYTES)
}
