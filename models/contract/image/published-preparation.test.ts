import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../../house/shared-data.ts'
import { prepareImage } from './prepare-image.ts'
import { chain, drawn } from './testkit/images.ts'

/** What others published about their models, from our own steps alone. */
const models = join(sharedData ?? '', 'models')

interface Published {
  readonly classes: readonly string[]
  readonly rows: readonly {
    readonly png: string
    readonly published_class: string
    readonly published_conf: number
    readonly reproduced: number
  }[]
}

const squeezeNet = chain(
  { op: 'image-values', frames: 'only' },
  { op: 'image-crop-border', border: 'bright', share: 1 },
  { op: 'image-rgb' },
  { op: 'image-resize', rows: 224, columns: 224, filter: 'bilinear', eightBit: true },
  { op: 'image-unit-range' },
  { op: 'image-normalise', mean: [0.485, 0.456, 0.406], sd: [0.229, 0.224, 0.225] },
  { op: 'image-tensor', tensor: 'input', layout: 'NCHW', dtype: 'float32' },
)

function softmax(logits: readonly number[]): readonly number[] {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

describe.skipIf(sharedData === undefined)('the pneumonia SqueezeNet', () => {
  it('says of the ten radiographs what its author published', async () => {
    const folder = join(models, 'pneumonia-squeezenet')
    const { classes, rows } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Published
    const session = await InferenceSession.create(join(folder, 'squeezenet1_1_pneumonia3.onnx'))
    for (const row of rows) {
      const { data, info } = await sharp(join(folder, row.png))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true })
      const picture = drawn({ columns: info.width, samplesPerPixel: 3, pixels: new Uint8Array(data) })
      const prepared = prepareImage(picture, squeezeNet)
      if ('refused' in prepared) throw new RangeError(prepared.refused)
      const { data: input, dims } = prepared.tensors.input!
      const { logits } = await session.run({ input: new Tensor('float32', input as Float32Array, dims) })
      const shares = softmax(Array.from(logits!.data as Float32Array))
      const confidence = Math.max(...shares)
      expect(classes[shares.indexOf(confidence)]).toBe(row.published_class)
      expect(Math.abs(confidence - row.published_conf)).toBeLessThan(0.02)
      // Measured elsewhere with Pillow's own resizing and given to four places: these are the same.
      expect(Math.abs(confidence - row.reproduced)).toBeLessThan(0.0001)
    }
    expect(rows).toHaveLength(10)
  })
})

describe.skipIf(sharedData === undefined)('the MeshNet', () => {
  it('takes the volume as it was taken where its labels were measured, to the last bit', () => {
    // NIfTI-1, 352 bytes of header, 256³ bytes of voxels.
    const voxels = new Uint8Array(
      gunzipSync(readFileSync(join(models, 'brain-meshnet', 't1_crop.nii.gz'))).subarray(352),
    )
    const prepared = prepareImage(
      drawn({ columns: 256, frames: 256, pixels: voxels }),
      chain(
        { op: 'image-min-max', low: 0, high: 1 },
        { op: 'image-tensor', tensor: 'input', layout: 'NCDHW', dtype: 'float32' },
      ),
    )
    if ('refused' in prepared) throw new RangeError(prepared.refused)
    const { dims, data } = prepared.tensors.input!
    expect(dims).toEqual([1, 1, 256, 256, 256])
    const [least, most] = [voxels.reduce((a, b) => Math.min(a, b)), voxels.reduce((a, b) => Math.max(a, b))]
    const plain = Float32Array.from(voxels, (value) => (value - least) / (most - least))
    expect(hash(data as Float32Array)).toBe(hash(plain))
  })
})

function hash({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
}
