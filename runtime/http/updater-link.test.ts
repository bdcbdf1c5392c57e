import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { serveChannel } from '../../device/platform/channel.ts'
import { silentLog } from '../../device/platform/log.ts'
import { installRequest, jobRequest } from '../../models/store/control-channel.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import { HttpError } from './errors.ts'
import { examples } from './openapi-examples.ts'
import { openUpdaterLink } from './updater-link.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardstone-link-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const socket = join(folder, 'run', 'updater.sock')
const { todo: _, ...job } = examples.ModelJob

describe('the link to the updater', () => {
  it('says that nobody answers: without a socket, with one that nobody serves', async () => {
    for (const path of [undefined, join(folder, 'nobody.sock')]) {
      const link = openUpdaterLink(path)
      await expect(link.list()).rejects.toMatchObject({ code: 'updater_unreachable' })
      link.close()
    }
  })

  it('asks by the schemas of the channel, and takes nothing that does not follow them', async () => {
    const asked: unknown[] = []
    let fault: Error | undefined
    let answer: JsonObject = { ...job }
    const take = async (request: never) => {
      asked.push(request)
      if (fault !== undefined) throw fault
      return answer
    }
    const handlers = { install: { request: installRequest, handle: take }, job: { request: jobRequest, handle: take } }
    const list = { request: z.strictObject({}), handle: async () => ({ slots: 'none' }) }
    const channel = await serveChannel({ path: socket, handlers: { ...handlers, list }, log: silentLog })
    const link = openUpdaterLink(socket)
    expect(await link.install('/uploads/x', true, 'engineer-1')).toEqual(job)
    expect(asked).toEqual([
      { source: { kind: 'directory', path: '/uploads/x' }, name: null, activate: true, by: 'engineer-1' },
    ])
    await expect(link.list()).rejects.toMatchObject({ code: 'updater_failed' })
    answer = { ...job, state: 'dreaming' }
    await expect(link.job(job.job)).rejects.toMatchObject({ code: 'updater_failed' })
    fault = new ControlError('control_job_unknown')
    await expect(link.job(job.job)).rejects.toMatchObject({ code: 'control_job_unknown' })
    fault = new HttpError('internal')
    await expect(link.job(job.job)).rejects.toMatchObject({ code: 'updater_failed' })
    link.close()
    await channel.close()
  })
})
