import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../contract/golden.ts'
import { modelCard } from '../onnx/model-card.ts'
import { readOnnx } from '../onnx/reader.ts'
import { MAX_ONNX_BYTES } from '../onnx/wire.ts'
import { printable } from '../package/inspection-text.ts'
import { type PackageDraft, packageIdentity, packModel } from '../package/pack.ts'
import { PACKAGE_FILE } from '../store/layout.ts'
import { checkModel } from './check-command.ts'
import { checkText } from './check-text.ts'
import { type AuthoringIo, authoringExitCodes, EXIT_HELP, Misuse, runAuthoring } from './command-io.ts'
import { checkDraft, type DraftManifest } from './draft-check.ts'
import { AuthoringError } from './errors.ts'
import { MAX_GOLDEN_BYTES, readJsonFile, readWhole, withReason, writeNew } from './files.ts'
import { shownJson } from './shown-json.ts'
import { CONTENT_KEY_FILE } from './sign-command.ts'

const MAX_TEXT_BYTES = 4 * 1024 * 1024

const USAGE = `Usage: wardstone model pack MANIFEST.json --model FILE.onnx --golden-vectors FILE.json --licence FILE --output FOLDER
       [--card FILE.md] [--sbom FILE.json] [--json]

Checks a manifest and its model as "wardstone model check" does, and writes FOLDER with package.wspkg and content.key. Nothing is
written while there are errors. The package is encrypted; content.key, readable by its owner alone, opens it: hand it to the fleet's
keeper, who wraps it for each device, and destroy it then. Vendor and fleet sign with "wardstone model sign".

  --golden-vectors FILE   what comes in and must come out (docs/manifest.md); any JSON form
  --licence FILE          text of the model's licence
  --card FILE             the model card (default: written from the manifest)
  --sbom FILE             the makings of the model, as CycloneDX JSON
  --output FOLDER         is made; it must not exist
  --json                  the identity as one JSON object on standard output

Examples:
  wardstone model pack resnet50.json --model resnet50.onnx --golden-vectors golden.json --licence LICENSE --output release

${EXIT_HELP}`

/** `wardstone model pack`. @returns the exit code */
export function modelPackCommand(
  args: readonly string[],
  io: AuthoringIo & { readonly randomness: Randomness },
): Promise<number> {
  return runAuthoring(USAGE, args.includes('--json'), io, () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        model: { type: 'string' },
        'golden-vectors': { type: 'string' },
        licence: { type: 'string' },
        card: { type: 'string' },
        sbom: { type: 'string' },
        output: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      io.stdout.write(USAGE)
      return authoringExitCodes.done
    }
    const { model, licence, output, card, sbom, 'golden-vectors': golden } = values
    const [manifest] = positionals
    if (manifest === undefined || positionals.length > 1) throw new Misuse('name one manifest')
    if (model === undefined || licence === undefined || golden === undefined || output === undefined)
      throw new Misuse('--model, --golden-vectors, --licence and --output are needed')
    return pack({ manifest, model, licence, golden, output, card, sbom, json: values.json }, io)
  })
}

interface PackRequest {
  readonly manifest: string
  readonly model: string
  readonly golden: string
  readonly licence: string
  readonly output: string
  readonly card: string | undefined
  readonly sbom: string | undefined
  readonly json: boolean
}

function pack(request: PackRequest, io: AuthoringIo & { readonly randomness: Randomness }): number {
  const model = readWhole(request.model, MAX_ONNX_BYTES)
  const { findings, manifest } = checkDraft(readJsonFile(request.manifest))
  const golden = readJsonFile(request.golden, MAX_GOLDEN_BYTES)
  const report = checkModel(manifest, readOnnx(model), findings, golden)
  const hasErrors = report.findings.some(({ severity }) => severity === 'error')
  if (hasErrors) io.stdout.write(request.json ? `${shownJson(report)}\n` : checkText(report))
  if (hasErrors || manifest === undefined) return authoringExitCodes.errors
  const packed = packModel(draftOf(request, manifest, model, golden), io.randomness)
  makeFolder(request.output)
  writeNew(join(request.output, PACKAGE_FILE), packed.bytes)
  writeNew(join(request.output, CONTENT_KEY_FILE), `${Buffer.from(packed.contentKey).toString('base64')}\n`, 0o600)
  packed.contentKey.fill(0)
  const identity = packageIdentity(packed)
  io.stdout.write(request.json ? `${JSON.stringify(identity)}\n` : identityText(identity))
  io.stderr.write(nextText(report.findings.length, request.output))
  return authoringExitCodes.done
}

/** @throws ContractError contract_inconsistent for golden vectors that do not speak of this contract */
function draftOf(request: PackRequest, draft: DraftManifest, model: Uint8Array, vectors: unknown): PackageDraft {
  const { schemaVersion: _, ...manifest } = draft
  const golden = canonicalBytes(vectors)
  verifyGoldenVectors(parseGoldenVectors(golden), manifest.contract)
  const text = (path: string) => readWhole(path, MAX_TEXT_BYTES)
  return {
    manifest,
    files: [
      { role: 'model', content: model },
      { role: 'golden-vectors', content: golden },
      { role: 'card', content: request.card === undefined ? modelCard(manifest, []) : text(request.card) },
      ...(request.sbom === undefined ? [] : [{ role: 'sbom', content: text(request.sbom) } as const]),
      { role: 'licence', content: text(request.licence) },
    ],
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o755 })
  } catch (cause) {
    throw new AuthoringError('authoring_output_exists', { about: withReason(path, cause), cause })
  }
}

/** Warnings keep nobody from packing, and are not to be missed by those who did not check. */
function nextText(warnings: number, folder: string): string {
  const weigh = warnings === 0 ? '' : `${warnings} to weigh: "wardstone model check" says what. `
  return printable(`${weigh}Then both keepers sign: wardstone model sign ${folder}`).concat('\n')
}

function identityText(identity: ReturnType<typeof packageIdentity>): string {
  return Object.entries(identity)
    .map(([name, value]) => `${name.padEnd(16)}${value}\n`)
    .join('')
}
