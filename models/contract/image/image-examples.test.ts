import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Contract, contractSchema } from '../schema.ts'
import { verifyImageSteps } from './image-consistency.ts'
import type { StoredImage, Volume } from './image-facts.ts'
import { imageOps } from './image-schema.ts'
import { imageSteps } from './image-steps.ts'
import { prepareImage } from './prepare-image.ts'
import { drawn } from './testkit/images.ts'

/** The examples of docs/manifest.md, on images that are drawn here. */
const page = readFileSync(fileURLToPath(new URL('../../../docs/manifest.md', import.meta.url)), 'utf8')
const contracts = [...page.matchAll(/^```json whole-contract\n([\s\S]*?)\n```$/gm)]
  .map(([, text]) => JSON.parse(text!) as { image?: unknown })
  .filter(({ image }) => image !== undefined)
  .map((block) => contractSchema.parse(block))

const [wide, high] = [37, 29]
const picture = (samples: 1 | 3, frames: number) =>
  Uint16Array.from({ length: wide * high * samples * frames }, (_, index) => (index * 7919) % 4096)
const block: Volume = { affineRas: [0, 0, -5, 0, 2, 0, 0, 0, 0, -2, 0, 0], spacingMm: [2, 2, 5], hasOrientation: true }
const facts = { rescaleSlope: 2, rescaleIntercept: -1024, windows: [{ center: 40, width: 400 }] }

const drawings: Readonly<Record<string, readonly StoredImage[]>> = {
  image: [
    drawn({
      columns: wide,
      pixels: picture(1, 1),
      bitsStored: 12,
      photometric: 'MONOCHROME1',
      facts,
      attributes: { patientOrientation: ['P', 'F'] },
    }),
    drawn({ columns: wide, pixels: picture(1, 1), bitsStored: 12, attributes: { patientOrientation: ['F', 'R'] } }),
    drawn({ columns: wide, samplesPerPixel: 3, pixels: Uint8Array.from(picture(3, 1), (value) => value >> 4) }),
  ],
  volume: [drawn({ columns: wide, frames: 5, pixels: picture(1, 5), bitsStored: 12, facts, volume: block })],
}

const ofContract = ({ image }: Contract) => image?.name ?? ''

describe('the examples of images in docs/manifest.md', () => {
  it('are there, with every op', () => {
    expect(contracts.length).toBeGreaterThanOrEqual(3)
    const shown = new Set(contracts.flatMap((contract) => imageSteps(contract).map(({ op }) => op)))
    expect(imageOps.map(({ shape }) => shape.op.value).filter((op) => !shown.has(op))).toEqual([])
  })

  it.each(contracts.map((contract) => [ofContract(contract), contract] as const))(
    '%s: makes of every image what was known before there was one, or says why not',
    (_, contract) => {
      const fed = verifyImageSteps(contract)
      let answered = 0
      for (const image of drawings[contract.image?.form ?? ''] ?? []) {
        const prepared = prepareImage(image, imageSteps(contract))
        if ('refused' in prepared) {
          // A lateral view is in another plane; a 12-bit image gives no bytes.
          expect(['image_orientation_unexpected', 'image_value_out_of_range']).toContain(prepared.refused)
          continue
        }
        answered += 1
        const shapes = Object.entries(prepared.tensors).map(
          ([name, { dtype, dims }]) => [name, { dtype, dims }] as const,
        )
        expect(new Map(shapes)).toEqual(fed)
      }
      expect(answered).toBeGreaterThan(0)
    },
  )
})
