import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from 'tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorCode } from '../../device/platform/errors.ts'
import { readStayFiles } from './stay-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stays-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function codeOf(path: string): Promise<string> {
  return readStayFiles(path).then(() => 'read', errorCode)
}

async function archive(...names: string[]): Promise<string> {
  const file = join(folder, 'patients.tar.gz')
  await create({ cwd: folder, gzip: true, file }, names)
  return file
}

describe('readStayFiles', () => {
  it('reads a folder of .psv files by name and leaves the rest', async () => {
    for (const name of ['b.psv', 'a.psv', 'notes.txt']) writeFileSync(join(folder, name), name)
    expect(await readStayFiles(folder)).toEqual([
      { name: 'a', text: 'a.psv' },
      { name: 'b', text: 'b.psv' },
    ])
  })

  it('reads an archive, by itself or in its folder, and stops at the limit', async () => {
    const names = ['a.psv', 'b.psv', 'c.psv']
    for (const name of names) writeFileSync(join(folder, name), 'x'.repeat(200_000))
    const file = await archive(...names)
    expect((await readStayFiles(file)).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect((await readStayFiles(folder)).map(({ text }) => text.length)).toEqual([200_000, 200_000, 200_000])
    expect((await readStayFiles(file, { maxStays: 2 })).map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('says what is wrong with what it cannot read', async () => {
    expect(await codeOf(join(folder, 'nowhere'))).toBe('stays_unreadable')
    expect(await codeOf(folder)).toBe('stays_unreadable')
    writeFileSync(join(folder, 'a.psv'), 'text')
    expect(await codeOf(join(folder, 'a.psv'))).toBe('stays_unreadable')
    writeFileSync(join(folder, 'broken.tar.gz'), Buffer.from('1f8b0800000000000003deadbeef', 'hex'))
    expect(await codeOf(join(folder, 'broken.tar.gz'))).toBe('stays_unreadable')
  })

  it('refuses a stay that unpacks to more than a stay may have', async () => {
    writeFileSync(join(folder, 'a.psv'), Buffer.alloc(3 * 1024 * 1024))
    expect(await codeOf(await archive('a.psv'))).toBe('stay_oversized')
  })
})
