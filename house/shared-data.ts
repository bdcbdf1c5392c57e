import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const beside = fileURLToPath(new URL('../../shared/data', import.meta.url))

/** The folder of real inputs that lies beside a checkout, or undefined: tests then run on inputs of our own making alone. */
export const sharedData: string | undefined = existsSync(beside) ? beside : undefined
