import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { directorySource } from './directory-source.ts'
import { paced } from './paced.ts'
import { going, quickLimits } from './testkit/package-on-offer.ts'
import { usbSource } from './usb-source.ts'

let root: string
const at = (...names: string[]) => join(root, ...names)
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wardstone-medium-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const read = (path = root, maxBytes = 100) =>
  directorySource(path, 'directory', quickLimits)
    .readFile('image.json', maxBytes, going)
    .then((bytes) => Buffer.from(bytes).toString(), errorCode)

async function readPackage(path = root, lengthBytes = 10): Promise<string> {
  let text = ''
  try {
    for await (const part of directorySource(path).openPackage(2, lengthBytes, going))
      text += Buffer.from(part).toString()
  } catch (error) {
    return errorCode(error)
  }
  return text
}

describe('a folder', () => {
  test('gives its files, up to a limit, and a package from the middle on', async () => {
    writeFileSync(at('image.json'), 'x'.repeat(100))
    expect(await read()).toBe('x'.repeat(100))
    expect(await read(root, 99)).toBe('fetch_metadata_too_large')
    writeFileSync(at('package.wspkg'), '0123456789')
    expect(await readPackage()).toBe('23456789')
  })

  test('that is not there, is a file, or lacks the file says so', async () => {
    expect(await read()).toBe('fetch_file_missing')
    expect(await read(at('nowhere'))).toBe('fetch_source_unreadable')
    writeFileSync(at('file'), '')
    expect(await read(at('file'))).toBe('fetch_source_unreadable')
    expect(await readPackage()).toBe('fetch_file_missing')
  })

  test.each(['image.json', 'package.wspkg'])(
    'with something else in the place of %s neither follows, waits nor reads',
    async (name) => {
      const attempt = () => (name === 'image.json' ? read() : readPackage())
      writeFileSync(at('real'), '0123456789')
      const replace = async (make: () => unknown) => {
        rmSync(at(name), { recursive: true, force: true })
        await make()
        expect(await attempt()).toBe('fetch_source_unreadable')
      }
      await replace(() => symlinkSync(at('real'), at(name)))
      await replace(() => symlinkSync('/dev/zero', at(name)))
      await replace(() => symlinkSync(at(name), at(name)))
      await replace(() => symlinkSync('nowhere', at(name)))
      await replace(() => mkdirSync(at(name)))
      await replace(() => execFileSync('mkfifo', [at(name)]))
      const listener = createServer()
      await replace(() => once(listener.listen(at(name)), 'listening'))
      listener.close()
    },
  )

  test('that holds a device in the place of a file does not open it', async () => {
    // A real device node, bound to the place, as nobody may make one here.
    writeFileSync(at('image.json'), '')
    const program = `
      const { directorySource } = await import(${JSON.stringify(new URL('directory-source.ts', import.meta.url).href)})
      const signal = new AbortController().signal
      await directorySource(${JSON.stringify(root)}).readFile('image.json', 100, signal).catch((error) => console.log(error.code))`
    const bind = ['--dev-bind', '/', '/', '--dev-bind', '/dev/zero', at('image.json'), '--']
    const output = execFileSync('bwrap', [...bind, process.execPath, '--input-type=module', '-e', program])
    expect(output.toString().trim()).toBe('fetch_source_unreadable')
  })
})

