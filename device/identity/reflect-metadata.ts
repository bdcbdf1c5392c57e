/**
 * The certificate library wires its parts through decorators that expect three functions of the abandoned "metadata reflection"
 * proposal on `Reflect`, and refuses to load without them. It needs no more than a per-class map, so that is what it gets;
 * a fuller implementation already in place is left alone.
 */
const store = new WeakMap<object, Map<unknown, unknown>>()

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const own = store.get(target) ?? new Map<unknown, unknown>()
  store.set(target, own.set(key, value))
}

function getOwnMetadata(key: unknown, target: object): unknown {
  return store.get(target)?.get(key)
}

function getMetadata(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
    if (store.get(at)?.has(key)) return getOwnMetadata(key, at)
  }
  return undefined
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { defineMetadata, getOwnMetadata, getMetadata })
