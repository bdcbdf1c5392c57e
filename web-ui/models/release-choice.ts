import type { ReleaseFiles } from '../api/release-files.ts'
import { bytesText } from '../words/numbers.ts'

/** What a release is made of, by the name of each file. */
export const releaseFileNames = { package: 'package.wspkg', image: 'image.json', grant: 'grant.json' } as const

export interface ReleaseChoice {
  /** Undefined until all three are there, each once, and nothing else. */
  readonly release: ReleaseFiles | undefined
  /** What is chosen, or what is missing. */
  readonly words: string
}

/** Sorts chosen files by their names: a wrong one is told before anything is sent. */
export function readChoice(files: readonly File[]): ReleaseChoice {
  const named = (name: string) => files.filter((file) => file.name === name)
  const [packages, images, grants] = Object.values(releaseFileNames).map(named) as [File[], File[], File[]]
  if (files.length === 0) return { release: undefined, words: 'Choose all three at once.' }
  const missing = Object.values(releaseFileNames).filter((name) => named(name).length === 0)
  if (missing.length > 0) return { release: undefined, words: `Missing: ${missing.join(', ')}.` }
  const [onePackage, image, grant] = [packages[0], images[0], grants[0]]
  if (files.length !== 3 || onePackage === undefined || image === undefined || grant === undefined)
    return { release: undefined, words: 'Choose these three files and no others.' }
  return {
    release: { package: onePackage, image, grant },
    words: `All three are there; the package has ${bytesText(onePackage.size)}.`,
  }
}
