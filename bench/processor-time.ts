import { readFileSync } from 'node:fs'
import { familyOf } from '../demo/process-tree.ts'

/** Ticks of proc_pid_stat(5): USER_HZ, which is 100 on every Linux that Node is built for. */
const MS_PER_TICK = 10
/** utime and stime, counted from what follows the name, which may hold spaces and brackets. */
const USER = 11
const SYSTEM = 12

/**
 * Processor time so far of a process and of all that it has started and that still run, in milliseconds. Beside a busy neighbour
 * it says more than the time that passed. NaN where the system does not tell.
 */
export function processorMs(root: number): number {
  return familyOf(root).reduce((sum, pid) => sum + ownMs(pid), 0)
}

function ownMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return MS_PER_TICK * (Number(fields[USER]) + Number(fields[SYSTEM]))
  } catch {
    return Number.NaN // ended meanwhile, or of another system
  }
}
