import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { Database } from '../storage/database.ts'

/** Moves the write-ahead log into the database file when nobody waits, and under steady load before it grows too long. */
export interface WalKeeper {
  /** To be called after a batch has been answered. */
  afterBatch(isBusy: boolean): void
  close(): void
}

/** Quiet this long: a good moment. */
const IDLE_MS = 50
/** Pages of 4 KiB: short enough that moving them costs milliseconds. */
const ENOUGH_FRAMES = 256
const TOO_MANY_FRAMES = 4096
/** How many batches pass between two looks at the length. */
const LOOK_EVERY = 16

export function createWalKeeper(database: Database, log: Log): WalKeeper {
  let batches = 0
  let idle: NodeJS.Timeout | undefined

  const move = (atLeast: number) => {
    try {
      if (database.walFrames() >= atLeast) database.checkpoint('PASSIVE')
    } catch (error) {
      // What was committed stays in the write-ahead log; the next attempt moves it.
      log.warn('wal-checkpoint-failed', { code: errorCode(error) })
    }
  }
  return {
    afterBatch: (isBusy) => {
      clearTimeout(idle)
      batches += 1
      if (batches % LOOK_EVERY === 0) move(TOO_MANY_FRAMES)
      if (!isBusy) idle = setTimeout(() => move(ENOUGH_FRAMES), IDLE_MS).unref()
    },
    close: () => {
      clearTimeout(idle)
      try {
        database.checkpoint('TRUNCATE')
      } catch (error) {
        log.warn('wal-checkpoint-failed', { code: errorCode(error) })
      }
    },
  }
}
