import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readFileBounded, writeFileAtomic } from './atomic-file.ts'

const moduleUrl = new URL('./atomic-file.ts', import.meta.url).href
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-file-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('writing a file at once', () => {
  it('writes text and bytes, new or over an old file, readable by its owner only', () => {
    const path = join(folder, 'key')
    writeFileSync(path, 'old and longer', { mode: 0o644 })
    writeFileAtomic(path, 'new')
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileAtomic(path, Buffer.alloc(300_000, 1), 0o640)
    expect(readFileSync(path).equals(Buffer.alloc(300_000, 1))).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o640)
    writeFileAtomic(join(folder, 'empty'), '')
    expect(readdirSync(folder)).toEqual(['empty', 'key'])
  })

  it('leaves no debris and the old content when it fails', () => {
    mkdirSync(join(folder, 'taken', 'inside'), { recursive: true })
    expect(() => writeFileAtomic(join(folder, 'taken'), 'x')).toThrow()
    expect(() => writeFileAtomic(join(folder, 'missing', 'file'), 'x')).toThrow(/ENOENT/)
    expect(readdirSync(folder)).toEqual(['taken'])
  })

  it('is not stopped by what an earlier process of the same number left behind', () => {
    const path = join(folder, 'state')
    writeFileSync(`${path}.${process.pid}.tmp`, 'half')
    writeFileAtomic(path, 'whole')
    expect(readFileSync(path, 'utf8')).toBe('whole')
    expect(readdirSync(folder)).toEqual(['state'])
  })

  it('writes through no link that somebody placed in its way', () => {
    const [path, victim] = [join(folder, 'state'), join(folder, 'victim')]
    writeFileSync(victim, 'mine')
    symlinkSync(victim, `${path}.${process.pid}.tmp`)
    symlinkSync(victim, path)
    writeFileAtomic(path, 'theirs')
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    expect(readFileSync(path, 'utf8')).toBe('theirs')
  })

  it('keeps the old content, no debris and no open file when there is no room', () => {
    const path = join(folder, 'state')
    writeFileAtomic(path, 'old')
    const script = `
      import { readdirSync, readFileSync } from 'node:fs'
      const { writeFileAtomic } = await import(process.argv[1])
      const before = readdirSync('/proc/self/fd').length
      let code = 'none'
      try { writeFileAtomic(process.argv[2], Buffer.alloc(1_000_000)) } catch (error) { code = error.code }
      const leaked = readdirSync('/proc/self/fd').length - before
      console.log(JSON.stringify({ code, leaked }))`
    // A limit on file size fails the write half way, as a full disk does.
    const command = `ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2" "$3"`
    const ended = spawnSync('bash', ['-c', command, process.execPath, script, moduleUrl, path], { encoding: 'utf8' })
    expect(ended.stdout, ended.stderr).toBe('{"code":"EFBIG","leaked":0}\n')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['state'])
  })

  it('leaves the old or the new content, whole, when killed at any moment', async () => {
    const path = join(folder, 'state')
    writeFileAtomic(path, 'a'.repeat(100_000))
    const script = `
      const { writeFileAtomic } = await import(process.argv[1])
      for (let n = 0; ; n++) writeFileAtomic(process.argv[2], (n % 2 ? 'a' : 'b').repeat(100_000))`
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, moduleUrl, path], { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await sleep(150 + round * 17)
      child.kill('SIGKILL')
      await ended
      expect(readFileSync(path, 'utf8')).toMatch(/^(?:a{100000}|b{100000})$/)
    }
  })
})

describe('reading a file within a limit', () => {
  it('reads up to the limit and refuses one byte more', () => {
    const path = join(folder, 'file')
    for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
      writeFileSync(path, Buffer.alloc(size, 3))
      expect(readFileBounded(path, size).equals(Buffer.alloc(size, 3))).toBe(true)
      if (size === 0) continue
      expect(() => readFileBounded(path, size - 1)).toThrow(
        expect.objectContaining({ name: 'PlatformError', code: 'file_too_large' }),
      )
    }
  })

  it('ends on a file without end', () => {
    expect(() => readFileBounded('/dev/zero', 1_000_000)).toThrow(expect.objectContaining({ code: 'file_too_large' }))
  })

  it('passes on why a file cannot be opened', () => {
    expect(() => readFileBounded(join(folder, 'missing'), 10)).toThrow(/ENOENT/)
    expect(() => readFileBounded(folder, 10)).toThrow(/EISDIR/)
    expect(existsSync(fileURLToPath(moduleUrl))).toBe(true)
  })
})
