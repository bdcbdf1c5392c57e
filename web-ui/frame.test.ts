import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from './testkit/browser.ts'
import { OpenedPages } from './testkit/opened-pages.ts'

let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(() => pages.leave())
afterAll(() => pages.close())

const focused = 'document.activeElement.textContent.trim() || document.activeElement.id'

describe('the frame', () => {
  it('is walked by keyboard: past the head, to a page, and the focus follows', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer' })
    await page.getByRole('heading', { name: 'Live decisions' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate(focused)).toBe('Skip to the page')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    expect(new URL(page.url()).hash).toBe('')
    await page.getByRole('link', { name: 'Models', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor()
    await until(page, "document.activeElement.id === 'main'")
    expect(await page.title()).toBe('Models – Wardstone')
    await page.goBack()
    await page.getByRole('heading', { name: 'Live decisions' }).waitFor()
    expect(await page.title()).toBe('Now – Wardstone')
  })

  it('says who one is, and keeps the verdict in sight on every page', async () => {
    const { page } = await pages.visit('data', '#/models', { role: 'officer' })
    const head = page.getByRole('banner')
    await head.getByText('privacy officer').waitFor()
    expect(await head.textContent()).toContain('officer-1')
    await head.getByText('Fit, with faults').waitFor()
  })

  it('keeps the colours that somebody chose', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer', scheme: 'dark' })
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const dark = await ground()
    await page.getByLabel('Colours of these pages').selectOption('light')
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.reload()
    await page.getByRole('heading', { name: 'Alarms' }).waitFor()
    expect(await ground()).toBe(light)
    await page.getByLabel('Colours of these pages').selectOption('system')
    expect(await ground()).toBe(dark)
  })

  it('asks again who one is when the box was not ready', async () => {
    const { page } = await pages.visit('failing', '', { role: 'engineer', expectsRefusals: true })
    await page.getByText('Could not get who you are.').waitFor()
    pages.stub.mode = 'data'
    await page.getByText('biomedical engineer').waitFor({ timeout: 15_000 })
    await page.locator('.verdict-title', { hasText: 'Fit for use, with faults' }).waitFor({ timeout: 15_000 })
  })

  it('contains an answer that the pages do not know in the panel that shows it', async () => {
    const { page } = await pages.visit('data', '', { role: 'engineer' })
    await page.getByRole('heading', { name: 'Alarms' }).waitFor()
    await page.route('**/v1/model-store', (route) => route.fulfill({ json: { slots: 7, staged: null } }))
    await page.getByRole('link', { name: 'Models', exact: true }).click()
    await page.getByText('This part could not be drawn.').waitFor()
    await page.getByRole('heading', { name: 'Self-test' }).waitFor()
  })
})
