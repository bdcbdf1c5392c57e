import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** A socket's address holds 108 bytes with the zero at its end (unix(7), sun_path). */
const MAX_ADDRESS_BYTES = 107

/** Where a socket is bound or asked; to be let go only when it has been, and for a server when it has closed. */
export interface SocketAddress extends Disposable {
  readonly path: string
}

/**
 * A path that is too long for an address is reached through an open descriptor of its folder: a site may lie as deep as its
 * owner likes. The name of the socket itself stays short.
 * @throws the system's own error when the folder cannot be opened
 */
export function socketAddress(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return { path, [Symbol.dispose]: () => {} }
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  let isOpen = true
  const letGo = () => {
    if (isOpen) closeSync(folder)
    isOpen = false
  }
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, [Symbol.dispose]: letGo }
}
