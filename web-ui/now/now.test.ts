import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OpenedPages } from '../testkit/opened-pages.ts'
import { PSEUDONYMS } from '../testkit/stub-decisions.ts'
import { health, wellHealth } from '../testkit/stub-health.ts'

let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(async () => {
  pages.stub.answers.health = health
  await pages.leave()
})
afterAll(() => pages.close())

const TEN_SECONDS = 10_000

describe('the page Now', () => {
  it('tells an engineer in one place whether the box is fit for use, why, and what to do', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer' })
    const verdict = page.getByRole('region', { name: 'Verdict' })
    await verdict.getByText('Fit for use, with faults').waitFor({ timeout: TEN_SECONDS })
    expect(await verdict.textContent()).toContain('brain: The vendor has revoked this release')
    // Without scrolling on the smallest screen that it is made for.
    const box = await verdict.boundingBox()
    expect(box!.y + box!.height).toBeLessThan(300)
    const alarms = page.getByRole('region', { name: 'Alarms' })
    expect(await alarms.textContent()).toContain('What to do: Install a newer release on the page Models.')
    const brain = page.getByRole('row', { name: /brain/ })
    expect(await brain.textContent()).toContain('Does not run')
  })

  it('keeps the head of the page on one line on a tablet held upright', async () => {
    const { page } = await pages.visit('data', '#/models', { role: 'engineer', size: 'upright' })
    await page.locator('.verdict-mark').waitFor()
    await page.locator('.who strong').waitFor()
    const [brand, theme] = await Promise.all(['.brand', '.theme'].map((place) => page.locator(place).boundingBox()))
    expect(theme!.y).toBeLessThan(brand!.y + brand!.height)
  })

  it('follows the box when it gets well, without being asked', async () => {
    const { page } = await pages.visit('data', '', { role: 'clinician' })
    await page.getByText('Fit for use, with faults').first().waitFor()
    pages.stub.answers.health = wellHealth
    await page.locator('.verdict-title', { hasText: /^Fit for use$/ }).waitFor({ timeout: TEN_SECONDS })
    await page.getByText('No alarm.').waitFor()
  })

  it('takes its verdict back when the box falls silent, and finds it again', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer', expectsRefusals: true })
    await page.getByText('Fit for use, with faults').first().waitFor()
    const port = Number(new URL(pages.stub.origin).port)
    await pages.stub.stop()
    await page.locator('.verdict-title', { hasText: 'Not fit for use: no verdict' }).waitFor({ timeout: 25_000 })
    await page.getByText('The live list has stopped.').waitFor()
    // What was so before is never shown as if it were so.
    const models = page.getByRole('region', { name: 'Model by model' })
    await models.getByText('The box is silent.').waitFor()
    expect(await models.locator('.tone-ok').count()).toBe(0)
    expect(await models.getByText('Not known').count()).toBe(await models.locator('tbody tr').count())
    expect(await page.getByRole('region', { name: 'Alarms' }).textContent()).toMatch(/These were so at \d\d:/)
    await pages.stub.listen(port)
    await page.getByText('Fit for use, with faults').first().waitFor({ timeout: 20_000 })
    await page.getByText('The live list has stopped.').waitFor({ state: 'hidden', timeout: 20_000 })
  }, 80_000)

  it('does not say that there is no alarm while it cannot know', async () => {
    pages.stub.answers.health = wellHealth
    const { page } = await pages.visit('data', '', { role: 'engineer', expectsRefusals: true })
    await page.getByText('No alarm.').waitFor()
    pages.stub.mode = 'failing'
    await page.getByText('Could not get the alarms.').waitFor({ timeout: TEN_SECONDS })
    expect(await page.getByText('No alarm.').count()).toBe(0)
  }, 30_000)

  it('shows decisions as they are made, with reason and latency, and holds still when it is told to', async () => {
    const { page } = await pages.visit('data', '', { role: 'clinician' })
    const live = page.getByRole('region', { name: 'Live decisions' })
    const rows = live.locator('tbody tr')
    await rows.nth(13).waitFor()
    expect(await rows.first().textContent()).toMatch(/P-[\s\S]*\d ms/)
    expect(await live.getByRole('link').first().getAttribute('aria-label')).toMatch(/^P-\S+, .+, \d\d:\d\d:\d\d$/)
    pages.stub.emit()
    await rows.nth(14).waitFor()
    await live.getByRole('button', { name: 'Hold still' }).click()
    pages.stub.emit()
    await live.getByRole('button', { name: 'Held still, 1 newer' }).waitFor()
    expect(await rows.count()).toBe(15)
    await live.getByRole('button', { name: /Held still/ }).click()
    await rows.nth(15).waitFor()
  })

  it('shows an engineer model, outcome and latency of a decision, and no patient', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer' })
    const live = page.getByRole('region', { name: 'Live decisions' })
    await live.locator('tbody tr').nth(13).waitFor()
    const text = await live.textContent()
    expect(text).toContain('Refused')
    expect(text).toContain('too old to decide on')
    expect(text).not.toContain('Patient')
    for (const pseudonym of PSEUDONYMS) expect(text).not.toContain(pseudonym)
    expect(text).not.toMatch(/\((\S+)\) \(\1\)/)
    expect(await live.getByRole('link').count()).toBe(0)
  })

  it('says of what a box does not offer that it does not, and never shows it as empty', async () => {
    const { page } = await pages.visit('partly', '', { role: 'engineer', expectsRefusals: true })
    await page.getByText('This box does not offer live decisions to these pages.').waitFor()
    await page.locator('.verdict-title', { hasText: 'Fit for use, with faults' }).waitFor()
  })
})
