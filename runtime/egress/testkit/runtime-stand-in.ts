import { readFileSync } from 'node:fs'
import { systemClock } from '../../../device/platform/clock.ts'
import { createLog } from '../../../device/platform/log.ts'
import { openDatabase } from '../../storage/database.ts'
import { createOutbox } from '../../storage/outbox.ts'
import { startRelay } from '../relay.ts'
import { MARKED_ROWS, markedRow, markedState } from './marked-rows.ts'

/**
 * A runtime that only writes outbox rows and relays them: the real database, the real relay. It writes until row `total` stands in
 * the outbox, and starts again where it was killed. `[database, key, socket, total, rowsPerSecond]`
 */
const [path = '', keyPath = '', socket = '', total = '0', rowsPerSecond = '100'] = process.argv.slice(2)
const TURN_MS = 20

const database = openDatabase({ path, key: readFileSync(keyPath) })
const outbox = createOutbox(database)
const insert = database.prepare('INSERT INTO outbox (record) VALUES (?)')
const relay = startRelay({
  socket,
  source: 'a'.repeat(64),
  outbox,
  clock: systemClock,
  log: createLog(systemClock, (line) => process.stderr.write(line)),
  deviceState: () => markedState,
})
const goal = Math.min(Number(total), MARKED_ROWS)
const perTurn = Math.max(1, Math.round((Number(rowsPerSecond) * TURN_MS) / 1000))

const turn = setInterval(() => {
  const from = outbox.highest()
  if (from >= goal) {
    clearInterval(turn)
    process.stdout.write('written\n')
    return
  }
  database.transact(() => {
    for (let mark = from; mark < Math.min(goal, from + perTurn); mark++) insert.run(JSON.stringify(markedRow(mark)))
  })
}, TURN_MS)

process.stdout.write('ready\n')
process.on('SIGTERM', () => {
  clearInterval(turn)
  void relay.stop().then(() => process.exit(0))
})
