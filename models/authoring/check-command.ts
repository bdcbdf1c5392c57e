import { parseArgs } from 'node:util'
import { modelOutputs, outputSteps } from '../contract/output-ops/output-steps.ts'
import { memoryEstimate } from '../onnx/memory.ts'
import { readOnnx } from '../onnx/reader.ts'
import type { OnnxSurface } from '../onnx/surface.ts'
import { MAX_ONNX_BYTES } from '../onnx/wire.ts'
import { MAX_MANIFEST_BYTES } from '../package/manifest.ts'
import { checkText } from './check-text.ts'
import { type AuthoringIo, authoringExitCodes, EXIT_HELP, Misuse, runAuthoring } from './command-io.ts'
import { checkDraft, type DraftManifest } from './draft-check.ts'
import { AuthoringError } from './errors.ts'
import { MAX_GOLDEN_BYTES, parseJsonFile, readJsonFile, readWhole } from './files.ts'
import { type Finding, findingsExitCode } from './findings.ts'
import { checkGolden } from './golden-check.ts'
import { checkGraph } from './graph-check.ts'
import { checkMatch } from './match-check.ts'
import { shownJson } from './shown-json.ts'

const USAGE = `Usage: wardstone model check FILE.onnx [--json]
       wardstone model check DRAFT.json [--model FILE.onnx] [--golden-vectors FILE.json] [--json]

Says what is missing, inconsistent or dangerous in a model that is being made, before anything of it is loaded: in the graph (data
outside the file, foreign operators, versions that the runtime does not have, types that no contract can name, open sizes, the
memory it will need), in the draft of its manifest (what a person has still to decide, what the schema refuses, what contradicts
itself), between the two, and in its golden vectors as far as the guards and the threshold can tell.

  --model FILE            the ONNX file that the draft speaks of
  --golden-vectors FILE   what comes in and must come out (docs/manifest.md)
  --json                  one JSON object on standard output

Examples:
  wardstone model check resnet50.onnx
  wardstone model check resnet50.json --model resnet50.onnx --json

${EXIT_HELP}`

/** The first sign of a JSON object: in the wire format it begins a group, which no ONNX file has. */
const JSON_START = /^\s*\{/

export interface CheckReport {
  readonly graph: OnnxSurface | null
  readonly memoryEstimateBytes: number | null
  readonly findings: readonly Finding[]
}

/** `wardstone model check`. @returns the exit code */
export function modelCheckCommand(args: readonly string[], io: AuthoringIo): Promise<number> {
  return runAuthoring(USAGE, args.includes('--json'), io, () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        model: { type: 'string' },
        'golden-vectors': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      io.stdout.write(USAGE)
      return authoringExitCodes.done
    }
    const [path] = positionals
    if (path === undefined || positionals.length > 1) throw new Misuse('name one file: an ONNX model or a draft')
    const report = checkFiles(path, values.model, values['golden-vectors'])
    io.stdout.write(values.json ? `${shownJson(report)}\n` : checkText(report))
    return findingsExitCode(report.findings)
  })
}

function checkFiles(path: string, modelPath: string | undefined, goldenPath: string | undefined): CheckReport {
  const bytes = readWhole(path, MAX_ONNX_BYTES)
  const isDraft = JSON_START.test(Buffer.from(bytes.subarray(0, 64)).toString('latin1'))
  if (!isDraft && (modelPath ?? goldenPath) !== undefined)
    throw new Misuse('--model and --golden-vectors go with a draft')
  if (!isDraft) return checkModel(undefined, readOnnx(bytes), [])
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new AuthoringError('authoring_file_unreadable', { about: `${path}: over ${MAX_MANIFEST_BYTES} bytes` })
  const { findings, manifest } = checkDraft(parseJsonFile(bytes, path))
  const graph = modelPath === undefined ? undefined : readOnnx(readWhole(modelPath, MAX_ONNX_BYTES))
  const golden = goldenPath === undefined ? undefined : readJsonFile(goldenPath, MAX_GOLDEN_BYTES)
  return checkModel(manifest, graph, findings, golden)
}

/**
 * @param drafted findings of the draft alone
 * @param golden what the file of golden vectors holds as JSON
 */
export function checkModel(
  manifest: DraftManifest | undefined,
  graph: OnnxSurface | undefined,
  drafted: readonly Finding[],
  golden?: unknown,
): CheckReport {
  // A contract that holds together gives every size a bound: what the graph leaves open is closed then.
  const isBounded = manifest !== undefined && drafted.every(({ severity }) => severity !== 'error')
  const read = isBounded ? modelOutputs(outputSteps(manifest.contract)) : undefined
  const ofGraph = (graph === undefined ? [] : checkGraph(graph, read)).filter(
    ({ code }) => !(isBounded && code === 'onnx_shape_unbounded'),
  )
  const ofGolden = golden === undefined || !isBounded ? [] : checkGolden(golden, manifest.contract)
  const between = graph === undefined || manifest === undefined ? [] : checkMatch(manifest, graph)
  return {
    graph: graph ?? null,
    memoryEstimateBytes: graph === undefined ? null : memoryEstimate(graph),
    findings: [...ofGraph, ...drafted, ...between, ...ofGolden],
  }
}
