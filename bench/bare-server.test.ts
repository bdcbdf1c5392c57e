import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient } from '../demo/client.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { type CertificateOptions, createAuthority, issueCertificate } from '../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../device/identity/identity-key.ts'
import { verifyContract } from '../models/contract/consistency.ts'
import { packModel } from '../models/package/pack.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import { bareBody, serveBare } from './bare-server.ts'
import { modelBytes } from './bench-model.ts'
import { madeUpImaging } from './models/made-up-imaging.ts'
import { outsideModels } from './models/outside.ts'
import { referenceModels } from './models/reference.ts'
import { openRawSession } from './raw-session.ts'

const provider = createCryptoProvider()
let folder: string
let bare: Awaited<ReturnType<typeof serveBare>>
let client: ApiClient
let trusted: string
let known: { key: string; cert: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-bench-test-'))
  const nowMs = Date.now()
  const authority = await createAuthority(provider, { commonName: 'Bench test', days: 2, nowMs })
  const issue = async (options: Omit<CertificateOptions, 'days' | 'nowMs'>) => {
    const { privatePem: key } = await generateIdentityKey(provider)
    const { commonName } = options
    const request = await createCertificateRequest(provider, key, { commonName, organization: 'Bench test' })
    return { key, certificate: await issueCertificate(provider, authority, request, { ...options, days: 2, nowMs }) }
  }
  const server = await issue({ profile: 'server', commonName: 'localhost', ipAddresses: ['127.0.0.1'] })
  const device = await issue({ profile: 'client', commonName: 'bench', organizationalUnit: 'bedside' })
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  for (const { name, draft } of referenceModels()) write(`${name}.onnx`, modelBytes(draft))
  bare = await serveBare({
    key: write('server.key', server.key),
    certificate: write('server.pem', server.certificate),
    authority: write('ca.pem', authority.certificatePem),
    models: folder,
    threads: 1,
  })
  trusted = authority.certificatePem
  known = { key: device.key, cert: device.certificate }
  client = new ApiClient(bare.url, { ...device, authority: authority.certificatePem })
}, 30_000)

afterAll(async () => {
  client?.close()
  await bare?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the bare server', () => {
  it('says what session.run says of the same tensors', async () => {
    for (const { name, draft, tensors } of referenceModels()) {
      const { status, body } = await client.post(`/run/${name}`, bareBody(tensors))
      expect(status).toBe(200)
      const session = await openRawSession(modelBytes(draft), tensors, 1)
      const expected = await session.run()
      await session.close()
      const { outputs } = body as { outputs: Record<string, { data: number[] }> }
      const numbers = Object.fromEntries(Object.entries(outputs).map(([output, { data }]) => [output, data]))
      expect(numbers).toEqual(expected)
      expect(Object.values(numbers).flat().length).toBeGreaterThan(0)
    }
  })

  it('has no model that it was not given', async () => {
    expect((await client.post('/run/another', { inputs: {} })).status).toBe(404)
  })

  it('answers nobody without a certificate, as the box does', async () => {
    const status = (identity: object) =>
      new Promise((resolve, reject) => {
        const agent = new Agent({ ca: trusted, ...identity })
        const asked = request(`${bare.url}/run/another`, { agent, method: 'POST' }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode))
        })
        asked.on('error', reject).end()
      })
    expect(await status(known)).toBe(404)
    await expect(status({})).rejects.toThrow(/ECONNRESET|certificate required|socket hang up/i)
  })
})

describe('the models that are measured', () => {
  it('leave out, with one line each, those of others that are not there', async () => {
    const { models, leftOut } = await outsideModels(pathToFileURL(`${folder}/nothing/`))
    expect(models).toEqual([])
    expect(leftOut.map((line) => line.split(' ')[0])).toEqual(['sepsyd', 'squeezenet', 'densenet121'])
  })

  it('become packages of raw tensors whose contract holds, and whose request fits into the body that is taken', async () => {
    const { draft, body, tensors } = await madeUpImaging()
    expect(() => verifyContract(draft.manifest.contract)).not.toThrow()
    expect(packModel(draft, systemRandomness).manifest.modelId).toBe('made-up-imaging')
    const request = JSON.stringify(body({ slot: 'made-up-imaging' } as ModelSummary, 3))
    expect(request).toContain('"subject":"bench-3"')
    expect(request.length).toBeLessThan(1024 * 1024)
    expect(Object.keys(tensors)).toEqual(['pixels'])
  })
})
