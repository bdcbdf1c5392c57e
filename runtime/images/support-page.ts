import { createHash } from 'node:crypto'
import type { PixelArray } from '../../models/contract/image/image-facts.ts'
import { decodeFiles } from './decode-files.ts'
import { parseDicom } from './dicom/part10.ts'
import { transferSyntaxes } from './dicom/transfer-syntax.ts'
import { decodeDicom } from './dicom-image.ts'
import { ImageError, imageErrors } from './errors.ts'
import { defaultImageLimits } from './limits.ts'
import { WasmCodecs } from './pixels/codecs.ts'

/** What another decoder made of a file; empty where it made nothing. */
export interface ReferencePixels {
  readonly gdcm: string
  readonly dcmtk: string
}

export interface SupportRow {
  readonly path: string
  readonly syntax: string
  readonly outcome: string
  readonly isRead: boolean
  readonly compared: string
}

/** The bytes of the samples as another decoder writes them, little-endian, without padding. */
export function pixelHash(pixels: PixelArray): string {
  return createHash('sha256')
    .update(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength))
    .digest('hex')
}

/** Reads one file and says what came of it. Nothing of the file itself stands in the row but its format. */
export async function supportRow(
  path: string,
  bytes: Uint8Array,
  reference: ReferencePixels | undefined,
): Promise<SupportRow> {
  const codecs = new WasmCodecs()
  const syntax = syntaxName(bytes)
  try {
    const { frames, rows, columns, attributes, bitsStored, bitsAllocated, isSigned, isFloat, photometric, volume } =
      await decodeFiles([bytes], defaultImageLimits, codecs, 'values')
    const kind = isFloat ? 'float' : isSigned ? 'signed' : 'unsigned'
    const source = attributes.sourcePhotometric ?? photometric
    const size = `${frames > 1 ? `${frames} × ` : ''}${rows} × ${columns}`
    const outcome = `${size}, ${bitsStored} of ${bitsAllocated} bits ${kind}, ${source}${volume === undefined ? '' : ', a volume'}`
    return { path, syntax, outcome, isRead: true, compared: await compare(bytes, codecs, reference) }
  } catch (fault) {
    const code = fault instanceof ImageError ? fault.code : 'internal'
    const about = fault instanceof ImageError && fault.about !== undefined ? ` (${fault.about})` : ''
    return { path, syntax, outcome: `\`${code}\`${about}`, isRead: false, compared: '' }
  }
}

async function compare(bytes: Uint8Array, codecs: WasmCodecs, reference: ReferencePixels | undefined): Promise<string> {
  if (reference === undefined) return ''
  const { pixels } = await decodeDicom(bytes, defaultImageLimits, codecs, 'coded')
  const hash = pixelHash(pixels)
  const equal = [reference.gdcm === hash ? ['gdcm'] : [], reference.dcmtk === hash ? ['dcmtk'] : []].flat()
  if (equal.length > 0) return `equal to ${equal.join(' and ')}`
  return reference.gdcm === '' && reference.dcmtk === '' ? 'neither reads it' : 'differs'
}

function syntaxName(bytes: Uint8Array): string {
  try {
    return parseDicom(bytes, defaultImageLimits).transferSyntax.name
  } catch {
    return '–'
  }
}

/** docs/dicom-support.md. */
export function supportPage(rows: readonly SupportRow[]): string {
  const read = rows.filter(({ isRead }) => isRead)
  const refused = rows.filter(({ isRead }) => !isRead)
  return [
    ...introduction(),
    ...syntaxTable(),
    '',
    '## File by file',
    '',
    `Of ${rows.length} files of public test collections ${read.length} are read and ${refused.length} refused. The last column says with which of two other`,
    'decoders (gdcm 3.0.21, dcmtk 3.6.7) the decoded samples are equal to the last bit, where one of them was asked. Where',
    'the two disagree, neither is taken for right.',
    '',
    '| file | transfer syntax | read as | compared |',
    '|---|---|---|---|',
    ...read.map(({ path, syntax, outcome, compared }) => `| ${path} | ${syntax} | ${outcome} | ${compared} |`),
    '',
    '## Refused',
    '',
    ...codeList(refused),
    '',
    '| file | transfer syntax | code |',
    '|---|---|---|',
    ...refused.map(({ path, syntax, outcome }) => `| ${path} | ${syntax} | ${outcome} |`),
    '',
  ].join('\n')
}

function introduction(): string[] {
  return [
    '# DICOM support',
    '',
    'Written by `runtime/images/bin/dicom-support.ts FOLDER`; a test holds it to what the code does. Each file is decoded as a',
    'request would be. Errors are those of [errors.md](errors.md).',
    '',
    '## Transfer syntaxes',
    '',
    'All are read with defined and undefined lengths, with and without an offset table, single and multi-frame. Not decoded',
    'are: progressive, hierarchical and arithmetic JPEG; JPEG lossless and JPEG 2000 with subsampled components; more than',
    '16 bits a sample in a compressed frame but for RLE; BitsAllocated other than 1, 8, 16, 32 (and 64 for floats); four',
    'samples a pixel; video. Samples are as the file stores them: rescale, look-up tables and windows are handed on, not',
    'applied. Palettes and colour differences become RGB. Overlays are left alone.',
    '',
    'A compressed frame of which a part is missing is refused: a JPEG or JPEG-LS without its end, a JPEG 2000 without its end',
    'or one of its tiles. Zeros where a part of an RLE frame should be cannot be told from pixels. Colour differences are read',
    'with eight bits, and those of JPEG 2000 (YBR_RCT, YBR_ICT) in JPEG 2000 alone.',
    '',
    '## Attributes',
    '',
    'An attribute that may have one value and has several reads as absent, and so does one that is not of its kind: an age over',
    '150 years, a spacing that is not positive, an identifier with control characters. A rescale slope or intercept that is',
    'there and is no number refuses the image. Of a series only what all its files say alike is said; one that has burned-in',
    'annotation or was compressed with losses says so for all.',
    '',
    '| UID | name | pixels |',
    '|---|---|---|',
  ]
}

function syntaxTable(): string[] {
  return Object.entries(transferSyntaxes).map(([uid, { name, coding }]) => `| ${uid} | ${name} | ${coding} |`)
}

function codeList(refused: readonly SupportRow[]): string[] {
  return Object.entries(imageErrors).flatMap(([code, message]) => {
    const count = refused.filter(({ outcome }) => outcome.startsWith(`\`${code}\``)).length
    return count === 0 ? [] : [`- \`${code}\` (${count}): ${message}`]
  })
}
