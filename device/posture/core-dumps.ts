import type { Found } from '../telemetry/found.ts'
import type { System } from '../telemetry/system.ts'
import { type Finding, fault, good, unknown } from './finding.ts'

const MAX_BYTES = 16_384
const TODO = 'Set LimitCORE=0 for the service, and kernel.core_pattern to a plain name (no pipe).'

/** Whether a crash of this process puts its memory, with patients' data and keys in it, anywhere. core(5). */
export async function inspectCoreDumps(system: System): Promise<Finding> {
  const pattern = await system.readText('/proc/sys/kernel/core_pattern', MAX_BYTES)
  if (pattern.state !== 'found') return unknown(`/proc/sys/kernel/core_pattern cannot be read (${whyOf(pattern)}).`)
  const limits = await system.readText('/proc/self/limits', MAX_BYTES)
  if (limits.state !== 'found') return unknown(`/proc/self/limits cannot be read (${whyOf(limits)}).`)
  const limit = parseCoreLimit(limits.value)
  if (limit === undefined) return unknown('/proc/self/limits does not say how large a core dump may be.')
  return judge(pattern.value.replace(/\n$/, ''), limit)
}

/** The soft limit in bytes; pure. */
export function parseCoreLimit(limits: string): number | undefined {
  const soft = /^Max core file size +(\d+|unlimited) /m.exec(limits)?.[1]
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : soft === undefined ? undefined : Number(soft)
}

function judge(pattern: string, limit: number): Finding {
  // A pipe (or, since Linux 6.16, a socket) gets the memory whatever the limit is. Exactly 1 would close the pipe for this
  // process; but its workers hold what it decides on, and run with 0, which does not.
  if (/^[|@]/.test(pattern))
    return fault('yes', 'The kernel hands the memory of a process that crashes to a program, whatever its limit.', TODO)
  if (limit === 0) return good('no', 'The limit for core dumps is 0.')
  if (pattern === '') return unknown('The pattern for core dumps is empty, and the limit would allow one.', TODO)
  return fault('yes', 'The kernel writes the memory of a process that crashes to a file.', TODO)
}

function whyOf(found: Exclude<Found<string>, { state: 'found' }>): string {
  return found.state === 'absent' ? 'it is not there' : found.why
}
