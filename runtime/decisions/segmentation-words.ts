import type { AssessedOutput } from '../../models/contract/postprocess.ts'
import type { Contract, OutputSpec } from '../../models/contract/schema.ts'

type Segmentation = Extract<OutputSpec, { role: 'segmentation' }>

/** More labels than these nobody reads in a sentence; the answer has them all. */
const MAX_SAID = 12

/**
 * A segmentation in words: how many elements have each label, in the contract's order. A label of which there is none is said
 * too: that no lesion was marked is a result.
 */
export function segmentationWords(output: AssessedOutput, spec: Segmentation, contract: Contract): string {
  const element = elementOf(output, contract)
  const said = spec.labels.slice(0, MAX_SAID).map(({ text }, index) => {
    const count = output.values[index] ?? 0
    return `${lowerFirst(text)} ${count.toLocaleString('en-GB')} ${count === 1 ? element : `${element}s`}`
  })
  const more = spec.labels.length - said.length
  const all = more === 0 ? said : [...said, `${more} more ${more === 1 ? 'label' : 'labels'}`]
  return `${output.display}: ${all.slice(0, -1).join(', ')} and ${all.at(-1)}, counted in the image as the model took it.`
}

/** What one element of the labels is of: without an image, as the labels lie. */
function elementOf({ dims = [] }: AssessedOutput, { image }: Contract): string {
  if (image !== undefined) return image.form === 'volume' ? 'voxel' : 'pixel'
  const axes = dims.filter((size) => size > 1).length
  return axes === 3 ? 'voxel' : axes === 2 ? 'pixel' : 'element'
}

/** A name that begins with an abbreviation keeps it: SpO2, pH, CSF. */
export function lowerFirst(text: string): string {
  return /^\p{Lu}\p{Ll}+(\P{L}|$)/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text
}
