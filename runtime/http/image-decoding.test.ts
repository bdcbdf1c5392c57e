import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import type { DecisionRequest } from '../decisions/types.ts'
import { createImageDecoder, type ImageDecoder } from '../images/image-decoder.ts'
import type { ReceivedImage } from '../images/received-image.ts'
import { greyImage, testPixels, writeDicom } from '../images/testkit/dicom-writer.ts'
import { examples } from './openapi-examples.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'
import { filePart, partsOf, RELATED, requestPart } from './testkit/uploads.ts'

const MIB = 1024 * 1024
const ONE = '/v1/decisions?model=chest-qc'
const DICOM = { 'content-type': 'application/dicom' }
const dicomOf = (size: number, instance = '1') => {
  const pixels = testPixels(size * size, 16)
  const uids = { SOPInstanceUID: `1.2.3.${instance}`, SeriesInstanceUID: '1.2.3', StudyInstanceUID: '1.2' }
  const elements = { ...greyImage(size, size), ...uids, PatientID: 'P1', PixelData: Buffer.from(pixels.buffer) }
  return Buffer.from(writeDicom({ elements }))
}

let site: TestSite
let server: TestServer
let clinician: TestClient
let decoder: ImageDecoder
let received: ReceivedImage | undefined

beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site, { limits: { uploadSilenceMs: 1500 } })
  decoder = createImageDecoder({ isolation: 'preferred', clock: systemClock, log: silentLog, maxConcurrent: 1 })
  server.decisions.onDecide = async ({ image }: DecisionRequest) => {
    received = await decoder.prepare(image ?? [], [], {}, systemClock.monotonicMs() + 20_000, 'client')
    return examples.DecisionAnswer
  }
  clinician = await server.as('clinician')
})
afterEach(async () => {
  await expect.poll(() => decoder.status(), { message: 'no place is lost' }).toMatchObject({ running: 0, waiting: 0 })
  expect((await clinician.call(ONE, { body: dicomOf(32), headers: DICOM })).status).toBe(200)
})
afterAll(async () => {
  await server.app.close()
  await decoder.stop()
})

describe('a request and the process that decodes its image', () => {
  it('one file, large enough to come in many pieces', async () => {
    const file = dicomOf(2048)
    expect((await clinician.call(ONE, { body: file, headers: DICOM })).status).toBe(200)
    expect(received?.facts).toMatchObject({ format: 'dicom', rows: 2048, columns: 2048 })
    expect(received?.files.map(({ bytes }) => bytes)).toEqual([file.length])
    expect(received && Phi.reveal(received.identity).patientId).toBe('P1')
  })

  it('what is no image is refused at its beginning, and the connection goes on', async () => {
    const agent = clinician.agent()
    for (let count = 0; count < 3; count += 1) {
      const reply = await clinician.call(ONE, { body: Buffer.alloc(4 * MIB, 7), headers: DICOM, agent })
      expect([reply.status, reply.json.error?.code]).toEqual([415, 'image_not_recognised'])
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    agent.destroy()
  })

  it('what is wrong with the parts is said, and not only that the image did not arrive', async () => {
    const request = requestPart({ model: 'brain', subject: 'p-1' })
    const body = partsOf(request, filePart(dicomOf(64)), filePart(dicomOf(64, '2'), 'text/plain'))
    const reply = await clinician.call('/v1/decisions', { body, headers: { 'content-type': RELATED } })
    expect([reply.status, reply.json.error?.code]).toEqual([415, 'request_unsupported_media_type'])
    const cut = body.subarray(0, body.indexOf('text/plain') - 40)
    const open = await clinician.call('/v1/decisions', { body: cut, headers: { 'content-type': RELATED } })
    expect([open.status, open.json.error?.code, open.json.error?.about]).toEqual([
      400,
      'request_malformed',
      'end of parts',
    ])
  })

  it('a client that leaves in the middle, and one that stays silent, give the process back', async () => {
    const file = dicomOf(512)
    const head = `POST ${ONE} HTTP/1.1\r\nHost: b\r\nContent-Type: application/dicom\r\nContent-Length: ${file.length}\r\n\r\n`
    const leaver = await clinician.open()
    leaver.write(head)
    leaver.write(file.subarray(0, 100_000))
    await expect.poll(() => decoder.status().running).toBe(1)
    leaver.socket.destroy()
    await expect.poll(() => decoder.status().running, { timeout: 2000 }).toBe(0)
    const silent = await clinician.open()
    silent.write(head)
    silent.write(file.subarray(0, 100_000))
    await pause(100)
    expect(codeIn(await silent.until('"code"', 6000))).toBe('request_timeout')
    silent.socket.destroy()
  }, 30_000)
})
