import { normalise, toGrey, toRgb } from './colour.ts'
import { applyVoi, asMonochrome2, bounded, ownWindow, rescale } from './grey-scale.ts'
import { orientedPlane, orientedVolume, orientPlane, orientVolume } from './grid-axes.ts'
import type { ImageOp } from './image-schema.ts'
import { patientAxis } from './patient-axes.ts'
import { cropBorder, cropCentre, cropCentreGrid, padSquare, placed, placedGrid, shareOf, squareSize } from './plane.ts'
import type { Grid, Raster, RasterFault, RasterShape } from './raster.ts'
import { resize, resizedGrid } from './resize.ts'
import type { Room } from './room.ts'
import { toUnitByRank, toUnitRange } from './value-scale.ts'
import { resampledGrid, resampleVolume } from './volume-resample.ts'

type Ops = { [Op in ImageOp as Op['op']]: Op }
type RasterOpName = Exclude<keyof Ops, 'image-values' | 'image-tensor'>
/** The ops between the stored values and a tensor: `RasterStep<'image-grey'>` is one of them, `RasterStep` any. */
export type RasterStep<Name extends RasterOpName = RasterOpName> = { [Key in Name]: Ops[Key] & { op: Key } }[Name]

/** A step as the table has it: what it makes of a raster, and of what is known of one. */
interface RasterOp<Step> {
  /** @throws Refusal when it cannot be applied to this image */
  run(step: Step, raster: Raster, room: Room): Raster
  /** @returns the shape, or the field of the step that does not fit */
  shape(step: Step, shape: RasterShape): RasterShape | RasterFault
  /**
   * The grid after it, where it changes one; `unforeseen` where that depends on the values.
   * @throws Refusal as `run`
   */
  grid?(step: Step, grid: Grid): Grid | 'unforeseen'
}

type RasterOps = { readonly [Name in RasterOpName]: RasterOp<RasterStep<Name>> }

const rasterOps: RasterOps = {
  'image-rescale': {
    run: (_step, raster, room) => rescale(raster, room),
    shape: (_step, shape) => (shape.stage === 'stored' ? { ...shape, stage: 'rescaled' } : { fault: 'from' }),
  },
  'image-voi': {
    run: applyVoi,
    // Windows and tables of the file are in the units that rescaling gives.
    shape: (_step, shape) => (shape.stage === 'rescaled' ? { ...shape, stage: 'unit' } : { fault: 'from' }),
  },
  'image-window': {
    run: ({ center, width }, raster, room) => ownWindow({ center, width }, raster, room),
    shape: (_step, shape) => ({ ...shape, stage: 'unit' }),
  },
  'image-as-monochrome2': {
    run: (_step, raster, room) => asMonochrome2(raster, room),
    shape: (_step, shape) => ranged(shape) ?? changed(shape),
  },
  'image-unit-range': {
    run: (_step, raster, room) => toUnitRange(bounded(raster), room),
    shape: (_step, shape) => ranged(shape) ?? { ...shape, stage: 'unit' },
  },
  'image-min-max': {
    run: ({ low, high }, raster, room) => toUnitByRank(raster, low, high, room),
    shape: ({ low, high }, shape) => (low < high ? { ...shape, stage: 'unit' } : { fault: 'low' }),
  },
  'image-grey': {
    run: (_step, raster, room) => toGrey(raster, room),
    shape: (_step, shape) => ({ ...shape, channels: 1 }),
  },
  'image-rgb': {
    run: (_step, raster, room) => toRgb(raster, room),
    shape: (_step, shape) => ({ ...shape, channels: 3 }),
  },
  'image-crop-border': {
    run: ({ border, share }, raster, room) => cropBorder(raster, border, share, room),
    grid: () => 'unforeseen',
    shape: (_step, shape) => ranged(shape) ?? { ...shape, rows: undefined, columns: undefined },
  },
  'image-crop-centre': {
    run: ({ height, width }, raster, room) => cropCentre(raster, height, width, room),
    grid: ({ height, width }, grid) => cropCentreGrid(grid, height, width),
    shape: ({ height, width }, shape) => ({
      ...shape,
      rows: shape.rows && shareOf(height, shape.rows),
      columns: shape.columns && shareOf(width, shape.columns),
    }),
  },
  'image-pad-square': {
    run: ({ value }, raster, room) => padSquare(raster, value, room),
    grid: (_step, grid) => placedGrid(grid, squareSize(grid)),
    shape: (_step, shape) => squared(shape),
  },
  'image-resize': {
    run: resize,
    grid: ({ rows, columns }, grid) => resizedGrid(grid, rows, columns),
    shape: ({ eightBit, filter, rows, columns }, shape) =>
      (eightBit ? (ranged(shape) ?? (filter === 'nearest' ? { fault: 'eightBit' } : undefined)) : undefined) ?? {
        ...shape,
        rows,
        columns,
      },
  },
  'image-orient': {
    run: orientPlane,
    grid: orientedPlane,
    shape: (step, shape) =>
      patientAxis(step.rows)?.axis === patientAxis(step.columns)?.axis ? { fault: 'columns' } : turned(shape),
  },
  'image-normalise': {
    run: ({ mean, sd }, raster, room) => normalise(raster, mean, sd, room),
    shape: ({ mean, sd }, shape) => {
      if (mean.length !== shape.channels) return { fault: 'mean' }
      return sd.length === mean.length ? { ...shape, stage: 'normalised' } : { fault: 'sd' }
    },
  },
  'image-orient-volume': {
    run: orientVolume,
    grid: orientedVolume,
    shape: (_step, shape) =>
      mixed(shape.frames === shape.rows && shape.rows === shape.columns ? shape : withoutSize(shape)),
  },
  'image-resample': {
    run: ({ spacingMm, filter }, raster, room) => resampleVolume(raster, spacingMm, filter, room),
    grid: ({ spacingMm }, grid) => resampledGrid(grid, spacingMm),
    shape: (_step, shape) => mixed(withoutSize(shape)),
  },
  'image-fit': {
    run: ({ value, frames, rows, columns }, raster, room) => ({
      ...placed(raster, { frames, rows, columns }, value, room),
      sourceFrames: [],
    }),
    shape: ({ frames, rows, columns }, shape) => mixed({ ...shape, frames, rows, columns }),
    grid: ({ frames, rows, columns }, grid) => placedGrid(grid, { frames, rows, columns }),
  },
}

