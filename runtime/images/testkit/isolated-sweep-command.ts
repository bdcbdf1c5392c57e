/**
 * Gives every file of a collection to the isolated decoder and holds what it says to what is read without it:
 * `isolated-sweep-command.ts FOLDER`. Prints one line, and each file that is treated otherwise.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCollection } from '../collection.ts'
import { supportRow } from '../support-page.ts'
import { otherThanSaid, sweepIsolated } from './isolated-sweep.ts'

const [, , folder = ''] = process.argv
const files = readCollection(folder)
const rows = []
for (const { path, reference } of files) rows.push(await supportRow(path, readFileSync(join(folder, path)), reference))
const swept = await sweepIsolated(folder, files)
const others = otherThanSaid(swept, rows)
const read = swept.filter(({ hash }) => hash !== undefined).length
process.stdout.write(`${files.length} files, ${read} read, ${others.length} otherwise\n`)
for (const { path, code = 'read' } of others) process.stdout.write(`${path}: ${code}\n`)
process.exit(files.length === 0 || others.length > 0 ? 1 : 0)
