import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from './command.ts'
import { auditIo } from './command-context.ts'
import { modelActivateCommand, modelRemoveCommand, modelRollbackCommand } from './model-change-commands.ts'
import { type ModelIo, modelExitCodes } from './model-client.ts'
import { modelInstallCommand } from './model-install-command.ts'
import { modelJobsCommand, modelListCommand } from './model-list-commands.ts'

const options = { json: 'flag', socket: 'file' } as const
const exitCodes = {
  [modelExitCodes.failed]: 'failed or refused',
  [modelExitCodes.updaterUnreachable]: 'could not be asked, or did not answer',
} as const
/** Whoever waits may leave. */
const waitingExitCodes = { ...exitCodes, [modelExitCodes.interrupted]: 'interrupted' } as const

type ModelCommand = (args: readonly string[], site: string, io: ModelIo) => Promise<number>

/** The half of `wardstone model` that asks the updater; `model inspect` needs none. */
export const modelCommands: readonly Command[] = [
  {
    name: 'model list',
    synopsis: '[options]',
    summary: 'what runs, what is kept for a rollback, what is staged',
    options,
    exitCodes,
    run: run(modelListCommand),
  },
  {
    name: 'model install',
    synopsis: 'SOURCE [options]',
    summary: 'fetch a release, prove it on this device and make it run',
    operand: 'folder',
    options: { ...options, usb: 'folder', name: 'text', 'stage-only': 'flag', 'no-wait': 'flag' },
    exitCodes: waitingExitCodes,
    run: run(modelInstallCommand),
  },
  {
    name: 'model activate',
    synopsis: 'RELEASE [options]',
    summary: 'make a staged release run',
    operand: 'text',
    options: { ...options, 'no-wait': 'flag' },
    exitCodes: waitingExitCodes,
    run: run(modelActivateCommand),
  },
  {
    name: 'model rollback',
    synopsis: 'SLOT [options]',
    summary: 'go back to what ran in a slot before',
    operand: 'text',
    options: { ...options, 'no-wait': 'flag' },
    exitCodes: waitingExitCodes,
    run: run(modelRollbackCommand),
  },
  {
    name: 'model remove',
    synopsis: 'RELEASE [options]',
    summary: 'take a staged release out of the store',
    operand: 'text',
    options,
    exitCodes,
    run: run(modelRemoveCommand),
  },
  {
    name: 'model jobs',
    synopsis: '[ID] [options]',
    summary: 'what the updater does and has done',
    operand: 'text',
    options: { ...options, follow: 'flag', cancel: 'flag' },
    exitCodes: waitingExitCodes,
    run: run(modelJobsCommand),
  },
]

function run(command: ModelCommand): (args: readonly string[], site: string) => Promise<number> {
  return async (args, site) => {
    const interrupted = new AbortController()
    process.once('SIGINT', () => interrupted.abort())
    const code = await command(args, site, {
      stdout: process.stdout,
      stderr: process.stderr,
      account: auditIo().operator.name,
      pause: async (ms) => {
        await pause(ms, undefined, { signal: interrupted.signal }).catch(() => undefined)
      },
      interrupted: interrupted.signal,
    })
    process.removeAllListeners('SIGINT')
    return code
  }
}
