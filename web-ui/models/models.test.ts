import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../testkit/browser.ts'
import { OpenedPages } from '../testkit/opened-pages.ts'

let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(() => pages.leave())
afterAll(() => pages.close())

const file = (name: string, bytes = 20) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.alloc(bytes, 'x'),
})
const posts = () => pages.stub.received.filter(({ method }) => method === 'POST')

describe('the page Models', () => {
  it('shows what runs, how it proved itself, its card, and what is staged', async () => {
    const { page } = await pages.visit('data', '#/models/news2', { role: 'engineer' })
    await page.getByRole('heading', { name: 'Card' }).waitFor()
    await until(page, "!document.querySelector('.loading')")
    const text = await page.getByRole('main').textContent()
    for (const words of [
      ...['news2 1.0.0', '204 golden vectors', 'bubblewrap, no network', 'Not in pregnancy.', 'Decides'],
      ...[
        'news2 1.1.0',
        'Revoked by the vendor',
        'Roll back to news2 0.9.0',
        'A signature of the release does not verify.',
      ],
    ])
      expect(text).toContain(words)
    await page.getByText('The card in full').click()
    await page.getByText('An early warning score, as an ONNX graph.').waitFor()
    await page.getByRole('link', { name: /brain/ }).click()
    await page.getByText('What to do: Install a newer release.').waitFor()
  })

  it('lets a release decide only after a question that names both versions', async () => {
    const { page } = await pages.visit('data', '#/models/news2', { role: 'engineer' })
    await page.getByRole('button', { name: 'Activate news2 1.1.0 …' }).click()
    const dialog = page.getByRole('dialog', { name: 'Activate news2 1.1.0?' })
    expect(await dialog.textContent()).toContain('in place of 1.0.0')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(posts()).toEqual([])
    await page.getByRole('button', { name: 'Activate news2 1.1.0 …' }).click()
    await dialog.getByRole('button', { name: 'Let news2 1.1.0 decide' }).click()
    await page.getByText('Activate news2 1.1.0', { exact: true }).waitFor()
    expect(pages.stub.answers.changes.at(-1)).toEqual({
      kind: 'activate',
      package: 'c3'.repeat(32),
      confirm: 'news2 1.1.0',
    })
  })

  it('rolls back by the version that will decide', async () => {
    const { page } = await pages.visit('data', '#/models/news2', { role: 'engineer' })
    await page.getByRole('button', { name: 'Roll back to news2 0.9.0 …' }).click()
    await page.getByRole('button', { name: 'Let news2 0.9.0 decide' }).click()
    await page.getByText('Roll back news2 0.9.0', { exact: true }).waitFor()
    expect(pages.stub.answers.changes.at(-1)).toEqual({ kind: 'rollback', slot: 'news2', confirm: 'news2 0.9.0' })
    await page.getByText('done', { exact: true }).waitFor({ timeout: 15_000 })
    // What runs now is shown at once, not at the next turn of asking.
    await page.getByRole('link', { name: /news2 0\.9\.0/ }).waitFor({ timeout: 3000 })
  })

  it('offers no way to run what the vendor has revoked', async () => {
    const { page } = await pages.visit('data', '#/models', { role: 'engineer' })
    await page.getByText('Revoked by the vendor').waitFor()
    expect(await page.getByRole('button', { name: /brain/ }).count()).toBe(0)
  })

  it('says why a change was not begun, and leaves the question open', async () => {
    const { page } = await pages.visit('data', '#/models', { role: 'engineer', expectsRefusals: true })
    const error = { code: 'change_not_confirmed', message: 'What would run is not what was confirmed.', requestId: '1' }
    await page.route('**/v1/model-jobs', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 409, json: { error } }) : route.continue(),
    )
    await page.getByRole('button', { name: 'Activate news2 1.1.0 …' }).click()
    await page.getByRole('button', { name: 'Let news2 1.1.0 decide' }).click()
    await page.getByRole('dialog').getByText('What would run is not what was confirmed.').waitFor()
  })

  it('sends a release from its three files, with progress, and follows the job to its end', async () => {
    const { page, offences } = await pages.visit('data', '#/models', { role: 'engineer' })
    const chooser = page.getByLabel('package.wspkg, image.json and grant.json of one release')
    await chooser.setInputFiles([file('package.wspkg')])
    await page.getByText('Missing: image.json, grant.json.').waitFor()
    expect(await page.getByRole('button', { name: 'Install' }).isDisabled()).toBe(true)
    await chooser.setInputFiles([file('package.wspkg', 2_000_000), file('image.json'), file('grant.json')])
    await page.getByText('All three are there; the package has 2.0 MB.').waitFor()
    await page.getByRole('button', { name: 'Install' }).click()
    await page.getByText('The box has the release; the changes show how it fares.').waitFor()
    await page.getByText('Install news2 1.2.0', { exact: true }).first().waitFor({ timeout: 20_000 })
    await page.getByText('staged', { exact: true }).first().waitFor()
    expect(pages.stub.answers.uploads).toMatchObject([{ request: '{"kind":"install","activate":false}' }])
    expect(pages.stub.answers.uploads[0]!.bytes).toBeGreaterThan(2_000_000)
    expect(offences).toEqual([])
  })

  it('lets only an engineer change anything', async () => {
    for (const role of ['officer', 'clinician', 'bedside'] as const) {
      const { page } = await pages.visit('data', '#/models', { role })
      await page.getByRole('heading', { name: 'National Early Warning Score 2' }).waitFor()
      await page.waitForTimeout(500)
      expect(await page.getByRole('button', { name: /Activate|Roll back|Install|Give it up/ }).count()).toBe(0)
    }
  })
})
