import { residentBytes, workerPids } from '../demo/process-tree.ts'
import type { Actor } from './actor.ts'

/** How the resident memory of one process moved over the longest of its lives, in bytes. */
export interface MemoryCourse {
  readonly process: string
  readonly lives: number
  readonly longestSeconds: number
  /** After the first tenth of that life, when what is loaded at start is there. */
  readonly settled: number
  readonly last: number
  readonly highest: number
}

export interface MemoryWatch {
  stop(): MemoryCourse[]
}

const SAMPLE_MS = 500
const WARM_UP_SHARE = 0.1

/** Samples every process of the cast, and the workers under the runtime. */
export function watchMemory(actors: readonly Actor[]): MemoryWatch {
  const lives = new Map<string, Map<number, number[]>>()
  const sample = (name: string, pid: number) => {
    const bytes = residentBytes(pid)
    if (bytes === undefined) return
    const byPid = lives.get(name) ?? new Map<number, number[]>()
    lives.set(name, byPid)
    byPid.set(pid, [...(byPid.get(pid) ?? []), bytes])
  }
  const timer = setInterval(() => {
    for (const { name, running } of actors) {
      if (running === undefined) continue
      sample(name, running.pid)
      if (name === 'runtime') for (const pid of workerPids(running.pid)) sample('worker', pid)
    }
  }, SAMPLE_MS)
  return {
    stop: () => {
      clearInterval(timer)
      return [...lives].map(([name, byPid]) => courseOf(name, [...byPid.values()]))
    },
  }
}

function courseOf(process: string, lives: readonly (readonly number[])[]): MemoryCourse {
  const longest = lives.reduce((best, life) => (life.length > best.length ? life : best), [])
  return {
    process,
    lives: lives.length,
    longestSeconds: (longest.length * SAMPLE_MS) / 1000,
    settled: longest[Math.floor(longest.length * WARM_UP_SHARE)] ?? 0,
    last: longest.at(-1) ?? 0,
    highest: Math.max(0, ...longest),
  }
}
