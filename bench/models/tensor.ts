import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { draftManifest } from '../../models/authoring/draft.ts'
import { draftSchema } from '../../models/authoring/draft-check.ts'
import { openPlaces } from '../../models/authoring/mark.ts'
import type { Tensor } from '../../models/contract/tensor.ts'
import { sendableTensor } from '../../models/contract/tensor-value.ts'
import { readOnnx } from '../../models/onnx/reader.ts'
import { type BenchModel, subjectOf } from '../bench-model.ts'
import { openRawSession } from '../raw-session.ts'

/** Longer than 64 requests in a row take of the largest model here; less than a client waits. */
const DEADLINE_MS = 25_000

/**
 * A model of others as a package of raw tensors: its manifest is the one that `wardstone model import --tensors` drafts, its golden
 * vector is what bare `session.run` says of the input. Nothing is claimed of what it means.
 */
export async function tensorModel(name: string, onnx: Uint8Array, input: Tensor): Promise<BenchModel> {
  const { schemaVersion: _, ...drafted } = tensorManifest(name, onnx)
  const [given] = drafted.contract.inputs
  const [passed] = readOnnx(onnx).inputs
  if (given === undefined || passed === undefined) throw new TypeError(`${name} has no input`)
  const manifest = { ...drafted, contract: { ...drafted.contract, deadlineMs: DEADLINE_MS } }
  const tensors = { [passed.name]: input }
  const session = await openRawSession(onnx, tensors, 1)
  const said = await session.run()
  await session.close()
  const outputs = manifest.contract.outputs.map((output) => [output.name, said[output.tensor] ?? []])
  const value = sendableTensor(input)
  const expect = { outputs: Object.fromEntries(outputs), alert: false }
  const vector = { name: 'bare run', inputs: { [given.name]: [{ value, ageMinutes: 0 }] }, expect }
  return {
    name: manifest.modelId,
    draft: {
      manifest,
      files: [
        { role: 'model', content: onnx },
        { role: 'golden-vectors', content: canonicalBytes({ version: 1, vectors: [vector] }) },
        { role: 'licence', content: Buffer.from('Measured where it lies; see the file beside it.\n') },
      ],
    },
    tensors,
    body: (summary, index) => ({
      model: summary.slot,
      subject: subjectOf(index),
      purpose: 'demonstration',
      inputs: { [given.name]: { value } },
    }),
  }
}

/** Each open place of the draft filled as one does who only wants to see it run: an hour, no range, no words. */
function tensorManifest(name: string, onnx: Uint8Array) {
  const draft = draftManifest(onnx, readOnnx(onnx), name, 'tensors')
  for (const { path } of openPlaces(draft)) {
    const last = String(path.at(-1))
    const holder = holderOf(draft, path.slice(0, path.at(-2) === 'range' ? -2 : -1))
    if (path.at(-2) === 'range') delete holder.range
    else holder[last] = last.endsWith('Minutes') ? 60 : 'Measured only'
  }
  return draftSchema.parse(draft)
}

function holderOf(value: unknown, path: readonly (string | number)[]): Record<string, unknown> {
  return path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], value) as Record<
    string,
    unknown
  >
}
