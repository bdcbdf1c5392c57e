import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closureOf, parseLoaderCache, readLoaderPaths } from './loader-paths.ts'
import { findProvider, thisSite } from './provider-site.ts'
import { readSharedObject } from './shared-object.ts'
import { Machine, sharedObject } from './testkit/machine.ts'
import type { ProviderName } from './types.ts'

let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

const missingFor = (provider: ProviderName) => findProvider(provider, machine.site).missing.map(({ name }) => name)
const CUDA = '/usr/local/cuda/lib64'

/** A box with an NVIDIA GPU where everything is installed. */
function withNvidia(): Machine {
  for (const name of ['libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.9']) machine.library(`${CUDA}/${name}`)
  machine.library('/usr/lib/x86_64-linux-gnu/libcuda.so.1')
  machine.library('/opt/onnxruntime/libonnxruntime_providers_shared.so')
  machine.library(
    '/opt/onnxruntime/libonnxruntime_providers_cuda.so',
    ...['libonnxruntime_providers_shared.so', 'libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.9'],
  )
  for (const name of ['nvidia0', 'nvidiactl', 'nvidia-uvm', 'nvidia-caps']) machine.file(`/dev/${name}`)
  return machine.file('/sys/module/nvidia/version', '550.54.15\n')
}

/** A box with a GPU that Vulkan can use. */
function withVulkan(): Machine {
  machine.library('/usr/lib/x86_64-linux-gnu/libvulkan.so.1').library('/usr/lib/x86_64-linux-gnu/libvulkan_radeon.so')
  const icd = { file_format_version: '1.0.0', ICD: { library_path: 'libvulkan_radeon.so', api_version: '1.3.0' } }
  return machine.file('/usr/share/vulkan/icd.d/radeon.json', JSON.stringify(icd)).file('/dev/dri/renderD128')
}

describe('cuda', () => {
  test('is there when its libraries, what they ask for, the driver and the devices are', () => {
    const { isThere, found, missing, openings } = findProvider('cuda', withNvidia().site)
    expect([isThere, missing]).toEqual([true, []])
    expect(found).toContainEqual({ what: 'driver', name: 'nvidia', version: '550.54.15' })
    expect(openings.devices).toEqual(['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia0'])
    expect(openings.folders).toEqual(expect.arrayContaining([CUDA, '/opt/onnxruntime']))
  })

  test.each([
    ['/opt/onnxruntime/libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_cuda.so', 'install=cuda12'],
    [`${CUDA}/libcudnn.so.9`, 'libcudnn.so.9', 'cuDNN 9'],
    ['/usr/lib/x86_64-linux-gnu/libcuda.so.1', 'libcuda.so.1', 'NVIDIA driver'],
    ['/dev/nvidia0', '/dev/nvidia0', 'No GPU'],
    ['/dev/nvidia-uvm', '/dev/nvidia-uvm', 'NVIDIA driver'],
  ])('without %s is not, and the way to get it is said', (path, name, remedy) => {
    const { isThere, missing } = findProvider('cuda', withNvidia().without(path).site)
    expect(isThere).toBe(false)
    expect(missing).toEqual([{ what: expect.any(String), name, remedy: expect.stringContaining(remedy) }])
  })

  test('on a machine without a GPU lacks all of it', () => {
    expect(missingFor('cuda')).toEqual([
      ...['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so', 'libcuda.so.1'],
      ...['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia0'],
    ])
  })
})

describe('webgpu', () => {
  test('is there with a loader, a driver and a device, and asks for that device only', () => {
    const { isThere, openings } = findProvider('webgpu', withVulkan().site)
    expect(isThere).toBe(true)
    expect(openings.devices).toEqual(['/dev/dri/renderD128'])
  })

  test.each([
    ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', 'libvulkan.so.1'],
    ['/usr/lib/x86_64-linux-gnu/libvulkan_radeon.so', 'vulkan/icd.d'],
    ['/usr/share/vulkan/icd.d/radeon.json', 'vulkan/icd.d'],
    ['/dev/dri/renderD128', '/dev/dri/renderD128'],
  ])('without %s is not', (path, name) => {
    withVulkan().without(path)
    expect(missingFor('webgpu')).toEqual([name])
  })

  test('is not there when the driver asks for a library that is not', () => {
    withVulkan().library('/usr/lib/x86_64-linux-gnu/libvulkan_radeon.so', 'libLLVM.so.15')
    expect(missingFor('webgpu')).toEqual(['vulkan/icd.d'])
  })

  test('has no library for another architecture', () => {
    const { site } = withVulkan()
    const { missing } = findProvider('webgpu', { ...site, architecture: 'arm64' })
    expect(missing).toEqual([{ what: 'platform', name: 'arm64', remedy: expect.stringContaining('x64 only') }])
  })
})

test('cpu needs nothing but the runtime itself, and opens nothing', () => {
  expect(findProvider('cpu', machine.site)).toMatchObject({ isThere: true, openings: { devices: [], folders: [] } })
  expect(findProvider('cpu', machine.without('/opt/onnxruntime/onnxruntime_binding.node').site).isThere).toBe(false)
})

describe('of this machine', () => {
  test('the processor is there, and ONNX Runtime finds all that it asks for', () => {
    const { found, isThere } = findProvider('cpu', thisSite())
    expect([isThere, found[0]?.name]).toEqual([true, 'onnxruntime_binding.node'])
    const binding = closureOf(join(thisSite().libraries, 'onnxruntime_binding.node'), readLoaderPaths(''))
    expect(binding.missing).toEqual([])
    expect(binding.found.join('\n')).toMatch(/libonnxruntime\.so\.1\n.*libc\.so\.6/s)
  })

  test('what is missing of cuda and webgpu is said without loading any of it, in little time', () => {
    const startedMs = performance.now()
    for (const provider of ['cuda', 'webgpu'] as const) {
      const { isThere, missing } = findProvider(provider)
      expect(isThere).toBe(missing.length === 0)
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })
})

describe('a file that is no library, or a hostile one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-elf-'))
  const path = join(folder, 'lib.so')
  afterEach(() => rmSync(path, { force: true }))

  test('gives nothing, wherever it is cut and whatever byte is turned', () => {
    const whole = sharedObject(['libone.so', 'libtwo.so'])
    writeFileSync(path, whole)
    expect(readSharedObject(path)).toEqual({ needed: ['libone.so', 'libtwo.so'], runPaths: ['$ORIGIN'] })
    for (let length = whole.length - 1; length >= 0; length--) {
      truncateSync(path, length)
      expect(readSharedObject(path)).toBeUndefined()
    }
    for (let at = 0; at < 64 + 112; at++) {
      const turned = Buffer.from(whole)
      turned[at] = ~(turned[at] ?? 0) & 255
      writeFileSync(path, turned)
      expect(() => readSharedObject(path)).not.toThrow()
    }
    expect(readSharedObject(join(folder, 'none'))).toBeUndefined()
    expect(readSharedObject(folder)).toBeUndefined()
  })

  test('a loader cache that lies about its size is read as far as it goes', () => {
    const cache = Buffer.alloc(48 + 24)
    cache.write('glibc-ld.so.cache1.1', 'latin1')
    cache.writeUInt32LE(0xffffffff, 20)
    cache.writeUInt32LE(0xffffffff, 52)
    expect(parseLoaderCache(cache).size).toBeLessThanOrEqual(1)
    expect(parseLoaderCache(Buffer.from('nothing')).size).toBe(0)
  })
})
