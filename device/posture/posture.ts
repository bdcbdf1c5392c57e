import { type Concern, sentenceOf } from '../platform/concern.ts'
import type { System } from '../telemetry/system.ts'
import { inspectCoreDumps } from './core-dumps.ts'
import { inspectDiskEncryption } from './disk-encryption.ts'
import type { Finding } from './finding.ts'
import { inspectSecureBoot } from './secure-boot.ts'
import { inspectSwap } from './swap.ts'
import { inspectTpm } from './tpm.ts'

/** What is asked, in words: `yes` is the answer to exactly this. For swap and core dumps `yes` is the bad one. */
export const postureQuestions = {
  secureBoot: 'Did Secure Boot check what this machine was started with?',
  diskEncryption: 'Is the volume that holds the data encrypted by dm-crypt?',
  tpm: 'Does the machine have a TPM of version 2.0?',
  swap: 'Is swap on?',
  coreDumps: 'Does the memory of this process get out of it when it crashes?',
} as const

export type PostureQuestion = keyof typeof postureQuestions
export const postureNames = Object.keys(postureQuestions) as readonly PostureQuestion[]
export type Posture = Readonly<Record<PostureQuestion, Finding & { readonly question: string }>>

/**
 * How the machine is set up. It never guesses: what cannot be read is `cannot tell`. One question after another, so that a
 * dead disk holds one call.
 * @param dataPath a file or folder on the volume that holds the data
 */
export async function inspectPosture(system: System, { dataPath }: { dataPath: string }): Promise<Posture> {
  const asked = <Name extends PostureQuestion>(name: Name, finding: Finding) => ({
    question: postureQuestions[name],
    ...finding,
  })
  return {
    secureBoot: asked('secureBoot', await inspectSecureBoot(system)),
    diskEncryption: asked('diskEncryption', await inspectDiskEncryption(system, dataPath)),
    tpm: asked('tpm', await inspectTpm(system)),
    swap: asked('swap', await inspectSwap(system)),
    coreDumps: asked('coreDumps', await inspectCoreDumps(system)),
  }
}

/** The answers, when none can be given yet. */
export function unknownPosture(why: string): Posture {
  const entries = postureNames.map((name) => [
    name,
    { question: postureQuestions[name], answer: 'cannot tell', isFault: false, why, todo: null },
  ])
  return Object.fromEntries(entries)
}

const concernCodes: Readonly<Record<PostureQuestion, string>> = {
  secureBoot: 'posture_secure_boot',
  diskEncryption: 'posture_disk_encryption',
  tpm: 'posture_tpm',
  swap: 'posture_swap',
  coreDumps: 'posture_core_dumps',
}

/** What is set up wrongly: the box decides all the same, less safely. */
export function postureConcerns(posture: Posture): Concern[] {
  return postureNames.flatMap((name) => {
    const { isFault, why, todo } = posture[name]
    if (!isFault) return []
    return [
      { code: concernCodes[name], severity: 'limit', text: why, todo: todo ?? 'Set the machine up anew.' } as const,
    ]
  })
}

/** One sentence per fault: what is wrong and what to do. */
export function postureFaults(posture: Posture): string[] {
  return postureConcerns(posture).map(sentenceOf)
}