describe('a medium', () => {
  const put = (...path: string[]) => {
    mkdirSync(at('wardstone', ...path), { recursive: true })
    writeFileSync(at('wardstone', ...path, 'package.wspkg'), '0123456789')
  }
  const find = (name: string | null = null) =>
    usbSource(root, name, quickLimits).then((found) => `${found.source.kind} ${found.name}`, errorCode)

  test('with one release gives it, by its name and without one', async () => {
    put('sample-1.0.0')
    expect(await find()).toBe('usb sample-1.0.0')
    expect(await find('sample-1.0.0')).toBe('usb sample-1.0.0')
    const { source } = await usbSource(root, null)
    const parts: Uint8Array[] = []
    for await (const part of source.openPackage(0, 10, going)) parts.push(part)
    expect(Buffer.concat(parts).toString()).toBe('0123456789')
  })

  test('with several asks for a name, and says which there are, in order and not without end', async () => {
    put('b-2')
    put('a-1')
    await expect(usbSource(root, null)).rejects.toMatchObject({ code: 'fetch_several_releases', about: 'a-1, b-2' })
    expect(await find('b-2')).toBe('usb b-2')
    for (let index = 0; index < 30; index++) put(`c-${index}`)
    const error: unknown = await usbSource(root, null).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ about: expect.stringMatching(/^a-1, b-2, (c-\d+, ){13}c-\d+ and 16 more$/) })
  })

  test('without one says so: empty, a bare folder, another folder, a file', async () => {
    expect(await find()).toBe('fetch_release_missing')
    mkdirSync(at('wardstone', 'photos'), { recursive: true })
    writeFileSync(at('wardstone', 'package.wspkg'), '')
    expect(await find()).toBe('fetch_release_missing')
    expect(await find('photos')).toBe('fetch_release_missing')
    expect(await find('absent')).toBe('fetch_release_missing')
    rmSync(at('wardstone'), { recursive: true })
    writeFileSync(at('wardstone'), '')
    expect(await find()).toBe('fetch_release_missing')
    rmSync(root, { recursive: true })
    expect(await find()).toBe('fetch_release_missing')
  })

  test('leads nowhere by names', async () => {
    put('sample')
    mkdirSync(at('elsewhere'))
    writeFileSync(at('elsewhere', 'package.wspkg'), '')
    for (const name of [
      '..',
      '.',
      '../elsewhere',
      '/etc',
      '',
      'a/b',
      'a\nb',
      'a\u0000b',
      '.hidden',
      'x'.repeat(201),
      '-rf',
    ])
      expect(await find(name)).toBe('fetch_name_invalid')
  })

  test('has its odd names passed over and never shown', async () => {
    put('sample')
    for (const name of ['a\nb', '\u001b[2J', '-rf', '.hidden', 'System Volume Information', 'é', 'x'.repeat(201)])
      put(name)
    mkdirSync(Buffer.concat([Buffer.from(`${at('wardstone')}/bad-`), Buffer.of(0xff, 0xfe)]))
    expect(await find()).toBe('usb sample')
  })

  test('has its links not followed: at its root folder, a release, a package; in a circle or out of the medium', async () => {
    const real = mkdtempSync(join(tmpdir(), 'wardstone-medium-real-'))
    mkdirSync(join(real, 'sample'))
    writeFileSync(join(real, 'sample', 'package.wspkg'), '0123456789')
    symlinkSync(real, at('wardstone'))
    expect(await find()).toBe('fetch_release_missing')
    expect(await find('sample')).toBe('fetch_release_missing')
    rmSync(at('wardstone'))
    symlinkSync('wardstone', at('wardstone'))
    expect(await find()).toBe('fetch_release_missing')
    rmSync(at('wardstone'))
    mkdirSync(at('wardstone', 'linked-package'), { recursive: true })
    symlinkSync(join(real, 'sample'), at('wardstone', 'linked'))
    symlinkSync('..', at('wardstone', 'up'))
    symlinkSync('round', at('wardstone', 'round'))
    symlinkSync(join(real, 'sample', 'package.wspkg'), at('wardstone', 'linked-package', 'package.wspkg'))
    for (const name of [null, 'linked', 'up', 'round', 'linked-package'])
      expect(await find(name)).toBe('fetch_release_missing')
    rmSync(real, { recursive: true })
  })

  test('with pipes for folders and for packages does not hold the reader', async () => {
    mkdirSync(at('wardstone', 'sample'), { recursive: true })
    execFileSync('mkfifo', [at('wardstone', 'sample', 'package.wspkg'), at('wardstone', 'pipe')])
    expect(await find()).toBe('fetch_release_missing')
    expect(await find('sample')).toBe('fetch_release_missing')
    rmSync(at('wardstone'), { recursive: true })
    execFileSync('mkfifo', [at('wardstone')])
    expect(await find()).toBe('fetch_release_missing')
  })

  test('with thousands of entries is looked through only so far, and by name not at all', async () => {
    put('sample')
    for (let index = 0; index < 1500; index++) writeFileSync(at('wardstone', `.${index}`), '')
    expect(await find()).toBe('fetch_tree_too_large')
    expect(await find('sample')).toBe('usb sample')
  })
})

describe('the pace of a source', () => {
  const limits = { idleMs: 250, floorBytes: 100 }
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

  async function take(parts: AsyncIterable<Uint8Array>, readerMs = 0, signal = going): Promise<string> {
    let released = 0
    let total = 0
    const release = () => {
      released += 1
    }
    try {
      for await (const part of paced(parts, { limits, clock: systemClock, signal, release })) {
        total += part.length
        await wait(readerMs)
      }
      return `${total}, released ${released}`
    } catch (error) {
      return `${errorCode(error)}, released ${released}`
    }
  }

  async function* dripping(count: number, bytes: number, everyMs: number): AsyncGenerator<Uint8Array, void> {
    for (let index = 0; index < count; index++) {
      await wait(everyMs)
      yield Buffer.alloc(bytes)
    }
  }

  test('is enough with the floor reached in each wait, or at the end', async () => {
    expect(await take(dripping(8, 100, 50))).toBe('800, released 1')
    expect(await take(dripping(2, 1, 5))).toBe('2, released 1')
  })

  test('is too slow below the floor, though bytes keep coming', async () => {
    expect(await take(dripping(100, 1, 5))).toBe('fetch_stalled, released 1')
  })

  test('does not count the time of its reader', async () => {
    expect(await take(dripping(4, 10, 0), 100)).toBe('40, released 1')
  })

  test('does not wait for a source that never answers, nor past the signal', async () => {
    const never: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: () => new Promise(() => undefined),
      }),
    }
    expect(await take(never)).toBe('fetch_stalled, released 1')
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 5)
    expect(await take(never, 0, stop.signal)).toBe('fetch_cancelled, released 1')
    expect(await take(never, 0, stop.signal)).toBe('fetch_cancelled, released 1')
  })
})
