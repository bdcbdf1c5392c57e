import type { ZodType } from 'zod'
import { readFileBounded } from './atomic-file.ts'
import { PlatformError } from './platform-errors.ts'

const MAX_CONFIG_BYTES = 256 * 1024

/**
 * Reads one process's configuration: every fault is reported together, unknown keys are refused (the schema must be
 * strict), and the result is frozen.
 * @throws PlatformError config_unreadable | config_invalid (its `about` lists `path: fault` of every fault)
 */
export function loadConfig<T>(path: string, schema: ZodType<T>): Readonly<T> {
  let value: unknown
  try {
    value = JSON.parse(readFileBounded(path, MAX_CONFIG_BYTES).toString('utf8'))
  } catch (cause) {
    throw new PlatformError('config_unreadable', { cause, about: path })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return deepFreeze(parsed.data)
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'configuration'}: ${issue.message}`)
  throw new PlatformError('config_invalid', { about: faults.join('; ') })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
