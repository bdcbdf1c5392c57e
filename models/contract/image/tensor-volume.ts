import type { ImageFacts, Volume } from './image-facts.ts'
import type { ImageOp } from './image-schema.ts'
import type { Grid } from './raster.ts'
import { rasterStepGrid } from './raster-ops.ts'
import { storedGrid } from './stored-values.ts'

/**
 * Where in the patient the frames, rows and columns of a tensor lie, of what is known of the image alone: so that what a
 * model says of each voxel can be laid over the image it was made from.
 * @returns undefined where the image does not say it, and where a step cuts by what the image shows
 * @throws Refusal as the steps themselves
 */
export function tensorVolume(facts: ImageFacts, steps: readonly ImageOp[], tensor: string): Volume | undefined {
  const grids = new Map<string, Grid | 'unforeseen' | undefined>()
  for (const step of steps) {
    if (step.op === 'image-values') {
      grids.set(step.to, storedGrid(step, facts))
      continue
    }
    const grid = grids.get(step.from)
    if (step.op === 'image-tensor') {
      if (step.tensor === tensor) return typeof grid === 'object' ? grid.volume : undefined
    } else grids.set(step.to, typeof grid === 'object' ? rasterStepGrid(step, grid) : grid)
  }
  return undefined
}
