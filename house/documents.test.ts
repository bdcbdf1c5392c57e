import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { committedFiles, readText } from './committed-files.ts'
import { isPermissive, productionLicences, readLockFile } from './licences.ts'
import { brokenLinks } from './markdown-links.ts'
import { root } from './source-tree.ts'

const files = committedFiles()
const lock = readLockFile(root)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
/** Rows of docs/dependencies.md: `| `name` | version | …`. */
const dependencyRows = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, name, version] = /^\| `([^`]+)` *\|([^|]+)\|/.exec(line) ?? []
    return name === undefined || version === undefined ? [] : [{ name, version: version.trim() }]
  })

describe('documents', () => {
  it('link to files and headings that exist', () => {
    const pages = files.filter((path) => path.endsWith('.md'))
    expect(pages.length).toBeGreaterThan(5)
    expect(pages.flatMap((path) => brokenLinks(path, readText(path) ?? '', root))).toEqual([])
  })

  it('name no machine, no registry and nothing outside the project', () => {
    // Put together here, or this list would find itself.
    const forbidden = [
      ['registry', 'npmjs', 'org'].join('.'),
      ['registry', 'yarnpkg', 'com'].join('.'),
      ['artifactory', ''].join('/'),
      ['', 'home', ''].join('/'),
    ]
    const found = files.flatMap((path) => {
      const text = readText(path) ?? ''
      return forbidden.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`)
    })
    expect(found).toEqual([])
  })

  it('the link check catches a missing file, a missing heading and a way out', () => {
    const text = '# A b\n[a](#a-b) [b](#c) [c](gone.md) [d](../../etc/passwd) [e](https://example.org)'
    expect(brokenLinks('README.md', text, root)).toEqual([
      'README.md: #c',
      'README.md: gone.md',
      'README.md: ../../etc/passwd',
    ])
  })
})

describe('dependencies', () => {
  const pinned = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).map(([name, version]) => ({
    name,
    version: version.replace(/^npm:.*@/, ''),
  }))

  it('each have one row in docs/dependencies.md, with the version that is pinned', () => {
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)
    expect([...dependencyRows].sort(byName)).toEqual([...pinned].sort(byName))
  })

  it('of the product have permissive licences', () => {
    const licences = productionLicences(root, lock)
    expect(licences.length).toBeGreaterThan(30)
    expect(licences.filter(({ licence }) => !isPermissive(licence))).toEqual([])
  })

  it('are locked without a place to fetch them from, and with a hash of all that is installed here', () => {
    const entries = Object.entries(lock.packages).filter(([path]) => path !== '')
    expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([])
    const elsewhere = (list: readonly string[] | undefined, here: string) => list !== undefined && !list.includes(here)
    const withoutHash = entries.filter(
      ([, entry]) => entry.integrity === undefined && !elsewhere(entry.os, 'linux') && !elsewhere(entry.cpu, 'x64'),
    )
    // One platform package is for this processor and another C library: it is never fetched here.
    expect(withoutHash.map(([path]) => path).filter((path) => !path.endsWith('-musl'))).toEqual([])
  })

  it('are locked for every platform, or npm ci would refuse the lock file (scripts/complete-lock.mjs adds them)', () => {
    const missing = Object.values(lock.packages).flatMap((entry) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => lock.packages[`node_modules/${name}`] === undefined,
      ),
    )
    expect(missing).toEqual([])
  })

  it('the licence check catches what is not permissive', () => {
    expect(['MIT', '(MIT OR CC0-1.0)', 'MIT AND ISC', 'GPL-3.0 OR MIT'].map(isPermissive)).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['GPL-3.0', 'MIT AND GPL-3.0', '(none)', 'MPL-2.0', 'SEE LICENSE'].map(isPermissive)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })
})
