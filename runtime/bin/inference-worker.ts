/**
 * The process that runs one model. It is started by runtime/inference/worker-launch.ts with an open package and a
 * channel, behind the walls of isolation.ts, and has nothing else.
 */
import { servePort } from '../inference/worker-port.ts'

// The launcher's environment says so already. The library reads it when it is loaded, so it is set before that.
process.env.ORT_DISABLE_TELEMETRY = '1'
const { serveModel } = await import('../inference/worker-process.ts')

await servePort(serveModel)
process.exit(0)
