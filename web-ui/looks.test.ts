import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { axeFaults, isTooWide, type SizeName, settle } from './testkit/browser.ts'
import { OpenedPages } from './testkit/opened-pages.ts'
import { IDS } from './testkit/stub-decisions.ts'

/** Every page in every size and both schemes; walk.test.ts has them on a desk in the light. */
let pages: OpenedPages
beforeAll(async () => {
  pages = await OpenedPages.open()
})
afterEach(() => pages.leave())
afterAll(() => pages.close())

const engineers = ['#/', '#/models/news2', '#/models/brain'] as const
const clinicians = [IDS.news2, IDS.sepsis, IDS.refused, IDS.image].map((id) => `#/decision/${id}`)

const looks = [
  ['desk', 'dark'],
  ['upright', 'light'],
  ['lying', 'dark'],
  ['narrow', 'light'],
  ['narrow', 'dark'],
] as const satisfies readonly (readonly [SizeName, 'light' | 'dark'])[]

it.each(looks)('every page is whole and accessible on a screen of the size %s, %s', async (size, scheme) => {
  for (const [role, seen] of [
    ['engineer', engineers],
    ['clinician', clinicians],
  ] as const) {
    const { page, offences } = await pages.visit('data', '', { role, size, scheme })
    for (const place of seen) {
      await settle(page, place)
      expect(await axeFaults(page), place).toEqual([])
      expect(await isTooWide(page), place).toBe(false)
    }
    expect(offences).toEqual([])
  }
})
