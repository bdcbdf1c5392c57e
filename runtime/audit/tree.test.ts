import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import {
  appendLeaf,
  CHAIN_START,
  chainHash,
  emptyFrontier,
  encodeFrontier,
  type Frontier,
  leafHash,
  nodeHash,
  parseFrontier,
  rootOf,
} from './tree.ts'

/** The eight inputs that the certificate-transparency projects test RFC 6962 trees with, and the roots of the trees of the first n. */
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** RFC 6962 §2.1 word by word: split at the largest power of two smaller than n. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return rootOf(emptyFrontier)
  if (leaves.length === 1) return leafHash(leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)))
}

const grow = (leaves: readonly Uint8Array[]): Frontier =>
  leaves.reduce<Frontier>((frontier, leaf) => appendLeaf(frontier, leafHash(leaf)), emptyFrontier)

describe('the tree', () => {
  test.each(roots.map((root, size) => [size, root] as const))(
    'of the first %i inputs has the known root',
    (size, root) => {
      expect(hex(rootOf(grow(inputs.slice(0, size).map((input) => Buffer.from(input, 'hex')))))).toBe(root)
    },
  )

  test('has the root that RFC 6962 defines, for any leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 70 }), (leaves) => {
        expect(hex(rootOf(grow(leaves)))).toBe(hex(plainRoot(leaves)))
      }),
    )
  })

  test('a frontier is read back, and only at its own size', () => {
    let frontier = emptyFrontier
    for (let size = 0; size < 70; size += 1) {
      expect(parseFrontier(encodeFrontier(frontier), size)).toEqual(frontier)
      frontier = appendLeaf(frontier, leafHash(Buffer.from([size])))
    }
    expect(() => parseFrontier(encodeFrontier(frontier), 71)).toThrow(
      expect.objectContaining({ code: 'audit_log_damaged' }),
    )
    expect(() => parseFrontier(encodeFrontier(frontier).subarray(1), 70)).toThrow(
      expect.objectContaining({ code: 'audit_log_damaged' }),
    )
    expect(() => parseFrontier(Buffer.alloc(0), -1)).toThrow(expect.objectContaining({ code: 'audit_log_damaged' }))
  })

  test('appending leaves the frontier before as it was', () => {
    const before = grow([Buffer.from('a')])
    const root = hex(rootOf(before))
    appendLeaf(before, leafHash(Buffer.from('b')))
    expect(hex(rootOf(before))).toBe(root)
  })
})

test('the chain is SHA-256(0x02 ‖ before ‖ leaf hash), from 32 zero bytes', () => {
  // (printf '\x02'; head -c 32 /dev/zero; printf '\x00' | sha256sum | xxd -r -p) | sha256sum
  expect(hex(chainHash(CHAIN_START, leafHash(new Uint8Array())))).toBe(
    '53cc28b203227f98ab407f4364eb99c7d3902400da57c8a4d35aa471036ee791',
  )
})

interface Consistency {
  readonly size1: number
  readonly size2: number
  readonly root1: string
  readonly root2: string
}

describe.skipIf(!sharedData)('published proofs of the reference tree', () => {
  const folder = join(sharedData ?? '', 'crypto/rfc6962-merkle/testdata/consistency')
  const happy = readFolder(folder).filter((name) => name.endsWith('happy-path.json'))

  test('there are some', () => expect(happy.length).toBeGreaterThan(4))

  test.each(happy)('%s: both roots are ours', (name) => {
    const proof = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Consistency
    const rootAt = (size: number) =>
      Buffer.from(rootOf(grow(inputs.slice(0, size).map((input) => Buffer.from(input, 'hex'))))).toString('base64')
    expect([rootAt(proof.size1), rootAt(proof.size2)]).toEqual([proof.root1, proof.root2])
  })
})

function readFolder(folder: string): string[] {
  return sharedData === undefined ? [] : readdirSync(folder, { recursive: true, encoding: 'utf8' })
}
