import { strict as assert } from 'node:assert'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decodeFiles } from '../../../runtime/images/decode-files.ts'
import { defaultImageLimits } from '../../../runtime/images/limits.ts'
import { WasmCodecs } from '../../../runtime/images/pixels/codecs.ts'
import { scoredFiles } from '../golden-files.ts'
import { CHEST_QC_SIDE } from '../steps.ts'
import { readPictures } from './pictures.ts'
import { preparedValues } from './prepared.ts'

/**
 * Decodes the pictures of a data folder for Python, by the steps of the contract: `export-command.ts --data DIR --out DIR`. For
 * each in `pictures.json`, in its order: `large.u16` (256 × 256, to be moved about) and `exact.f32` (128 × 128, as in service).
 * The drawings of the golden vectors go to `drawn.json` and `drawn.f32`.
 */
const LARGE = 256
const { values: options } = parseArgs({ options: { data: { type: 'string' }, out: { type: 'string' } } })
assert(options.data !== undefined && options.out !== undefined, 'export-command.ts --data DIR --out DIR')
const { data, out } = options
mkdirSync(out, { recursive: true })

const listed: object[] = []
const large: Uint16Array[] = []
const exact: Float32Array[] = []
for await (const { image, ...about } of readPictures(data)) {
  listed.push({ ...about, rows: image.rows, columns: image.columns })
  large.push(Uint16Array.from(preparedValues(image, LARGE), (value) => Math.round(((value + 1) / 2) * 65_535)))
  exact.push(preparedValues(image, CHEST_QC_SIDE))
}
writeFileSync(join(out, 'pictures.json'), `${JSON.stringify(listed, null, 1)}\n`)
writeFileSync(join(out, 'large.u16'), joined(large))
writeFileSync(join(out, 'exact.f32'), joined(exact))

const files = Object.entries(scoredFiles())
const codecs = new WasmCodecs()
const drawings = await Promise.all(files.map(([, file]) => decodeFiles([file], defaultImageLimits, codecs, 'values')))
writeFileSync(join(out, 'drawn.json'), `${JSON.stringify(files.map(([name]) => name))}\n`)
writeFileSync(join(out, 'drawn.f32'), joined(drawings.map((image) => preparedValues(image, CHEST_QC_SIDE))))
process.stdout.write(`${listed.length} pictures, ${files.length} drawings\n`)

function joined(parts: readonly (Uint16Array | Float32Array)[]): Buffer {
  return Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)))
}
