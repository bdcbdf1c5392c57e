import { openService } from '../service.ts'

/** A long-running process as the entries in bin/ are; what it is told to do comes by its channel. */
const service = openService(process.env, false)

process.on('message', (order: 'ready' | 'hang') => {
  if (order === 'ready') service.ready('ready')
  // A main loop that never comes back.
  else for (;;);
})
process.send?.('started')
await service.stopAsked
await service.stopped()
process.exit(0)
