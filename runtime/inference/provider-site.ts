import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { closureOf, type LoaderPaths, locate, readLoaderPaths } from './loader-paths.ts'
import type { ProviderName } from './types.ts'

/**
 * What an execution provider needs and whether it is on this machine, by the presence of files alone: nothing is loaded,
 * so a broken driver cannot take us along. That it works is shown by a model's warm-up and its golden vectors.
 */
export interface ProviderSite {
  /** Stands before every path: empty, except for a stand-in of a machine. */
  readonly root: string
  /** Folder of ONNX Runtime's shared objects. */
  readonly libraries: string
  /** As Node names it. */
  readonly architecture: string
}

export interface ProviderFinding {
  readonly provider: ProviderName
  readonly isThere: boolean
  readonly found: readonly FoundPart[]
  readonly missing: readonly MissingPart[]
  /** What a worker must be shown for it, beyond what every worker sees. */
  readonly openings: Openings
}

export interface FoundPart {
  readonly what: PartKind
  readonly name: string
  /** From the name that a library's links end at, or the driver's own word. */
  readonly version: string | null
}

export interface MissingPart {
  readonly what: PartKind
  readonly name: string
  readonly remedy: string
}

export type PartKind = 'library' | 'driver' | 'device' | 'platform'

/** Paths let through a worker's walls: device nodes to use, folders to read. */
export interface Openings {
  readonly devices: readonly string[]
  readonly folders: readonly string[]
}

const noOpenings: Openings = { devices: [], folders: [] }
const MAX_ICD_BYTES = 64 * 1024
const MAX_ICDS = 32
const MAX_VERSION_BYTES = 4096

const remedies = {
  addon: 'Install the appliance again: npm run setup.',
  architecture: 'ONNX Runtime ships it for x64 only.',
  cudaAddon:
    'Fetch the CUDA libraries of ONNX Runtime, where the box may reach nuget.org: ' +
    'node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12.',
  cudaLibrary: 'Install the run-time libraries of CUDA 12 and cuDNN 9, then run ldconfig.',
  nvidiaDriver: 'Install the NVIDIA driver for this GPU (525.60.13 or later, as CUDA 12 asks), then restart.',
  vulkanLoader: 'Install the Vulkan loader (Debian: libvulkan1).',
  vulkanDriver: 'Install a Vulkan driver for this GPU (NVIDIA: with its driver; AMD and Intel: mesa-vulkan-drivers).',
  gpu: 'No GPU is shown to this machine: check the slot, the firmware, and what a virtual machine or container is given.',
} as const

/** This machine, and the ONNX Runtime that our workers load. */
export function thisSite(): ProviderSite {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const libraries = join(packageFolder, 'bin/napi-v6', process.platform, process.arch)
  return { root: '', libraries, architecture: process.arch }
}

/** Reads some tens of small files and headers: a few milliseconds. */
export function findProvider(provider: ProviderName, site: ProviderSite = thisSite()): ProviderFinding {
  const search = new PartSearch(site)
  search.library(join(site.libraries, 'onnxruntime_binding.node'), remedies.addon)
  if (provider === 'cuda') findCuda(search)
  if (provider === 'webgpu') findWebgpu(search)
  return search.finding(provider)
}

