import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { roles } from '../runtime/access/principal.ts'
import { axeFaults, isTooWide, settle } from './testkit/browser.ts'
import { OpenedPages } from './testkit/opened-pages.ts'
import { IDS, newsRead, PSEUDONYMS } from './testkit/stub-decisions.ts'
import type { StubMode } from './testkit/stub-server.ts'

/** Every page, as every role, with data, empty and with the box failing: what must hold everywhere. */
let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(() => pages.leave())
afterAll(() => pages.close())

const places = ['#/', '#/decision', `#/decision/${IDS.news2}`, `#/decision/${IDS.image}`, '#/models'] as const

const modes: readonly StubMode[] = ['data', 'empty', 'failing', 'partly']

describe.each(modes)('while the box is in the state %s', (mode) => {
  it.each(roles)('every page is whole and accessible as %s', async (role) => {
    const { page, offences } = await pages.visit(mode, '', { role, expectsRefusals: mode !== 'data' })
    for (const place of places) {
      await settle(page, place)
      expect(await axeFaults(page), place).toEqual([])
      expect(await isTooWide(page), place).toBe(false)
      expect(await page.locator('h1').count(), place).toBe(1)
    }
    expect(offences).toEqual([])
  })
})

it('says of an address that names no page that it does not', async () => {
  const { page } = await pages.visit('data', '#/nowhere', { role: 'officer' })
  await page.getByRole('heading', { level: 1, name: 'No such page' }).waitFor()
  expect(await axeFaults(page)).toEqual([])
})

describe('what a role may not ask for is not asked for: each refusal would stand in the audit log', () => {
  it.each(roles)('as %s', async (role) => {
    const { page } = await pages.visit('data', '', { role })
    for (const place of places) await settle(page, place)
    const own = pages.stub.received.filter((request) => request.role === role)
    expect(own.length).toBeGreaterThan(3)
    expect(own.filter(({ status }) => status === 401 || status === 403)).toEqual([])
  })
})

it('an engineer’s browser is never told whose a decision is', async () => {
  const { page } = await pages.visit('data', '', { role: 'engineer' })
  const heard: string[] = []
  page.on('response', async (response) => {
    if (!response.url().endsWith('/v1/events')) heard.push(await response.text().catch(() => ''))
  })
  for (const place of places) {
    await settle(page, place)
    heard.push(await page.content())
  }
  const told = heard.join('\n')
  expect(told).toContain('National Early Warning Score 2')
  for (const secret of [...PSEUDONYMS, 'contributed', 'aggregate score 8']) expect(told).not.toContain(secret)
  for (const id of Object.values(IDS)) expect(told.replaceAll(`#/decision/${id}`, '')).not.toContain(`"${id}"`)
  expect(pages.stub.received.filter(({ path }) => path.startsWith('/v1/decisions'))).toEqual([])
})

describe('what is shown is text, whatever it holds', () => {
  const element = {
    type: 'img',
    props: { src: 'https://elsewhere.example/x' },
    key: null,
    ref: null,
    __k: null,
    __v: 1,
    constructor: null,
  }
  const markup = '<img src="https://elsewhere.example/x" onerror="document.title=1"><script>document.title=2</script>'

  it.each([
    ['markup', markup],
    ['an object that looks like an element', element],
  ])('%s', async (_name, hostile) => {
    const { page, offences } = await pages.visit('data', '', { role: 'clinician' })
    const read = newsRead()
    const feedback = read.feedback.map((entry) => ({ ...entry, reason: hostile }))
    const json = { ...read, feedback, decision: { ...read.decision, narrative: hostile, advisory: hostile } }
    await page.route(`**/v1/decisions/${IDS.news2}`, (route) => route.fulfill({ json }))
    await settle(page, `#/decision/${IDS.news2}`)
    expect(await page.locator('img, script:not([src])').count()).toBe(0)
    expect(await page.title()).toBe('Decision – Wardstone')
    expect(offences.filter((offence) => offence.startsWith('request'))).toEqual([])
  })
})

it('notices what must not happen: a request elsewhere, a style in markup, a script that is not a file', async () => {
  const { page, offences } = await pages.visit('data', '', { role: 'officer' })
  await settle(page, '#/')
  await page.evaluate(`document.body.insertAdjacentHTML('beforeend', '<p style="color:red">x</p>')`)
  await page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))")
  await page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://elsewhere.example/x' }))")
  const said = () => offences.join()
  await expect.poll(said).toContain('policy: style-src-attr inline')
  await expect.poll(said).toContain('policy: script-src-elem inline')
  await expect.poll(said).toContain('policy: img-src https://elsewhere.example/x')
})
