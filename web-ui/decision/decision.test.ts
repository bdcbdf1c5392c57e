import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../testkit/browser.ts'
import { OpenedPages } from '../testkit/opened-pages.ts'
import { IDS } from '../testkit/stub-decisions.ts'

let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(() => pages.leave())
afterAll(() => pages.close())

const at = (id: string) => `#/decision/${id}`

describe('the page Decision', () => {
  it('shows one decision whole', async () => {
    const { page } = await pages.visit('data', at(IDS.news2), { role: 'clinician' })
    await page.getByRole('heading', { name: 'news2 1.0.0' }).waitFor()
    const text = await page.getByRole('main').textContent()
    for (const words of [
      ...[
        'P-7QX2-M41C',
        'NEWS2 aggregate score',
        'High, 7 or more.',
        'Alert',
        'Holds until',
        'contributed to the score'.slice(0, 11),
      ],
      ...[
        'Advisory only',
        '38.6 °C',
        '101.5 °F',
        'not sent; the documented default was taken',
        'onnxruntime-node 1.30.0',
        'cuda is not there',
      ],
      ...[
        'run the model',
        '5.1 ms',
        '18440',
        'wardstone.example/box-1',
        'The rate was counted during physiotherapy.',
        'Overridden',
      ],
    ])
      expect(text).toContain(words)
  })

  it('draws what ran over time, says it in words, and sets apart what was not used', async () => {
    const { page } = await pages.visit('data', at(IDS.sepsis), { role: 'clinician' })
    const chart = page.getByRole('img', { name: /^Heart rate over time/ })
    await chart.waitFor()
    expect(await chart.getAttribute('aria-label')).toMatch(
      /12 values from 8\d.* to 12\d.* \/min, the newest .*, 1 set aside/,
    )
    expect(await page.locator('.input-chart canvas').count()).toBe(5)
    const bars = page.getByRole('table', { name: /What each input contributed/ })
    expect(await bars.getByRole('row').nth(1).textContent()).toMatch(
      /Breathing and oxygen[\s\S]*Respiratory rate, Oxygen saturation[\s\S]*\+2\.8 pp/,
    )
    expect(await page.getByRole('main').textContent()).toContain('Not given (1): Bilirubin.')
  })

  it('says first that a result no longer holds', async () => {
    const { page } = await pages.visit('data', at(IDS.sepsis), { role: 'clinician' })
    const notice = page.getByText('This result no longer holds.')
    await notice.waitFor()
    const value = page.locator('.output-value')
    expect((await notice.boundingBox())!.y).toBeLessThan((await value.boundingBox())!.y)
  })

  it('shows a refusal as one, and never as a result', async () => {
    const { page } = await pages.visit('data', at(IDS.refused), { role: 'officer' })
    await page.getByText('No decision.').waitFor()
    const text = await page.getByRole('main').textContent()
    expect(text).toContain('respiratory rate 5 h old, limit 4 h')
    expect(text).toContain('No model was run.')
    expect(text!.match(/\(respiratory-rate\)/g)).toHaveLength(1)
    expect(text).not.toMatch(/No alert|Holds until/)
  })

  it('waits for an explanation that follows, and shows it with its own place in the log', async () => {
    const { page } = await pages.visit('data', at(IDS.pending), { role: 'clinician' })
    await page.getByRole('row', { name: /Breathing and oxygen/ }).waitFor({ timeout: 15_000 })
    expect(await page.getByRole('main').textContent()).toContain('entry 18450')
  })

  it('records an override with its reason on one line, and says where it stands', async () => {
    const { page } = await pages.visit('data', at(IDS.news2), { role: 'clinician' })
    await page.getByLabel('Override').check()
    await page.getByLabel('Reason').fill('Counted during\n physiotherapy.')
    await page.getByRole('button', { name: 'Record' }).click()
    await page.getByText('Recorded as entry 18451 of the audit log.').waitFor()
    expect(pages.stub.answers.feedback).toEqual([{ verdict: 'override', reason: 'Counted during physiotherapy.' }])
  })

  it('sends no feedback without a reason', async () => {
    const { page } = await pages.visit('data', at(IDS.news2), { role: 'clinician' })
    await page.getByLabel('Accept').check()
    await page.getByRole('button', { name: 'Record' }).click()
    await page.getByText('Choose accept or override, and give the reason.').waitFor()
    expect(pages.stub.received.filter(({ method }) => method === 'POST')).toEqual([])
  })

  it('offers an officer no feedback, and an engineer no decision', async () => {
    const officer = await pages.visit('data', at(IDS.news2), { role: 'officer' })
    await officer.page.getByRole('heading', { name: 'Feedback' }).waitFor()
    expect(await officer.page.getByRole('button', { name: 'Record' }).count()).toBe(0)
    const engineer = await pages.visit('data', at(IDS.news2), { role: 'engineer' })
    await engineer.page.getByText('does not see whose').waitFor()
  })

  it('is found by its id, and says when that is none', async () => {
    const { page } = await pages.visit('data', '#/decision', { role: 'clinician' })
    await page.getByLabel('Id of the decision').fill('12')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the id of a decision').waitFor()
    await page.getByLabel('Id of the decision').fill(` ${IDS.news2} `)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'news2 1.0.0' }).waitFor()
    await page.evaluate("location.hash = '#/decision/00000000-0000-4000-8000-000000000000'")
    await page.getByText('There is no decision with this id.').waitFor()
  })
})

