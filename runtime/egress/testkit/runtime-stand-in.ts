import { readFileSync } from 'node:fs'
import { deviceState } from '../../../device/outbound/device-state.ts'
import { systemClock } from '../../../device/platform/clock.ts'
import { createLog } from '../../../device/platform/log.ts'
import { openDatabase } from '../../storage/database.ts'
import { createOutbox } from '../../storage/outbox.ts'
import { startRelay } from '../relay.ts'
import { MARKED_ROWS, markedRow } from './marked-rows.ts'

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
  deviceState: () =>
    deviceState.parse({
      posture: { secureBoot: 'yes', diskEncryption: 'yes', tpm: 'no', swap: 'no', coreDumps: 'cannot tell' },
      ...{ cpu: 'under-25', memory: 'under-50', disk: 'under-75', gpu: 'unknown', gpuMemory: 'unknown' },
      ...{ temperature: 'under-50', gpuTemperature: 'unknown', gpus: 0, uptime: 'under-1d' },
      ...{ modelsActive: 2, modelsDown: 0 },
    }),
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
