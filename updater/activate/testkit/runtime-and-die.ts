import { modelStore } from '../../../models/store/layout.ts'
import { RuntimeStandIn } from './runtime-stand-in.ts'

/** A runtime in a process of its own that kills itself when it is asked: `runtime-and-die.ts SOCKET STORE LEAVES METHOD HOW`. */
const [socket = '', store = '', leavesPath = '', method = '', how = ''] = process.argv.slice(2)
const die = () => process.kill(process.pid, 'SIGKILL')
await RuntimeStandIn.start({ socket, store: modelStore(store), leavesPath, [method]: [how], die })
process.stdout.write('ready\n')
