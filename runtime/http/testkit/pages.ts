import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Pages as a build leaves them, beside things that it would not. */
export const pagesFolder = mkdtempSync(join(tmpdir(), 'wardstone-pages-'))
process.once('exit', () => rmSync(pagesFolder, { recursive: true, force: true }))

export const pageText = '<!doctype html><title>Pages</title>'
const assets = join(pagesFolder, 'assets')
mkdirSync(assets)
writeFileSync(join(pagesFolder, 'index.html'), pageText)
writeFileSync(join(pagesFolder, 'secret.js'), 'outside')
writeFileSync(join(assets, 'index-1a2b.js'), 'export {}')
writeFileSync(join(assets, 'index-1a2b.css'), 'body {}')
writeFileSync(join(assets, 'notes.txt'), 'a type that no page needs')
writeFileSync(join(assets, '.hidden.js'), 'hidden')
