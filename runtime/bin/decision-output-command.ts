import { createWriteStream, rmSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decisionIdSchema, outputNameSchema } from '../http/request-schemas.ts'
import type { Box } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues, systemCode } from './box-settings.ts'
import { ClientError } from './client-errors.ts'
import { Misuse, readArgs } from './model-client.ts'
import { size } from './model-text.ts'

export const decisionOutputEntry = {
  name: 'decision output',
  synopsis: 'ID (NAME | --image) --output FILE [options]',
  summary: 'save the labels of a segmentation, or what the model saw of an image',
  operand: 'text',
  options: { ...boxOptionValues, image: 'flag', output: 'file', json: 'flag' },
  exitCodes: boxExitMeanings,
} as const

const USAGE = `Usage: wardstone decision output ID (NAME | --image) --output FILE [options]

Saves what is too large for a decision's answer: the labels of a segmentation, as gzipped NIfTI-1, or what the model saw of the image,
as raw little-endian numbers. The reading is recorded. The file is new and readable by its owner alone. For clinicians and
privacy officers.

  NAME                the output, as the decision names it
  --image             what the model saw, instead of an output; its form and size are said
  --output FILE       the file; it must not exist
  --json              one JSON object: file, bytes, and the form of the image
${BOX_HELP}
Examples:
  wardstone decision output 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 tissue --output labels.nii.gz
  wardstone decision output 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 --image --output seen.raw --json

Exit codes: 0 saved, 1 refused, or there is none, 2 wrong usage, 20 the box could not be asked or the file not written, 130 interrupted.
`

const MAX_BYTES = 1024 * 1024 * 1024

interface Wanted {
  readonly path: string
  readonly file: string
  readonly json: boolean
}

/** `wardstone decision output`. @returns the exit code */
export function decisionOutputCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      image: { type: 'boolean', default: false },
      output: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    const [id = '', name, ...others] = positionals
    if (others.length > 0 || !decisionIdSchema.safeParse(id).success) throw new Misuse('ID is that of a decision')
    if ((name === undefined) !== values.image) throw new Misuse('name one output, or --image')
    if (name !== undefined && !outputNameSchema.safeParse(name).success)
      throw new Misuse('this is no name of an output')
    const { output: file, json } = values
    if (file === undefined || file === '') throw new Misuse('--output FILE is needed')
    const path = `/v1/decisions/${id}/${name === undefined ? 'image' : `outputs/${name}`}`
    return { box: values, json, run: (box) => save(box, { path, file, json }, io) }
  })
}

async function save(box: Box, { path, file, json }: Wanted, io: BoxIo): Promise<number> {
  const incoming = await box.open(path, {})
  const bytes = await write(incoming, file)
  const form = Object.fromEntries(
    ['dtype', 'layout', 'dims', 'sha256'].flatMap((name) => {
      const value = incoming.headers[`wardstone-${name}`]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )
  const shape = form.dims === undefined ? '' : `: ${form.dtype} ${form.layout} ${form.dims}`
  io.stdout.write(json ? `${JSON.stringify({ file, bytes, ...form })}\n` : `Wrote ${size(bytes)} to ${file}${shape}\n`)
  return boxExitCodes.done
}

/** The file is there whole or not at all. */
async function write(incoming: Readable, file: string): Promise<number> {
  let bytes = 0
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  let isMade = false
  target.once('open', () => {
    isMade = true
  })
  try {
    await pipeline(
      incoming,
      async function* limited(pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          bytes += piece.length
          if (bytes > MAX_BYTES) throw new ClientError('client_answer_malformed', { about: 'too large' })
          yield piece
        }
      },
      target,
    )
    return bytes
  } catch (cause) {
    if (isMade) rmSync(file, { force: true })
    if (cause instanceof ClientError) throw cause
    const isOfFile = isMade ? ['ENOSPC', 'EDQUOT', 'EIO'].includes(systemCode(cause) ?? '') : true
    throw isOfFile
      ? new ClientError('client_file_unwritable', { cause, about: `${file}: ${systemCode(cause) ?? 'internal'}` })
      : new ClientError('client_connection_broken', { cause })
  }
}
