import type { FleetIo } from './command-io.ts'
import { writeAll } from './command-io.ts'
import { loadFleetConfig } from './config.ts'
import { type FleetReader, openFleetReader } from './reading.ts'
import { watchScreen } from './watch-screen.ts'

export interface WatchOptions {
  readonly once: boolean
  readonly json: boolean
  readonly intervalMs: number
}

const DEFAULT_ROWS = 24
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_REST = '\u001b[J'

/** Shows the fleet until it is asked to stop, or once. It reads the database only, so it may run beside any number of collectors. */
export async function watch(configPath: string, options: WatchOptions, io: FleetIo): Promise<number> {
  const reader = openFleetReader(loadFleetConfig(configPath).database)
  const isScreen = io.stdout.isTTY === true && !options.json && !options.once
  try {
    if (isScreen) await writeAll(io.stdout, ENTER)
    let isStopped = false
    const stopped = io.stopAsked.then(() => {
      isStopped = true
    })
    do {
      await writeAll(io.stdout, frame(reader, options, isScreen, io))
      if (options.once) break
      await pause(options.intervalMs, stopped)
    } while (!isStopped)
    return 0
  } finally {
    if (isScreen) await writeAll(io.stdout, LEAVE)
    reader.close()
  }
}

function frame(
  reader: FleetReader,
  { json, once }: WatchOptions,
  isScreen: boolean,
  { clock, stdout }: FleetIo,
): string {
  const view = reader.view(clock.nowMs())
  if (json) return `${JSON.stringify(view)}\n`
  const rows = isScreen ? (stdout.rows ?? DEFAULT_ROWS) : Number.POSITIVE_INFINITY
  const text = watchScreen(view, rows)
  // Lines are overwritten in place, not cleared first: a cleared screen flickers.
  if (isScreen) return `${HOME}${text.replaceAll('\n', `${CLEAR_LINE}\n`)}${CLEAR_REST}`
  return once ? text : `${text}\n`
}

async function pause(ms: number, stopped: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([passed, stopped])
  clearTimeout(timer)
}
