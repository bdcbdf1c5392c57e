import { systemClock } from '../../device/platform/clock.ts'
import { modelInspectCommand } from '../package/inspect.ts'

const io = { stdout: process.stdout, stderr: process.stderr, clock: systemClock }
process.exitCode = await modelInspectCommand(process.argv.slice(2), io)
