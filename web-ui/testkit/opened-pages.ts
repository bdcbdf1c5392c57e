import type { Browser } from 'playwright-core'
import { createTestSite, type TestSite } from '../../runtime/http/testkit/certificates.ts'
import { launchBrowser, type Visit, type VisitOptions, visit } from './browser.ts'
import { type StubMode, StubServer } from './stub-server.ts'

/** A browser and a stub of the box, for all tests of one file. */
export class OpenedPages {
  readonly stub: StubServer
  readonly #site: TestSite
  readonly #browser: Browser
  readonly #visits: Visit[] = []

  private constructor(stub: StubServer, site: TestSite, browser: Browser) {
    this.stub = stub
    this.#site = site
    this.#browser = browser
  }

  static async open(): Promise<OpenedPages> {
    const site = await createTestSite()
    const [stub, browser] = await Promise.all([StubServer.start(site), launchBrowser()])
    return new OpenedPages(stub, site, browser)
  }

  /** Opens a page as a role, while the box is in a mode. */
  async visit(mode: StubMode, hash: string, options: VisitOptions): Promise<Visit> {
    this.stub.mode = mode
    this.stub.received.length = 0
    const opened = await visit(this.#browser, this.#site, this.stub.origin, options)
    this.#visits.push(opened)
    await opened.page.goto(`${this.stub.origin}/${hash}`)
    return opened
  }

  /** Closes the windows that one test opened. */
  async leave(): Promise<void> {
    for (const { context } of this.#visits.splice(0)) await context.close()
  }

  async close(): Promise<void> {
    await this.leave()
    await this.#browser.close()
    await this.stub.stop()
  }
}
