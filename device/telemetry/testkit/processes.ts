import { readFileSync } from 'node:fs'

/** False also for a zombie: it is dead, and waits for somebody to take notice. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
