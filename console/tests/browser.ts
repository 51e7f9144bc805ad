/** A real browser before a real service. Where no Chromium is installed, the tests that need it are skipped, and say so. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { buildConsole } from '../../src/dev/console.ts';
import { createGateway, ROOT, type Env, type Gateway } from '../../src/testing.ts';

const FOUND = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
/** Whatever the machine is busy with besides. */
const PATIENCE_MS = 90_000;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
export const PICTURES = join(ROOT, 'docs/console');

export type Scheme = 'light' | 'dark';

/** Everything a page has done that it must not do. */
export interface Visit {
  page: Page;
  context: BrowserContext;
  violations: string[];
  errors: string[];
}

export interface VisitOptions {
  scheme?: Scheme;
  width?: number;
  /** Over several tests. */
  isKept?: boolean;
}

export class Visitor {
  readonly gateway: Gateway;
  #browser: Browser | undefined;
  readonly #contexts = new Set<BrowserContext>();

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  async launch(): Promise<void> {
    const options = { args: ['--no-sandbox', '--disable-dev-shm-usage', '--lang=en-GB'], timeout: PATIENCE_MS };
    this.#browser = await chromium.launch({ ...options, ...(FOUND && { executablePath: FOUND }) });
  }

  async close(): Promise<void> {
    await this.#browser?.close();
  }

  /** A tab of its own browser profile, as somebody opens it. */
  async visit(path: string, { scheme = 'light', width = 1280, isKept = false }: VisitOptions = {}): Promise<Visit> {
    if (!this.#browser) throw new Error('There is no browser');
    const context = await this.#browser.newContext({
      baseURL: this.gateway.url,
      colorScheme: scheme,
      viewport: { width, height: width < 600 ? 780 : 860 },
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    if (!isKept) this.#contexts.add(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const visit: Visit = { page, context, violations: [], errors: [] };
    watch(visit, page);
    await page.goto(path);
    return visit;
  }

  /** As a role of the picker. */
  async as(role: 'Operator' | 'Auditor' | 'Service', path = '/console/', options?: VisitOptions): Promise<Visit> {
    const visit = await this.visit(path, options);
    await visit.page.getByRole('button', { name: new RegExp(`^${role}`) }).click();
    await visit.page.getByRole('navigation', { name: 'Screens' }).waitFor();
    return visit;
  }

  async leaveAll(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    this.#contexts.clear();
  }
}

/** The policy reports to the console of the browser, and so do errors that nobody caught. */
export function watch(visit: Visit, page: Page): void {
  page.on('console', (message) => {
    const text = message.text();
    if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(text)) visit.violations.push(text);
  });
  page.on('pageerror', (error) => visit.errors.push(error.message));
}

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/** What axe-core has against the page as it is. It runs beside the page's policy, not by it. */
export async function axe({ page, context }: Visit): Promise<string[]> {
  const session = await context.newCDPSession(page);
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  await evaluate(`${await readFile(AXE, 'utf8')}; undefined`);
  const { violations } = (await evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResult;
  await session.detach();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** A describe block with a service in development and a browser; skipped by name where there is none. */
export function describeInBrowser(name: string, tests: (visitor: Visitor) => void, env: Env = {}): void {
  if (FOUND === undefined) {
    describe(name, () => {
      it.skip('needs Chromium, which is not installed here: apt-get install chromium', () => undefined);
    });
    return;
  }
  describe(name, () => {
    // Where the service runs in production, it builds nothing.
    beforeAll(() => buildConsole());
    const visitor = new Visitor(createGateway({ NODE_ENV: undefined, ...env }));
    beforeAll(() => visitor.launch());
    afterEach(() => visitor.leaveAll());
    afterAll(() => visitor.close());
    tests(visitor);
  });
}
