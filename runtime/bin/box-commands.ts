import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../device/platform/clock.ts'
import type { BoxIo } from './box-command.ts'
import type { Command } from './command.ts'
import { firstLine } from './command-context.ts'
import { decisionCreateCommand, decisionCreateEntry } from './decision-create-command.ts'
import { decisionFeedbackCommand, decisionFeedbackEntry } from './decision-feedback-command.ts'
import { decisionOutputCommand, decisionOutputEntry } from './decision-output-command.ts'
import { deviceStatusCommand, deviceStatusEntry } from './device-status-command.ts'
import { modelShowCommand, modelShowEntry } from './model-show-command.ts'
import { statusCommand, statusEntry } from './status-command.ts'
import { watchCommand, watchEntry } from './watch-command.ts'

type BoxCommand = (args: readonly string[], io: BoxIo) => Promise<number>

/** The commands that ask the box over HTTPS, as whoever the client certificate names. */
export const boxCommands = {
  status: { ...statusEntry, run: run(statusCommand) },
  watch: { ...watchEntry, run: run(watchCommand) },
  decisionCreate: { ...decisionCreateEntry, run: run(decisionCreateCommand) },
  decisionFeedback: { ...decisionFeedbackEntry, run: run(decisionFeedbackCommand) },
  decisionOutput: { ...decisionOutputEntry, run: run(decisionOutputCommand) },
  modelShow: { ...modelShowEntry, run: run(modelShowCommand) },
  deviceStatus: { ...deviceStatusEntry, run: run(deviceStatusCommand) },
} satisfies Readonly<Record<string, Command>>

function run(command: BoxCommand): Command['run'] {
  return async (args) => {
    const interruption = new AbortController()
    const interrupt = () => interruption.abort()
    process.once('SIGINT', interrupt)
    process.once('SIGTERM', interrupt)
    try {
      return await command(args, {
        stdout: process.stdout,
        stderr: process.stderr,
        clock: systemClock,
        settingsFile: settingsFile(),
        pause: async (ms) => {
          await pause(ms, undefined, { signal: interruption.signal }).catch(() => undefined)
        },
        interrupted: interruption.signal,
        readInput: firstLine,
      })
    } finally {
      process.removeListener('SIGINT', interrupt)
      process.removeListener('SIGTERM', interrupt)
    }
  }
}

/** Of the account, never of the folder that somebody happens to stand in: it says to whom patients are told. */
function settingsFile(): string | undefined {
  const config = process.env.XDG_CONFIG_HOME
  const folder = config?.startsWith('/') ? config : join(homedir(), '.config')
  return join(folder, 'wardstone', 'client.json')
}
