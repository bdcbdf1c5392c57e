import { createReadStream, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { silentLog } from '../../device/platform/log.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import type { PreparedImage } from '../../models/contract/image/prepared-image.ts'
import { modelStore, releasePaths } from '../../models/store/layout.ts'
import type { AuditLog, AuditSite } from '../audit/audit-log.ts'
import { AuditCommandError } from '../audit/command-errors.ts'
import { type AuditIo, auditExitCodes, runAuditCommand } from '../audit/command-io.ts'
import { recordOperatorEvent } from '../audit/operator-evidence.ts'
import { type RuntimeConfig, runtimeConfigSchema } from '../config.ts'
import { ActivationError } from '../decisions/activation-errors.ts'
import { DecisionError } from '../decisions/errors.ts'
import { proveRelease } from '../decisions/proven-release.ts'
import { type Replay, replayDecision } from '../decisions/replay.ts'
import type { ActiveModel, DecisionRecord, Explanation, ExplanationRecord } from '../decisions/types.ts'
import { createImageDecoder, type ImageDecoder } from '../images/image-decoder.ts'
import { MAX_RECEIVE_MS } from '../images/limits.ts'
import { availableMemoryBytes } from '../inference/isolation.ts'
import { pinnedTrust } from '../models.ts'
import { SiteFiles } from '../site-files.ts'
import type { Command } from './command.ts'
import { auditIo, auditSite } from './command-context.ts'
import { contentOf } from './recorded.ts'

/** Beside those of the audit commands: an answer that differs from the record must be told from one that cannot be given. */
const DIFFERENT = 11
const NOT_REPRODUCIBLE = 12

const USAGE = `Usage: wardstone decision replay ID [--image PATH]... [--json]

Makes a decision again from its record: the package that made it is verified and opened from the store, what was sent is taken along
the path at its own moment, and what comes out is held against what was recorded, to the last bit. The explanation too, with its seed.
The reading is recorded before anything is shown; no value of the patient is shown.

  --image PATH  a file of the image, or a folder of its files and nothing else: where what the model saw was too large to be kept
                with the decision. They must be the very files that the record has the hashes of.
  --json        one JSON object

Examples:
  wardstone decision replay 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4
  wardstone decision replay 7a1c0d52-93f1-4c37-9a51-0f3c51b7a9e4 --image series/ --json

Exit codes: 0 the same, 11 different, 12 a fault of the moment that cannot be made again, 1 there is no such decision, or its
subject was erased, 2 wrong usage, 20 could not run (such as a package that is gone, or was revoked).
`
const ID = /^[0-9a-f-]{36}$/

export const replayCommand: Command = {
  name: 'decision replay',
  synopsis: 'ID [--image PATH]... [--json]',
  summary: 'make a decision again from its record, and say whether it is the same',
  operand: 'text',
  options: { image: 'file', json: 'flag' },
  exitCodes: {
    [auditExitCodes.nothingFound]: 'nothing found',
    [DIFFERENT]: 'it comes out different',
    [NOT_REPRODUCIBLE]: 'a fault of the moment, which cannot be made again',
    [auditExitCodes.couldNotRun]: 'could not run',
  },
  run: (args, site) => {
    const io = auditIo()
    return runAuditCommand(
      USAGE,
      () => auditSite(site),
      io,
      async () => {
        const request = readRequest(args)
        return request === 'help' ? request : (log, place) => replay(request, log, place, resolve(site), io)
      },
    )
  },
}

interface Request {
  readonly id: string
  readonly images: readonly string[]
  readonly json: boolean
}

function readRequest(args: readonly string[]): Request | 'help' {
  const options = {
    image: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  if (values.help) return 'help'
  const [id] = positionals
  if (positionals.length !== 1 || id === undefined || !ID.test(id))
    throw new AuditCommandError('audit_arguments_invalid', { about: 'ID is that of a decision' })
  return { id, images: values.image ?? [], json: values.json }
}

async function replay(request: Request, log: AuditLog, place: AuditSite, root: string, io: AuditIo): Promise<number> {
  const { id, json } = request
  const read = { kind: 'read', operator: io.operator, scope: 'decision', decision: id, selection: {} } as const
  if (log.search.bodyById(id) !== undefined) await recordOperatorEvent(log, place, read, io)
  const record = contentOf(log, log.search.bodyById(id)) as DecisionRecord | undefined
  if (record?.kind !== 'decision') {
    io.stdout.write(json ? 'null\n' : 'There is none.\n')
    return auditExitCodes.nothingFound
  }
  const later = laterExplanation(log, id)
  const config = loadConfig(resolve(root, 'runtime.json'), runtimeConfigSchema)
  const { isolation } = config.inference
  const decoder = createImageDecoder({ isolation, clock: systemClock, log: silentLog, ...config.images })
  let model: ActiveModel | undefined
  try {
    model = await openModel(record, config, new SiteFiles(root), decoder)
    const image = await imageAgain(record, request.images, model, decoder)
    const found = await replayDecision(record, later, model, systemClock, image)
    io.stdout.write(json ? `${JSON.stringify(asJson(record, model, found))}\n` : asText(record, model, found))
    return exitCodeOf(found)
  } catch (error) {
    if (error instanceof DecisionError && error.code === 'image_not_kept')
      throw new AuditCommandError('audit_arguments_invalid', {
        about: '--image is needed: what the model saw was not kept',
      })
    throw error
  } finally {
    await model?.worker.stop()
    await decoder.stop()
  }
}

/** The image prepared again from its own files, where they are given. @throws AuditCommandError when they are others */
async function imageAgain(
  { image }: DecisionRecord,
  paths: readonly string[],
  model: ActiveModel,
  decoder: ImageDecoder,
): Promise<PreparedImage | undefined> {
  if (paths.length === 0) return undefined
  if (image === undefined)
    throw new AuditCommandError('audit_arguments_invalid', { about: '--image: the decision had none' })
  const plan = imageSteps(model.manifest.contract)
  const deadlineMs = systemClock.monotonicMs() + MAX_RECEIVE_MS
  const { facts, files, prepared } = await decoder.prepare(filesOf(paths), [plan], {}, deadlineMs)
  const [own] = prepared
  const hashes = (list: typeof files) =>
    list
      .map(({ sha256 }) => sha256)
      .sort()
      .join()
  if (own === undefined || hashes(files) !== hashes(image.files))
    throw new AuditCommandError('audit_arguments_invalid', { about: '--image: these are not the files of the record' })
  return { facts: { ...facts, frameFacts: image.facts.frameFacts }, prepared: own }
}

/** The files of folders and paths, each read as it is sent on. */
function filesOf(paths: readonly string[]): AsyncIterable<Uint8Array>[] {
  const all = paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path, { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => join(path, name))
      : [path],
  )
  return all.map((path) => createReadStream(path))
}

function laterExplanation(log: AuditLog, id: string): Explanation | undefined {
  const contents = log.search.bodiesAbout(id).map((body) => contentOf(log, body) as ExplanationRecord | undefined)
  return contents.find((content) => content?.kind === 'explanation')?.explanation
}

/** The very package that decided, verified as before it ran. It decides nothing now: no floor holds it back. */
async function openModel(
  { decision }: DecisionRecord,
  config: RuntimeConfig,
  files: SiteFiles,
  images: ImageDecoder,
): Promise<ActiveModel> {
  const { id, packageHash } = decision.model
  const trust = {
    ...(await pinnedTrust(config, files, createCryptoProvider())),
    nowMs: systemClock.nowMs(),
    floor: () => undefined,
    // It ran here: its decision stands in the log. A grant that has expired since does not undo that.
    wasActivated: (hash: string) => hash === packageHash,
    imageVersion: 0,
  }
  const loader = {
    settings: config.inference,
    images,
    clock: systemClock,
    log: silentLog,
    admit: (memoryBytes: number) => {
      if (memoryBytes > availableMemoryBytes()) throw new ActivationError('runtime_memory_short')
    },
    started: () => {},
  }
  const paths = releasePaths(modelStore(files.path(config.store)), packageHash)
  return (await proveRelease(id, packageHash, paths, trust, loader)).model
}

function exitCodeOf({ outcome, explanation }: Replay): number {
  if (outcome === 'different' || explanation === 'different') return DIFFERENT
  return outcome === 'not reproducible' ? NOT_REPRODUCIBLE : auditExitCodes.found
}

function asJson({ decision }: DecisionRecord, model: ActiveModel, found: Replay) {
  const { id, version, packageHash } = decision.model
  const provider = {
    recorded: decision.provider?.provider ?? null,
    now: model.worker.status().provider?.provider ?? null,
  }
  return {
    decision: decision.decisionId,
    decidedAt: decision.decidedAt,
    model: id,
    version,
    package: packageHash,
    provider,
    ...found,
  }
}

function asText(record: DecisionRecord, model: ActiveModel, found: Replay): string {
  const { decision, model: id, version, provider, outcome, explanation } = asJson(record, model, found)
  const where = provider.now === provider.recorded ? provider.now : `${provider.now}, recorded on ${provider.recorded}`
  return `decision     ${decision}\nmodel        ${id} ${version}, on ${where}\noutcome      ${outcome}\nexplanation  ${explanation}\n`
}
