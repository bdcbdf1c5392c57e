import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Plays the service manager's end of NOTIFY_SOCKET, and keeps what was said, in order. */
export interface NotifyListener extends AsyncDisposable {
  readonly said: readonly string[]
  /** Resolves once `word` was said so many times. */
  heard(word: string, times?: number): Promise<void>
}

/** Node has no datagram sockets of the unix kind; perl, which is a part of every Debian system, has. */
const LISTENER = `
use Socket; $| = 1;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die;
print "listening\\n";
while (defined recv($s, my $word, 4096, 0)) { print "$word\\n" }
`

export async function listenForNotices(path: string): Promise<NotifyListener> {
  const child = spawn('perl', ['-e', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[] = []
  const waiting = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // The tool asks for an answer to know that its word was taken: that is between it and systemd.
    said.push(...text.split('\n').filter((line) => line !== '' && line !== 'BARRIER=1'))
    for (const look of waiting) look()
  })
  const heard = (word: string, times = 1) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (said.filter((each) => each === word).length < times) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  await heard('listening')
  said.length = 0
  return { said, heard, [Symbol.asyncDispose]: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
