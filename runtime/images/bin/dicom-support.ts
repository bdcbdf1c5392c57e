/**
 * Writes docs/dicom-support.md from a folder of DICOM files with the catalogue CATALOG.csv, and the other decoders' hashes in
 * REFERENCE_PIXELS.csv: `dicom-support.ts FOLDER`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCollection } from '../collection.ts'
import { supportPage, supportRow } from '../support-page.ts'

const folder = process.argv[2]
if (folder === undefined) {
  process.stderr.write('usage: dicom-support.ts FOLDER\n')
  process.exit(2)
}
const rows = []
for (const { path, reference } of readCollection(folder)) {
  rows.push(await supportRow(path, readFileSync(join(folder, path)), reference))
}
const page = new URL('../../../docs/dicom-support.md', import.meta.url)
writeFileSync(page, supportPage(rows))
process.stdout.write(`${rows.length} files, ${rows.filter(({ isRead }) => isRead).length} read\n`)
