import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IdentityDisk, systemDisk } from '../identity-folder.ts'

export class Unplugged extends TypeError {}

/** A disk whose power goes at one step: before it, or (`torn`) in the middle of a write or a removal. */
export interface PluggedDisk extends IdentityDisk {
  /** What was done, in order; the last one was cut off when `isDead`. */
  readonly steps: readonly string[]
  readonly isDead: boolean
}

/** @param unplug what happens at the step; by default it throws, and so does everything after it */
export function pluggedDisk(atStep: number, isTorn: boolean, unplug: () => void = () => {}): PluggedDisk {
  const steps: string[] = []
  let isDead = false
  const step = (name: string, tear: () => void) => {
    if (!isDead) steps.push(name)
    if (isDead || steps.length === atStep) {
      if (!isDead && isTorn) tear()
      isDead = true
      unplug()
      throw new Unplugged(name)
    }
  }
  const nothing = () => {}
  return {
    steps,
    get isDead() {
      return isDead
    },
    readText: systemDisk.readText,
    list: systemDisk.list,
    linkTarget: systemDisk.linkTarget,
    makeFolder: (path) => {
      step('makeFolder', nothing)
      systemDisk.makeFolder(path)
    },
    writeFile: (path, text) => {
      step('writeFile', () => writeFileSync(path, text.slice(0, text.length / 2)))
      systemDisk.writeFile(path, text)
    },
    rename: (from, to) => {
      step('rename', nothing)
      systemDisk.rename(from, to)
    },
    link: (target, path) => {
      step('link', nothing)
      systemDisk.link(target, path)
    },
    remove: (path) => {
      step('remove', () => removeHalf(path))
      systemDisk.remove(path)
    },
    sync: (folder) => {
      step('sync', nothing)
      systemDisk.sync(folder)
    },
  }
}

/** A folder is removed file by file. */
function removeHalf(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return
  const [name] = readdirSync(path)
  if (name !== undefined) rmSync(join(path, name), { recursive: true })
}