function findCuda(search: PartSearch): void {
  if (!search.isX64()) return
  for (const name of ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'])
    search.library(join(search.site.libraries, name), remedies.cudaAddon, remedies.cudaLibrary)
  search.system('libcuda.so.1', 'driver', remedies.nvidiaDriver)
  search.devices(['nvidiactl', 'nvidia-uvm'], remedies.nvidiaDriver)
  search.gpu(/^nvidia\d+$/, 'nvidia0')
  search.driverVersion()
}

function findWebgpu(search: PartSearch): void {
  // Dawn is part of ONNX Runtime's own library for x64; it opens the loader of Vulkan by this name.
  if (!search.isX64()) return
  search.system('libvulkan.so.1', 'library', remedies.vulkanLoader)
  search.vulkanDriver()
  search.gpu(/^(nvidia\d+|dri\/renderD\d+)$/, 'dri/renderD128')
  search.companions(/^nvidia(ctl|-modeset|-uvm)?$/)
  search.driverVersion()
}

/** Collects what is there and what is not. */
class PartSearch {
  readonly site: ProviderSite
  readonly #paths: LoaderPaths
  readonly #found: FoundPart[] = []
  readonly #missing = new Map<string, MissingPart>()
  readonly #devices = new Set<string>()
  readonly #folders = new Set<string>()

  constructor(site: ProviderSite) {
    this.site = site
    this.#paths = readLoaderPaths(site.root)
  }

  finding(provider: ProviderName): ProviderFinding {
    const openings =
      provider === 'cpu' ? noOpenings : { devices: [...this.#devices], folders: [...this.#folders].toSorted() }
    const missing = [...this.#missing.values()]
    return { provider, isThere: missing.length === 0, found: this.#found, missing, openings }
  }

  isX64(): boolean {
    if (this.site.architecture === 'x64') return true
    this.#miss('platform', this.site.architecture, remedies.architecture)
    return false
  }

  /** A library and all that it asks for. */
  library(path: string, remedy: string, remedyForOthers = remedy): void {
    if (!existsSync(join(this.site.root, path))) {
      this.#miss('library', basename(path), remedy)
      return
    }
    const { found, missing } = closureOf(path, this.#paths)
    this.#have('library', path)
    // The folders that the loader has found libraries in; those that every worker sees cost nothing to name again.
    for (const one of found) this.#folders.add(dirname(one))
    for (const name of missing) this.#miss('library', basename(name), remedyForOthers)
  }

  /** A library that the system's loader knows by name. */
  system(name: string, what: PartKind, remedy: string): void {
    const path = locate(name, this.#paths)
    if (path === undefined) {
      this.#miss(what, name, remedy)
      return
    }
    this.#have(what, path, name)
    const { found, missing } = closureOf(path, this.#paths)
    for (const one of found) this.#folders.add(dirname(one))
    for (const needed of missing) this.#miss('library', basename(needed), remedy)
  }

  /** Device nodes that must all be there. */
  devices(names: readonly string[], remedy: string): void {
    const present = this.#deviceNames()
    for (const name of names) {
      if (present.includes(name)) this.#haveDevice(name)
      else this.#miss('device', `/dev/${name}`, remedy)
    }
  }

  /** At least one GPU's node; `name` stands for it when there is none. */
  gpu(pattern: RegExp, name: string): void {
    const fitting = this.#deviceNames().filter((one) => pattern.test(one))
    for (const one of fitting) this.#haveDevice(one)
    if (fitting.length === 0) this.#miss('device', `/dev/${name}`, remedies.gpu)
  }

  /** Device nodes that the driver uses when they are there. */
  companions(pattern: RegExp): void {
    for (const name of this.#deviceNames()) if (pattern.test(name)) this.#devices.add(`/dev/${name}`)
  }

  /** A driver as Vulkan's loader finds it: a JSON file that names a library which is there. */
  vulkanDriver(): void {
    const folders = ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d']
    const files = folders.flatMap((folder) => this.#list(folder).map((name) => join(folder, name)))
    const libraries = files
      .filter((file) => file.endsWith('.json'))
      .slice(0, MAX_ICDS)
      .flatMap((file) => this.#icdLibrary(file) ?? [])
    const usable = libraries.filter((path) => closureOf(path, this.#paths).missing.length === 0)
    for (const path of usable) {
      this.#have('driver', path)
      for (const one of closureOf(path, this.#paths).found) this.#folders.add(dirname(one))
    }
    for (const folder of folders) if (this.#list(folder).length > 0) this.#folders.add(dirname(folder))
    if (usable.length === 0) this.#miss('driver', 'vulkan/icd.d', remedies.vulkanDriver)
  }

  driverVersion(): void {
    const version = this.#text('/sys/module/nvidia/version')?.trim()
    if (version !== undefined && /^[0-9.]{1,32}$/.test(version))
      this.#found.push({ what: 'driver', name: 'nvidia', version })
  }

  #icdLibrary(file: string): string | undefined {
    try {
      const { ICD } = JSON.parse(this.#text(file, MAX_ICD_BYTES) ?? '') as { ICD?: { library_path?: unknown } }
      const named = ICD?.library_path
      if (typeof named !== 'string') return undefined
      const path = named.includes('/') && !named.startsWith('/') ? join(dirname(file), named) : named
      return locate(path, this.#paths)
    } catch {
      return undefined
    }
  }

  #deviceNames(): string[] {
    return [...this.#list('/dev'), ...this.#list('/dev/dri').map((name) => `dri/${name}`)]
  }

  #haveDevice(name: string): void {
    this.#devices.add(`/dev/${name}`)
    this.#found.push({ what: 'device', name: `/dev/${name}`, version: null })
  }

  #have(what: PartKind, path: string, name = basename(path)): void {
    const target = basename(realpathSync(join(this.site.root, path)))
    this.#found.push({ what, name, version: /\.so\.([0-9.]+)$/.exec(target)?.[1] ?? null })
  }

  #miss(what: PartKind, name: string, remedy: string): void {
    if (!this.#missing.has(name)) this.#missing.set(name, { what, name, remedy })
  }

  #list(folder: string): string[] {
    try {
      return readdirSync(join(this.site.root, folder)).toSorted()
    } catch {
      return []
    }
  }

  #text(path: string, maxBytes = MAX_VERSION_BYTES): string | undefined {
    try {
      return readFileBounded(join(this.site.root, path), maxBytes).toString('utf8')
    } catch {
      return undefined
    }
  }
}
