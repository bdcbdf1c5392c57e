import { jobAnswer, listAnswer } from '../../models/store/control-channel.ts'
import {
  type Asks,
  COMMON_HELP,
  commonOptions,
  EXIT_HELP,
  Misuse,
  type ModelIo,
  modelExitCodes,
  readArgs,
  runModelCommand,
  WAITING_EXIT_HELP,
} from './model-client.ts'
import { follow } from './model-follow.ts'
import { jobsText, jobText, listText, named } from './model-text.ts'

const LIST_USAGE = `Usage: wardstone model list [options]

Shows what runs in each slot, what is kept for a rollback, what is staged, and what is under way.

${COMMON_HELP}
Examples:
  wardstone model list
  wardstone model list --site /var/lib/wardstone --json

${EXIT_HELP}`

const JOBS_USAGE = `Usage: wardstone model jobs [ID] [options]

Shows the newest jobs, or one of them with the reason of its failure.

  --follow        show a job until it has ended; the exit code is then that of the job
  --cancel        give a job up that has not begun to change what runs
${COMMON_HELP}
Examples:
  wardstone model jobs
  wardstone model jobs 5b0f6f3f8a1c2d4e --follow

${WAITING_EXIT_HELP}`

/** `wardstone model list`. @returns the exit code */
export function modelListCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(LIST_USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, commonOptions)
    if (values.help) return 'help'
    if (positionals.length > 0) throw new Misuse('list takes no argument')
    const { socket, json } = values
    const run = async (ask: Asks) => {
      const list = await ask('list', {}, listAnswer)
      io.stdout.write(json ? `${JSON.stringify(list)}\n` : listText(list))
      return modelExitCodes.done
    }
    return { socket, json, run }
  })
}

/** `wardstone model jobs`. @returns the exit code */
export function modelJobsCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(JOBS_USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, {
      ...commonOptions,
      follow: { type: 'boolean', default: false },
      cancel: { type: 'boolean', default: false },
    })
    if (values.help) return 'help'
    const [job, ...others] = positionals
    if (others.length > 0) throw new Misuse('name one job')
    if (job !== undefined && !/^[0-9a-f]{16}$/.test(job))
      throw new Misuse('the ID of a job has 16 characters, 0-9 and a-f')
    const { socket, json, cancel } = values
    if (job === undefined && (cancel || values.follow)) throw new Misuse('name the job')
    if (job === undefined) return { socket, json, run: (ask) => showJobs(ask, io, json) }
    const run = async (ask: Asks) => {
      const answer = await ask(cancel ? 'cancel' : 'job', { job }, jobAnswer)
      if (values.follow && !cancel) return follow(answer, ask, io, { json, waits: true })
      const text = cancel ? `Job ${job} (${answer.kind} ${named(answer)}) is given up.\n` : jobText(answer)
      io.stdout.write(json ? `${JSON.stringify(answer)}\n` : text)
      return modelExitCodes.done
    }
    return { socket, json, run }
  })
}

async function showJobs(ask: Asks, io: ModelIo, json: boolean): Promise<number> {
  const { jobs } = await ask('list', {}, listAnswer)
  io.stdout.write(json ? jobs.map((job) => `${JSON.stringify(job)}\n`).join('') : jobsText(jobs))
  return modelExitCodes.done
}
