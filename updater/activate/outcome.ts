import { errorCode, isWardstoneError } from '../../device/platform/errors.ts'

import type { JobStep } from '../../models/store/control-channel.ts'
import { RuntimeRefusal } from './errors.ts'
import { type JobFailure, shortMessage } from './job-record.ts'

/** Refusals that say something of the runtime's state, not of what was asked: asked again later, they may be gone. */
const PASSING = /^(storage_|runtime_|channel_busy$|inference_overloaded$|inference_unavailable$)/
/** Faults on the way. Whatever else the runtime refuses while it proves, it refuses the release. */
const TROUBLE = /^(channel_|storage_|audit_|runtime_|internal$|package_unreadable$|inference_(overloaded|unavailable)$)/
/** What the updater itself finds wanting in a release or its metadata. */
const REFUSED_HERE = /^(package_(?!unreadable$)|stage_(metadata_rolled_back|metadata_forked|active_unlisted)$)/

export function isPassing(code: string): boolean {
  return PASSING.test(code)
}

/**
 * What a job is told to have failed of. A refusal by the updater asks for a leaf (`leaf`, drawn now); of one by the runtime the
 * leaf is written already. What was proven and then could not be activated was no fault of the release: it stays staged.
 * @param drawEvent 128 bits, lowercase hex
 */
export function failureOf(error: unknown, step: JobStep, drawEvent: () => string): JobFailure {
  if (error instanceof RuntimeRefusal) {
    const code = error.refusedCode
    const message = 'The runtime refused; what the code means, and what to do, is in docs/errors.md.'
    return { code, message, isRefusal: step === 'prove' && !TROUBLE.test(code), leaf: null }
  }
  const code = errorCode(error)
  const message = isWardstoneError(error) ? shortMessage(error.message) : 'Something failed that should not.'
  const isRefusal = REFUSED_HERE.test(code)
  return { code, message, isRefusal, leaf: isRefusal ? drawEvent() : null }
}
