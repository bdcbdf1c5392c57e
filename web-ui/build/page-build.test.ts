import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGE_HEADERS } from '../../runtime/http/page-headers.ts'
import { pageTypes } from '../testkit/stub-server.ts'
import { buildPages, ensurePages, filesBelow } from './page-build.ts'

let folder = ''
const read = (build: string, path: string) => readFileSync(join(folder, build, path), 'utf8')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-pages-'))
  await buildPages(join(folder, 'one'))
  await buildPages(join(folder, 'two'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the build', () => {
  it('makes the same bytes from the same sources', () => {
    const files = filesBelow(join(folder, 'one'))
    expect(filesBelow(join(folder, 'two'))).toEqual(files)
    for (const path of files) expect(read('two', path)).toBe(read('one', path))
  })

  it('makes one page and files that the server knows how to serve, each with a hash in its name', () => {
    const files = filesBelow(join(folder, 'one'))
    expect(files.filter((path) => extname(path) === '.html')).toEqual(['index.html'])
    for (const path of files) expect(Object.keys(pageTypes)).toContain(extname(path))
    const assets = files.filter((path) => path !== 'index.html')
    expect(assets.length).toBeGreaterThanOrEqual(3)
    for (const path of assets) expect(path).toMatch(/^assets\/[a-z]+-[\w-]{8}\.(js|css|svg)$/)
  })

  it('makes nothing that the policy of the page refuses: no script or style in markup, nothing from elsewhere', () => {
    const page = read('one', 'index.html')
    expect(page).not.toMatch(/<script(?![^>]*\ssrc="\/assets\/)/)
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/)
    for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^\/assets\//)
    for (const path of filesBelow(join(folder, 'one')).filter((each) => each.endsWith('.css')))
      expect(read('one', path)).not.toMatch(/url\(|@import/)
  })

  it('is not repeated while nothing has changed', async () => {
    await ensurePages()
    expect((await ensurePages()).isNew).toBe(false)
  })
})

it('runs under a policy that allows nothing by default, and nothing inline', () => {
  const policy = PAGE_HEADERS['content-security-policy']
  expect(policy).toMatch(/^default-src 'none';/)
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/)
  expect(policy).toContain("frame-ancestors 'none'")
})
