import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import type { GoldenVectors } from '../../../models/contract/schema.ts'
import type { PackageDraft } from '../../../models/package/pack.ts'
import { writeNifti } from '../../../runtime/images/testkit/nifti-writer.ts'

export const meshnetManifest: PackageDraft['manifest'] = JSON.parse(
  readFileSync(new URL('./manifest.json', import.meta.url), 'utf8'),
)

/** What was measured of the model on the volume that came with it. */
export interface MeasuredSegmentation {
  readonly argmax_hist_bg_wm_gm: readonly number[]
  readonly labels_u8_sha256: string
}

const SIDE = 256
/** Voxels of each label that the model finds in the drawn head; of an independent run. */
const DRAWN_COUNTS = [15_953_367, 331_539, 492_310]

const folderOf = (data: string) => join(data, 'models/brain-meshnet')

export function meshnetModel(data: string): Buffer {
  return readFileSync(join(folderOf(data), 'model.onnx'))
}

/** The volume that came with the model, as its file is. */
export function headFile(data: string): Buffer {
  return readFileSync(join(folderOf(data), 't1_crop.nii.gz'))
}

export function measuredSegmentation(data: string): MeasuredSegmentation {
  return JSON.parse(readFileSync(join(folderOf(data), 'measured.json'), 'utf8'))
}

/** The published model as a package: its manifest is data, its ONNX file is read where it lies. No code is its own. */
export function meshnetDraft(data: string): PackageDraft {
  return {
    manifest: meshnetManifest,
    files: [
      { role: 'model', content: meshnetModel(data) },
      { role: 'golden-vectors', content: canonicalBytes(drawnVectors()) },
      { role: 'licence', content: readFileSync(join(folderOf(data), 'LICENSE')) },
    ],
  }
}

function drawnVectors(): GoldenVectors {
  const image = gzipSync(drawnHead()).toString('base64')
  const expect = { outputs: { segmentation: DRAWN_COUNTS }, alert: false }
  return { version: 1, vectors: [{ name: 'drawn head', image, inputs: {}, expect }] }
}

/** Shells within shells, turned as the volume that came with the model is; packed it is small. */
export function drawnHead(): Buffer {
  const voxels = new Uint8Array(SIDE ** 3)
  for (let place = 0; place < voxels.length; place++) {
    const [column, row, slice] = [place % SIDE, Math.floor(place / SIDE) % SIDE, Math.floor(place / SIDE ** 2)]
    const away = Math.hypot(column - 128, row - 120, (slice - 128) * 0.8)
    voxels[place] = away < 45 ? 170 : away < 60 ? 110 : away < 66 ? 30 : away < 80 ? 200 : 0
  }
  const rows = [-1, 0, 0, 128, 0, 0, 1, -128, 0, -1, 0, 128]
  return writeNifti({ dim: [SIDE, SIDE, SIDE], datatype: 2, voxels, rows })
}
