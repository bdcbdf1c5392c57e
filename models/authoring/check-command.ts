import { parseArgs } from 'node:util'
import { memoryEstimate } from '../onnx/memory.ts'
import { readOnnx } from '../onnx/reader.ts'
import type { OnnxSurface } from '../onnx/surface.ts'
import { MAX_ONNX_BYTES } from '../onnx/wire.ts'
import { checkText } from './check-text.ts'
import { type AuthoringIo, authoringExitCodes, EXIT_HELP, Misuse, runAuthoring } from './command-io.ts'
import { checkDraft, type DraftManifest } from './draft-check.ts'
import { parseJsonFile, readWhole } from './files.ts'
import { type Finding, findingsExitCode } from './findings.ts'
import { checkGraph } from './graph-check.ts'
import { checkMatch } from './match-check.ts'

const USAGE = `Usage: wardstone model check FILE.onnx [--json]
       wardstone model check DRAFT.json [--model FILE.onnx] [--json]

Says what is missing, inconsistent or dangerous in a model that is being made, before anything of it is loaded: in the graph (data
outside the file, foreign operators, versions that the runtime does not have, types that no contract can name, open sizes, the
memory it will need), in the draft of its manifest (what a person has still to decide, what the schema refuses, what contradicts
itself), and between the two.

  --model FILE   the ONNX file that the draft speaks of
  --json         one JSON object on standard output

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
    const report = checkFiles(path, values.model)
    io.stdout.write(values.json ? `${JSON.stringify(report)}\n` : checkText(report))
    return findingsExitCode(report.findings)
  })
}

function checkFiles(path: string, modelPath: string | undefined): CheckReport {
  const bytes = readWhole(path, MAX_ONNX_BYTES)
  const isDraft = JSON_START.test(Buffer.from(bytes.subarray(0, 64)).toString('latin1'))
  if (!isDraft && modelPath !== undefined) throw new Misuse('--model goes with a draft')
  if (!isDraft) return checkModel(undefined, readOnnx(bytes), [])
  const { findings, manifest } = checkDraft(parseJsonFile(bytes, path))
  const graph = modelPath === undefined ? undefined : readOnnx(readWhole(modelPath, MAX_ONNX_BYTES))
  return checkModel(manifest, graph, findings)
}

/** @param drafted findings of the draft alone */
export function checkModel(
  manifest: DraftManifest | undefined,
  graph: OnnxSurface | undefined,
  drafted: readonly Finding[],
): CheckReport {
  const ofGraph = graph === undefined ? [] : checkGraph(graph)
  const between = graph === undefined || manifest === undefined ? [] : checkMatch(manifest, graph)
  return {
    graph: graph ?? null,
    memoryEstimateBytes: graph === undefined ? null : memoryEstimate(graph),
    findings: [...ofGraph, ...drafted, ...between],
  }
}
