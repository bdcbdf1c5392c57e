import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReferencePixels } from './support-page.ts'

export interface CollectionFile {
  readonly path: string
  readonly reference: ReferencePixels | undefined
}

/** The files that a collection's CATALOG.csv names, with what REFERENCE_PIXELS.csv has of them; their first columns hold no commas. */
export function readCollection(folder: string): CollectionFile[] {
  const references = new Map(
    readRows(join(folder, 'REFERENCE_PIXELS.csv')).map(([path = '', , gdcm = '', , , dcmtk = '']) => [
      path,
      { gdcm, dcmtk },
    ]),
  )
  return readRows(join(folder, 'CATALOG.csv')).map(([path = '']) => ({ path, reference: references.get(path) }))
}

function readRows(path: string): string[][] {
  if (!existsSync(path)) return []
  const [, ...lines] = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => line.split(','))
}
