import { readFileSync } from 'node:fs'
import { allProcesses, familyOf, residentBytes } from '../demo/process-tree.ts'

export interface ProcessMemory {
  readonly process: string
  readonly residentBytes: number
  /** Pages that several processes share are divided by their number; null where the system does not tell. */
  readonly proportionalBytes: number | null
}

const WALL = 'bubblewrap'

const kinds: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/(^|\/)bwrap /, WALL],
  [/bare-server/, 'bare server'],
  [/inference-worker/, 'inference worker'],
  [/image-decoder/, 'image decoder'],
  [/bin\/runtime\.ts/, 'runtime'],
]

/** What a process of the box is, by the command that it was started with. */
export function processKind(command: string): string {
  return kinds.find(([pattern]) => pattern.test(command))?.[1] ?? 'other'
}

/** Resident memory of a process and of all that it has started, the largest first within each kind. */
export function measureMemory(root: number): ProcessMemory[] {
  const all = allProcesses()
  const found = familyOf(root, all).flatMap((pid) => {
    const resident = residentBytes(pid)
    if (resident === undefined) return []
    const command = all.find((entry) => entry.pid === pid)?.command ?? ''
    return [{ process: processKind(command), residentBytes: resident, proportionalBytes: proportionalBytes(pid) }]
  })
  const [walls, others] = [found.filter(isWall), found.filter((each) => !isWall(each))]
  const sorted = others.toSorted((a, b) => a.process.localeCompare(b.process) || b.residentBytes - a.residentBytes)
  return [...sorted, ...(walls.length === 0 ? [] : [sumOf(walls)])]
}

const isWall = ({ process }: ProcessMemory) => process === WALL

/** Each is a megabyte or two that waits for its child to end: they are counted, and not listed. */
function sumOf(walls: readonly ProcessMemory[]): ProcessMemory {
  const sum = (of: (each: ProcessMemory) => number) => walls.reduce((total, each) => total + of(each), 0)
  return {
    process: `${walls.length} × ${WALL}`,
    residentBytes: sum(({ residentBytes }) => residentBytes),
    proportionalBytes: sum(({ residentBytes, proportionalBytes }) => proportionalBytes ?? residentBytes),
  }
}

function proportionalBytes(pid: number): number | null {
  try {
    const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
    return kib === undefined ? null : Number(kib) * 1024
  } catch {
    return null // of another user, or not to be looked into
  }
}