/** @throws Refusal when the step cannot be applied to this image */
export function runRasterStep<Name extends RasterOpName>(step: RasterStep<Name>, raster: Raster, room: Room): Raster {
  return rasterOps[step.op].run(step, raster, room)
}

export function rasterStepShape<Name extends RasterOpName>(
  step: RasterStep<Name>,
  shape: RasterShape,
): RasterShape | RasterFault {
  return rasterOps[step.op].shape(step, shape)
}

/** The grid after the step; `unforeseen` where that depends on the values. @throws Refusal as {@link runRasterStep} */
export function rasterStepGrid<Name extends RasterOpName>(step: RasterStep<Name>, grid: Grid): Grid | 'unforeseen' {
  const op: RasterOp<RasterStep<Name>> = rasterOps[step.op]
  return op.grid === undefined ? grid : op.grid(step, grid)
}

/** What speaks of the range that values may lie in cannot stand where channels have one each. */
function ranged({ stage }: RasterShape): RasterFault | undefined {
  return stage === 'normalised' ? { fault: 'from' } : undefined
}

/** The file's own tables and windows no longer speak of these values. */
function changed(shape: RasterShape): RasterShape {
  return { ...shape, stage: shape.stage === 'unit' ? 'unit' : 'changed' }
}

/** A frame of the result is no longer one of the file's, so what the file says of each frame cannot follow. */
function mixed(shape: RasterShape): RasterShape {
  return shape.stage === 'stored' || shape.stage === 'rescaled' ? { ...shape, stage: 'changed' } : shape
}

/** Rows may have become columns. */
function turned(shape: RasterShape): RasterShape {
  return shape.rows === shape.columns ? shape : { ...shape, rows: undefined, columns: undefined }
}

function withoutSize(shape: RasterShape): RasterShape {
  return { ...shape, frames: undefined, rows: undefined, columns: undefined }
}

function squared(shape: RasterShape): RasterShape {
  const { rows, columns } = shape
  const size = rows === undefined || columns === undefined ? undefined : Math.max(rows, columns)
  return { ...shape, rows: size, columns: size }
}
