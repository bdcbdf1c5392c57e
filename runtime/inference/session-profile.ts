import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import type { NodeCounts, ProviderName } from './types.ts'

/** Begins the names of the files that ONNX Runtime writes a profile to; it appends the moment. */
export const PROFILE_PREFIX = 'wardstone-profile'
/** Room for profiles: a graph of some thousand nodes takes a few megabytes. What does not fit is not written. */
export const MAX_PROFILE_BYTES = 16 * 1024 * 1024

const providers: Readonly<Record<string, ProviderName>> = {
  CPUExecutionProvider: 'cpu',
  CUDAExecutionProvider: 'cuda',
  WebGpuExecutionProvider: 'webgpu',
}

/**
 * Counts the nodes in ONNX Runtime's profile, one event a line: those of category `Node` whose name ends in `_kernel_time`
 * say in `args.provider` who ran them.
 * @returns undefined when the profile was cut off: nodes would be missing
 */
export function countNodes(profile: string): NodeCounts | undefined {
  if (!profile.trimEnd().endsWith(']')) return undefined
  const counts = { cpu: 0, cuda: 0, webgpu: 0 }
  const seen = new Set<string>()
  for (const line of profile.split('\n')) {
    const { name, provider } = readKernelEvent(line) ?? {}
    if (name === undefined || provider === undefined || seen.has(name)) continue
    seen.add(name)
    counts[provider] += 1
  }
  return counts
}

function readKernelEvent(line: string): { name: string; provider: ProviderName | undefined } | undefined {
  if (!line.includes('_kernel_time')) return undefined
  try {
    const { cat, name, args } = JSON.parse(line.replace(/,\s*$/, '')) as Record<string, unknown>
    if (cat !== 'Node' || typeof name !== 'string' || !name.endsWith('_kernel_time')) return undefined
    const { provider } = args as { provider?: unknown }
    return { name, provider: providers[String(provider)] }
  } catch {
    return undefined
  }
}

/** Reads the profile that was written to this folder and removes it. @returns undefined when there is none */
export function takeProfile(folder: string): string | undefined {
  const names = readdirSync(folder).filter((name) => name.startsWith(PROFILE_PREFIX))
  const texts = names.map((name) => readFileBounded(join(folder, name), MAX_PROFILE_BYTES).toString('utf8'))
  for (const name of names) rmSync(join(folder, name), { force: true })
  return texts[0]
}
