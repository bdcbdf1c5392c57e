import { readFileSync } from 'node:fs'

/**
 * Whether a crash of this process may write its memory to disk: keys and patients' data would be in it. Reads the soft
 * limit of /proc/self/limits (proc(5)); true when that cannot be read.
 */
export function coreDumpsAllowed(): boolean {
  try {
    return limitsAllowCoreDumps(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    return true
  }
}

/** @param limits text of /proc/PID/limits. */
export function limitsAllowCoreDumps(limits: string): boolean {
  const [, soft] = /^Max core file size\s+(\S+)\s/m.exec(limits) ?? []
  return soft !== '0'
}
