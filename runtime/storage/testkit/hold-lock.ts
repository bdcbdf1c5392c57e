import { acquireInstanceLock } from '../instance-lock.ts'

/** A process that takes the lock at the given path, says so, and stays until it is killed. */
acquireInstanceLock(process.argv[2] ?? '')
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
