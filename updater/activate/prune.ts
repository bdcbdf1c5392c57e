import type { ReleaseSummary } from '../../models/store/control-channel.ts'
import { listReleases, removeRelease } from '../stage/releases.ts'
import type { JobParts } from './job-parts.ts'

/**
 * Step `prune`, for the holder of the slot's turn: of this model stay what runs, what ran before, and what was staged to follow
 * (a higher release counter). The rest goes, and so do jobs and parts that are too old.
 */
export async function prune(slot: string, parts: JobParts): Promise<void> {
  const pointer = parts.slots.read(slot)
  if (pointer === undefined) return
  const releases = (await listReleases(parts.store, parts.trust)).filter(({ model }) => model === slot)
  for (const release of superfluous(releases, pointer.active, pointer.previous)) removeRelease(parts.store, release)
  parts.journal.expire(parts.clock.nowMs())
}

/** @returns hashes of packages; none when the active one is not among the releases, because then nothing is certain */
export function superfluous(releases: readonly ReleaseSummary[], active: string, previous: string | null): string[] {
  const running = releases.find((release) => release.package === active)
  if (running === undefined) return []
  return releases
    .filter((release) => release.package !== active && release.package !== previous)
    .filter(({ counter }) => counter <= running.counter)
    .map((release) => release.package)
}
