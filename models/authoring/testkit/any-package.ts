import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import type { Contract } from '../../contract/schema.ts'
import { type Tensor, tensorNumbers } from '../../contract/tensor.ts'
import { sendableTensor } from '../../contract/tensor-value.ts'
import { readOnnx } from '../../onnx/reader.ts'
import type { PackageDraft } from '../../package/pack.ts'
import type { DraftManifest } from '../draft-check.ts'
import { decidedDraft } from './decided-draft.ts'

/** What goes into a model, in the order of its inputs, and what must come out. */
export interface Known {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** A package of a graph that nobody knows, from the manifest that is drafted for it; its golden vector is what is known. */
export function anyPackage(
  bytes: Uint8Array,
  name: string,
  known: Known,
  change: (contract: Contract) => Contract = (contract) => contract,
): PackageDraft {
  const { schemaVersion: _, ...drafted } = decidedDraft(bytes, readOnnx(bytes), name)
  const manifest = { ...drafted, contract: change(drafted.contract) }
  return {
    manifest,
    files: [
      { role: 'model', content: bytes },
      { role: 'golden-vectors', content: canonicalBytes(goldenVectors(manifest, known)) },
      { role: 'licence', content: Buffer.from('Decided\n') },
    ],
  }
}

export function goldenVectors({ contract }: Pick<DraftManifest, 'contract'>, { inputs, outputs }: Known): object {
  const sent = contract.inputs.map(({ name }, index) => {
    return [name, [{ value: sendableTensor(inputs[index] as Tensor), ageMinutes: 0 }]]
  })
  const said = contract.outputs.map(({ name }, index) => [name, tensorNumbers(outputs[index] as Tensor)])
  const expect = { outputs: Object.fromEntries(said), alert: false }
  return { version: 1, vectors: [{ name: 'official', inputs: Object.fromEntries(sent), expect }] }
}
