import { statSync } from 'node:fs'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import type { Clock } from '../../device/platform/clock.ts'

const MAX_LIST_BYTES = 1024 * 1024
const LOOK_EVERY_MS = 1000
const FINGERPRINT = /^[0-9a-f]{64}$/

/**
 * Certificates that are refused although their authority still stands for them: SHA-256 fingerprints in lowercase hex, one
 * a line, `#` before a comment. The file is looked at once a second and read again when it has changed.
 * @returns whether a certificate is on the list; it throws when the list cannot be read, so that nobody passes unseen
 */
export function createRevocationList(path: string, clock: Clock): (fingerprint: string) => boolean {
  let revoked: ReadonlySet<string> = new Set()
  let stamp = ''
  let nextLookMs = Number.NEGATIVE_INFINITY
  return (fingerprint) => {
    if (clock.monotonicMs() >= nextLookMs) {
      const { mtimeMs, size, ino } = statSync(path)
      const seen = `${mtimeMs} ${size} ${ino}`
      if (seen !== stamp) revoked = parseList(readFileBounded(path, MAX_LIST_BYTES).toString('utf8'))
      stamp = seen
      nextLookMs = clock.monotonicMs() + LOOK_EVERY_MS
    }
    return revoked.has(fingerprint)
  }
}

function parseList(text: string): Set<string> {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim().toLowerCase())
  return new Set(lines.filter((line) => FINGERPRINT.test(line)))
}
