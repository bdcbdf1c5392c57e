import { acquireInstanceLock } from '../instance-lock.ts'

/**
 * A process that takes the lock at the given path and stays until it is killed. It does not keep what it was given, and
 * collects its garbage before it says so: the lock must hold all the same.
 */
acquireInstanceLock(process.argv[2] ?? '')
for (let count = 0; count < 5; count += 1) {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 5))
}
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
