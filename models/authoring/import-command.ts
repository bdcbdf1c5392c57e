import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { readOnnx } from '../onnx/reader.ts'
import { MAX_ONNX_BYTES } from '../onnx/wire.ts'
import { printable } from '../package/inspection-text.ts'
import { type AuthoringIo, authoringExitCodes, Misuse, runAuthoring } from './command-io.ts'
import { draftManifest } from './draft.ts'
import { readWhole, writeNew } from './files.ts'
import { openPlaces } from './mark.ts'
import { shownJson } from './shown-json.ts'

const USAGE = `Usage: wardstone model import FILE.onnx [--output DRAFT.json] [--tensors]

Reads a graph, without loading it, and drafts the manifest of its package: every field, filled where the graph says it, and with
"DECIDE: …" where a person has to decide. An input with the shape of an image or a volume is proposed as one that is sent as DICOM or
NIfTI, with the steps from its pixels to the tensor; other inputs and outputs as raw tensors. Where they are quantities with units, or
a score, a probability or a category, say so in the contract (docs/manifest.md). "wardstone model check" says what is left.

  --output FILE   write the draft there; the file must not exist (default: standard output)
  --tensors       propose images as raw tensors too

Examples:
  wardstone model import resnet50.onnx --output resnet50.json
  wardstone model import resnet50.onnx | less

Exit codes: 0 drafted, 2 wrong usage, 20 the file cannot be read or the draft not written.
`

/** `wardstone model import`. @returns the exit code */
export function modelImportCommand(args: readonly string[], io: AuthoringIo): Promise<number> {
  return runAuthoring(USAGE, false, io, () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        output: { type: 'string' },
        tensors: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      io.stdout.write(USAGE)
      return authoringExitCodes.done
    }
    const [path] = positionals
    if (path === undefined || positionals.length > 1) throw new Misuse('name one ONNX file')
    const bytes = readWhole(path, MAX_ONNX_BYTES)
    const draft = draftManifest(bytes, readOnnx(bytes), basename(path), values.tensors ? 'tensors' : 'files')
    const text = `${shownJson(draft, 2)}\n`
    if (values.output === undefined) io.stdout.write(text)
    else writeNew(values.output, text)
    const open = openPlaces(draft).length
    const where = values.output ?? 'DRAFT.json'
    io.stderr.write(
      printable(`${open} places to decide. Then: wardstone model check ${where} --model ${path}`).concat('\n'),
    )
    return authoringExitCodes.done
  })
}
