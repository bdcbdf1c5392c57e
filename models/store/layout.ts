import { join } from 'node:path'
import type { PackagePaths } from '../package/verify.ts'

/**
 * How the model store lies on disk. The updater is its only writer; the runtime reads it and believes nothing in it
 * but signatures.
 *
 *     image.json                   the vendor's targets, the newest seen
 *     releases/<package hash>/     package.wspkg and grant.json, never changed but for a newer grant
 *     slots/<slot>.json            the pointer: which release is meant to run
 *     jobs/<id>/                   the updater's work under way; nobody else looks there
 */
export interface ModelStore {
  readonly root: string
  readonly image: string
  readonly releases: string
  readonly slots: string
  readonly jobs: string
}

export const PACKAGE_FILE = 'package.wspkg'
export const GRANT_FILE = 'grant.json'
export const IMAGE_FILE = 'image.json'

export const SLOT_NAME: RegExp = /^[a-z][a-z0-9-]{0,63}$/
export const PACKAGE_HASH: RegExp = /^[0-9a-f]{64}$/
/** Names one change in the log and in the store alike. */
export const EVENT_ID: RegExp = /^[0-9a-f]{32}$/

export function modelStore(root: string): ModelStore {
  const inside = (name: string) => join(root, name)
  return {
    root,
    image: inside(IMAGE_FILE),
    releases: inside('releases'),
    slots: inside('slots'),
    jobs: inside('jobs'),
  }
}

/** @param packageHash SHA-256 of the package, lowercase hex */
export function releaseFolder(store: ModelStore, packageHash: string): string {
  return join(store.releases, packageHash)
}

export function releasePaths(store: ModelStore, packageHash: string): PackagePaths {
  const folder = releaseFolder(store, packageHash)
  return { package: join(folder, PACKAGE_FILE), grant: join(folder, GRANT_FILE), image: store.image }
}

export function pointerPath(store: ModelStore, slot: string): string {
  return join(store.slots, `${slot}.json`)
}
