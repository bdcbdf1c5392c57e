import { seededRandom } from '../synthetic/seeded-random.ts'

/** Grey levels row by row, one byte each. */
export interface Drawing {
  readonly rows: number
  readonly columns: number
  readonly pixels: Uint8Array
}

const ROWS = 144
const COLUMNS = 128

/** A place in the drawing: across from −1 (left edge) to 1, down from −1 (upper edge) to 1. */
type Shade = (across: number, down: number) => number

/** How far inside an ellipse: 1 in the middle, 0 at its edge and beyond. */
function inEllipse(centre: readonly [number, number], radii: readonly [number, number]): Shade {
  return (across, down) =>
    Math.max(0, 1 - ((across - centre[0]) / radii[0]) ** 2 - ((down - centre[1]) / radii[1]) ** 2)
}

const soft = (depth: number): number => Math.min(1, 3 * depth)

const trunk = inEllipse([0, 0.35], [0.92, 1.25])
const neck = inEllipse([0, -0.95], [0.28, 0.5])
const rightLung = inEllipse([-0.42, -0.05], [0.34, 0.72])
const leftLung = inEllipse([0.43, -0.08], [0.32, 0.7])
const heart = inEllipse([0.16, 0.3], [0.36, 0.33])
const liver = inEllipse([-0.42, 0.95], [0.5, 0.5])
const stomachAir = inEllipse([0.48, 0.78], [0.16, 0.09])

/** Something like a chest: shadows of ellipses, ribs, a spine, the heart to the right of the picture. Nobody's. */
function chestShade(across: number, down: number): number {
  const lungs = soft(rightLung(across, down)) + soft(leftLung(across, down))
  const ribs = Math.max(0, Math.sin(26 * (down - 0.45 * Math.abs(across) ** 1.5)))
  const body = Math.max(soft(trunk(across, down)), soft(neck(across, down)))
  const air = 0.62 * lungs * (1 - 0.22 * ribs) * (1 - soft(heart(across, down))) * (1 - soft(liver(across, down)))
  const spine = 0.22 * Math.exp(-((across / 0.09) ** 2)) * (0.8 + 0.2 * Math.sin(40 * down))
  return body * (0.72 - air + spine) + 0.15 * soft(heart(across, down)) - 0.3 * soft(stomachAir(across, down))
}

function draw(shade: Shade): Drawing {
  const pixels = Uint8Array.from({ length: ROWS * COLUMNS }, (_, at) => {
    const across = (2 * (at % COLUMNS) + 1) / COLUMNS - 1
    const down = (2 * Math.floor(at / COLUMNS) + 1) / ROWS - 1
    return Math.round(255 * Math.min(1, Math.max(0, shade(across, down))))
  })
  return { rows: ROWS, columns: COLUMNS, pixels }
}

export const drawnChest = (): Drawing => draw(chestShade)
export const blank = (): Drawing => draw(() => 0.5)
export const slope = (): Drawing => draw((across, down) => 0.5 + 0.3 * across + 0.2 * down)

/** A limb with a bone in it. */
export const drawnLimb = (): Drawing =>
  draw((across) => 0.55 * Math.sqrt(Math.max(0, 1 - (across / 0.45) ** 2)) + 0.4 * Math.exp(-((across / 0.12) ** 4)))

export function whiteNoise(): Drawing {
  const random = seededRandom(20_260)
  return draw(() => random.uniform())
}

export const negative = ({ pixels, ...size }: Drawing): Drawing => ({
  ...size,
  pixels: pixels.map((value) => 255 - value),
})

export function mirrored({ rows, columns, pixels }: Drawing): Drawing {
  const at = (index: number) => index + columns - 1 - 2 * (index % columns)
  return { rows, columns, pixels: pixels.map((_, index) => pixels[at(index)]!) }
}

/** A quarter turn clockwise. */
export function turned({ rows, columns, pixels }: Drawing): Drawing {
  const turnedPixels = pixels.map(
    (_, index) => pixels[(rows - 1 - (index % rows)) * columns + Math.floor(index / rows)]!,
  )
  return { rows: columns, columns: rows, pixels: turnedPixels }
}
