import { strict as assert } from 'node:assert'
import type { StoredImage } from '../../contract/image/image-facts.ts'
import { prepareImage } from '../../contract/image/prepare-image.ts'
import { chestQcSteps } from '../steps.ts'

/** An image by the steps of the contract, at any size: −1 to 1, row by row. */
export function preparedValues(image: StoredImage, side: number): Float32Array {
  const prepared = prepareImage(image, chestQcSteps(side))
  assert('tensors' in prepared, 'the steps apply to every picture')
  return prepared.tensors.image?.data as Float32Array
}
