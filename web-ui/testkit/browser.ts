import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Role } from '../../runtime/access/principal.ts'
import type { TestSite } from '../../runtime/http/testkit/certificates.ts'

export const CHROMIUM = '/usr/bin/chromium'
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const sizes = {
  desk: { width: 1366, height: 768 },
  upright: { width: 768, height: 1024 },
  lying: { width: 1024, height: 768 },
  /** What is left of a screen at four times the size (WCAG 1.4.10). */
  narrow: { width: 320, height: 640 },
} as const
export type SizeName = keyof typeof sizes

/** Chromium without a sandbox of its own: tests run as root in containers, and what it opens is ours. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-component-update'],
  })
}

/** Runs in the page: a breach of its policy becomes a message of the console. */
const WATCH_POLICY = `document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  console.error('policy: ' + violatedDirective + ' ' + blockedURI)
})`

export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** What must not have happened: requests elsewhere, messages of the console, faults of scripts, breaches of the policy. */
  readonly offences: string[]
}

export interface VisitOptions {
  readonly role: Role
  readonly size?: SizeName
  readonly scheme?: 'light' | 'dark'
  /** Answers that are not success are said on the console by the browser itself. */
  readonly expectsRefusals?: boolean
}

/** A browser window with the certificate of a role, which watches for what must not happen. */
export async function visit(browser: Browser, site: TestSite, origin: string, options: VisitOptions): Promise<Visit> {
  const { key, cert } = await site.client(options.role, `${options.role}-1`)
  const context = await browser.newContext({
    viewport: sizes[options.size ?? 'desk'],
    colorScheme: options.scheme ?? 'light',
    timezoneId: 'UTC',
    locale: 'en-GB',
    ignoreHTTPSErrors: true,
    clientCertificates: [{ origin, cert: Buffer.from(cert), key: Buffer.from(key) }],
  })
  const page = await context.newPage()
  const offences: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && !url.startsWith(`blob:${origin}/`)) offences.push(`request: ${url}`)
  })
  page.on('pageerror', (error) => offences.push(`fault: ${error.message}`))
  page.on('console', (message) => {
    const isRefusal = message.text().startsWith('Failed to load resource')
    if (isRefusal && options.expectsRefusals === true) return
    if (message.type() === 'error' || message.type() === 'warning') offences.push(`console: ${message.text()}`)
  })
  await page.addInitScript({ content: WATCH_POLICY })
  return { page, context, offences }
}

interface AxeViolation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** What axe finds against WCAG 2.2 A and AA and its own best practices. Run beside the page's policy, not under it. */
export async function axeFaults(page: Page): Promise<string[]> {
  // Chromium's own evaluation is not held to the policy of the page.
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate<{ violations: AxeViolation[] }>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary ?? ''}`),
  )
}

/**
 * Waits until an expression holds in the page. Asked from outside again and again: the policy of the page does not let a
 * script of ours wait inside it.
 */
export async function until(page: Page, expression: string): Promise<void> {
  await expect
    .poll(() => page.evaluate<boolean>(`Boolean(${expression})`), { timeout: 10_000, interval: 50 })
    .toBe(true)
}

/** Goes to a place of the pages, and waits until nothing is being asked for, whatever the state. */
export async function settle(page: Page, place: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`)
  await until(page, "document.querySelector('main') && !document.querySelector('.loading')")
  await page.waitForTimeout(60)
}

/** A page that is wider than its window cannot be read on a tablet. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth')
}
