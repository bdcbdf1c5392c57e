import type { SamplePlane } from './sequential.ts'

type Samples = Uint8Array | Uint16Array

/**
 * Brings a component to the size of the image. Halved ones are interpolated by triangles (three quarters of the nearer
 * sample, one of the further), rounded alternately up and down, as the Independent JPEG Group does; others are repeated.
 * @param across how many pixels one sample stands for, and `down` alike.
 */
export function upsample(plane: SamplePlane, across: number, down: number, columns: number, rows: number): Samples {
  const isSmooth = across === 2 && plane.columns > 2 && (down === 1 || down === 2)
  if (!isSmooth) return repeat(plane, across, down, columns, rows)
  return down === 1 ? widen(plane, columns, rows) : enlarge(plane, columns, rows)
}

function room({ samples }: SamplePlane, length: number): Samples {
  return samples instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length)
}

function repeat(plane: SamplePlane, across: number, down: number, columns: number, rows: number): Samples {
  const out = room(plane, columns * rows)
  for (let y = 0; y < rows; y += 1) {
    const from = Math.floor(y / down) * plane.stride
    for (let x = 0; x < columns; x += 1) out[y * columns + x] = plane.samples[from + Math.floor(x / across)]!
  }
  return out
}

function widen(plane: SamplePlane, columns: number, rows: number): Samples {
  const out = room(plane, columns * rows)
  const last = plane.columns - 1
  for (let y = 0; y < rows; y += 1) {
    const from = y * plane.stride
    for (let x = 0; x < columns; x += 1) {
      const near = x >> 1
      const far = (x & 1) === 0 ? near - 1 : near + 1
      const value = plane.samples[from + near]!
      const isEdge = far < 0 || far > last
      out[y * columns + x] = isEdge ? value : (value * 3 + plane.samples[from + far]! + 1 + (x & 1)) >> 2
    }
  }
  return out
}

function enlarge(plane: SamplePlane, columns: number, rows: number): Samples {
  const out = room(plane, columns * rows)
  const { samples, stride } = plane
  const sums = new Int32Array(plane.columns)
  for (let y = 0; y < rows; y += 1) {
    const near = (y >> 1) * stride
    const further = (y & 1) === 0 ? (y >> 1) - 1 : (y >> 1) + 1
    const far = Math.min(Math.max(further, 0), plane.rows - 1) * stride
    for (let x = 0; x < plane.columns; x += 1) sums[x] = samples[near + x]! * 3 + samples[far + x]!
    for (let x = 0; x < columns; x += 1) {
      const at = x >> 1
      const other = sums[(x & 1) === 0 ? at - 1 : at + 1] ?? sums[at]!
      out[y * columns + x] = (sums[at]! * 3 + other + 8 - (x & 1)) >> 4
    }
  }
  return out
}
