import type { ImageGate } from '../../models/contract/image/image-schema.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { ActiveModel, Slots } from './types.ts'

/**
 * The slots of a model's gates that can let no image pass as the box is now: every request to it will be refused, and nobody
 * would know before the first. Nothing runs there, or what runs takes no image, has no such output, or wants an input besides.
 */
export function closedGates({ manifest }: Pick<ActiveModel, 'manifest'>, slots: Slots): readonly string[] {
  const gates = manifest.contract.image?.gates ?? []
  return [...new Set(gates.filter((gate) => !canAnswer(gate, slots)).map(({ model }) => model))]
}

function canAnswer({ model: slot, output }: ImageGate, slots: Slots): boolean {
  const content = slots.get(slot)
  // It will be there in a moment, or be said to be unavailable.
  if (content?.state === 'loading') return true
  if (content?.state !== 'active') return false
  const { contract } = content.model.manifest
  const role = contract.outputs.find(({ name }) => name === output)?.role
  const isOneValue = role === 'score' || role === 'probability' || role === 'category'
  return contract.image !== undefined && isOneValue && !wantsMore(contract)
}

/** A gate is sent nothing but the image. What its file may answer is left to the file. */
function wantsMore({ inputs, image, population }: Contract): boolean {
  const answered = new Set(image?.observations.map(({ input }) => input))
  const judged = new Set(population.criteria.map(({ input }) => input))
  return inputs.some((input) => {
    const isThere = answered.has(input.name) || (input.kind === 'code' && input.default !== undefined)
    return !isThere && (input.onMissing === 'refuse' || judged.has(input.name))
  })
}
