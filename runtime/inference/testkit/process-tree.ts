import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

interface Process {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

/** Every process of the machine, from /proc/PID/stat (proc(5)). A zombie has no memory and no descriptors left: it is not counted. */
function livingProcesses(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' || state === 'X' ? [] : [{ pid: Number(name), parent: Number(parent), state }]
    } catch {
      return []
    }
  })
}

/** A process and everything below it, itself first, the deepest last. */
export function processTree(pid: number): number[] {
  const all = livingProcesses()
  const below = (parent: number): number[] =>
    all.filter((process) => process.parent === parent).flatMap((process) => [process.pid, ...below(process.pid)])
  return all.some((process) => process.pid === pid) ? [pid, ...below(pid)] : []
}

/** The process that runs the model: the innermost one, since bubblewrap stands around it. */
export function innermost(pid: number): number {
  return processTree(pid).at(-1) ?? pid
}

/** Which of these processes still live once the kernel had time to end them. */
export async function survivors(pids: readonly number[], waitMs = 2000): Promise<number[]> {
  for (const end = performance.now() + waitMs; performance.now() < end; await sleep(10)) {
    if (livingAmong(pids).length === 0) return []
  }
  return livingAmong(pids)
}

function livingAmong(pids: readonly number[]): number[] {
  const living = new Set(livingProcesses().map((process) => process.pid))
  return pids.filter((pid) => living.has(pid))
}
