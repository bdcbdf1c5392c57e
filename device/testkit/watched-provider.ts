import type { CryptoProvider } from '../crypto/provider.ts'

/** A provider that records which operation was asked of it, and on what: `deriveBits ECDH private`, `exportKey raw public`. */
export interface WatchedProvider {
  readonly provider: CryptoProvider
  readonly calls: string[]
}

export function watchProvider(inner: CryptoProvider): WatchedProvider {
  const calls: string[] = []
  const subtle = new Proxy(inner.subtle, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        calls.push([String(name), ...values.flatMap(describe)].join(' '))
        return Reflect.apply(member, target, values)
      }
    },
  })
  const provider = new Proxy(inner, {
    get: (target, name) => (name === 'subtle' ? subtle : bound(target, Reflect.get(target, name, target))),
  })
  return { provider, calls }
}

function bound(target: object, member: unknown): unknown {
  return typeof member === 'function' ? member.bind(target) : member
}

/** Names and kinds only; keys and messages stay out. */
function describe(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'boolean') return [value ? 'extractable' : 'unextractable']
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  if ('type' in value && typeof value.type === 'string') return [value.type]
  return 'name' in value && typeof value.name === 'string' ? [value.name] : []
}
