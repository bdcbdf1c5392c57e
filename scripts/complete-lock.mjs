// Run after npm has changed package-lock.json. A registry mirror may lack packages for platforms that we never install;
// npm then leaves them out of the lock file, and every later `npm ci` refuses it ("Missing: … from lock file").
// This adds what npm checks for: the pinned version, and the platform that keeps the package from being fetched here.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lock = JSON.parse(readFileSync(path, 'utf8'))

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']

/** The platform as the name says it: `…-linux-x64-musl`, `…-android-arm-eabi`. */
function platformOf(name) {
  const words = name.split(/[-/]/)
  const os = words.find((word) => systems.includes(word))
  const cpu = words.find((word) => processors.includes(word))
  if (os === undefined || cpu === undefined) return undefined
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : undefined
  return { cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }), os: [os] }
}

const added = []
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`
    if (Object.hasOwn(lock.packages, place)) continue
    const platform = platformOf(name)
    if (platform === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
      process.stderr.write(`left alone, not a pinned platform package: ${name}@${version}\n`)
      continue
    }
    const dev = entry.dev === true ? { dev: true } : {}
    lock.packages[place] = { version, ...platform, ...dev, optional: true }
    added.push(name)
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
lock.packages = Object.fromEntries(sorted)
if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
process.stderr.write(`${added.length} platform packages added to package-lock.json\n`)
