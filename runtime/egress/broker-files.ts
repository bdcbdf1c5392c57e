import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import type { EgressConfig } from './config.ts'
import { EgressError } from './errors.ts'
import { fileMark } from './file-mark.ts'
import type { Broker } from './mqtt-link.ts'

const MAX_PEM_BYTES = 65_536
const LOOK_AGAIN_MS = 1000
const names = ['key', 'certificate', 'authority'] as const

/**
 * Key, certificate and authority as they lie on disk. A certificate is renewed while egress runs: new files are taken once they fit
 * together, and between the writing of the key and that of its certificate the old ones go on.
 */
export class BrokerFiles {
  readonly #config: EgressConfig['broker']
  readonly #device: string
  readonly #path: (name: string) => string
  readonly #clock: Clock
  readonly #log: Log
  #broker: Broker
  #seen: string
  #refused = ''
  #lookedMs: number

  /** @throws EgressError egress_file_unreadable, with the file's name */
  constructor(
    { broker: config, device }: Pick<EgressConfig, 'broker' | 'device'>,
    path: (name: string) => string,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#config = config
    this.#device = device
    this.#path = path
    this.#clock = clock
    this.#log = log
    this.#lookedMs = clock.monotonicMs()
    this.#broker = this.#read()
    this.#seen = this.#mark()
  }

  /** The same object as long as nothing has changed. */
  current(): Broker {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#lookedMs < LOOK_AGAIN_MS) return this.#broker
    this.#lookedMs = nowMs
    const mark = this.#mark()
    if (mark !== this.#seen) this.#take(mark)
    return this.#broker
  }

  #take(mark: string): void {
    try {
      this.#broker = this.#read()
      this.#seen = mark
      this.#log.info('egress-certificate-renewed')
    } catch (error) {
      // Looked at again until it fits; said once.
      if (mark !== this.#refused) this.#log.warn('egress-certificate-unusable', { file: aboutOf(error) })
      this.#refused = mark
    }
  }

  #mark(): string {
    return names.map((name) => markOf(this.#path(this.#config[name]))).join()
  }

  #read(): Broker {
    const { host, port } = this.#config
    const broker = {
      host,
      port,
      key: this.#pem('key'),
      certificate: this.#pem('certificate'),
      authority: this.#pem('authority'),
    }
    requireFit(broker)
    // The broker will refuse what is said under it, or with 3.1.1 take it and pass nothing on.
    if (!isNamed(broker.certificate, this.#device)) this.#log.error('egress-certificate-of-another-name')
    return broker
  }

  #pem(name: (typeof names)[number]): string {
    try {
      return readFileBounded(this.#path(this.#config[name]), MAX_PEM_BYTES).toString('utf8')
    } catch (cause) {
      throw new EgressError('egress_file_unreadable', { cause, about: this.#config[name] })
    }
  }
}

/** What TLS would say at every try to connect: a key without its certificate, or no PEM at all. */
function requireFit({ key, certificate, authority }: Broker): void {
  try {
    createSecureContext({ key, cert: certificate, ca: authority })
  } catch (cause) {
    throw new EgressError('egress_file_unreadable', { cause, about: 'key, certificate or authority' })
  }
}

function isNamed(certificate: string, device: string): boolean {
  return new X509Certificate(certificate).subject.split('\n').includes(`CN=${device}`)
}

function markOf(path: string): string {
  try {
    return fileMark(path)
  } catch {
    return 'none'
  }
}

function aboutOf(error: unknown): string {
  return error instanceof EgressError ? (error.about ?? '') : ''
}
