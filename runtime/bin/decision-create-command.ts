import { z } from 'zod'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { purposes } from '../decisions/types.ts'
import { decisionAnswerSchema } from '../http/contract.ts'
import { slotSchema } from '../http/request-schemas.ts'
import { type Box, open } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues, systemCode } from './box-settings.ts'
import { ClientError } from './client-errors.ts'
import { decisionText } from './decision-text.ts'
import { imageBody } from './image-body.ts'
import { Misuse, readArgs } from './model-client.ts'
import { size } from './model-text.ts'

/** The model may not be applied to what was sent: an answer, and on record, but no result. */
const REFUSED = 11

export const decisionCreateEntry = {
  name: 'decision create',
  synopsis: 'MODEL (--inputs FILE | --image PATH…) [options]',
  summary: 'ask a model for a decision',
  operand: 'text',
  options: {
    ...boxOptionValues,
    inputs: 'file',
    image: 'file',
    'subject-file': 'file',
    'subject-stdin': 'flag',
    purpose: purposes,
    json: 'flag',
  },
  exitCodes: {
    ...boxExitMeanings,
    [REFUSED]: 'the model may not be applied to what was sent; the refusal is on record',
  },
} as const

const USAGE = `Usage: wardstone decision create MODEL --inputs FILE (--subject-file FILE | --subject-stdin) [options]
       wardstone decision create MODEL --image PATH... [--inputs FILE] [--subject-file FILE | --subject-stdin] [options]

Asks a model of the box for a decision, as a bedside device does: with the certificate of a bedside device or a clinician. The
decision is in the audit log before it is shown. The patient's identifier and the name of no file go into an argument or a log.

  --inputs FILE       a JSON object: observations by the input names of the model (GET /v1/models lists them, docs/api.md explains)
  --image PATH        a file of the image (DICOM, NIfTI), or a folder with its files; may be given several times
  --subject-file FILE the patient, as the hospital writes it: one line. With DICOM it may be left out: the files say it
  --subject-stdin     the same, on standard input
  --purpose WORD      ${purposes.join(', ')} (default treatment)
  --json              the answer of the box as one JSON object
${BOX_HELP}
Examples:
  wardstone decision create news2 --inputs vitals.json --subject-file patient.txt
  wardstone decision create chest-qc --image chest.dcm --purpose quality --json
  wardstone decision create brain --image series/ --subject-stdin < patient.txt

vitals.json, for news2: {"respiratory-rate": {"value": 21, "unit": "/min"}, "consciousness": {"value": "A"}, …}

Exit codes: 0 decided, 11 the model may not be applied to what was sent (on record), 1 refused, 2 wrong usage, 20 a file cannot be
read, or the box could not be asked, 130 interrupted.
`

const MAX_INPUTS_BYTES = 1024 * 1024
const MAX_SUBJECT_BYTES = 4096

/** `wardstone decision create`. @returns the exit code */
export function decisionCreateCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, async () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      inputs: { type: 'string' },
      image: { type: 'string', multiple: true },
      'subject-file': { type: 'string' },
      'subject-stdin': { type: 'boolean', default: false },
      purpose: { type: 'string', default: 'treatment' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    const [model = '', ...others] = positionals
    if (others.length > 0 || !slotSchema.safeParse(model).success) throw new Misuse('name one model')
    const { inputs, image = [], json, purpose } = values
    if (inputs === undefined && image.length === 0) throw new Misuse('--inputs or --image is needed')
    if (!purposes.some((word) => word === purpose)) throw new Misuse(`--purpose takes ${purposes.join(', ')}`)
    const subject = await readPatient(values['subject-file'], values['subject-stdin'], io)
    if (subject === undefined && image.length === 0) throw new Misuse('--subject-file or --subject-stdin is needed')
    const request = {
      ...{ model, purpose },
      ...(subject === undefined ? {} : { subject }),
      ...(inputs === undefined ? {} : { inputs: readInputs(inputs) }),
    }
    return { box: values, json, run: (box) => create(box, request, image, json, io) }
  })
}

const answerSchema = open(decisionAnswerSchema)

async function create(box: Box, request: object, image: readonly string[], json: boolean, io: BoxIo): Promise<number> {
  const answer =
    image.length === 0
      ? await box.post('/v1/decisions', request, answerSchema)
      : await sendImage(box, request, image, io)
  const { decision, audit } = answer
  io.stdout.write(json ? `${JSON.stringify(answer)}\n` : decisionText(decision, audit))
  return decision.outcome === 'refused' ? REFUSED : boxExitCodes.done
}

/** Says how far it is, on a terminal alone. */
async function sendImage(box: Box, request: object, paths: readonly string[], { stderr }: BoxIo) {
  const isTerminal = stderr.isTTY === true
  let said = ''
  const body = imageBody(request, paths, systemRandomness.bytes(18), (bytes) => {
    const text = `sending ${size(bytes)} (${Math.floor((100 * bytes) / body.bytes)} %)`
    if (isTerminal && text !== said) stderr.write(`\r${text}\u001b[K`)
    said = text
  })
  try {
    return await box.send('/v1/decisions', body, answerSchema)
  } finally {
    if (isTerminal) stderr.write('\r\u001b[K')
  }
}

const inputsSchema = z.record(z.string(), z.unknown())

function readInputs(path: string): unknown {
  const bytes = readNamed('--inputs', path, MAX_INPUTS_BYTES)
  try {
    return inputsSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (cause) {
    throw new ClientError('client_file_malformed', { cause, about: `--inputs ${path}: not a JSON object` })
  }
}

/** One line, whose form the box judges. */
async function readPatient(file: string | undefined, fromInput: boolean, io: BoxIo): Promise<string | undefined> {
  if (file !== undefined && fromInput) throw new Misuse('--subject-file or --subject-stdin, not both')
  if (file === undefined && !fromInput) return undefined
  const bytes =
    file === undefined ? await io.readInput('Patient: ') : readNamed('--subject-file', file, MAX_SUBJECT_BYTES)
  const text = Buffer.from(bytes).toString('utf8').trim().normalize('NFC')
  if (text === '' || text.includes('\n'))
    throw new ClientError('client_file_malformed', { about: 'the patient is one line of text' })
  return text
}

function readNamed(option: string, path: string, maxBytes: number): Uint8Array {
  try {
    return readFileBounded(path, maxBytes)
  } catch (cause) {
    throw new ClientError('client_file_unreadable', {
      cause,
      about: `${option} ${path}: ${systemCode(cause) ?? 'too large'}`,
    })
  }
}
