import { PackageError } from '../../models/package/errors.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { InferenceError } from './errors.ts'
import type { ProviderFinding } from './provider-site.ts'
import type { PassedProvider, ProviderName, ProviderOrder } from './types.ts'

export type ProviderPolicy = Pick<Manifest, 'providers' | 'tolerance'>

/** What a failed load says when another provider could not do better: the package is at fault, or we are leaving. */
const hopelessStages = ['decrypt', 'external data', 'package', 'memory', 'isolation is required', 'stopped']

/**
 * Walks the package's policy in its order. A provider is taken when what it needs is on this machine, the package has a
 * tolerance for it, a session can be made with it, it runs at least one node, and the golden vectors agree. One that is not
 * taken ends the walk when it is `required`; when it is `preferred` the next is tried, and the report says why.
 * @param attempt makes a session with the provider and holds the golden vectors against it; when it fails nothing is left
 * @throws InferenceError inference_provider_missing; what the last attempt failed with
 */
export async function chooseProvider<T>(
  { providers, tolerance }: ProviderPolicy,
  find: (provider: ProviderName) => Pick<ProviderFinding, 'isThere' | 'missing'>,
  attempt: (order: ProviderOrder) => Promise<T>,
): Promise<T> {
  const allowsCpu = providers.some(({ name }) => name === 'cpu')
  const passedOver: PassedProvider[] = []
  let fault: unknown
  for (const { name, need } of providers) {
    try {
      verifyPresent(name, find(name))
      verifyTolerance(name, tolerance)
      return await attempt({ provider: name, allowsCpu, passedOver: [...passedOver] })
    } catch (error) {
      fault = error
      const passed = readPass(name, tolerance[name] !== undefined, error)
      if (passed === undefined || need === 'required') throw error
      passedOver.push(passed)
    }
  }
  throw fault
}

function verifyPresent(name: ProviderName, { isThere, missing }: Pick<ProviderFinding, 'isThere' | 'missing'>): void {
  if (isThere) return
  const about = `${name}: ${missing.map((part) => part.name).join(', ')}`
  throw new InferenceError('inference_provider_missing', { about })
}

/** A provider that the maker did not measure is one that the model was not shown to work on. */
function verifyTolerance(name: ProviderName, tolerance: ProviderPolicy['tolerance']): void {
  if (tolerance[name] === undefined) throw new InferenceError('inference_self_test_failed', { about: name })
}

/** @returns undefined when the next provider would fail as well */
function readPass(provider: ProviderName, isMeasured: boolean, error: unknown): PassedProvider | undefined {
  if (!(error instanceof InferenceError)) return undefined
  const { code, about = '' } = error
  if (code === 'inference_provider_missing')
    return { provider, reason: 'missing', about: about.slice(provider.length + 2) }
  if (code === 'inference_self_test_failed')
    return { provider, reason: isMeasured ? 'golden-vectors-differ' : 'tolerance-missing', about }
  const isHopeless = code !== 'inference_load_failed' || error.cause instanceof PackageError
  if (isHopeless || hopelessStages.includes(about)) return undefined
  return { provider, reason: about === 'nodes' ? 'takes-no-node' : 'session-refused', about }
}
