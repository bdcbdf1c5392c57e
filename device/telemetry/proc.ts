/** Readers of the text files of /proc; pure. What does not look as the kernel writes it is undefined, never a guess. */

export interface CpuTimes {
  readonly cores: number
  /** Ticks since start, over all processors. */
  readonly busy: number
  readonly total: number
}

/** proc_stat(5): user nice system idle iowait irq softirq steal guest guest_nice; guest time is already in user and nice. */
export function parseCpuTimes(stat: string): CpuTimes | undefined {
  const line = /^cpu +(\d+(?: \d+){3,})$/m.exec(stat)?.[1]
  const cores = stat.match(/^cpu\d+ /gm)?.length ?? 0
  if (line === undefined || cores === 0) return undefined
  const ticks = line.split(' ').slice(0, 8).map(Number)
  const total = ticks.reduce((sum, each) => sum + each, 0)
  const waiting = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { cores, busy: total - waiting, total }
}

/** Share of busy ticks between two readings, 0 to 100 with one decimal; undefined when no tick has passed. */
export function loadPercent(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total
  // Idle ticks may step back a little (proc_stat(5)), and a processor that goes away takes its ticks along.
  const busy = after.busy - before.busy
  if (total <= 0 || before.cores !== after.cores) return undefined
  return Math.round(Math.min(1, Math.max(0, busy / total)) * 1000) / 10
}

/** proc_meminfo(5), in bytes. */
export function parseMemory(meminfo: string): { totalBytes: number; availableBytes: number } | undefined {
  const kibibytes = (name: string) => new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1]
  const [total, available] = [kibibytes('MemTotal'), kibibytes('MemAvailable')]
  if (total === undefined || available === undefined || Number(total) === 0) return undefined
  return { totalBytes: Number(total) * 1024, availableBytes: Math.min(Number(available), Number(total)) * 1024 }
}

/** proc_uptime(5): whole seconds since the machine started. */
export function parseUptime(uptime: string): number | undefined {
  const seconds = /^(\d+)\.\d+ \d+\.\d+\s*$/.exec(uptime)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
