import type { Database } from './database.ts'
import { asStorageError } from './sqlite-errors.ts'

export interface OutboxRow {
  readonly seq: number
  /** Canonical JSON, as the ledger narrowed it. */
  readonly record: string
}

/** What waits for egress in the evidence database. */
export interface Outbox {
  /** Rows after a number, in order. */
  rows(after: number, limit: number): OutboxRow[]
  /** The highest number that a row ever had; 0 when there was none. */
  highest(): number
  /** Removes rows that egress holds, in one transaction. @throws StorageError */
  remove(numbers: readonly number[]): void
  /** Signed note of the newest checkpoint of the log. */
  latestCheckpoint(): string | undefined
}

export function createOutbox(database: Database): Outbox {
  const rows = database.prepare<OutboxRow>('SELECT seq, record FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?')
  const highest = database.prepare<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
  const remove = database.prepare('DELETE FROM outbox WHERE seq = ?')
  const checkpoint = database.prepare<{ note: string }>('SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1')
  const read = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw asStorageError(error, database.path)
    }
  }
  return {
    rows: (after, limit) => read(() => rows.all(after, limit)),
    highest: () => read(() => highest.get()?.seq ?? 0),
    remove: (numbers) => {
      if (numbers.length === 0) return
      database.transact(() => {
        for (const seq of numbers) remove.run(seq)
      })
    },
    latestCheckpoint: () => read(() => checkpoint.get()?.note),
  }
}