describe('the image of a decision', () => {
  const grey = (layer: number, row: number, column: number) =>
    `[...document.querySelectorAll('.stage canvas')[${layer}].getContext('2d').getImageData(${column}, ${row}, 1, 1).data]`

  it('is drawn with what contributed over it', async () => {
    const { page } = await pages.visit('data', at(IDS.image), { role: 'clinician' })
    await page.getByRole('img', { name: /Drawn image as the model saw it: 96 rows, 96 columns/ }).waitFor()
    await until(page, `${grey(0, 70, 70)}[0] > 200`)
    expect(await page.evaluate(grey(1, 70, 70))).toEqual([230, 97, 1, 255])
    expect(await page.getByRole('main').textContent()).toContain('the map can be believed')
  })

  it('is windowed and zoomed by keyboard', async () => {
    const { page } = await pages.visit('data', at(IDS.image), { role: 'clinician' })
    await until(page, `document.querySelector('.stage canvas') && ${grey(0, 40, 36)}[0] > 0`)
    const before = await page.evaluate<number[]>(grey(0, 40, 36))
    await page.getByLabel('Window centre').focus()
    await page.keyboard.press('End')
    await until(page, `${grey(0, 40, 36)}[0] < ${before[0]}`)
    const inner = page.locator('.stage-inner')
    const narrow = (await inner.boundingBox())!.width
    await page.locator('.stage').focus()
    await page.keyboard.press('+')
    await until(page, `document.querySelector('.stage-inner').offsetWidth > ${narrow}`)
    await page.getByRole('button', { name: 'Reset window and zoom' }).click()
    await until(page, `${grey(0, 40, 36)}[0] === ${before[0]}`)
    expect((await inner.boundingBox())!.width).toBe(narrow)
  })

  it('shows the labels once they are asked for, because a reading of them is recorded', async () => {
    const { page } = await pages.visit('data', at(IDS.image), { role: 'clinician' })
    const ask = page.getByRole('button', { name: /Marked places/ })
    await ask.waitFor()
    const readings = () => pages.stub.received.filter(({ path }) => path.includes('/outputs/')).length
    expect(readings()).toBe(0)
    await ask.click()
    await until(page, `${grey(1, 70, 70)}.join() === '86,180,233,255'`)
    expect(readings()).toBe(1)
    await page.getByLabel('Laid over it').selectOption('map')
    await until(page, `${grey(1, 70, 70)}.join() === '230,97,1,255'`)
  })
})
