import { readdirSync, readFileSync } from 'node:fs'

interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** Process ids of the inference workers under a process; the innermost ones, which run the model. */
export function workerPids(root: number): number[] {
  const children = Map.groupBy(allProcesses(), ({ parent }) => parent)
  const found: number[] = []
  const walk = (pid: number): void => {
    for (const child of children.get(pid) ?? []) {
      if (child.command.includes('inference-worker') && !child.command.includes('bwrap')) found.push(child.pid)
      walk(child.pid)
    }
  }
  walk(root)
  return found
}

/** Resident memory in bytes; undefined when the process is gone. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}

/** A process and all that it has started, and they in turn. */
export function familyOf(root: number, all: readonly ProcessEntry[] = allProcesses()): number[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  const family = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap((child) => family(child.pid))]
  return family(root)
}

export function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid: Number(name), parent, command }]
      } catch {
        return [] // it ended while we looked
      }
    })
}
