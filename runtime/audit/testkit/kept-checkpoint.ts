import { openDatabase } from '../../storage/database.ts'
import type { LogSite } from './ledger-fixture.ts'

/** The newest checkpoint of a log, as somebody elsewhere would keep it. */
export function readCheckpoint(site: LogSite): string {
  const database = openDatabase({ path: site.path, key: site.key, readonly: true })
  const row = database.prepare<{ note: string }>('SELECT note FROM checkpoints ORDER BY size DESC').get()
  database.close()
  return row?.note ?? ''
}
